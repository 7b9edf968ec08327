package engine

import (
	"testing"
	"time"
)

func TestMemoryPausesEnd(t *testing.T) {
	w := memoryWatch{limit: 1000}
	now := time.Unix(1000, 0)
	for i, c := range []struct {
		after time.Duration
		inUse int64
		short bool
	}{
		{0, 900, false}, {0, 901, true}, {100 * time.Millisecond, 850, true}, {100 * time.Millisecond, 799, false},
		{100 * time.Millisecond, 950, false}, // it must get something done
		{200 * time.Millisecond, 950, true}, {longestSave, 990, false}, {shortestRun, 990, true},
	} {
		now = now.Add(c.after)
		if got := w.look(c.inUse, now); got != c.short {
			t.Errorf("step %d: short %t", i, got)
		}
	}
	if memoryInUse() < 1<<20 {
		t.Error("a process has more memory than that")
	}
}

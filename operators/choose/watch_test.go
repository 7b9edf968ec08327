package choose

import (
	"fmt"
	"slices"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
)

func watch(t *testing.T, most int64, metrics ...string) *Watch {
	t.Helper()
	s := pipeline.Settings{"most": most}
	var entries []any
	for _, m := range metrics {
		entries = append(entries, pipeline.Settings{"metric": m})
	}
	if entries != nil {
		s["series"] = entries
	}
	w, _, err := ReadWatch(s)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func intern(t *testing.T, table *pipeline.SeriesTable, metrics ...string) {
	t.Helper()
	for _, m := range metrics {
		if _, err := table.Intern(m, "", pipeline.Gauge, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// The first entries of series come first, of an entry the series that were seen first; it does not depend on how many came at once.
func TestMost(t *testing.T) {
	names := []string{"c1", "b1", "x", "c2", "a1", "b2", "c3", "a2", "a3"}
	want := map[int64]struct {
		rules []int16
		left  int
	}{
		0: {[]int16{2, 1, None, 2, 0, 1, 2, 0, 0}, 0},
		8: {[]int16{2, 1, None, 2, 0, 1, 2, 0, 0}, 0},
		5: {[]int16{None, 1, None, None, 0, 1, None, 0, 0}, 3},
		4: {[]int16{None, 1, None, None, 0, None, None, 0, 0}, 4},
		2: {[]int16{None, None, None, None, 0, None, None, 0, None}, 6},
	}
	for most, want := range want {
		for step := 1; step <= len(names); step++ {
			w, table := watch(t, most, "a*", "b*", "c*"), pipeline.NewSeriesTable(nil, 0)
			begun := make([]int, len(names))
			for some := range slices.Chunk(names, step) {
				intern(t, table, some...)
				w.Grow(table, func(s uint32, rule int16) { begun[s]++ })
				if !w.Knows(table) {
					t.Fatal("it does not know what it was told of")
				}
			}
			if !slices.Equal(w.Rules(), want.rules) || w.Left() != want.left {
				t.Errorf("most %d, by %d: %v, %d left out, want %v", most, step, w.Rules(), w.Left(), want)
			}
			for s, rule := range w.Rules() {
				if rule != None && begun[s] != 1 {
					t.Errorf("most %d, by %d: %s begun %d times", most, step, names[s], begun[s])
				}
			}
		}
	}
}

// What is restored goes on as it was, but where the configuration or the series have become others.
func TestWatchIsRestored(t *testing.T) {
	table := pipeline.NewSeriesTable(nil, 0)
	intern(t, table, "b1", "b2", "a1")
	before := watch(t, 2, "a*", "b*")
	before.Grow(table, func(uint32, int16) {})
	frozen := before.Freeze()
	intern(t, table, "a2")
	before.Grow(table, func(uint32, int16) {})
	if got := fmt.Sprint(frozen); got != "[1 -1 0]" {
		t.Fatalf("a freeze moved: %s", got)
	}
	restored := func(w *Watch) *Watch {
		for _, rule := range frozen {
			if !w.Load(int64(rule)) {
				t.Fatal("it does not take its own rules")
			}
		}
		return w
	}
	for _, c := range []struct {
		fact, rules, begun string
		w                  *Watch
	}{
		{"as it was, and one more (b2 is begun before it gives way)", "[-1 -1 0 0]", "[1 3]", watch(t, 2, "a*", "b*")},
		{"another budget", "[1 1 0 0]", "[1 3]", watch(t, 9, "a*", "b*")},
		{"others are chosen", "[1 -1 -1 -1]", "[]", watch(t, 9, "z", "b1")},
	} {
		begun := []uint32{}
		restored(c.w).Grow(table, func(s uint32, _ int16) { begun = append(begun, s) })
		if got := fmt.Sprint(c.w.Rules()); got != c.rules {
			t.Errorf("%s: %s, want %s", c.fact, got, c.rules)
		}
		if got := fmt.Sprint(begun); got != c.begun {
			t.Errorf("%s: begun %s, want %s", c.fact, got, c.begun)
		}
	}
	for _, rule := range []int64{-2, 2, 1 << 40} {
		if watch(t, 0, "a*", "b*").Load(rule) {
			t.Errorf("there is no rule %d", rule)
		}
	}
}

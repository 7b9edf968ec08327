package engine

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// oneGoroutine leaves a test to the run without the race detector.
func oneGoroutine(t *testing.T) {
	t.Helper()
	if raced {
		t.Skip("one goroutine has nothing for the race detector: make test runs this without it")
	}
}

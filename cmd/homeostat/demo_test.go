package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// oneGoroutine skips a test of the demo in lockstep, which has one goroutine, under the race detector.
func oneGoroutine(t *testing.T) {
	t.Helper()
	if raced {
		t.Skip("a demo in lockstep is one goroutine and runs without the race detector: make test, or go test without -race")
	}
}

// outcomeOf runs the demo in lockstep and returns what it came to.
func outcomeOf(t *testing.T, scenario string, seed int) outcome {
	t.Helper()
	out, err := run(t, "demo", "--lockstep", "--json", "--scenario", scenario, "--seed", fmt.Sprint(seed))
	if err != nil {
		t.Errorf("scenario %s, seed %d: %v", scenario, seed, err)
	}
	var o outcome
	if err := json.Unmarshal([]byte(out), &o); err != nil {
		t.Fatal(err, out)
	}
	return o
}

func TestLockstepLeavesQuietAlone(t *testing.T) {
	oneGoroutine(t)
	for seed := 1; seed <= 2; seed++ {
		if o := outcomeOf(t, "quiet", seed); o.Requested != 0 || o.Incidents != 0 || o.BadShare > 0.01 {
			t.Errorf("seed %d: %+v", seed, o)
		}
	}
}

func TestLockstepWaitsForBlip(t *testing.T) {
	oneGoroutine(t)
	for seed := 1; seed <= 3; seed++ {
		o := outcomeOf(t, "blip", seed)
		if o.Requested != 0 || o.Incidents != 1 || o.Hypotheses != 1 || o.Verdicts["supported"] != 1 {
			t.Errorf("seed %d: %+v", seed, o)
		}
	}
}

func TestLockstepPutsCeilingRight(t *testing.T) {
	oneGoroutine(t)
	for seed := 1; seed <= 2; seed++ {
		o := outcomeOf(t, "ceiling", seed)
		if o.Incidents != 1 || o.Executed != 1 || o.Verdicts["supported"] != 1 || o.BadShare > 0.3 || o.TwinBadShare < 0.5 || o.Restored < 300 {
			t.Errorf("seed %d: %+v", seed, o)
		}
	}
}

func TestLockstepRepeatsItself(t *testing.T) {
	oneGoroutine(t)
	a, b := t.TempDir(), t.TempDir()
	first := mustRun(t, "demo", "--lockstep", "--scenario", "ceiling", "--seed", "7", "--out", a)
	second := mustRun(t, "demo", "--lockstep", "--scenario", "ceiling", "--seed", "7", "--out", b)
	if first != second {
		t.Error("two runs tell different stories")
	}
	names := strings.Join(sameFiles(t, a, b), " ")
	for _, want := range []string{"finding.v1", "incident.opened.v1", "hypothesis.opened.v1", "remediation.requested.v1", "result.v1", "hypothesis.judged.v1", "incident.closed.v1"} {
		if !strings.Contains(names, want) {
			t.Errorf("no file of %s among %s", want, names)
		}
	}
	for _, word := range []string{"hypothesis", "prediction", "remediation", "result", "verdict", "its twin", "the loop closed"} {
		if !strings.Contains(first, word) {
			t.Errorf("the story has no %s:\n%s", word, first)
		}
	}
}

// TestDemoOverKafka runs the whole loop on the embedded broker, much faster than the demo does.
func TestDemoOverKafka(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	out := mustRun(t, "demo", "--scenario", "ceiling", "--speed", "200", "--json")
	var o outcome
	if err := json.Unmarshal([]byte(out), &o); err != nil {
		t.Fatal(err, out)
	}
	if !o.Closed || o.Executed != 1 || o.BadShare >= o.TwinBadShare {
		t.Errorf("the loop over Kafka came to %+v", o)
	}
}

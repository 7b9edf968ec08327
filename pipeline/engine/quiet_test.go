package engine

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// I11 closed windows: when a source falls silent, its last window is out, and a commit is asked for, as soon as its time has
// passed by the time that the partition was polled and empty: window end + disorder - newest row, and one poll.
func TestQuietLaneClosesItsWindowsWithinTheirBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newKit().plan(t, small)
		l, err := surroundingsOf(t, p).sourceLane(p, &p.Sources[0], "left/0", 1)
		must(t, err)
		r := newLaneRun(broker.TopicPartition{Topic: "in"}, l, 0, &noFetcher{}, 1000)
		woken := 0
		r.wake = func() { woken++ }
		const newest = 12 // its window ends at 20; disorder is 5 s
		bound := (20 + 5 - newest) * time.Second
		must(t, r.step(input(records("a 11 12")...)))
		_, _ = r.take()
		began, asked := time.Now(), woken
		closed := func() bool {
			s, _ := r.take()
			return slices.ContainsFunc(s.outputs, func(m broker.Message) bool { return header(m, schemas.HeaderType) == schemas.TypeFinding })
		}
		out := false
		for !out && time.Since(began) < time.Hour {
			must(t, r.step(pipeline.Input{Topic: "in", Next: 1, CaughtUp: true, Release: func() {}}))
			if out = closed(); !out {
				time.Sleep(pollWait) // what a broker waits for records
			}
		}
		if took := time.Since(began); !out || took < bound || took > bound+pollWait {
			t.Errorf("the window is out: %t, after %s; its bound is %s and a poll", out, took, bound)
		}
		if woken == asked {
			t.Error("no commit was asked for")
		}
		must(t, l.close())
	})
}

package engine

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
)

// windowing makes an operator one that makes windows.
type windowing struct{ pipeline.Operator }

func (windowing) Rhythm() pipeline.Rhythm { return pipeline.Rhythm{} }

// makeWindowing makes all operators of a lane such.
func makeWindowing(l *detectLane) {
	nodes := l.behind.(*detection).nodes
	for i := range nodes {
		nodes[i].op = windowing{nodes[i].op}
	}
}

// Far from a tick records are fetched seldom, around it without delay, and when it does not come, seldom again.
func TestLaneIsFetchedWhenItsTimeIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newKit().plan(t, small)
		l, err := surroundingsOf(t, p).sourceLane(p, &p.Sources[0], "left/0", 1)
		must(t, err)
		defer func() { must(t, l.close()) }()
		if newPace(l).ticks != nil {
			t.Fatal("a lane whose operators may give something out for each row is taken for one that does so at ticks only")
		}
		makeWindowing(l)
		r := newLaneRun(broker.TopicPartition{Topic: "in"}, l, 0, &noFetcher{}, 1000)
		expect := func(when string, rest time.Duration, near bool) {
			t.Helper()
			if got := r.pace.rest(); got != rest {
				t.Errorf("%s it rests %s, not %s", when, got, rest)
			}
			if got := r.pace.near(longestGathering); got != near {
				t.Errorf("%s a tick is near: %t", when, got)
			}
		}
		expect("before the first row", pollPace, false)
		// Ticks are 10 s apart and disorder is 5 s: a row of 15 s takes the lane to the next one.
		r.pace.came()
		time.Sleep(3 * time.Millisecond) // it waits for its turn
		must(t, r.step(input(records("a 11 14.25")...)))
		expect("far from a tick", longestRest, false)
		time.Sleep(600 * time.Millisecond)
		r.pace.came() // 20 ms later than its row would have let expect
		must(t, r.step(input(records("a 11 14.833")...)))
		time.Sleep(87 * time.Millisecond)
		expect("60 ms before it", 55*time.Millisecond, false)
		time.Sleep(50 * time.Millisecond)
		expect("10 ms before it", shortestRest, true)
		time.Sleep(100 * time.Millisecond)
		expect("when it is late", shortestRest, true)
		time.Sleep(overdue)
		expect("when it does not come", longestRest, false)
		r.pace.came()
		must(t, r.step(input(records("a 11 15.5")...)))
		expect("once it came", longestRest, false)
		time.Sleep(9490 * time.Millisecond)
		expect("before the next one", shortestRest, true)
	})
}

// Lanes whose outputs don't wait for ticks are fetched at the usual pace.
func TestOtherLanesKeepThePace(t *testing.T) {
	p := newKit().plan(t, small)
	inbox, err := surroundingsOf(t, p).inboxLane(p, "inbox/0", 1)
	must(t, err)
	defer func() { must(t, inbox.close()) }()
	for name, l := range map[string]lane{"inbox": inbox, "another": &plainLane{}} {
		r := newLaneRun(broker.TopicPartition{Topic: "in"}, l, 0, &noFetcher{}, 1000)
		r.pace.came()
		r.pace.foretell()
		if rest := r.pace.rest(); rest != pollPace || r.pace.near(time.Hour) {
			t.Errorf("%s: rests %s", name, rest)
		}
	}
}

// Outputs wait for those of a lane that is about to reach a tick, and for no other.
func TestOutputsWaitForLanesNearATick(t *testing.T) {
	for name, c := range map[string]struct {
		left, want time.Duration
	}{"none near": {time.Second, gathering}, "one near": {20 * time.Millisecond, longestGathering}, "one late for good": {-time.Second, gathering}} {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(t)
			d.run(d.detect, 1).pace.due.Store(int64(time.Since(processStart) + c.left))
			began := time.Now()
			if !d.gather(t.Context()) {
				t.Errorf("%s: gave up", name)
			}
			if took := time.Since(began); took != c.want {
				t.Errorf("%s: waited %s, not %s", name, took, c.want)
			}
		})
	}
}

// Outputs wait for an interval behind outputs, once, and not behind a commit of positions.
func TestOnlyOutputsHoldOutputsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.interval, d.rest, d.woken = 100*time.Millisecond, time.Second, make(chan struct{}, 1)
		var at []time.Duration
		began := time.Now()
		d.answer = func(int) (bool, error) { at = append(at, time.Since(began)); return true, nil }
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- d.committer.run(ctx) }()
		step := func(after time.Duration, next int64, wakes int) {
			time.Sleep(after - time.Since(began))
			must(t, d.step(d.detect, 0, next))
			for range wakes {
				d.wake()
				synctest.Wait()
			}
		}
		step(500*time.Millisecond, 1, 0)  // committed with the positions, after a second
		step(1010*time.Millisecond, 2, 2) // at once: only positions came before; the second waking is for what that commit takes
		step(1050*time.Millisecond, 3, 1) // an interval after that
		step(1400*time.Millisecond, 4, 1) // at once
		step(1450*time.Millisecond, 5, 0) // with the positions again, a second after the last commit
		time.Sleep(3*time.Second - time.Since(began))
		stop()
		must(t, <-ended)
		want := []time.Duration{1001, 1011, 1112, 1401, 2402}
		if len(at) != len(want) {
			t.Fatalf("commits at %v", at)
		}
		for i := range want {
			if at[i].Milliseconds() != int64(want[i]) {
				t.Errorf("commit %d came at %v, not at %d ms", i, at[i], want[i])
			}
		}
	})
}

package engine

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
)

func TestIdleIsPolledAndEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &plainLane{}
		r := newLaneRun(broker.TopicPartition{}, l, 5, &noFetcher{}, 1000)
		poll := func(next int64, caughtUp bool, recs int) {
			must(t, r.step(pipeline.Input{Next: next, CaughtUp: caughtUp, Records: make([]pipeline.Record, recs), Release: func() {}}))
		}
		time.Sleep(time.Hour) // before the first poll nobody looked
		poll(5, true, 0)
		time.Sleep(500 * time.Millisecond)
		poll(5, true, 0)
		time.Sleep(time.Hour) // the broker did not answer, or the process stood still
		poll(5, true, 0)
		time.Sleep(500 * time.Millisecond)
		poll(5, false, 0) // not at the end: not idle
		poll(5, true, 0)
		time.Sleep(100 * time.Millisecond)
		poll(6, true, 0) // a marker went by
		poll(6, true, 0)
		time.Sleep(200 * time.Millisecond)
		poll(7, true, 1)
		poll(7, true, 0)
		ms := time.Millisecond
		if want := []time.Duration{0, 500 * ms, 1500 * ms, 0, 0, 0}; !slices.Equal(l.idles, want) {
			t.Errorf("%v", l.idles)
		}
		r.untimed = true
		time.Sleep(200 * time.Millisecond)
		poll(7, true, 0)
		if l.idles[len(l.idles)-1] != 0 {
			t.Errorf("%v", l.idles)
		}
	})
}

func TestLaneGivesBackWhatItDoesNotProcess(t *testing.T) {
	l := &plainLane{fail: errors.New("broken")}
	r := newLaneRun(broker.TopicPartition{Topic: "in", Partition: 3}, l, 0, &noFetcher{}, 1000)
	released := 0
	for i := range 4 {
		r.queue <- pipeline.Input{Next: int64(i + 1), Records: make([]pipeline.Record, 1), Release: func() { released++ }}
	}
	close(r.queue)
	var failures []string
	r.run(t.Context(), func(err error) { failures = append(failures, err.Error()) })
	if released != 4 || len(failures) == 0 || failures[0] != "lane in/3 stopped between the offsets 0 and 1: broken" {
		t.Errorf("%d released, %q", released, failures)
	}
	if err := r.finish(); err == nil || l.ended != 0 {
		t.Errorf("%v, ended %d times", err, l.ended)
	}
}

func TestFlowPausesAndResumes(t *testing.T) {
	f, waiting := &noFetcher{}, 0
	w := &flow{fetcher: f, memory: 100, waiting: func() int { return waiting }}
	expect := func(what, want string) {
		t.Helper()
		w.regulate()
		w.regulate()
		if got := strings.Join(f.paused, ", "); got != want {
			t.Errorf("%s: %q, not %q", what, got, want)
		}
		f.paused = nil
	}
	w.take(100)
	expect("full", "")
	w.take(1)
	expect("over", "pause 0")
	w.done(50)
	expect("above half", "")
	w.done(1)
	expect("half", "resume 0")
	waiting = queueLength/2 + 1
	expect("many chunks", "pause 0")
	waiting = queueLength/4 + 1
	expect("still many", "")
	waiting = 0
	expect("few", "resume 0")
	w.hold(true)
	w.hold(true)
	expect("ahead", "pause 0")
	w.take(100)
	w.hold(false)
	expect("no more ahead, but full", "")
	w.done(100)
	expect("empty", "resume 0")
}

func TestProcessedBytesCountUntilTheyAreTaken(t *testing.T) {
	f := &noFetcher{}
	r := newLaneRun(broker.TopicPartition{}, &plainLane{}, 0, f, 100)
	r.flow.take(150)
	must(t, r.step(pipeline.Input{Next: 1, Bytes: 150, Records: make([]pipeline.Record, 1), Release: func() {}}))
	r.flow.regulate()
	if !slices.Equal(f.paused, []string{"pause 0"}) {
		t.Errorf("%q: outputs pile up while no commit comes through", f.paused)
	}
	r.take()
	if !slices.Equal(f.paused, []string{"pause 0", "resume 0"}) {
		t.Errorf("%q", f.paused)
	}
}

func TestLanesFarAheadWaitForTheSlowest(t *testing.T) {
	f := &noFetcher{}
	s := &stageRun{spread: maxSpread, lanes: map[broker.TopicPartition]*laneRun{}}
	minute := 60 * second
	set := func(p int32, newest int64, caughtUp bool) {
		tp := broker.TopicPartition{Partition: p}
		if s.lanes[tp] == nil {
			s.lanes[tp] = newLaneRun(tp, &plainLane{}, 0, f, 100)
		}
		s.lanes[tp].newest.Store(newest)
		s.lanes[tp].caughtUp = caughtUp
	}
	expect := func(want ...string) {
		t.Helper()
		s.restrain()
		if slices.Sort(f.paused); !slices.Equal(f.paused, want) {
			t.Errorf("%q, not %q", f.paused, want)
		}
		f.paused = nil
	}
	set(0, 5*minute, false)
	set(1, 15*minute, false)
	set(2, unknownTime, false) // nothing is known of it yet
	set(3, 0, true)            // quiet, and nothing to catch up with
	expect()
	set(1, 15*minute+1, false)
	set(4, math.MaxInt64, true)
	expect("pause 1", "pause 4")
	set(0, 6*minute, false)
	expect("resume 1")
	set(0, 6*minute, true)
	set(1, 17*minute, true)
	expect("resume 4")
	set(0, 6*minute, true)
	s.lanes[broker.TopicPartition{Partition: 0}].queue <- pipeline.Input{} // fetched, not processed
	expect("pause 1", "pause 4")
	s.spread = 0
	expect()
}

func TestCutEndsTheLog(t *testing.T) {
	for _, c := range []struct {
		next, end int64
		caughtUp  bool
		want      string
	}{
		{5, 9, false, "5 false 0 1 2 3 4"}, {5, 9, true, "5 true 0 1 2 3 4"}, {5, 5, false, "5 true 0 1 2 3 4"}, {5, 3, false, "3 true 0 1 2"}, {5, 0, false, "0 true"},
	} {
		in := pipeline.Input{Next: c.next, CaughtUp: c.caughtUp, Records: records("a", "b", "c", "d", "e")}
		cut(&in, c.end)
		got := fmt.Sprint(in.Next, in.CaughtUp)
		for _, rec := range in.Records {
			got += fmt.Sprint(" ", rec.Offset)
		}
		if got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/engine/snapshot"
)

// plainLane is a lane that gives each input's number out as it came, and fails when it is told.
type plainLane struct {
	name   string
	out    []broker.Message
	fail   error
	closed int
	idles  []time.Duration
	ended  int
}

func (l *plainLane) process(in pipeline.Input) error {
	defer in.Release()
	if l.fail != nil {
		return l.fail
	}
	l.out = append(l.out, broker.Message{Topic: "out", Value: fmt.Appendf(nil, "%s%d", l.name, in.Next)})
	return nil
}
func (l *plainLane) idle(_ int64, d time.Duration) error {
	l.idles = append(l.idles, d)
	return l.fail
}
func (l *plainLane) finish(int64) error               { l.ended++; return l.fail }
func (l *plainLane) hearClock(int64) error            { return l.fail }
func (l *plainLane) lose(string, int64)               {}
func (l *plainLane) replay(bool)                      {}
func (l *plainLane) freeze() (*frozen, error)         { return &frozen{}, nil }
func (l *plainLane) restore(*snapshot.Snapshot) error { return nil }
func (l *plainLane) close() error                     { l.closed++; return nil }
func (l *plainLane) take() []broker.Message {
	out := l.out
	l.out = nil
	return out
}

// noFetcher takes note of pauses.
type noFetcher struct{ paused []string }

func (f *noFetcher) Pause(tp broker.TopicPartition) {
	f.paused = append(f.paused, fmt.Sprint("pause ", tp.Partition))
}
func (f *noFetcher) Resume(tp broker.TopicPartition) {
	f.paused = append(f.paused, fmt.Sprint("resume ", tp.Partition))
}

// log is a transactor and its broker in one: it keeps outputs and positions, or answers otherwise.
type brokerLog struct {
	outputs   []string
	offsets   map[string]int64
	calls     int
	answer    func(call int) (commit bool, err error) // nil commits all
	notes     map[string]string
	committed error
}

func (b *brokerLog) Commit(ctx context.Context, outputs []broker.Message, shares []broker.Share) error {
	b.calls++
	commit, err := true, error(nil)
	if b.answer != nil {
		commit, err = b.answer(b.calls)
	}
	if commit {
		for _, m := range outputs {
			b.outputs = append(b.outputs, string(m.Value))
		}
		for _, s := range shares {
			for tp, at := range s.Offsets {
				b.move(fmt.Sprintf("%s/%d", s.Generation.Group, tp.Partition), at, s.Note)
			}
		}
	}
	return errors.Join(err, ctx.Err())
}

func (b *brokerLog) move(lane string, offset int64, note string) {
	b.offsets[lane], b.notes[lane] = offset, note
}

func (b *brokerLog) Notes(_ context.Context, group string, tps []broker.TopicPartition) (map[broker.TopicPartition]string, error) {
	out := map[broker.TopicPartition]string{}
	for _, tp := range tps {
		out[tp] = b.notes[fmt.Sprintf("%s/%d", group, tp.Partition)]
	}
	return out, b.committed
}

// desk is a committer of two stages, detect with lanes 0 and 1 and operate with lane 0, on a broker of its own.
type desk struct {
	*committer
	*brokerLog
	t               testing.TB
	detect, operate *stageRun
	metrics         *prometheus.CounterVec
}

func newDesk(t testing.TB) *desk {
	metrics := &pipeline.Metrics{}
	d := &desk{t: t, brokerLog: &brokerLog{offsets: map[string]int64{}, notes: map[string]string{}}, metrics: metrics.Counter("n", "", "outcome")}
	d.committer = &committer{
		logger: slog.New(slog.NewTextHandler(testWriter{t}, nil)), positions: d.brokerLog, transactor: d.brokerLog,
		seconds: metrics.Histogram("s", "", nil).WithLabelValues(), total: d.metrics,
	}
	d.detect, d.operate = d.stage("detect", 2), d.stage("operate", 1)
	d.stages = []*stageRun{d.detect, d.operate}
	return d
}

func (d *desk) stage(name string, lanes int) *stageRun {
	g := &broker.Generation{Group: name, ID: 1, Member: "m"}
	s := &stageRun{stage: pipeline.Stage(name), group: name, generation: g, lanes: map[broker.TopicPartition]*laneRun{}, stop: func(error) {}}
	for p := range lanes {
		tp := broker.TopicPartition{Topic: "in", Partition: int32(p)}
		r := newLaneRun(tp, &plainLane{name: fmt.Sprintf("%s%d-", name[:1], p)}, 0, &noFetcher{}, 1000)
		r.generation = g
		s.lanes[tp] = r
	}
	return s
}

func (d *desk) run(s *stageRun, partition int32) *laneRun {
	return s.lanes[broker.TopicPartition{Topic: "in", Partition: partition}]
}

// step lets a lane process up to next.
func (d *desk) step(s *stageRun, partition int32, next int64) error {
	return d.run(s, partition).step(pipeline.Input{Next: next, Records: make([]pipeline.Record, 1), Release: func() {}})
}

func (d *desk) expect(err error, outputs, positions string) {
	d.t.Helper()
	if err != nil {
		d.t.Error(err)
	}
	var at []string
	for group, offset := range d.offsets {
		at = append(at, fmt.Sprintf("%s %d", group, offset))
	}
	slices.Sort(at)
	if got := strings.Join(d.outputs, " "); got != outputs {
		d.t.Errorf("outputs %q, want %q", got, outputs)
	}
	if got := strings.Join(at, ", "); got != positions {
		d.t.Errorf("positions %q, want %q", got, positions)
	}
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestCommitIsOneForAllLanes(t *testing.T) {
	d, ctx := newDesk(t), t.Context()
	d.expect(d.commit(ctx), "", "")
	if d.calls != 0 {
		t.Error("nothing to commit, and a transaction was made")
	}
	must(t, d.step(d.operate, 0, 3), d.step(d.detect, 1, 5), d.step(d.detect, 1, 6))
	d.expect(d.commit(ctx), "d1-5 d1-6 o0-3", "detect/1 6, operate/0 3")
	d.expect(d.commit(ctx), "d1-5 d1-6 o0-3", "detect/1 6, operate/0 3")
	if d.calls != 1 {
		t.Errorf("%d transactions", d.calls)
	}
}

func TestCommitDropsALostGroupAndKeepsTheOther(t *testing.T) {
	d, ctx := newDesk(t), t.Context()
	stopped := 0
	d.detect.stop = func(err error) {
		if !errors.Is(err, errEnded) {
			t.Error(err)
		}
		stopped++
	}
	d.answer = func(call int) (bool, error) {
		if call == 1 {
			return false, fmt.Errorf("commit: %w", &broker.LostGroupError{Group: "detect", Err: errors.New("gone")})
		}
		return true, nil
	}
	must(t, d.step(d.detect, 0, 5), d.step(d.detect, 1, 5), d.step(d.operate, 0, 3))
	d.expect(d.commit(ctx), "o0-3", "operate/0 3")
	if stopped == 0 {
		t.Error("the lanes of the lost group go on")
	}
	// What they do afterwards must not be committed: it builds on what was dropped.
	must(t, d.step(d.detect, 0, 9), d.step(d.operate, 0, 4))
	d.expect(d.commit(ctx), "o0-3 o0-4", "operate/0 4")
}

func TestDoubtIsSettledByTheNotes(t *testing.T) {
	doubt := fmt.Errorf("no answer: %w", broker.ErrDoubt)
	for _, in := range []bool{true, false} {
		d, ctx := newDesk(t), t.Context()
		must(t, d.step(d.detect, 0, 2), d.step(d.operate, 0, 1))
		must(t, d.commit(ctx))
		d.answer = func(call int) (bool, error) {
			if call == 2 {
				return in, doubt
			}
			return true, nil
		}
		must(t, d.step(d.detect, 0, 5), d.step(d.operate, 0, 3))
		d.expect(d.commit(ctx), "d0-2 o0-1 d0-5 o0-3", "detect/0 5, operate/0 3")
		if want := map[bool]int{true: 2, false: 3}[in]; d.calls != want {
			t.Errorf("committed %v: %d transactions, not %d", in, d.calls, want)
		}
	}
}

func TestDoubtIsSettledAlthoughAnotherOwnerHasMovedOn(t *testing.T) {
	for _, in := range []bool{true, false} {
		d := newDesk(t)
		d.answer = func(call int) (bool, error) {
			switch call {
			case 1:
				return in, broker.ErrDoubt
			case 2:
				return false, &broker.LostGroupError{Group: "detect", Err: errors.New("gone")}
			}
			return true, nil
		}
		must(t, d.step(d.detect, 0, 5), d.step(d.operate, 0, 3))
		d.brokerLog.committed = errors.New("no broker") // the positions can't be had yet
		if err := d.commit(t.Context()); !errors.Is(err, d.brokerLog.committed) {
			t.Errorf("%v", err)
		}
		d.brokerLog.committed = nil
		d.move("detect/0", 99, "another's")
		d.expect(d.commit(t.Context()), map[bool]string{true: "d0-5 o0-3", false: "o0-3"}[in], "detect/0 99, operate/0 3")
	}
}

// TestDoubtOfOutputsThatTimeMade is of a commit that moves no position: only its note tells whether it is in.
func TestDoubtOfOutputsThatTimeMade(t *testing.T) {
	for _, in := range []bool{true, false} {
		d := newDesk(t)
		d.answer = func(call int) (bool, error) {
			if call == 1 {
				return in, broker.ErrDoubt
			}
			return true, nil
		}
		must(t, d.step(d.detect, 0, 0))
		d.expect(d.commit(t.Context()), "d0-0", "detect/0 0")
	}
}

func TestAnotherOwnersPositionDoesNotTellOfOtherOutputs(t *testing.T) {
	d := newDesk(t)
	d.answer = func(call int) (bool, error) {
		switch call {
		case 1: // it is aborted, and detect's partition has a new owner, who goes on from before it
			d.move("detect/0", 99, "another's")
			return false, broker.ErrDoubt
		case 2:
			return false, &broker.LostGroupError{Group: "detect", Err: errors.New("gone")}
		}
		return true, nil
	}
	must(t, d.step(d.detect, 0, 5), d.step(d.operate, 0, 0)) // operate's output comes of time: no position moves
	d.expect(d.commit(t.Context()), "o0-0", "detect/0 99, operate/0 0")
}

func TestInterruptedCommitIsNotOvertaken(t *testing.T) {
	d := newDesk(t)
	d.answer = func(call int) (bool, error) { return call > 1, nil }
	must(t, d.step(d.detect, 0, 5))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.commit(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	d.expect(nil, "", "")
	// The lane went on meanwhile. Its earlier outputs come first.
	must(t, d.step(d.detect, 0, 8))
	d.expect(d.commit(t.Context()), "d0-5 d0-8", "detect/0 8")
}

func TestRefusedCommitLetsNothingLaterThrough(t *testing.T) {
	d := newDesk(t)
	refused := errors.New("too large")
	d.answer = func(int) (bool, error) { return false, refused }
	must(t, d.step(d.detect, 0, 5))
	for range 2 {
		if err := d.commit(t.Context()); !errors.Is(err, refused) {
			t.Errorf("%v", err)
		}
		must(t, d.step(d.detect, 0, 9))
	}
	d.expect(nil, "", "")
}

func TestFailedLaneCommitsWhatItFinished(t *testing.T) {
	d := newDesk(t)
	must(t, d.step(d.detect, 0, 5), d.step(d.detect, 1, 5))
	d.run(d.detect, 0).lane.(*plainLane).fail = errors.New("broken")
	err := d.step(d.detect, 0, 7)
	if err == nil || err.Error() != "lane in/0 stopped between the offsets 5 and 7: broken" {
		t.Errorf("%v", err)
	}
	d.expect(d.commit(t.Context()), "d0-5 d1-5", "detect/0 5, detect/1 5")
	if again := d.step(d.detect, 0, 9); again == nil || again.Error() != err.Error() {
		t.Errorf("%v", again)
	}
	d.expect(d.commit(t.Context()), "d0-5 d1-5", "detect/0 5, detect/1 5")
}

func TestCommitDoesNotWaitForALaneAtWork(t *testing.T) {
	d := newDesk(t)
	must(t, d.step(d.detect, 0, 5), d.step(d.detect, 1, 5))
	d.run(d.detect, 0).work.Lock() // it is at its next input
	defer d.run(d.detect, 0).work.Unlock()
	d.expect(d.commit(t.Context()), "d0-5 d1-5", "detect/0 5, detect/1 5")
}

func TestLingeringEndsLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		lasting, end := lingering(ctx, commitLimit)
		defer end()
		cancel()
		time.Sleep(commitLimit - time.Millisecond)
		if lasting.Err() != nil {
			t.Error("ended too early")
		}
		time.Sleep(2 * time.Millisecond)
		if lasting.Err() == nil {
			t.Error("does not end")
		}
	})
}

func TestStopDoesNotCutACommitOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		ctx, stop := context.WithCancel(t.Context())
		d.interval = time.Second
		d.answer = func(int) (bool, error) { stop(); time.Sleep(time.Second); return true, nil }
		must(t, d.step(d.detect, 0, 5))
		d.expect(d.committer.run(ctx), "d0-5", "detect/0 5")
		if len(d.kept) != 0 {
			t.Error("the commit was cut off")
		}
	})
}

func TestFlushComesBeforeTheCommit(t *testing.T) {
	d := newDesk(t)
	flushed := 0
	var fail error
	d.operate.flush = func(context.Context) error { flushed++; return fail }
	must(t, d.step(d.detect, 0, 1))
	d.expect(d.commit(t.Context()), "d0-1", "detect/0 1")
	if flushed != 0 {
		t.Error("nothing was written, and it was flushed")
	}
	must(t, d.step(d.operate, 0, 1))
	d.expect(d.commit(t.Context()), "d0-1 o0-1", "detect/0 1, operate/0 1")
	fail = errors.New("disk full")
	must(t, d.step(d.operate, 0, 2), d.step(d.detect, 0, 2))
	if err := d.commit(t.Context()); !errors.Is(err, fail) {
		t.Errorf("%v", err)
	}
	d.expect(nil, "d0-1 o0-1 d0-2", "detect/0 2, operate/0 1")
	// What that flush was to save may be lost, so a later one must not let later positions through.
	fail = nil
	must(t, d.step(d.operate, 0, 3))
	if err := d.commit(t.Context()); err == nil || flushed != 2 {
		t.Errorf("%v, %d", err, flushed)
	}
	d.expect(nil, "d0-1 o0-1 d0-2", "detect/0 2, operate/0 1")
}

func TestLaneKeepsItsStateWhereItStands(t *testing.T) {
	d := newDesk(t)
	s := d.detect
	must(t, d.step(s, 0, 5), d.step(s, 1, 5), d.commit(t.Context()))
	must(t, d.step(s, 1, 6))
	zero, one := d.run(s, 0).lane, d.run(s, 1).lane
	s.left, s.lanes, s.generation = s.lanes, nil, nil
	at := func(p int32, offset int64) lane {
		return s.standing(&broker.Generation{ID: 2}, broker.TopicPartition{Topic: "in", Partition: p}, offset)
	}
	if at(0, 5) != zero {
		t.Error("a lane that stands where it was lost its state")
	}
	if at(1, 5) != nil {
		t.Error("a lane that is ahead of what is committed kept its state")
	}
	gone := s.standing(&broker.Generation{ID: 3}, broker.TopicPartition{Topic: "in"}, 5)
	if delete(s.left, broker.TopicPartition{Topic: "in"}); gone != nil {
		t.Error("a lane kept its state though another process may have had it in between, and gone on by the clock alone")
	}
	must(t, s.closeLeft())
	if zero.(*plainLane).closed != 0 || one.(*plainLane).closed != 1 {
		t.Error("the lane that is of no use any more was not closed, or the other was")
	}
	s.left = map[broker.TopicPartition]*laneRun{{Topic: "in"}: {generation: s.lost, done: share{next: 5, before: 5}, lane: zero}}
	if at(0, 5) == zero {
		t.Error("a lane whose outputs were dropped kept its state")
	}
}

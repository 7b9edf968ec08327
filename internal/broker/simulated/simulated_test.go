package simulated

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
)

// play runs f beside a driver that answers it, and ends with it.
func play(t *testing.T, f func(k *Kafka, p *Process)) {
	synctest.Test(t, func(t *testing.T) {
		k := New(rand.New(rand.NewPCG(1, 2)))
		k.AddTopic("in", 2)
		k.AddTopic("out", 2)
		p := k.Process("p")
		done := make(chan struct{})
		go func() { defer close(done); f(k, p) }()
		for deadline := time.Now().Add(time.Hour); ; {
			synctest.Wait()
			select {
			case <-done:
				return
			default:
			}
			if time.Now().After(deadline) {
				t.Error("stuck")
				p.Kill()
			}
			if !k.Step() {
				time.Sleep(10 * time.Millisecond)
			}
		}
	})
}

func must[T any](t *testing.T, v T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func joined(t *testing.T, p *Process) (broker.Member, *broker.Generation) {
	m, err := p.JoinGroup(broker.GroupConfig{ID: "g", Topics: []string{"in"}})
	must(t, m, err)
	g, err := m.Next(context.Background())
	return m, must(t, g, err)
}

var in0 = broker.TopicPartition{Topic: "in"}

func message(value string) []broker.Message {
	return []broker.Message{{Topic: "out", Value: []byte(value)}}
}

func TestACommitShowsOnceItsMarkersAreWritten(t *testing.T) {
	play(t, func(k *Kafka, p *Process) {
		ctx := context.Background()
		k.Markers = 5 * time.Second
		_, g := joined(t, p)
		if len(g.Assigned) != 2 {
			t.Errorf("assigned %v", g.Assigned)
		}
		w, err := p.NewWriter(ctx, broker.TransactorConfig{TransactionalID: "w"})
		must(t, w, err)
		if err := w.Commit(ctx, message("a"), []broker.Share{{Generation: g, Offsets: map[broker.TopicPartition]int64{in0: 7}}}); err != nil {
			t.Error(err)
		}
		if at := k.Position("g", in0); at != -1 {
			t.Errorf("the position is %d before the marker is written", at)
		}
		at, err := p.Committed(ctx, "g", []broker.TopicPartition{in0})
		if must(t, at, err)[in0] != 7 {
			t.Errorf("the stable position is %v", at)
		}
		r := p.NewReader(broker.FetchConfig{})
		r.Assign(broker.TopicPartition{Topic: "out"}, 0)
		for next := int64(0); next < 2; {
			chunks, err := r.Poll(ctx)
			for _, c := range must(t, chunks, err) {
				next = c.Next
			}
		}
		if recs := k.Records("out"); len(recs) != 1 || string(recs[0].Value) != "a" {
			t.Errorf("records %v", recs)
		}
	})
}

func TestStaleGenerationsAndOldEpochsAreFenced(t *testing.T) {
	play(t, func(k *Kafka, p *Process) {
		ctx := context.Background()
		_, g := joined(t, p)
		w, err := p.NewWriter(ctx, broker.TransactorConfig{TransactionalID: "w"})
		must(t, w, err)
		stale, end, _ := broker.NewGeneration("g", g.ID-1, g.Member, g.Assigned)
		defer end()
		var lost *broker.LostGroupError
		if err := w.Commit(ctx, message("a"), []broker.Share{{Generation: stale, Offsets: map[broker.TopicPartition]int64{in0: 7}}}); !errors.As(err, &lost) || lost.Group != "g" {
			t.Errorf("a stale generation: %v", err)
		}
		if recs := k.Records("out"); len(recs) != 0 {
			t.Errorf("what was refused shows: %v", recs)
		}
		// The id is taken from it again and again; it takes it back some times, then it ends.
		fenced := 0
		for range 8 {
			if _, err := k.Process("q").NewWriter(ctx, broker.TransactorConfig{TransactionalID: "w"}); err != nil {
				t.Error(err)
			}
			if err := w.Commit(ctx, message("b"), nil); errors.Is(err, broker.ErrFenced) {
				fenced++
			} else if err != nil {
				t.Error(err)
			}
		}
		if recs := k.Records("out"); fenced == 0 || len(recs) != 8-fenced {
			t.Errorf("fenced %d times, %d records", fenced, len(recs))
		}
	})
}

func TestLostAnswersLeaveDoubt(t *testing.T) {
	play(t, func(k *Kafka, p *Process) {
		ctx := context.Background()
		w, err := p.NewWriter(ctx, broker.TransactorConfig{TransactionalID: "w"})
		must(t, w, err)
		k.Unheard, k.Doubt = 0.4, 1
		doubts := 0
		for range 50 {
			if err := w.Commit(ctx, message("a"), nil); errors.Is(err, broker.ErrDoubt) {
				doubts++
			} else if err != nil {
				t.Error(err)
			}
		}
		if doubts == 0 {
			t.Error("no commit was in doubt")
		}
		// All that is unheard is carried out, so each is in, in doubt or not.
		k.Unheard = 0
		if err := w.Commit(ctx, message("b"), nil); err != nil {
			t.Error(err)
		}
		if recs := k.Records("out"); len(recs) < 50 {
			t.Errorf("%d of 50 commits are in", len(recs))
		}
	})
}

func TestAReaderIsToldOfGapsAndDamage(t *testing.T) {
	play(t, func(k *Kafka, p *Process) {
		for i := range 4 {
			k.Append(in0, message("x"), Committed, false, i == 2)
		}
		k.DeleteUntil(in0, 1)
		r := p.NewReader(broker.FetchConfig{})
		r.Assign(in0, 0)
		var got []string
		for len(got) < 3 {
			chunks, err := r.Poll(context.Background())
			for _, c := range must(t, chunks, err) {
				var gap *broker.GapError
				var corrupt *broker.CorruptError
				switch {
				case errors.As(c.Err, &gap):
					got = append(got, "gap")
					r.Assign(in0, gap.To)
				case errors.As(c.Err, &corrupt):
					got = append(got, "corrupt")
					r.Assign(in0, corrupt.To)
				case c.Next == 4:
					got = append(got, "end")
				}
			}
		}
		if got[0] != "gap" || got[1] != "corrupt" || got[2] != "end" {
			t.Errorf("%v", got)
		}
	})
}

package engine

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
)

// fickle is the codec lines, which can read nothing before a time: it adds a row and a loss, and says so.
type fickle struct {
	lines
	from time.Time
}

func (c fickle) Decode(rec *pipeline.Record, out *pipeline.Columns) error {
	if !time.Now().Before(c.from) {
		return c.lines.Decode(rec, out)
	}
	if err := c.lines.Decode(&pipeline.Record{Value: []byte("half 1 1\nlost")}, out); err != nil {
		return err
	}
	return &pipeline.Unavailable{Err: pipeline.Errorf("fickle.away", "nobody is there: wait")}
}

// fickleRun is a lane with that codec, and what it logs and counts.
type fickleRun struct {
	*laneRun
	lane    *detectLane
	log     bytes.Buffer
	metrics *prometheus.Registry
	dead    string
}

func newFickleRun(t *testing.T, away time.Duration) *fickleRun {
	t.Helper()
	k, f := newKit(), &fickleRun{metrics: prometheus.NewRegistry()}
	from := time.Now().Add(away)
	k.AddCodec(pipeline.Spec{Name: "fickle"}, func(pipeline.Settings) (pipeline.Codec, error) { return fickle{from: from}, nil })
	p := k.plan(t, strings.Replace(echoes, "codec: lines", "codec: fickle", 1))
	o := options(t, p)
	o.Logger, o.Metrics = slog.New(slog.NewTextHandler(&f.log, nil)), f.metrics
	var err error
	f.lane, err = newSurroundings(p, o).sourceLane(p, &p.Sources[0], "left/0", 1)
	must(t, err)
	f.laneRun = newLaneRun(broker.TopicPartition{Topic: "in"}, f.lane, 0, &noFetcher{}, 1000)
	f.dead = p.Topics.DeadLetters.Name
	return f
}

// A codec that cannot reach what it needs makes its lane wait: nothing is lost, and nothing is counted twice.
func TestLaneWaitsForItsCodec(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFickleRun(t, 3*time.Minute)
		f.queue <- input(records("a 1 1", "! !", "b 2 2")...)
		close(f.queue)
		done := make(chan struct{})
		go func() {
			defer close(done)
			f.run(t.Context(), func(err error) { t.Error(err) })
		}()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if stage := (&stageRun{lanes: map[broker.TopicPartition]*laneRun{f.tp: f.laneRun}, generation: &broker.Generation{}}); true {
			if tp, stalled := stage.stalled(stallLimit); stalled {
				t.Errorf("lane %v counts as stuck while it waits", tp)
			}
		}
		if sh, ok := f.take(); ok {
			t.Errorf("a lane that waits hands over %+v", sh)
		}
		<-done
		sh, _ := f.take()
		letters := 0
		for _, m := range sh.outputs {
			if m.Topic == f.dead {
				letters++
				if string(m.Value) != "! !" {
					t.Errorf("dead letter %q", m.Value)
				}
			}
		}
		account := f.lane.ledger.copy(0)
		if letters != 1 || sh.next != 3 || account.In != 3 || account.Lost["undecodable"] != 1 || len(account.Lost) != 1 {
			t.Errorf("%d dead letters at %d, ledger %+v", letters, sh.next, account)
		}
		if n := strings.Count(f.log.String(), "a lane waits: "); n < 2 || n > 4 || !strings.Contains(f.log.String(), "fickle.away") || !strings.Contains(f.log.String(), "a lane goes on: ") {
			t.Errorf("the log says:\n%s", f.log.String())
		}
		waits := f.lane.metrics.Counter("decode_wait_seconds_total", "Time for which lanes waited because the codec of their source could not reach what it needs, by the error's code.", "source", "code")
		if s := testutil.ToFloat64(waits.WithLabelValues("left", "fickle.away")); s < 180 || s > 190 {
			t.Errorf("waited for %v s", s)
		}
		must(t, f.lane.close())
	})
}

// A lane that waits ends when it is told to; what it has not decoded is processed by the next owner.
func TestLaneThatWaitsForItsCodecEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFickleRun(t, time.Hour)
		ctx, stop := context.WithCancel(t.Context())
		f.queue <- input(records("a 1 1")...)
		close(f.queue)
		done := make(chan error, 2)
		go func() {
			f.run(ctx, func(err error) { done <- err })
			done <- nil
		}()
		time.Sleep(time.Minute)
		stop()
		err := <-done
		if pipeline.Code(err) != "fickle.away" || !strings.HasPrefix(err.Error(), "lane in/0 stopped between the offsets 0 and 1: ") {
			t.Errorf("%v", err)
		}
		<-done
		if sh, ok := f.take(); ok || sh.next != 0 {
			t.Errorf("what was not decoded is handed over: %+v", sh)
		}
		must(t, f.lane.close())
	})
}

// Where nobody could end its waiting, in a backtest, a lane ends with the error.
func TestLocalDoesNotWaitForACodec(t *testing.T) {
	k := newKit()
	k.AddCodec(pipeline.Spec{Name: "fickle"}, func(pipeline.Settings) (pipeline.Codec, error) {
		return fickle{from: time.Now().Add(time.Hour)}, nil
	})
	p := k.plan(t, strings.Replace(echoes, "codec: lines", "codec: fickle", 1))
	l, err := NewLocal(context.Background(), p, false, options(t, p))
	must(t, err)
	err = l.Write(pipeline.Record{Topic: p.Sources[0].Topic, Timestamp: 1e12, Value: []byte("a 1 1")})
	if pipeline.Code(err) != "fickle.away" || !errors.As(err, new(*pipeline.Unavailable)) {
		t.Errorf("%v", err)
	}
	must(t, l.Close())
}

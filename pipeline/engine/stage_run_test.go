package engine

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
)

func TestStalledLaneIsNotLive(t *testing.T) {
	d := newDesk(t)
	reach := &silence{}
	r := &Runner{stages: d.stages, cluster: reach}
	must(t, r.Live(), r.Ready())
	d.run(d.operate, 0).busySince.Store(int64(time.Since(processStart) - stallLimit - time.Second))
	// A lane at work holds its own lock, and its health must be told all the same.
	d.run(d.operate, 0).work.Lock()
	defer d.run(d.operate, 0).work.Unlock()
	if err := r.Live(); pipeline.Code(err) != "engine.lane.stalled" {
		t.Errorf("%v", err)
	}
	reach.d = unreachableLimit + time.Second
	if err := r.Ready(); pipeline.Code(err) != "engine.kafka.unreachable" || !strings.Contains(err.Error(), "refused") {
		t.Errorf("%v", err)
	}
	reach.d = 0
	d.detect.generation = nil
	if err := r.Ready(); pipeline.Code(err) != "engine.stage.joining" {
		t.Errorf("%v", err)
	}
}

// silence is a cluster that has not answered for a while.
type silence struct {
	broker.Cluster
	d time.Duration
}

func (s *silence) Unreachable() (time.Duration, error) { return s.d, errors.New("connection refused") }

func TestWhatCantBeHadIsPassedOver(t *testing.T) {
	client, err := broker.Open(broker.Config{Bootstrap: []string{"127.0.0.1:1"}})
	must(t, err)
	defer client.Close()
	f := client.NewFetcher(broker.FetchConfig{})
	defer f.Close()
	counted := (&pipeline.Metrics{}).Counter("n", "", "stage", "topic", "reason")
	s := &stageRun{stage: pipeline.Detect, logger: slog.New(slog.NewTextHandler(testWriter{t}, nil)), faults: counted}
	tp := broker.TopicPartition{Topic: "in", Partition: 1}
	other := errors.New("not allowed")
	for _, c := range []struct {
		err  error
		ends bool
	}{
		{nil, false},
		{&broker.GapError{TopicPartition: tp, From: 5, To: 9}, false},
		{&broker.CorruptError{TopicPartition: tp, From: 9, To: 12, Err: other}, false},
		{&broker.GapError{TopicPartition: tp, From: 9, To: 5}, true},                  // the log is shorter than what is committed
		{&broker.CorruptError{TopicPartition: tp, From: 9, To: -1, Err: other}, true}, // where it goes on is not known
		{other, true},
	} {
		chunk := broker.Chunk{TopicPartition: tp, Next: 9, Stable: -1, Err: c.err}
		if err := s.fault(f, &chunk); (err != nil) != c.ends || c.ends && err != c.err {
			t.Errorf("%v: %v", c.err, err)
		}
	}
	if n := testutil.ToFloat64(counted.WithLabelValues("detect", "in", "retention_gap")); n != 4 {
		t.Errorf("%g records are counted as gone", n)
	}
	if n := testutil.ToFloat64(counted.WithLabelValues("detect", "in", "corrupt")); n != 3 {
		t.Errorf("%g records are counted as corrupt", n)
	}
}

func TestAPartitionThatStoppedIsNotIdle(t *testing.T) {
	l := &plainLane{}
	tp := broker.TopicPartition{Topic: "in"}
	r := newLaneRun(tp, l, 5, &noFetcher{}, 1000)
	s := &stageRun{lanes: map[broker.TopicPartition]*laneRun{tp: r}}
	s.dispatch(&broker.Chunk{TopicPartition: tp, Next: 5, Stable: -1, Err: errors.New("corrupt")})
	s.dispatch(&broker.Chunk{TopicPartition: tp, Next: 5, Stable: 5}) // there is something before it: not idle yet
	close(r.queue)
	r.run(t.Context(), func(err error) { t.Error(err) })
	if len(l.idles) != 0 {
		t.Errorf("idle %d times", len(l.idles))
	}
}

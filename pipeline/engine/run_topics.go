package engine

import (
	"context"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
)

// ensureTopics looks at the producers' topics, decides what is fused, and makes the pipeline's own.
func (r *Runner) ensureTopics(ctx context.Context) error {
	for i := range r.plan.Sources {
		s := &r.plan.Sources[i]
		if s.Topic == "" {
			return pipeline.Errorf("run.source.file", "source %s reads files, which a run over Kafka does not: use backtest, or feed the files to a topic and name it", s.Name)
		}
		n, err := r.cluster.Partitions(ctx, s.Topic)
		if err != nil {
			return err
		}
		r.partitions[s.Topic] = n
	}
	r.plan.Place(r.partitions)
	var own []broker.Topic
	for _, t := range r.plan.OwnTopics() {
		own = append(own, broker.Topic{Name: t.Name, Partitions: t.Partitions, Settings: t.Config})
	}
	if err := r.cluster.EnsureTopics(ctx, own); err != nil {
		return err
	}
	for _, t := range own {
		n, err := r.cluster.Partitions(ctx, t.Name)
		if err != nil {
			return err
		}
		r.partitions[t.Name] = n
	}
	r.plan.Topics.Columns.Partitions = max(r.partitions[r.plan.Topics.Columns.Name], 1)
	r.times = timesTopic{Name: r.plan.Topics.Times.Name, Partitions: r.partitions[r.plan.Topics.Times.Name]}
	r.plan.Topics.State.Partitions = r.partitions[r.plan.Topics.State.Name]
	r.noteLanes()
	return nil
}

func (r *Runner) partitionsOf(topic string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.partitions[topic]
}

// look sees whether partitions were added to the producers' topics since.
func (r *Runner) look(ctx context.Context) error {
	for i := range r.plan.Sources {
		s := &r.plan.Sources[i]
		n, err := r.present(ctx, s.Topic)
		if err != nil {
			return err
		}
		if n == r.partitionsOf(s.Topic) {
			continue
		}
		if err := r.plan.CheckPartitions(s.Name, n); err != nil {
			return err
		}
		r.logger.Info("a topic has more partitions than before", "topic", s.Topic, "partitions", n)
		r.mu.Lock()
		r.partitions[s.Topic] = n
		r.mu.Unlock()
	}
	r.noteLanes()
	return nil
}

// absentLimit is how long a topic that was there may be unknown: a broker that has just started learns of topics one by one.
const absentLimit = 10 * time.Second

// present returns the number of partitions of a topic that was there before. It waits whatever becomes of the generation: the
// group's own look at its topics ends one after the other while one is missing.
func (r *Runner) present(ctx context.Context, topic string) (int, error) {
	ctx = context.WithoutCancel(ctx)
	for start, pause := time.Now(), 50*time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		n, err := r.cluster.Partitions(ctx, topic)
		if pipeline.Code(err) != "kafka.topic.missing" {
			return n, err
		}
		if time.Since(start) > absentLimit {
			return 0, &goneError{err}
		}
		time.Sleep(pause)
	}
}

// goneError ends the process also when its generation has ended meanwhile.
type goneError struct{ error }

func (e *goneError) Unwrap() error { return e.error }

// noteLanes says which lanes there are, for those that wait for their time.
func (r *Runner) noteLanes() {
	r.mu.Lock()
	defer r.mu.Unlock()
	sets := &laneSets{events: map[string]int{}, columns: map[string]int{}}
	for i := range r.plan.Sources {
		s := &r.plan.Sources[i]
		if s.Fused {
			sets.events[s.Name] = r.partitions[s.Topic]
		} else {
			sets.columns[s.Name] = r.partitions[s.Topic]
		}
	}
	if r.plan.Ingest.Runs() {
		sets.events[columnsSource] = r.plan.Topics.Columns.Partitions
	}
	r.lanes.Store(sets)
}

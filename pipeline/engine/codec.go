package engine

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/engine/snapshot"
	"github.com/homeostat/homeostat/pipeline/plan"
	"github.com/homeostat/homeostat/schemas/codec/sniff"
)

// A source whose configuration says codec: auto has its codec found out by the first process that runs it: from the beginning of its topic,
// once there are records. The answer is pinned beside the snapshots, and all processes and later starts keep to it. Until it is
// there, lanes that have records wait as they do for a schema registry; a topic without records keeps nobody waiting.

// How much of a topic is looked at: some records from the beginning of each of its partitions.
const (
	sniffRecords   = 2000
	sniffPartition = 200
	sniffBytes     = 8 << 20
)

// A few records say little. While there are less than few, more are waited for, for as long as soon.
const (
	few  = 20
	soon = 5 * time.Second
)

// search is a codec that is being found out.
type search struct {
	source *plan.Source
	made   atomic.Pointer[plan.Codec]
}

// newCodec makes the codec of a lane; nil for a source that makes columns itself.
func (s *surroundings) newCodec(src *plan.Source) (pipeline.Codec, error) {
	if f := s.codecs[src.Name]; f != nil {
		return &foundCodec{search: f}, nil
	}
	if src.Codec == nil {
		return nil, nil
	}
	return src.Codec.Entry.New(src.Codec.Settings)
}

// foundCodec is the codec of a lane that began before it was found.
type foundCodec struct {
	*search
	codec pipeline.Codec
}

// Decode implements pipeline.Codec.
func (c *foundCodec) Decode(rec *pipeline.Record, out *pipeline.Columns) error {
	if c.codec == nil {
		made := c.made.Load()
		if made == nil {
			return &pipeline.Unavailable{Err: pipeline.Errorf("codec.auto.waiting", "the codec of source %s is not found yet: the process looks at topic %s and says in its log what it sees", c.source.Name, c.source.Topic)}
		}
		codec, err := made.Entry.New(made.Settings)
		if err != nil {
			return &pipeline.Unavailable{Err: err} // it was made before, so it is no fault of the record
		}
		c.codec = codec
	}
	return c.codec.Decode(rec, out)
}

// PinStore is where the codecs lie that were found for a plan's sources: beside the snapshots.
func PinStore(p *plan.Plan, c broker.Cluster) snapshot.Pins {
	return StateStore(p, c).(snapshot.Pins)
}

// TakePins puts the codecs that were found before into the plan, and says what was found, and what was not.
func TakePins(ctx context.Context, p *plan.Plan, pins snapshot.Pins) error {
	var found []snapshot.Pin
	for i := range p.Sources {
		src := &p.Sources[i]
		if !src.Codec.Undecided() || src.Topic == "" {
			continue
		}
		if found == nil {
			var err error
			if found, err = pins.Pins(ctx); err != nil {
				return err
			}
		}
		if i := slices.IndexFunc(found, func(pin snapshot.Pin) bool { return pin.Source == src.Name && pin.Topic == src.Topic }); i >= 0 {
			codec, err := pinned(p, src, &found[i])
			if err != nil {
				return err
			}
			src.Codec = codec
		}
	}
	return nil
}

// pinned is the codec that a pin names.
func pinned(p *plan.Plan, src *plan.Source, pin *snapshot.Pin) (*plan.Codec, error) {
	if only := src.Codec.Settings.Texts("candidates"); src.Codec.Undecided() && len(only) > 0 && !slices.Contains(only, pin.Codec) {
		return nil, pipeline.Errorf("codec.auto.candidates", "for source %s the codec %s was found before, which is none of its candidates now: add it to them, or forget it with homeostat state codec %s --forget", src.Name, pin.Codec, src.Name)
	}
	entry, settings, err := sniff.Settled(p.Registry, pin.Codec, pin.Settings)
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", src.Name, err)
	}
	return &plan.Codec{Name: pin.Codec, Entry: entry, Settings: settings, Found: []string{
		fmt.Sprintf("found by codec: auto, pinned %s by %s: changed by a person only", pin.Written.UTC().Format(time.RFC3339), pin.Instance),
		"seen: " + pin.Evidence,
	}}, nil
}

// takePins takes over what was found before, and notes what this process has to find out.
func (r *Runner) takePins(ctx context.Context, chosen []*plan.Stage) error {
	if !slices.ContainsFunc(chosen, func(s *plan.Stage) bool { return s.Stage == pipeline.Ingest || s.Stage == pipeline.Detect }) {
		return nil // others decode nothing
	}
	if err := TakePins(ctx, r.plan, PinStore(r.plan, r.cluster)); err != nil {
		return err
	}
	r.codecs = map[string]*search{}
	for i := range r.plan.Sources {
		if src := &r.plan.Sources[i]; src.Codec.Undecided() {
			r.codecs[src.Name] = &search{source: src}
		} else if src.Codec != nil && len(src.Codec.Found) > 0 {
			r.logger.Info("the codec of a source is the one that was found before", "source", src.Name, "codec", src.Codec.Name)
		}
	}
	return nil
}

// findCodec finds out the codec of a source, if need be once its topic has records. An error says why it can't be told.
func (r *Runner) findCodec(ctx context.Context, f *search) error {
	var began, told time.Time
	pins := PinStore(r.plan, r.cluster)
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		done, answer, err := r.tryToFind(ctx, f, pins, !began.IsZero() && time.Since(began) >= soon || r.opts.UntilEnd)
		if done || err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		switch {
		case answer.Verdict != sniff.Empty && began.IsZero():
			began, pause = time.Now(), firstPause
		case answer.Verdict == sniff.Empty && (told.IsZero() || time.Since(told) >= reminder):
			told = time.Now()
			r.logger.Info("the codec of a source is auto and its topic has no records yet: waiting for the first ones", "source", f.source.Name, "topic", f.source.Topic)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

// tryToFind looks once. last says that there will be no more records to wait for.
func (r *Runner) tryToFind(ctx context.Context, f *search, pins snapshot.Pins, last bool) (done bool, a *sniff.Answer, err error) {
	all, err := pins.Pins(ctx) // another process may have found it
	if err != nil {
		return false, nil, err
	}
	if i := slices.IndexFunc(all, func(p snapshot.Pin) bool { return p.Source == f.source.Name && p.Topic == f.source.Topic }); i >= 0 {
		return true, nil, r.settle(f, &all[i])
	}
	if a, err = r.sniff(ctx, f.source); err != nil {
		return false, nil, err
	}
	if a.Verdict == sniff.Empty || a.Records < few && !last {
		return false, a, nil
	}
	if err := a.Err(fmt.Sprintf("topic %s of source %s", f.source.Topic, f.source.Name)); err != nil {
		return false, a, err
	}
	pin, err := pins.Hold(ctx, snapshot.Pin{Source: f.source.Name, Topic: f.source.Topic, Codec: a.Best.Codec, Settings: a.Best.Settings,
		Evidence: a.Evidence(), Instance: r.plan.Instance, Written: time.Now().UTC().Truncate(time.Second)})
	if err != nil {
		return false, a, err
	}
	return true, a, r.settle(f, &pin)
}

// settle lets the lanes of a source begin.
func (r *Runner) settle(f *search, pin *snapshot.Pin) error {
	codec, err := pinned(r.plan, f.source, pin)
	if err != nil {
		return err
	}
	f.made.Store(codec)
	r.logger.Info("the codec of a source was found and is kept to from now on", "source", f.source.Name, "topic", f.source.Topic, "codec", pin.Codec, "seen", pin.Evidence)
	return nil
}

// sniff looks at the beginning of a source's topic.
func (r *Runner) sniff(ctx context.Context, src *plan.Source) (*sniff.Answer, error) {
	n := max(1, r.partitionsOf(src.Topic))
	partitions := make([]broker.TopicPartition, n)
	for i := range partitions {
		partitions[i] = broker.TopicPartition{Topic: src.Topic, Partition: int32(i)}
	}
	found, err := broker.Sample(ctx, r.cluster, partitions, broker.SampleConfig{
		Places: []broker.Place{broker.Beginning}, Records: min(sniffPartition, max(1, sniffRecords/n)), Bytes: sniffBytes / n})
	if err != nil {
		return nil, err
	}
	var records []pipeline.Record
	for _, s := range found {
		records = append(records, s.Records...)
	}
	return sniff.Sniff(r.plan.Registry, records, src.Codec.Settings.Texts("candidates")...), nil
}

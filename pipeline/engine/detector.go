package engine

import (
	"io"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// FromDetector makes an operator of a detector: it consumes closed windows and emits finding.v1 events, and windows of
// scores where the detector gives them. The
// operator can be snapshotted if the detector can.
func FromDetector(d pipeline.Detector) pipeline.Operator {
	op := &detector{detector: d}
	if s, ok := d.(pipeline.Snapshotter); ok {
		return &statefulDetector{op, s}
	}
	return op
}

type detector struct {
	detector pipeline.Detector
	env      *pipeline.Env
	found    []pipeline.Finding
	events   []schemas.Event
	scores   scores
}

type statefulDetector struct {
	*detector
	state pipeline.Snapshotter
}

// Snapshot implements pipeline.Snapshotter.
func (d *statefulDetector) Snapshot() (pipeline.Frozen, error) { return d.state.Snapshot() }

// Restore implements pipeline.Snapshotter.
func (d *statefulDetector) Restore(r io.Reader) error { return d.state.Restore(r) }

// Hold implements pipeline.Holder.
func (d *detector) Hold(hold func(uint32)) {
	if h, ok := d.detector.(pipeline.Holder); ok {
		h.Hold(hold)
	}
}

// Open implements pipeline.Operator.
func (d *detector) Open(env *pipeline.Env) error {
	d.env = env
	return d.detector.Open(env)
}

// heeds tells whether the detector wants to hear of changes.
func (d *detector) heeds() bool {
	_, ok := d.detector.(pipeline.Heeder)
	return ok
}

// heed tells a detector of the changes among events.
func (d *detector) heed(b pipeline.Batch) error {
	for i := range b.Rows() {
		if b.Record.Column(pipeline.EventType).(*array.String).Value(i) != schemas.TypeChange {
			continue
		}
		e := schemas.EventAt(b, i)
		var c schemas.Change
		if err := e.Into(&c); err != nil {
			return err
		}
		d.detector.(pipeline.Heeder).Heed(&pipeline.Change{Kind: c.Kind, Entities: c.Entities, System: e.System, Time: e.Time})
	}
	return nil
}

// Process implements pipeline.Operator.
func (d *detector) Process(b pipeline.Batch, out pipeline.Emitter) error {
	if b.Kind == pipeline.Events {
		return d.heed(b)
	}
	if b.Kind != pipeline.Windows || b.Rows() == 0 {
		return nil
	}
	w := WindowOf(b)
	var err error
	if d.found, err = d.detector.Detect(&w, d.found[:0]); err != nil {
		return err
	}
	return d.tell(pipeline.Batch{Series: b.Series, Position: b.Position, Revision: b.Revision}, w.Start, w.End, out)
}

// Watermark implements pipeline.Watermarker.
func (d *detector) Watermark(t int64, out pipeline.Emitter) error {
	c, ok := d.detector.(pipeline.Concluder)
	if !ok {
		return nil
	}
	var err error
	if d.found, err = c.Conclude(t, d.found[:0]); err != nil {
		return err
	}
	return d.tell(pipeline.Batch{Series: d.env.Series}, 0, 0, out)
}

// tell emits the scores and the findings of one call of the detector, about the window [start, end) if the detector does not say of
// which. of is a batch without a record.
func (d *detector) tell(of pipeline.Batch, start, end int64, out pipeline.Emitter) error {
	if s, ok := d.detector.(pipeline.Scorer); ok {
		if c, ok := d.detector.(pipeline.Concluder); ok {
			start, end = c.Judged()
		}
		if err := d.scores.emit(d.env, s.Scores(), of, start, end, out); err != nil {
			return err
		}
	}
	if len(d.found) == 0 {
		return nil
	}
	d.events = d.events[:0]
	for i := range d.found {
		f := &d.found[i]
		e, err := schemas.NewFindingEvent(d.env, f, of.Series.At(f.Series))
		if err != nil {
			return err
		}
		d.events = append(d.events, e)
	}
	events := schemas.NewEvents(d.env.Allocator, d.events)
	events.Position = of.Position
	return out.Emit(events)
}

// Close implements pipeline.Operator. A detector that holds resources implements io.Closer.
func (d *detector) Close() error {
	if c, ok := d.detector.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// WindowOf returns the columns of a batch of kind Windows, borrowed from it. The batch has at least one row.
func WindowOf(b pipeline.Batch) pipeline.Window {
	f64 := func(col int) []float64 { return b.Record.Column(col).(*array.Float64).Float64Values() }
	i64 := func(col int) []int64 { return b.Record.Column(col).(*array.Int64).Int64Values() }
	return pipeline.Window{
		Start: i64(pipeline.WindowStart)[0], End: i64(pipeline.WindowEnd)[0],
		Series: b.Record.Column(pipeline.WindowSeries).(*array.Uint32).Uint32Values(),
		Count:  i64(pipeline.WindowCount),
		Sum:    f64(pipeline.WindowSum), Min: f64(pipeline.WindowMin), Max: f64(pipeline.WindowMax), Last: f64(pipeline.WindowLast),
		Table: b.Series, Revision: b.Revision,
	}
}

package window

import (
	"fmt"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// Window is the operator. What it keeps depends on the kind of its windows: aligned or sequence.
type Window struct {
	settings
	*shared
	cutter
}

// cutter is a way to cut time into windows.
type cutter interface {
	points(series []uint32, times, starts []int64, values []float64, lost *losses)
	logs(streams []uint32, times []int64, severities []uint8, lost *losses)
	// advance closes the windows that end at or before t, which is later than any t before.
	advance(t int64, out pipeline.Emitter) error
	// hold visits the series that have rows in what is kept.
	hold(visit func(series uint32))
	// freeze adds what is open to a frozen state.
	freeze(f *frozen)
	// load reads the windows that a snapshot has open, before what is in them.
	load(s *state.Reader, lane times)
	// place returns the cell of a series in the window of that start, while a snapshot is read. It is made if there is none and
	// fresh; nil is a place that can't be.
	place(window int64, series uint32, fresh bool) *cell
}

// shared is what all kinds of windows need.
type shared struct {
	env     *pipeline.Env
	table   *pipeline.SeriesTable
	schema  *arrow.Schema
	types   []pipeline.SeriesType // by ordinal, so that the hot path does not chase pointers
	pool    pool
	wides   wides
	limit   int64
	bytes   int64            // of all that is kept
	spare   func(need int64) // gives memory back, if it can
	closed  int64            // the watermark; windows that end at or before it are closed
	timely  bool             // whether there was a watermark
	scratch []row
}

const severityError = 17 // OpenTelemetry: ERROR and above

// New makes the operator.
func New(s pipeline.Settings) (pipeline.Operator, error) {
	cfg, err := read(s)
	if err != nil {
		return nil, err
	}
	o := &Window{settings: cfg, shared: &shared{limit: s.Int("limit")}}
	if cfg.kind == aligned {
		o.cutter = newPanes(o.shared, cfg)
	} else {
		o.cutter = &sequence{shared: o.shared, settings: cfg}
	}
	return o, nil
}

// Open implements pipeline.Operator.
func (o *Window) Open(env *pipeline.Env) error {
	o.env, o.table, o.schema = env, env.Series, pipeline.Windows.Schema()
	if env.Reopen > 0 && (o.kind != aligned || o.size != o.every) {
		return pipeline.Errorf("window.reopen", "windows that are %s can't be opened again for late rows: use windows of a size alone, or another late policy", o.what())
	}
	return nil
}

// Close implements pipeline.Operator. What was frozen may still be read.
func (o *Window) Close() error { return nil }

// Describe implements pipeline.Describer.
func (o *Window) Describe() string {
	return fmt.Sprintf("windows that are %s; what is open takes up to %d MiB a lane", o.what(), o.limit>>20)
}

// Rhythm implements pipeline.Rhythmic.
func (o *Window) Rhythm() pipeline.Rhythm {
	if o.kind != aligned {
		return pipeline.Rhythm{}
	}
	return pipeline.Rhythm{Size: time.Duration(o.size), Every: time.Duration(o.every)}
}

// Process implements pipeline.Operator.
func (o *Window) Process(b pipeline.Batch, _ pipeline.Emitter) error {
	for n := len(o.types); n < o.table.Len(); n++ {
		o.types = append(o.types, o.table.At(uint32(n)).Type)
	}
	lost := losses{}
	switch b.Kind {
	case pipeline.Points:
		o.cutter.points(b.Record.Column(pipeline.PointSeries).(*array.Uint32).Uint32Values(), int64s(b, pipeline.PointTime), int64s(b, pipeline.PointStart),
			b.Record.Column(pipeline.PointValue).(*array.Float64).Float64Values(), &lost)
	case pipeline.Logs:
		o.cutter.logs(b.Record.Column(pipeline.LogStream).(*array.Uint32).Uint32Values(), int64s(b, pipeline.LogTime),
			b.Record.Column(pipeline.LogSeverity).(*array.Uint8).Uint8Values(), &lost)
	}
	o.lose(lost)
	return nil
}

func int64s(b pipeline.Batch, col int) []int64 {
	return b.Record.Column(col).(*array.Int64).Int64Values()
}

// Watermark implements pipeline.Watermarker: it closes the windows that end at or before t.
func (o *Window) Watermark(t int64, out pipeline.Emitter) error {
	if o.timely && t <= o.closed {
		return nil
	}
	o.closed, o.timely = t, true
	return o.advance(t, out)
}

// Hold implements pipeline.Holder: a series stays as long as a window has rows of it.
func (o *Window) Hold(hold func(uint32)) { o.cutter.hold(hold) }

// losses are the rows of a batch that end here.
type losses struct{ late, evicted, limit, notFinite, range_ int }

func (s *shared) lose(l losses) {
	for _, c := range [...]struct {
		reason string
		rows   int
	}{{"late", l.late}, {"window_evicted", l.evicted}, {"window_limit", l.limit}, {"not_finite", l.notFinite}, {"time_range", l.range_}} {
		if c.rows > 0 {
			s.env.Lose(c.reason, c.rows)
		}
	}
}

// afford tells whether n more bytes may be taken, after giving back what can be missed.
func (s *shared) afford(n int64) bool {
	if s.bytes+n > s.limit && s.spare != nil {
		s.spare(n)
	}
	return s.bytes+n <= s.limit
}

// Times so near the ends of what 64 bits hold have no window around them.
const (
	earliest = -1 << 62
	latest   = 1<<62 - 1
)

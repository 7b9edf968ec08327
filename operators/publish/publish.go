// Package publish sends the closed windows of declared series on to operate: one window.v1 event a system and window,
// its body an Arrow IPC stream (schemas.EncodeWindows), or several where one would be larger than a topic takes. The
// series of the service-level objectives (pipeline.SLIMetric) always go. Its volume is bounded by what is declared.
//
// The rows of a window may come in several batches (those of the window operator and those derived from them): the
// event goes out when a row of a later window comes, or the watermark reaches the window's end.
package publish

import (
	"strconv"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

const name = "publish"

// Spec describes the operator.
func Spec() pipeline.Spec {
	return pipeline.Spec{
		Name: name, Version: 1, Stage: pipeline.Detect,
		Doc:      "Sends the closed windows of declared series, and of all objectives, on to operate.",
		Consumes: []pipeline.Kind{pipeline.Windows}, Emits: []pipeline.Kind{pipeline.Events},
		Settings: []pipeline.Setting{{
			Name: "series", Type: pipeline.List, Doc: "The declared series; the planner fills it in from the section declare.",
			Fields: []pipeline.Setting{{Type: pipeline.Object, Fields: []pipeline.Setting{
				{Name: "metric", Type: pipeline.String, Required: true},
				{Name: "labels", Type: pipeline.Map, Fields: []pipeline.Setting{{Type: pipeline.String}}},
			}}},
		}},
	}
}

// Register adds the operator to the registry.
func Register(r *pipeline.Registry) { r.AddOperator(Spec(), New) }

// Publisher is the operator. Its state is the rows of one window.
type Publisher struct {
	env      *pipeline.Env
	declared []pipeline.Selector
	// places says of each series, by ordinal, where it goes: 0 was not looked at, 1 nowhere, else the system's index plus 2.
	places  []int
	systems []system
	table   *pipeline.SeriesTable
	// position is that of the last batch.
	position   pipeline.Position
	start, end int64
	done       int64 // end of the last window that went out
}

// system holds the rows of the open window, as columns of kind Windows.
type system struct {
	name string
	rows []row
}

type row struct {
	series              uint32
	count               int64
	sum, min, max, last float64
}

// New makes the operator.
func New(s pipeline.Settings) (pipeline.Operator, error) {
	p := &Publisher{}
	for _, o := range s.Objects("series") {
		p.declared = append(p.declared, pipeline.Selector{Metric: o.Text("metric"), Labels: o.TextMap("labels")})
	}
	return p, nil
}

// Open implements pipeline.Operator.
func (p *Publisher) Open(env *pipeline.Env) error {
	p.env, p.table = env, env.Series
	return nil
}

// Close implements pipeline.Operator.
func (p *Publisher) Close() error { return nil }

// Process implements pipeline.Operator.
func (p *Publisher) Process(b pipeline.Batch, out pipeline.Emitter) error {
	if b.Rows() == 0 {
		return nil
	}
	col := func(i int) []float64 { return b.Record.Column(i).(*array.Float64).Float64Values() }
	i64 := func(i int) []int64 { return b.Record.Column(i).(*array.Int64).Int64Values() }
	starts, ends, counts := i64(pipeline.WindowStart), i64(pipeline.WindowEnd), i64(pipeline.WindowCount)
	sums, mins, maxs, lasts := col(pipeline.WindowSum), col(pipeline.WindowMin), col(pipeline.WindowMax), col(pipeline.WindowLast)
	p.position = b.Position
	for i, s := range b.Record.Column(pipeline.WindowSeries).(*array.Uint32).Uint32Values() {
		at := p.place(s)
		if at < 0 {
			continue
		}
		if ends[i] <= p.done || ends[i] < p.end {
			p.env.Lose("late", 1)
			continue
		}
		if ends[i] > p.end {
			if err := p.flush(out); err != nil {
				return err
			}
			p.start, p.end = starts[i], ends[i]
		}
		p.systems[at].rows = append(p.systems[at].rows, row{s, counts[i], sums[i], mins[i], maxs[i], lasts[i]})
	}
	return nil
}

// Watermark implements pipeline.Watermarker.
func (p *Publisher) Watermark(t int64, out pipeline.Emitter) error {
	if p.end == 0 || t < p.end {
		return nil
	}
	return p.flush(out)
}

// place returns the index of the series' system, or -1 if it is not declared.
func (p *Publisher) place(s uint32) int {
	for int(s) >= len(p.places) {
		p.places = append(p.places, 0)
	}
	if p.places[s] == 0 {
		p.places[s] = p.look(p.table.At(s))
	}
	return p.places[s] - 2
}

func (p *Publisher) look(s *pipeline.Series) int {
	goes := s.Metric == pipeline.SLIMetric
	for _, sel := range p.declared {
		goes = goes || sel.Match(s)
	}
	if !goes {
		return 1
	}
	for i := range p.systems {
		if p.systems[i].name == s.System {
			return i + 2
		}
	}
	p.systems = append(p.systems, system{name: s.System})
	return len(p.systems) + 1
}

// flush sends the open window's rows: an event a system, more for a large one.
func (p *Publisher) flush(out pipeline.Emitter) error {
	var events []schemas.Event
	for i := range p.systems {
		if len(p.systems[i].rows) == 0 {
			continue
		}
		parts, err := p.events(&p.systems[i])
		if err != nil {
			return err
		}
		events = append(events, parts...)
		p.systems[i].rows = p.systems[i].rows[:0]
	}
	if p.end != 0 {
		p.done = p.end
	}
	p.end = 0
	if len(events) == 0 {
		return nil
	}
	batch := schemas.NewEvents(p.env.Allocator, events)
	batch.Position = p.position
	return out.Emit(batch)
}

// bodyBytes bounds the body of an event, by an estimate: Kafka takes a megabyte by default.
const bodyBytes = 512 << 10

// events makes the events of a system's rows.
func (p *Publisher) events(s *system) ([]schemas.Event, error) {
	b := p.batch(s.rows)
	defer b.Release()
	var events []schemas.Event
	var rows []int
	size := 0
	for i, r := range s.rows {
		n := rowBytes(p.table.At(r.series))
		if size+n > bodyBytes && len(rows) > 0 {
			e, err := p.event(s, b, rows, len(events))
			if err != nil {
				return nil, err
			}
			events, rows, size = append(events, e), rows[:0], 0
		}
		rows, size = append(rows, i), size+n
	}
	e, err := p.event(s, b, rows, len(events))
	return append(events, e), err
}

// rowBytes estimates what a row takes: its texts, the labels as JSON, and a dozen numbers and offsets.
func rowBytes(s *pipeline.Series) int {
	n := 100 + len(s.Metric) + len(s.Unit) + len(s.Entity) + len(s.System) + len(s.Domain)
	for _, l := range s.Labels {
		n += len(`["",""],`) + len(l.Name) + len(l.Value)
	}
	return n
}

// event makes one part of a system's window, of some of the batch's rows.
func (p *Publisher) event(s *system, b pipeline.Batch, rows []int, part int) (schemas.Event, error) {
	body, err := schemas.EncodeWindows(p.env.Allocator, b, rows)
	if err != nil {
		return schemas.Event{}, err
	}
	id := []string{"window", s.name, strconv.FormatInt(p.start, 10), strconv.FormatInt(p.end, 10)}
	if part > 0 {
		id = append(id, strconv.Itoa(part))
	}
	return schemas.Event{
		ID:     p.env.ID(id...),
		Source: schemas.Source(p.env), Type: schemas.TypeWindow, Time: p.end,
		Subject: s.name, System: s.name, Key: s.name, Content: schemas.ContentArrow, Data: body,
	}, nil
}

func (p *Publisher) batch(rows []row) pipeline.Batch {
	b := array.NewRecordBuilder(p.env.Allocator, pipeline.Windows.Schema())
	defer b.Release()
	i64 := func(col int, v int64) { b.Field(col).(*array.Int64Builder).Append(v) }
	f64 := func(col int, v float64) { b.Field(col).(*array.Float64Builder).Append(v) }
	for _, r := range rows {
		b.Field(pipeline.WindowSeries).(*array.Uint32Builder).Append(r.series)
		i64(pipeline.WindowStart, p.start)
		i64(pipeline.WindowEnd, p.end)
		i64(pipeline.WindowCount, r.count)
		f64(pipeline.WindowSum, r.sum)
		f64(pipeline.WindowMin, r.min)
		f64(pipeline.WindowMax, r.max)
		f64(pipeline.WindowLast, r.last)
	}
	return pipeline.Batch{Kind: pipeline.Windows, Record: b.NewRecord(), Series: p.table}
}

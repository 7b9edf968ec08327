// Package publish sends the closed windows of declared series on to operate: one window.v1 event an entity and window,
// its body an Arrow IPC stream (schemas.EncodeWindows), or several where one would be larger than a topic takes. The
// series of the service-level objectives (pipeline.SLIMetric) always go. Its volume is bounded by what is declared.
//
// An event's id is that of entity, system, window, part and revision: it does not depend on how entities are spread over
// lanes, as long as each is on one.
//
// The rows of a window may come in several batches (those of the window operator and those derived from them): the
// events go out when a row of another window comes, or the watermark reaches the window's end. A window that was opened again for
// late rows goes out again, with its revision; the time of those events is when that was found out.
package publish

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

const name = "publish"

// Spec describes the operator.
func Spec() pipeline.Spec {
	return pipeline.Spec{
		Name: name, Version: 2, Stage: pipeline.Detect,
		Doc:      "Sends the closed windows of declared series, and of all objectives, on to operate.",
		Consumes: []pipeline.Kind{pipeline.Windows}, Emits: []pipeline.Kind{pipeline.Events},
		Accepts: pipeline.Accepts{Overlapping: true, Irregular: true, Revised: true},
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

// Hold implements pipeline.Holder.
func (p *Publisher) Hold(hold func(uint32)) {
	for i := range p.entities {
		for _, r := range p.entities[i].rows {
			hold(r.series)
		}
	}
}

// Publisher is the operator. Its state is the rows of one window.
type Publisher struct {
	env      *pipeline.Env
	declared []pipeline.Selector
	// places says of each series, by ordinal, where it goes: 0 was not looked at, 1 nowhere, else the entity's index plus 2.
	places   []int
	entities []entity
	indexOf  map[pipeline.Scope]int // by entity and system
	table    *pipeline.SeriesTable
	// position is that of the last batch.
	position pipeline.Position
	open     window
	any      bool   // whether a window is open
	done     window // the last one that went out at its time
	sent     bool   // whether there was one
}

// window names a window. Windows that are no revisions come in order of end and start.
type window struct{ start, end, revision int64 }

func (w window) before(o window) bool { return w.end < o.end || w.end == o.end && w.start < o.start }

// entity holds its rows of the open window.
type entity struct {
	name, system string
	rows         []row
}

type row struct {
	series              uint32
	count               int64
	sum, min, max, last float64
}

// New makes the operator.
func New(s pipeline.Settings) (pipeline.Operator, error) {
	p := &Publisher{indexOf: map[pipeline.Scope]int{}}
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
		w := window{starts[i], ends[i], b.Revision}
		if w.revision == 0 && (p.sent && !p.done.before(w) || p.any && p.open.revision == 0 && w.before(p.open)) {
			p.env.Lose("late", 1)
			continue
		}
		if p.any && w != p.open {
			if err := p.flush(out); err != nil {
				return err
			}
		}
		p.open, p.any = w, true
		p.entities[at].rows = append(p.entities[at].rows, row{s, counts[i], sums[i], mins[i], maxs[i], lasts[i]})
	}
	return nil
}

// Watermark implements pipeline.Watermarker.
func (p *Publisher) Watermark(t int64, out pipeline.Emitter) error {
	if !p.any || t < p.open.end {
		return nil
	}
	return p.flush(out)
}

// place returns the index of the series' entity, or -1 if it is not declared.
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
	key := pipeline.Scope{Entity: s.Entity, System: s.System}
	i, ok := p.indexOf[key]
	if !ok {
		i = len(p.entities)
		p.add(key)
	}
	return i + 2
}

func (p *Publisher) add(key pipeline.Scope) {
	p.indexOf[key] = len(p.entities)
	p.entities = append(p.entities, entity{name: key.Entity, system: key.System})
}

// waiting returns the entities with rows, in order of system and name: which were seen before is forgotten by a restore.
func (p *Publisher) waiting() []*entity {
	var all []*entity
	for i := range p.entities {
		if len(p.entities[i].rows) > 0 {
			all = append(all, &p.entities[i])
		}
	}
	slices.SortFunc(all, func(a, b *entity) int {
		return cmp.Or(cmp.Compare(a.system, b.system), cmp.Compare(a.name, b.name))
	})
	return all
}

// flush sends the open window's rows: an event an entity, more for a large one.
func (p *Publisher) flush(out pipeline.Emitter) error {
	var events []schemas.Event
	for _, e := range p.waiting() {
		parts, err := p.events(e)
		if err != nil {
			return err
		}
		events = append(events, parts...)
		e.rows = e.rows[:0]
	}
	if p.any && p.open.revision == 0 {
		p.done, p.sent = p.open, true
	}
	p.any = false
	if len(events) == 0 {
		return nil
	}
	batch := schemas.NewEvents(p.env.Allocator, events)
	batch.Position = p.position
	return out.Emit(batch)
}

// bodyBytes bounds the body of an event, by an estimate: Kafka takes a megabyte by default.
const bodyBytes = 512 << 10

// events makes the events of an entity's rows.
func (p *Publisher) events(of *entity) ([]schemas.Event, error) {
	// By key, so that the body does not depend on the order in which this lane met its series.
	slices.SortFunc(of.rows, func(a, b row) int {
		return pipeline.CompareKeys(p.table.At(a.series), p.table.At(b.series))
	})
	b := p.batch(of.rows)
	defer b.Release()
	var events []schemas.Event
	var rows []int
	size := 0
	for i, r := range of.rows {
		n := rowBytes(p.table.At(r.series))
		if size+n > bodyBytes && len(rows) > 0 {
			e, err := p.event(of, b, rows, len(events))
			if err != nil {
				return nil, err
			}
			events, rows, size = append(events, e), rows[:0], 0
		}
		rows, size = append(rows, i), size+n
	}
	e, err := p.event(of, b, rows, len(events))
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

// event makes one part of an entity's window, of some of the batch's rows.
func (p *Publisher) event(of *entity, b pipeline.Batch, rows []int, part int) (schemas.Event, error) {
	body, err := schemas.EncodeWindows(p.env.Allocator, b, rows)
	if err != nil {
		return schemas.Event{}, err
	}
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	e := schemas.Event{
		ID:     p.env.ID("window", of.name, of.system, number(p.open.start), number(p.open.end), number(int64(part)), number(p.open.revision)),
		Source: schemas.Source(p.env), Type: schemas.TypeWindow, Time: p.open.end, Revision: p.open.revision,
		Subject: of.name, System: of.system, Key: of.system, Content: schemas.ContentArrow, Data: body,
	}
	if p.open.revision > 0 {
		e.Time = max(e.Time, p.env.Now())
	}
	return e, nil
}

func (p *Publisher) batch(rows []row) pipeline.Batch {
	b := array.NewRecordBuilder(p.env.Allocator, pipeline.Windows.Schema())
	defer b.Release()
	i64 := func(col int, v int64) { b.Field(col).(*array.Int64Builder).Append(v) }
	f64 := func(col int, v float64) { b.Field(col).(*array.Float64Builder).Append(v) }
	for _, r := range rows {
		b.Field(pipeline.WindowSeries).(*array.Uint32Builder).Append(r.series)
		i64(pipeline.WindowStart, p.open.start)
		i64(pipeline.WindowEnd, p.open.end)
		i64(pipeline.WindowCount, r.count)
		f64(pipeline.WindowSum, r.sum)
		f64(pipeline.WindowMin, r.min)
		f64(pipeline.WindowMax, r.max)
		f64(pipeline.WindowLast, r.last)
	}
	return pipeline.Batch{Kind: pipeline.Windows, Record: b.NewRecord(), Series: p.table}
}

package operatortest

import (
	"errors"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/homeostat/homeostat/pipeline"
)

var errRefused = errors.New("the consumer refuses this batch")

// driver runs one variant of a case.
type driver struct {
	*subject
	variant
	t       testing.TB
	mem     *scribbler
	env     *pipeline.Env
	table   *pipeline.SeriesTable
	ord     map[uint32]uint32 // series of the input → ordinal
	rand    *rand.Rand
	op      pipeline.Operator
	out     *Output
	now     int64
	row     int64 // position
	kept    *kept // what was frozen at the last border
	borders int   // so far
}

func (s *subject) drive(t testing.TB, v variant) *Output {
	t.Helper()
	d := &driver{subject: s, variant: v, t: t, mem: newScribbler(), table: pipeline.NewSeriesTable(scopeOf, 0), ord: map[uint32]uint32{}}
	d.rand = rand.New(rand.NewPCG(v.seed, 1))
	d.out = newOutput(d)
	d.env = d.newEnv()
	d.op = s.make(t)
	if err := d.op.Open(d.env); err != nil {
		t.Fatalf("%s: Open: %v", v.name, err)
	}
	d.out.follow(d.op)
	err := d.feed()
	switch {
	case v.failAt > 0 && !errors.Is(err, errRefused):
		t.Errorf("%s: the operator must return the consumer's error, got %v", v.name, err)
	case v.failAt == 0 && err != nil:
		t.Errorf("%s: %v", v.name, err)
	}
	for range 2 {
		if err := d.op.Close(); err != nil {
			t.Errorf("%s: Close: %v", v.name, err)
		}
	}
	if err := d.settle(); err != nil {
		t.Errorf("%s: writing a frozen state: %v", v.name, err)
	}
	d.out.release()
	d.mem.check(t)
	return d.out
}

func (d *driver) newEnv() *pipeline.Env {
	env := &pipeline.Env{
		Pipeline: "test", Component: "op", Lane: "0",
		Allocator: d.mem, Series: d.table, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Metrics: &pipeline.Metrics{},
		Now: func() int64 { return d.now }, Rand: rand.New(rand.NewPCG(7, 7)),
		Lose:   func(reason string, n int) { d.out.Lost[reason] += n },
		Window: 10e9, Scope: scopeOf,
	}
	if d.Env != nil {
		d.Env(env)
	}
	return env
}

// scopeOf is the kit's rule for scopes.
func scopeOf(_ string, labels pipeline.Labels) pipeline.Scope {
	entity := ""
	for _, name := range []string{"entity", "service", "host"} {
		if entity == "" {
			entity = labels.Get(name)
		}
	}
	system := labels.Get("system")
	if system == "" {
		system = "default"
	}
	return pipeline.Scope{Entity: entity, System: system, Domain: entity}
}

func (d *driver) feed() error {
	steps := d.Input.steps
	if d.steps > 0 {
		steps = steps[:d.steps]
	}
	safe := d.safeTimes(steps)
	for i, st := range steps {
		var err error
		if st.record == nil {
			if d.time != atEnd || i == lastWatermark(steps) {
				err = d.watermark(st.watermark)
			}
		} else {
			err = d.rows(st, safe[i])
		}
		d.out.endStep()
		if err != nil {
			return err
		}
	}
	return nil
}

func lastWatermark(steps []step) int {
	for i := len(steps) - 1; i >= 0; i-- {
		if steps[i].record == nil {
			return i
		}
	}
	return -1
}

// rows feeds one step's rows in batches. safe[i] is a watermark that may be told before row i.
func (d *driver) rows(st step, safe []int64) error {
	n := int(st.record.NumRows())
	order := d.order(st)
	for from := 0; from < n; {
		size := d.size
		if size == 0 || st.revision > 0 { // a window that is told anew is one batch
			size = n
		} else if size < 0 {
			size = 1 + d.rand.IntN(min(n, 40))
		}
		to := min(n, from+size)
		if d.time == between && safe[from] > d.now {
			if err := d.watermark(safe[from]); err != nil {
				return err
			}
		}
		if err := d.process(st, order, from, to); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// order returns the rows of a step in the order in which they are fed. Series are interned in the order of the input in any
// case, since rows of a window come out by ordinal.
func (d *driver) order(st step) []int {
	order := make([]int, st.record.NumRows())
	for i := range order {
		order[i] = i
	}
	if !d.shuffle {
		return order
	}
	if series, ok := st.record.Column(0).(*array.Uint32); ok {
		for _, s := range series.Uint32Values() {
			d.ordinal(s)
		}
	}
	d.rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	return order
}

func (d *driver) process(st step, order []int, from, to int) error {
	b := pipeline.Batch{
		Kind: st.kind, Record: d.cut(st, order[from:to]), Revision: st.revision,
		Position: pipeline.Position{Topic: "operatortest", First: d.row, Next: d.row + int64(to-from)},
	}
	d.row = b.Position.Next
	if st.kind != pipeline.Events {
		b.Series = d.table
	}
	err := d.op.Process(b, emitter{d})
	b.Release()
	if err != nil {
		return err
	}
	return d.border()
}

func (d *driver) watermark(t int64) error {
	d.now = max(d.now, t)
	if w, ok := d.op.(pipeline.Watermarker); ok {
		if err := w.Watermark(t, emitter{d}); err != nil {
			return err
		}
	}
	return d.border()
}

// safeTimes returns for each row of each step the latest watermark that breaks no promise when it is told before
// that row: none that makes a row late that was not, or later than it was, and none after the next watermark of the input.
func (d *driver) safeTimes(steps []step) [][]int64 {
	if d.time != between {
		return make([][]int64, len(steps))
	}
	marks := make([]int64, len(steps)) // the watermark before each step
	mark := int64(math.MinInt64)
	for i, st := range steps {
		marks[i] = mark
		if st.record == nil {
			mark = max(mark, st.watermark)
		}
	}
	safe := make([][]int64, len(steps))
	bound := mark
	for i := len(steps) - 1; i >= 0; i-- {
		st := steps[i]
		if st.record == nil {
			bound = min(bound, st.watermark)
			continue
		}
		safe[i] = make([]int64, st.record.NumRows())
		for r := len(safe[i]) - 1; r >= 0; r-- {
			t := timeOf(st.kind, st.record, r)
			if st.kind == pipeline.Windows {
				t--
			}
			bound = min(bound, max(t, marks[i]))
			safe[i][r] = bound
		}
	}
	return safe
}

// cut makes a record of rows of a step in memory of its own, with the ordinals of this run.
func (d *driver) cut(st step, rows []int) arrow.Record {
	pad := 0
	if d.offset {
		pad = 3
	}
	b := array.NewRecordBuilder(d.mem, st.record.Schema())
	defer b.Release()
	for range pad {
		foreign(b)
	}
	for _, i := range rows {
		d.copyRow(b, st, i)
	}
	for range pad {
		foreign(b)
	}
	whole := b.NewRecord()
	if pad == 0 {
		return whole
	}
	defer whole.Release()
	return whole.NewSlice(int64(pad), int64(pad+len(rows)))
}

func (d *driver) copyRow(b *array.RecordBuilder, st step, row int) {
	for c, col := range st.record.Columns() {
		if col.IsNull(row) {
			b.Field(c).AppendNull()
			continue
		}
		switch col := col.(type) {
		case *array.Uint32:
			b.Field(c).(*array.Uint32Builder).Append(d.ordinal(col.Value(row)))
		case *array.Int64:
			b.Field(c).(*array.Int64Builder).Append(col.Value(row))
		case *array.Uint8:
			b.Field(c).(*array.Uint8Builder).Append(col.Value(row))
		case *array.Float64:
			b.Field(c).(*array.Float64Builder).Append(col.Value(row))
		case *array.String:
			b.Field(c).(*array.StringBuilder).Append(col.Value(row))
		case *array.Binary:
			b.Field(c).(*array.BinaryBuilder).Append(col.Value(row))
		default:
			d.t.Fatalf("column %s has a type the kit does not know", st.record.ColumnName(c))
		}
	}
}

// foreign appends a row that nobody may look at.
func foreign(b *array.RecordBuilder) {
	for _, f := range b.Fields() {
		switch f := f.(type) {
		case *array.Uint32Builder:
			f.Append(math.MaxUint32)
		case *array.Int64Builder:
			f.Append(math.MinInt64)
		case *array.Uint8Builder:
			f.Append(math.MaxUint8)
		case *array.Float64Builder:
			f.Append(-1e300)
		case *array.StringBuilder:
			f.Append("foreign")
		case *array.BinaryBuilder:
			f.Append([]byte("foreign"))
		}
	}
}

// ordinal interns a series of the input at first sight, as ingest does.
func (d *driver) ordinal(i uint32) uint32 {
	if o, ok := d.ord[i]; ok {
		return o
	}
	if d.evict {
		label := pipeline.Label{Name: "number", Value: strconv.Itoa(len(d.ord))}
		if _, err := d.table.Intern(strange, "", pipeline.Gauge, []pipeline.Label{label}); err != nil {
			d.t.Fatal(err)
		}
	}
	def := d.Input.series[i]
	var o uint32
	var err error
	if def.scope != nil {
		o, err = d.table.InternScoped(def.metric, def.unit, def.typ, def.labels, *def.scope)
	} else {
		o, err = d.table.Intern(def.metric, def.unit, def.typ, def.labels)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	d.ord[i] = o
	return o
}

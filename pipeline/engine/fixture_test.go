package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/config"
	"github.com/homeostat/homeostat/pipeline/plan"
	"github.com/homeostat/homeostat/schemas"
)

const second = int64(time.Second)

// lines is a codec of lines "series value second". A record that begins with '!' can't be decoded; a line "lost" is
// understood and can't be used.
type lines struct{}

func (lines) Decode(rec *pipeline.Record, out *pipeline.Columns) error {
	for line := range strings.Lines(string(rec.Value)) {
		f := strings.Fields(line)
		switch {
		case len(f) == 1 && f[0] == "lost":
			out.Lose("unusable", 1)
			continue
		case len(f) < 3 || f[0] == "!":
			return pipeline.Errorf("lines.malformed", "line %q has no three words: write series, value and second", line)
		}
		value, err1 := strconv.ParseFloat(f[1], 64)
		at, err2 := strconv.ParseFloat(f[2], 64)
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		series, err := out.Series.Intern(f[0], "", pipeline.Gauge, nil)
		if err != nil {
			return err
		}
		if strings.HasPrefix(f[0], "log") {
			out.Log(series, int64(at*float64(second)), 9, []byte(f[1]))
		} else {
			out.Point(series, int64(at*float64(second)), 0, value)
		}
	}
	return nil
}

// stateless is an operator made of functions, each of which may be nil.
type stateless struct {
	env       *pipeline.Env
	process   func(env *pipeline.Env, b pipeline.Batch, out pipeline.Emitter) error
	watermark func(env *pipeline.Env, t int64, out pipeline.Emitter) error
	open      error
	closed    *int
}

func (o *stateless) Open(env *pipeline.Env) error { o.env = env; return o.open }
func (o *stateless) Process(b pipeline.Batch, out pipeline.Emitter) error {
	if o.process == nil {
		return nil
	}
	return o.process(o.env, b, out)
}
func (o *stateless) Watermark(t int64, out pipeline.Emitter) error {
	if o.watermark == nil {
		return nil
	}
	return o.watermark(o.env, t, out)
}
func (o *stateless) Close() error {
	if o.closed != nil {
		*o.closed++
	}
	return nil
}

// emit sends one event with a text as data.
func emit(env *pipeline.Env, out pipeline.Emitter, typ string, at int64, system, text string) error {
	data, err := json.Marshal(text)
	if err != nil {
		return err
	}
	e := schemas.Event{ID: env.ID(typ, strconv.FormatInt(at, 10), text), Source: schemas.Source(env), Type: typ, Time: at, System: system, Key: system, Subject: text, Data: data}
	return out.Emit(schemas.NewEvents(env.Allocator, []schemas.Event{e}))
}

// echo emits a finding for each point.
func echo(env *pipeline.Env, b pipeline.Batch, out pipeline.Emitter) error {
	values := b.Record.Column(pipeline.PointValue).(*array.Float64)
	for i, s := range b.Record.Column(pipeline.PointSeries).(*array.Uint32).Uint32Values() {
		series, at := b.Series.At(s), b.Record.Column(pipeline.PointTime).(*array.Int64).Value(i)
		if err := emit(env, out, schemas.TypeFinding, at, series.System, fmt.Sprintf("%s=%g", series.Metric, values.Value(i))); err != nil {
			return err
		}
	}
	return nil
}

// bucket sums points up in windows; logs it counts.
type bucket struct {
	size   int64
	env    *pipeline.Env
	table  *pipeline.SeriesTable
	closed int64
	open   map[int64]map[uint32]float64
}

func (o *bucket) Open(env *pipeline.Env) error {
	o.env, o.open, o.closed = env, map[int64]map[uint32]float64{}, math.MinInt64
	return nil
}
func (o *bucket) Close() error { return nil }

func (o *bucket) Process(b pipeline.Batch, _ pipeline.Emitter) error {
	o.table = b.Series
	for i, s := range b.Record.Column(0).(*array.Uint32).Uint32Values() {
		start := floor(b.Record.Column(1).(*array.Int64).Value(i), o.size)
		if start < o.closed {
			o.env.Lose("late", 1)
			continue
		}
		if o.open[start] == nil {
			o.open[start] = map[uint32]float64{}
		}
		v := 1.0
		if b.Kind == pipeline.Points {
			v = b.Record.Column(pipeline.PointValue).(*array.Float64).Value(i)
		}
		o.open[start][s] += v
	}
	return nil
}

func (o *bucket) Watermark(t int64, out pipeline.Emitter) error {
	var due []int64
	for start := range o.open {
		if start+o.size <= t {
			due = append(due, start)
		}
	}
	slices.Sort(due)
	o.closed = floor(t, o.size)
	for _, start := range due {
		sums := o.open[start]
		delete(o.open, start)
		b := array.NewRecordBuilder(o.env.Allocator, pipeline.Windows.Schema())
		for s := range uint32(o.table.Len()) {
			sum, ok := sums[s]
			if !ok {
				continue
			}
			b.Field(pipeline.WindowSeries).(*array.Uint32Builder).Append(s)
			for col, v := range map[int]int64{pipeline.WindowStart: start, pipeline.WindowEnd: start + o.size, pipeline.WindowCount: 1} {
				b.Field(col).(*array.Int64Builder).Append(v)
			}
			for col := pipeline.WindowSum; col <= pipeline.WindowLast; col++ {
				b.Field(col).(*array.Float64Builder).Append(sum)
			}
		}
		rec := b.NewRecord()
		b.Release()
		if err := out.Emit(pipeline.Batch{Kind: pipeline.Windows, Record: rec, Series: o.table}); err != nil {
			return err
		}
	}
	return nil
}

var (
	bucketLane = state.Table{Name: "lane", Version: 1, Fields: []state.Field{{Name: "closed", Type: state.Int64}}}
	bucketSums = state.Table{Name: "sums", Version: 1, Fields: []state.Field{
		{Name: "start", Type: state.Int64}, {Name: "series", Type: state.Uint32, Role: state.Ordinal}, {Name: "sum", Type: state.Float64}}}
)

func (o *bucket) Snapshot() (pipeline.Frozen, error) {
	return state.Encoded("bucket", func(w *state.Writer) {
		w.Table(bucketLane).Int64(o.closed)
		t := w.Table(bucketSums)
		for _, start := range slices.Sorted(maps.Keys(o.open)) {
			for _, s := range slices.Sorted(maps.Keys(o.open[start])) {
				t.Int64(start).Uint32(s).Float64(o.open[start][s])
			}
		}
	})
}

func (o *bucket) Restore(r io.Reader) error {
	s := state.NewReader(r, "bucket")
	for t := s.Table(bucketLane); t.Next(); {
		o.closed = t.Int64("closed")
	}
	o.open, o.table = map[int64]map[uint32]float64{}, o.env.Series
	for t := s.Table(bucketSums); t.Next(); {
		start := t.Int64("start")
		if o.open[start] == nil {
			o.open[start] = map[uint32]float64{}
		}
		o.open[start][t.Uint32("series")] = t.Float64("sum")
	}
	return s.Close()
}

// Hold implements pipeline.Holder.
func (o *bucket) Hold(hold func(uint32)) {
	for _, sums := range o.open {
		for s := range sums {
			hold(s)
		}
	}
}

// asJSON is a state that is written into memory when it is frozen.
type asJSON []byte

func frozenJSON(v any) (pipeline.Frozen, error) {
	b, err := json.Marshal(v)
	return asJSON(b), err
}

func (f asJSON) Write(w io.Writer) error { _, err := w.Write(f); return err }
func (f asJSON) Release()                {}

// publish sends each window on to operate, one event a series.
func publish(env *pipeline.Env, b pipeline.Batch, out pipeline.Emitter) error {
	w := WindowOf(b)
	for i, ordinal := range w.Series {
		data, err := schemas.EncodeWindows(env.Allocator, b, []int{i})
		if err != nil {
			return err
		}
		s := w.Table.At(ordinal)
		e := schemas.Event{ID: env.ID("window", strconv.FormatInt(w.End, 10), s.Key()), Source: schemas.Source(env), Type: schemas.TypeWindow,
			Time: w.End, System: s.System, Key: s.System, Content: schemas.ContentArrow, Data: data}
		if err := out.Emit(schemas.NewEvents(env.Allocator, []schemas.Event{e})); err != nil {
			return err
		}
	}
	return nil
}

// high is a detector that finds what is above 10.
type high struct{ env *pipeline.Env }

func (d *high) Open(env *pipeline.Env) error { d.env = env; return nil }
func (d *high) Detect(w *pipeline.Window, found []pipeline.Finding) ([]pipeline.Finding, error) {
	for i, s := range w.Series {
		if v := w.Value(i); v > 10 {
			found = append(found, pipeline.Finding{Series: s, Onset: w.Start, Start: w.Start, End: w.End, Score: v / 10, Value: v, Open: true})
		}
	}
	return found, nil
}

// incident opens an incident for each finding, with the sum of all windows seen until then.
type incident struct {
	env *pipeline.Env
	sum float64
}

func (o *incident) Open(env *pipeline.Env) error { o.env = env; return nil }
func (o *incident) Close() error                 { return nil }
func (o *incident) Process(b pipeline.Batch, out pipeline.Emitter) error {
	if b.Kind == pipeline.Windows {
		for _, v := range b.Record.Column(pipeline.WindowSum).(*array.Float64).Float64Values() {
			o.sum += v
		}
		return nil
	}
	return schemas.EachEvent(b, func(e schemas.Event) error {
		if e.Type != schemas.TypeFinding && e.Type != schemas.TypeChange {
			return nil
		}
		return emit(o.env, out, schemas.TypeIncidentOpened, o.env.Now(), e.System, fmt.Sprintf("%s@%d sum %g", e.ID, e.Time, o.sum))
	})
}

// Snapshot and Restore keep the sum.
func (o *incident) Snapshot() (pipeline.Frozen, error) { return frozenJSON(o.sum) }
func (o *incident) Restore(r io.Reader) error          { return json.NewDecoder(r).Decode(&o.sum) }

// answer opens a hypothesis for each incident, and judges it some time later.
type answer struct {
	env   *pipeline.Env
	after int64
	due   []schemas.Event
}

func (o *answer) Open(env *pipeline.Env) error { o.env = env; return nil }
func (o *answer) Close() error                 { return nil }
func (o *answer) Process(b pipeline.Batch, out pipeline.Emitter) error {
	return schemas.EachEvent(b, func(e schemas.Event) error {
		if e.Type != schemas.TypeIncidentOpened {
			return nil
		}
		o.due = append(o.due, e)
		return emit(o.env, out, schemas.TypeHypothesisOpened, e.Time, e.System, e.ID)
	})
}

func (o *answer) Watermark(t int64, out pipeline.Emitter) error {
	for len(o.due) > 0 && o.due[0].Time+o.after <= t {
		e := o.due[0]
		o.due = o.due[1:]
		if err := emit(o.env, out, schemas.TypeHypothesisJudged, e.Time+o.after, e.System, e.ID); err != nil {
			return err
		}
	}
	return nil
}

// Snapshot and Restore keep what is due.
func (o *answer) Snapshot() (pipeline.Frozen, error) { return frozenJSON(o.due) }
func (o *answer) Restore(r io.Reader) error          { return json.NewDecoder(r).Decode(&o.due) }

// memorySink keeps what act hands it.
type memorySink struct {
	mu      sync.Mutex
	written []string // ids
	flushed int      // of written
	closed  int
	fail    error // of Write
	failing error // of Flush
}

func (s *memorySink) Open(context.Context, *pipeline.Env) error { return nil }
func (s *memorySink) Guarantee() pipeline.Guarantee             { return pipeline.AtLeastOnce }
func (s *memorySink) Close() error                              { s.closed++; return nil }
func (s *memorySink) Write(_ context.Context, b pipeline.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	return schemas.EachEvent(b, func(e schemas.Event) error { s.written = append(s.written, e.ID); return nil })
}
func (s *memorySink) Flush(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flushed = len(s.written)
	return s.failing
}

// encoder is an Output that sends findings, windows and what comes through the inbox to events, the rest to incidents.
type encoder struct {
	events, others string
	messages       []broker.Message
}

func (o *encoder) Open(context.Context, *pipeline.Env) error { return nil }
func (o *encoder) Flush(context.Context) error               { return nil }
func (o *encoder) Close() error                              { return nil }
func (o *encoder) Guarantee() pipeline.Guarantee             { return pipeline.Transactional }
func (o *encoder) Write(_ context.Context, b pipeline.Batch) error {
	return schemas.EachEvent(b, func(e schemas.Event) error {
		topic := o.others
		switch e.Type {
		case schemas.TypeFinding, schemas.TypeWindow, schemas.TypeResult, schemas.TypeChange, schemas.TypeTopology:
			topic = o.events
		}
		o.messages = append(o.messages, broker.Message{Topic: topic, Partition: -1, Key: []byte(e.Key), Value: e.Data, Headers: e.Headers(0)})
		return nil
	})
}
func (o *encoder) Take() []broker.Message {
	m := o.messages
	o.messages = nil
	return m
}

// batches is a source of batches of points in order of time: one batch for each list of "series value second".
type batches struct {
	batches [][]string
	table   *pipeline.SeriesTable
	at      int
}

func (s *batches) Open(_ context.Context, _ *pipeline.Env, table *pipeline.SeriesTable) error {
	s.table = table
	return nil
}
func (s *batches) Close() error { return nil }
func (s *batches) Next(context.Context) (pipeline.Input, error) {
	if s.at == len(s.batches) {
		return pipeline.Input{}, io.EOF
	}
	cols := pipeline.NewColumns(s.table)
	if err := (lines{}).Decode(&pipeline.Record{Value: []byte(strings.Join(s.batches[s.at], "\n"))}, cols); err != nil {
		return pipeline.Input{}, err
	}
	s.at++
	return pipeline.Input{Batch: &cols.Batches(pipeline.Position{})[0], Next: int64(s.at), Release: func() {}}, nil
}

// kit is a registry with what the tests need, and what they want to see or change of it.
type kit struct {
	*pipeline.Registry
	sink    *memorySink
	sources map[string][][]string
	// poison makes the operator breaker fail at a point with this value.
	poison float64
	// gate, if set, is waited for by the operator breaker at each batch.
	gate chan struct{}
}

func newKit() *kit {
	k := &kit{Registry: pipeline.NewRegistry(), sink: &memorySink{}, sources: map[string][][]string{}, poison: math.Inf(1)}
	points, windows, events := []pipeline.Kind{pipeline.Points, pipeline.Logs}, []pipeline.Kind{pipeline.Windows}, []pipeline.Kind{pipeline.Events}
	k.AddOperator(pipeline.Spec{Name: "bucket", Stage: pipeline.Detect, Consumes: points, Emits: windows, Settings: []pipeline.Setting{{Name: "size", Type: pipeline.Duration, Default: 10 * time.Second}}},
		func(s pipeline.Settings) (pipeline.Operator, error) {
			return &bucket{size: int64(s.Duration("size"))}, nil
		})
	k.AddOperator(pipeline.Spec{Name: "echo", Stage: pipeline.Detect, Consumes: points[:1], Emits: events},
		func(pipeline.Settings) (pipeline.Operator, error) { return &stateless{process: echo}, nil })
	k.AddOperator(pipeline.Spec{Name: "breaker", Stage: pipeline.Detect, Consumes: points[:1], Emits: events},
		func(pipeline.Settings) (pipeline.Operator, error) { return &stateless{process: k.breaker}, nil })
	k.AddDetector(pipeline.Spec{Name: "high"}, func(pipeline.Settings) (pipeline.Detector, error) { return &high{}, nil })
	k.AddOperator(pipeline.Spec{Name: "publish", Stage: pipeline.Detect, Consumes: windows, Emits: events, Settings: []pipeline.Setting{{Name: "series", Type: pipeline.List}}},
		func(pipeline.Settings) (pipeline.Operator, error) { return &stateless{process: publish}, nil })
	k.AddOperator(pipeline.Spec{Name: "incident", Stage: pipeline.Operate, Consumes: []pipeline.Kind{pipeline.Events, pipeline.Windows}, Emits: events},
		func(pipeline.Settings) (pipeline.Operator, error) { return &incident{}, nil })
	k.AddOperator(pipeline.Spec{Name: "answer", Stage: pipeline.Operate, Consumes: events, Emits: events},
		func(pipeline.Settings) (pipeline.Operator, error) { return &answer{after: 13 * second}, nil })
	k.AddCodec(pipeline.Spec{Name: "lines"}, func(pipeline.Settings) (pipeline.Codec, error) { return lines{}, nil })
	k.AddSource(pipeline.Spec{Name: "rows", Settings: []pipeline.Setting{{Name: "of", Type: pipeline.String}}},
		func(s pipeline.Settings) (pipeline.Source, error) {
			return &batches{batches: k.sources[s.Text("of")]}, nil
		})
	k.AddSink(pipeline.Spec{Name: "memory"}, func(pipeline.Settings) (pipeline.Sink, error) { return k.sink, nil })
	return k
}

func (k *kit) breaker(_ *pipeline.Env, b pipeline.Batch, _ pipeline.Emitter) error {
	if k.gate != nil {
		<-k.gate
	}
	if slices.Contains(b.Record.Column(pipeline.PointValue).(*array.Float64).Float64Values(), k.poison) {
		return fmt.Errorf("a value of %g", k.poison)
	}
	return nil
}

// plan reads a configuration.
func (k *kit) plan(t testing.TB, yaml string) *plan.Plan {
	t.Helper()
	cfg, err := config.Parse("test.yaml", []byte(yaml), k.Registry, func(string) (string, bool) { return "", false }, nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.New(cfg, k.Registry)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func options(t testing.TB, p *plan.Plan) Options {
	return Options{
		NewOutput: func() Output { return &encoder{events: p.Topics.Events.Name, others: p.Topics.Incidents.Name} },
		Allocator: checked(t),
		Logger:    slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
}

// checked is an allocator all of whose memory has to be back at the end of the test.
func checked(t testing.TB) pipeline.Allocator {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	t.Cleanup(func() { mem.AssertSize(t, 0) })
	return mem
}

type testWriter struct{ t testing.TB }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// surroundingsOf makes what lanes need of a plan.
func surroundingsOf(t testing.TB, p *plan.Plan) *surroundings {
	return newSurroundings(p, options(t, p))
}

// input makes an input of records; scribbled over when it is released, as fetched memory is used again.
func input(records ...pipeline.Record) pipeline.Input {
	in := pipeline.Input{Topic: "in", CaughtUp: true}
	for _, rec := range records {
		rec.Value, rec.Key = bytes.Clone(rec.Value), bytes.Clone(rec.Key)
		rec.Headers = slices.Clone(rec.Headers)
		for i := range rec.Headers {
			rec.Headers[i].Value = bytes.Clone(rec.Headers[i].Value)
		}
		in.Records = append(in.Records, rec)
		in.Next = rec.Offset + 1
	}
	in.Release = func() {
		for _, rec := range in.Records {
			scribble(rec.Value)
			scribble(rec.Key)
			for _, h := range rec.Headers {
				scribble(h.Value)
			}
		}
	}
	return in
}

func scribble(b []byte) {
	for i := range b {
		b[i] = 0xdb
	}
}

// records makes records of values, offsets counted up, with a time long after all rows.
func records(values ...string) []pipeline.Record {
	out := make([]pipeline.Record, len(values))
	for i, v := range values {
		out[i] = pipeline.Record{Topic: "in", Offset: int64(i), Timestamp: 1e12, Value: []byte(v)}
	}
	return out
}

// text writes messages for comparison, byte for byte.
func text(messages []broker.Message) string {
	var b strings.Builder
	for _, m := range messages {
		fmt.Fprintf(&b, "%s/%d %q %x", m.Topic, m.Partition, m.Key, m.Value)
		for _, h := range m.Headers {
			fmt.Fprintf(&b, " %s=%q", h.Key, h.Value)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// header returns a header of a message, "" if there is none.
func header(m broker.Message, key string) string {
	for _, h := range m.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// recordOf turns a message that a lane wrote into the record that the next reads.
func recordOf(m broker.Message, offset int64) pipeline.Record {
	return pipeline.Record{Topic: m.Topic, Partition: max(m.Partition, 0), Offset: offset, Key: m.Key, Value: m.Value, Headers: m.Headers}
}

package operatortest

import (
	"crypto/sha256"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/engine"
)

// Output is what came out of a run.
type Output struct {
	// Lost is the rows that went to the loss ledger, by reason.
	Lost map[string]int
	// Findings are what a detector said; nil for operators.
	Findings []pipeline.Finding
	// Batches are what an operator emitted. They are valid during Case.Check.
	Batches []pipeline.Batch
	// Series is the lane's table.
	Series *pipeline.SeriesTable

	d       *driver
	said    []func() // what a detector said, to be rendered at the end
	emits   int
	exact   []string // one line a row
	readers []string
	byStep  []int // number of lines after each step
	lastEnd int64
}

func newOutput(d *driver) *Output {
	return &Output{Lost: map[string]int{}, Series: d.table, d: d, lastEnd: math.MinInt64}
}

// Text renders the output, one line a row, numbers to six digits:
//
//	10s cpu{host="a"} 0.5                                               a point
//	10s app:stream{host="a"} 17 "disk full"                             a log record
//	[10s,20s) cpu{host="a"} count=2 sum=3 min=1 max=2 last=2            a window, with rev=1 when it was opened again
//	20s TYPE subject=… system=… key=… {data}                            an event
//	[10s,20s) cpu{host="a"} open rev=0 onset=10s score=1.5 value=9 expect=1..2 up evidence{z=12}   a finding
//	[10s,20s) cpu{host="a"} score=0.5 expect=4 (3..5)                   how a detector judged a series, if it was asked for scores
func (o *Output) Text() string { return strings.Join(o.readers, "\n") }

// emitter is what the operator of a run emits to.
type emitter struct{ d *driver }

// Emit implements pipeline.Emitter.
func (e emitter) Emit(b pipeline.Batch) error {
	o := e.d.out
	o.emits++
	if e.d.failAt > 0 && o.emits >= e.d.failAt {
		b.Release()
		return errRefused
	}
	o.inspect(b)
	if e.d.retain {
		o.Batches = append(o.Batches, b)
		return nil
	}
	o.render(b)
	b.Release()
	return nil
}

// inspect checks what the contract says of a batch.
func (o *Output) inspect(b pipeline.Batch) {
	t, name := o.d.t, o.d.name
	if !b.Record.Schema().Equal(b.Kind.Schema()) {
		t.Fatalf("%s: a batch of %s has the columns %v", name, b.Kind, b.Record.Schema())
	}
	if b.Rows() == 0 {
		t.Errorf("%s: a batch of %s without rows was emitted", name, b.Kind)
	}
	for c, col := range b.Record.Columns() {
		if col.NullN() > 0 {
			t.Errorf("%s: column %s of a batch of %s has nulls", name, b.Record.ColumnName(c), b.Kind)
		}
	}
	if b.Kind == pipeline.Events {
		return
	}
	if b.Series != o.d.table {
		t.Fatalf("%s: a batch of %s has a table of series that is not the lane's", name, b.Kind)
	}
	for _, s := range b.Record.Column(0).(*array.Uint32).Uint32Values() {
		if int(s) >= b.Series.Len() {
			t.Fatalf("%s: a batch of %s has a series that the table does not know: %d", name, b.Kind, s)
		}
	}
	if b.Kind != pipeline.Windows {
		return
	}
	starts, ends := b.Record.Column(pipeline.WindowStart).(*array.Int64).Int64Values(), b.Record.Column(pipeline.WindowEnd).(*array.Int64).Int64Values()
	for i := range ends {
		if starts[i] != starts[0] || ends[i] != ends[0] || starts[i] >= ends[i] {
			t.Errorf("%s: rows of one batch of windows have different times: [%d,%d) and [%d,%d)", name, starts[0], ends[0], starts[i], ends[i])
			return
		}
	}
	if b.Revision > 0 {
		return
	}
	if len(ends) > 0 && ends[0] < o.lastEnd {
		t.Errorf("%s: a window that ends at %s came after one that ends at %s", name, clock(ends[0]), clock(o.lastEnd))
	} else if len(ends) > 0 {
		o.lastEnd = ends[0]
	}
}

// endStep remembers how much has come out by now.
func (o *Output) endStep() {
	n := len(o.exact)
	if o.d.retain {
		n = 0
		for _, b := range o.Batches {
			n += b.Rows()
		}
		n += len(o.said)
	}
	o.byStep = append(o.byStep, n)
}

// release renders what was retained, lets the case look at it, and gives it back.
func (o *Output) release() {
	for _, b := range o.Batches {
		o.render(b)
	}
	for _, say := range o.said {
		say()
	}
	if o.d.name == "plain" && o.d.Check != nil {
		o.d.Check(o.d.t, o)
	}
	for _, b := range o.Batches {
		b.Release()
	}
	o.Batches = nil
}

// follow connects the output with a detector's findings.
func (o *Output) follow(op pipeline.Operator) {
	var d *detector
	switch op := op.(type) {
	case *detector:
		d = op
	case *statefulDetector:
		d = op.detector
	default:
		return
	}
	d.tell = func(f pipeline.Finding) {
		o.say(func() { o.finding(&f) })
		if o.d.retain {
			o.Findings = append(o.Findings, f)
		}
	}
	d.score = func(start, end int64, s pipeline.Score) {
		o.say(func() { o.score(start, end, s) })
	}
}

// say renders what a detector says, at the end if output is retained.
func (o *Output) say(render func()) {
	if !o.d.retain {
		render()
		return
	}
	o.said = append(o.said, render)
}

// score renders how a detector judged a series.
func (o *Output) score(start, end int64, s pipeline.Score) {
	o.line(func(num number) string {
		return fmt.Sprintf("[%s,%s) %s score=%s expect=%s (%s..%s)", clock(start), clock(end), o.Series.At(s.Series).Key(), num(s.Score), num(s.Expected), num(s.Low), num(s.High))
	})
	if !finite(s.Score, s.Low, s.Expected, s.High) || s.Score < 0 || s.Low > s.Expected || s.Expected > s.High {
		o.d.t.Errorf("%s: score breaks its contract: %+v", o.d.name, s)
	}
}

func (o *Output) line(show func(number) string) {
	o.exact = append(o.exact, show(exactly))
	o.readers = append(o.readers, show(briefly))
}

// number is how a number is written.
type number func(float64) string

func exactly(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
func briefly(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

func (o *Output) render(b pipeline.Batch) {
	for i := range b.Rows() {
		o.line(func(num number) string { return row(b, i, num) })
	}
}

func row(b pipeline.Batch, i int, num number) string {
	i64 := func(c int) int64 { return b.Record.Column(c).(*array.Int64).Value(i) }
	f64 := func(c int) string { return num(b.Record.Column(c).(*array.Float64).Value(i)) }
	key := ""
	if b.Kind != pipeline.Events {
		key = b.Series.At(b.Record.Column(0).(*array.Uint32).Value(i)).Key()
	}
	switch b.Kind {
	case pipeline.Points:
		text := clock(i64(pipeline.PointTime)) + " " + key + " " + f64(pipeline.PointValue)
		if start := i64(pipeline.PointStart); start != 0 {
			text += " start=" + clock(start)
		}
		return text
	case pipeline.Logs:
		return fmt.Sprintf("%s %s %d %q", clock(i64(pipeline.LogTime)), key,
			b.Record.Column(pipeline.LogSeverity).(*array.Uint8).Value(i), b.Record.Column(pipeline.LogBody).(*array.Binary).Value(i))
	case pipeline.Windows:
		text := fmt.Sprintf("[%s,%s) %s count=%d sum=%s min=%s max=%s last=%s", clock(i64(pipeline.WindowStart)), clock(i64(pipeline.WindowEnd)), key,
			i64(pipeline.WindowCount), f64(pipeline.WindowSum), f64(pipeline.WindowMin), f64(pipeline.WindowMax), f64(pipeline.WindowLast))
		if b.Revision > 0 {
			text += " rev=" + strconv.FormatInt(b.Revision, 10)
		}
		return text
	}
	return event(b, i)
}

// event renders an event: time and type, then each attribute that is there, then the data: JSON as it is, else its hash.
func event(b pipeline.Batch, i int) string {
	text := clock(b.Record.Column(pipeline.EventTime).(*array.Int64).Value(i)) + " " + b.Record.Column(pipeline.EventType).(*array.String).Value(i)
	for c, col := range b.Record.Columns() {
		switch col := col.(type) {
		case *array.String:
			if v := col.Value(i); v != "" && c != pipeline.EventType {
				text += " " + b.Record.ColumnName(c) + "=" + v
			}
		case *array.Int64:
			if v := col.Value(i); v != 0 && c != pipeline.EventTime {
				text += " " + b.Record.ColumnName(c) + "=" + strconv.FormatInt(v, 10)
			}
		case *array.Binary:
			if v := col.Value(i); len(v) > 0 && v[0] == '{' {
				text += " " + string(v)
			} else if len(v) > 0 {
				text += fmt.Sprintf(" sha256:%x", sha256.Sum256(v))
			}
		}
	}
	return text
}

func (o *Output) finding(f *pipeline.Finding) {
	o.line(func(num number) string {
		state := "open"
		if !f.Open {
			state = "closed"
		}
		parts := []string{
			fmt.Sprintf("[%s,%s) %s %s rev=%d onset=%s", clock(f.Start), clock(f.End), o.Series.At(f.Series).Key(), state, f.Revision, clock(f.Onset)),
			"score=" + num(f.Score), "value=" + num(f.Value), "expect=" + num(f.Low) + ".." + num(f.High),
		}
		if f.Direction != "" {
			parts = append(parts, f.Direction)
		}
		if f.Severity != "" {
			parts = append(parts, f.Severity)
		}
		if f.Probability != 0 {
			parts = append(parts, "p="+num(f.Probability))
		}
		evidence := make([]string, len(f.Evidence))
		for i, e := range f.Evidence {
			evidence[i] = e.Name + "=" + num(e.Value)
		}
		if len(evidence) > 0 {
			parts = append(parts, "evidence{"+strings.Join(evidence, " ")+"}")
		}
		return strings.Join(parts, " ")
	})
	if !keepsContract(f) {
		o.d.t.Errorf("%s: finding breaks its contract: %+v", o.d.name, *f)
	}
}

func finite(values ...float64) bool {
	for _, v := range values {
		if v-v != 0 {
			return false
		}
	}
	return true
}

// clock writes a time as the notation does: 90s as 1m30s, 60s as 1m.
func clock(t int64) string {
	s := time.Duration(t).String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

// Windows returns the emitted batches of windows with their columns as slices, valid as long as the batches.
func Windows(o *Output) []pipeline.Window {
	var out []pipeline.Window
	for _, b := range o.Batches {
		if b.Kind == pipeline.Windows {
			out = append(out, engine.WindowOf(b))
		}
	}
	return out
}

func keepsContract(f *pipeline.Finding) bool {
	return finite(f.Score, f.Probability, f.Value, f.Low, f.High) && f.Low <= f.High && f.Onset <= f.End && f.Start < f.End &&
		slices.Contains([]string{"", "up", "down"}, f.Direction)
}

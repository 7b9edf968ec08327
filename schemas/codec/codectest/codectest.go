// Package codectest is what the tests of codecs share: rows in words, what holds for any bytes, and tables of hostile records.
package codectest

import (
	"bytes"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homeostat/homeostat/pipeline"
)

// Topic and Timestamp (Unix milliseconds) are those of records that Record makes.
const (
	Topic     = "t"
	Timestamp = 1_795_408_204_407
)

// Point is a decoded point in words; Start is 0 if unknown, both times are Unix nanoseconds.
type Point struct {
	Series, Unit string
	Time, Start  int64
	Value        float64
}

// Line is a decoded log record in words.
type Line struct {
	Stream   string
	Time     int64
	Severity uint8
	Body     string
}

// Result is what a codec made of one record. Code is that of its error; there are neither rows nor losses then.
type Result struct {
	Points []Point
	Lines  []Line
	Lost   map[string]int
	Code   string
}

// Record makes a record of a value.
func Record(value []byte) *pipeline.Record {
	return &pipeline.Record{Topic: Topic, Timestamp: Timestamp, Value: value}
}

// Records makes a record of each value.
func Records(values ...[]byte) []*pipeline.Record {
	out := make([]*pipeline.Record, len(values))
	for i, v := range values {
		out[i] = Record(v)
	}
	return out
}

// Decode decodes a record into columns of a table, as a lane does. It fails the test when the record is written to, an error
// has no code or comes with losses, or columns are of unequal length.
func Decode(t testing.TB, codec pipeline.Codec, table *pipeline.SeriesTable, rec *pipeline.Record) Result {
	t.Helper()
	out := pipeline.NewColumns(table)
	out.Mark()
	given := bytes.Clone(rec.Value)
	err := codec.Decode(rec, out)
	if !bytes.Equal(given, rec.Value) {
		t.Fatal("the record was written to")
	}
	if err != nil {
		if pipeline.Code(err) == "" || len(out.Lost) != 0 {
			t.Fatalf("an error without code, or with losses: %v, %v", err, out.Lost)
		}
		out.Rollback()
		if n := len(out.PointSeries) + len(out.LogStream) + len(out.LogBytes); n != 0 {
			t.Fatalf("%d values are left after %v", n, err)
		}
		return Result{Lost: map[string]int{}, Code: pipeline.Code(err)}
	}
	points, logs := len(out.PointSeries), len(out.LogStream)
	if len(out.PointTime) != points || len(out.PointStart) != points || len(out.PointValue) != points ||
		len(out.LogTime) != logs || len(out.LogSeverity) != logs || len(out.LogOffset) != logs+1 || int(out.LogOffset[logs]) != len(out.LogBytes) {
		t.Fatal("columns are of unequal length")
	}
	r := Result{Lost: maps.Clone(out.Lost)}
	for i, s := range out.PointSeries {
		series := table.At(s)
		r.Points = append(r.Points, Point{series.Key(), series.Unit, out.PointTime[i], out.PointStart[i], out.PointValue[i]})
	}
	for i, s := range out.LogStream {
		r.Lines = append(r.Lines, Line{table.At(s).Key(), out.LogTime[i], out.LogSeverity[i], string(out.LogBytes[out.LogOffset[i]:out.LogOffset[i+1]])})
	}
	return r
}

// Fresh is Decode by a codec and a table that have seen nothing.
func Fresh(t testing.TB, codec pipeline.Codec, value []byte) Result {
	t.Helper()
	return Decode(t, codec, pipeline.NewSeriesTable(nil, 0), Record(value))
}

// Checker checks what holds for any bytes: a codec that has seen other records decodes as a new one does, units aside, which
// are those of a series' first sight.
type Checker struct {
	make  func() pipeline.Codec
	warm  pipeline.Codec
	table *pipeline.SeriesTable
}

// NewChecker makes a checker of codecs that make makes, all with the same settings.
func NewChecker(make func() pipeline.Codec) *Checker {
	return &Checker{make: make, warm: make(), table: pipeline.NewSeriesTable(nil, 0)}
}

// Check decodes a record and returns what it is.
func (c *Checker) Check(t testing.TB, rec *pipeline.Record) Result {
	t.Helper()
	first := Decode(t, c.make(), pipeline.NewSeriesTable(nil, 0), rec)
	for range 2 {
		again := Decode(t, c.warm, c.table, rec)
		if d := cmp.Diff(first, again, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Unit" }, cmp.Ignore())); d != "" {
			t.Fatalf("what was seen before changed the result (-fresh +warm):\n%s", d)
		}
	}
	return first
}

// Hostile is a record that nobody should write, and what becomes of it: the code of a dead letter, or rows and losses.
type Hostile struct {
	Name string
	// Value is the record's; Record, if set, is the whole record.
	Value  []byte
	Record *pipeline.Record
	// Code is that of the error; with it Rows and Lost are 0.
	Code string
	// Rows is the number of rows, Lost that of rows lost for each reason.
	Rows int
	Lost map[string]int
}

// hostileBytes is what a hostile record may make a codec allocate, beside a multiple of its length: memos and parsers included.
const hostileBytes = 96 << 20

// RunHostile decodes each record twice by one codec and once by another one, beside the sound record between all others: it has to
// come to the same rows whatever went before.
func RunHostile(t *testing.T, make func() pipeline.Codec, sound []byte, corpus []Hostile) {
	t.Helper()
	checker := NewChecker(make)
	want := checker.Check(t, Record(sound))
	if len(want.Points)+len(want.Lines) == 0 {
		t.Fatalf("the sound record has no rows: %+v", want)
	}
	names := map[string]bool{}
	for _, h := range corpus {
		if names[h.Name] {
			t.Errorf("two records are called %s", h.Name)
		}
		names[h.Name] = true
		t.Run(h.Name, func(t *testing.T) {
			rec := h.Record
			if rec == nil {
				rec = Record(h.Value)
			}
			before := allocated()
			got := checker.Check(t, rec)
			if n := allocated() - before; n > hostileBytes+200*uint64(len(rec.Value)) {
				t.Errorf("%d bytes took %d bytes of memory", len(rec.Value), n)
			}
			if h.Lost == nil {
				h.Lost = map[string]int{}
			}
			if rows := len(got.Points) + len(got.Lines); got.Code != h.Code || rows != h.Rows || !maps.Equal(got.Lost, h.Lost) {
				t.Errorf("code %q, %d rows, lost %v; want code %q, %d rows, lost %v", got.Code, rows, got.Lost, h.Code, h.Rows, h.Lost)
			}
			if d := cmp.Diff(want, checker.Check(t, Record(sound))); d != "" {
				t.Errorf("a sound record after it (-before +after):\n%s", d)
			}
		})
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// Fixtures reads the files of a pattern, by their names; that there are none fails the test.
func Fixtures(t testing.TB, pattern string) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	out := map[string][]byte{}
	for _, path := range paths {
		if out[filepath.Base(path)], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// Benchmark decodes records in turn by a codec that knows their series, and reports the time a point in the unit.
func Benchmark(b *testing.B, codec pipeline.Codec, records [][]byte, unit string) {
	out, rec := pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0)), Record(nil)
	decode := func(value []byte) (points int) {
		out.Mark()
		rec.Value = value
		if err := codec.Decode(rec, out); err != nil {
			b.Fatal(err)
		}
		points = len(out.PointSeries)
		out.Rollback()
		return points
	}
	for _, value := range records {
		decode(value)
	}
	b.ReportAllocs()
	points, i := 0, 0
	for b.Loop() {
		points += decode(records[i])
		if i++; i == len(records) {
			i = 0
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(points), unit)
}

// Time is a time in RFC 3339, in Unix nanoseconds.
func Time(t testing.TB, s string) int64 {
	t.Helper()
	when, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t.Fatal(err)
	}
	return when.UnixNano()
}

// decodeAll decodes records and takes their rows back.
func decodeAll(t testing.TB, codec pipeline.Codec, recs []*pipeline.Record, out *pipeline.Columns) {
	for _, rec := range recs {
		if err := codec.Decode(rec, out); err != nil {
			t.Fatal(err)
		}
	}
	out.Rollback()
}

// AllocatesNothing checks that a codec that has seen records decodes them without allocating, and returns how many series they have.
func AllocatesNothing(t *testing.T, codec pipeline.Codec, recs []*pipeline.Record) (series int) {
	t.Helper()
	out := pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))
	decodeAll(t, codec, recs, out)
	least := math.Inf(1) // of several: the garbage collector and other goroutines allocate, too
	for range 10 {
		least = min(least, testing.AllocsPerRun(5, func() { decodeAll(t, codec, recs, out) }))
	}
	if least != 0 {
		t.Errorf("%v allocations for %d records, want none", least, len(recs))
	}
	return out.Series.Len()
}

// BenchmarkLines decodes records again and again by a codec that knows their streams, and reports the time a line of theirs.
func BenchmarkLines(b *testing.B, codec pipeline.Codec, recs []*pipeline.Record, lines int) {
	out := pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))
	decodeAll(b, codec, recs, out)
	b.ReportAllocs()
	for b.Loop() {
		decodeAll(b, codec, recs, out)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*lines), "ns/line")
}

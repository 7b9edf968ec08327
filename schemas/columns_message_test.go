package schemas

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/homeostat/homeostat/pipeline"
)

func seriesOf(n int) pipeline.SeriesList {
	t := pipeline.NewSeriesTable(func(metric string, ls pipeline.Labels) pipeline.Scope {
		return pipeline.Scope{Entity: ls.Get("host"), System: "shop", Domain: "d"}
	}, 0)
	for i := range n {
		labels := pipeline.NewLabels([]pipeline.Label{{Name: "host", Value: fmt.Sprint("h", i%7)}, {Name: "k", Value: fmt.Sprint(i)}})
		_, _ = t.Intern("cpu", "s", pipeline.SeriesType(i%4), labels)
	}
	return t.All()
}

func pointRows(n int) *Rows {
	r := &Rows{Kind: pipeline.Points, Entry: []int32{0}}
	for s := range seriesOf(n).Values() {
		r.Dictionary = AppendSeries(r.Dictionary, s)
		r.Entry = append(r.Entry, int32(len(r.Dictionary)))
	}
	for i := range 3 * n {
		r.Series, r.Time = append(r.Series, int32(i%n)), append(r.Time, int64(i))
		r.Start, r.Value = append(r.Start, int64(-i)), append(r.Value, float64(i)/3)
	}
	return r
}

func logRows() *Rows {
	name := AppendSeries(nil, seriesOf(4).At(3))
	return &Rows{Kind: pipeline.Logs, Dictionary: name, Entry: []int32{0, int32(len(name))}, Series: []int32{0, 0}, Time: []int64{1, 2},
		Severity: []uint8{9, 17}, Offset: []int32{0, 3, 5}, Bytes: []byte("onetw")}
}

func TestRowsComeBack(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	defer mem.AssertSize(t, 0)
	table := pipeline.NewSeriesTable(nil, 0)
	if _, err := table.Intern("other", "", pipeline.Gauge, nil); err != nil {
		t.Fatal(err)
	}
	reader := NewRowsReader(table)
	rows := pointRows(9)
	for range 2 { // the second time by what is remembered
		data, err := EncodeRows(rows)
		if err != nil {
			t.Fatal(err)
		}
		b, _, err := reader.Read(pipeline.Points, data)
		if err != nil {
			t.Fatal(err)
		}
		for i := range rows.Series {
			want, got := seriesOf(9).At(uint32(rows.Series[i])), table.At(b.Record.Column(0).(*array.Uint32).Value(i))
			if got.Key() != want.Key() || *got.Scope != *want.Scope || got.Unit != want.Unit {
				t.Fatalf("row %d is of %+v, not %+v", i, got, want)
			}
			if b.Record.Column(1).(*array.Int64).Value(i) != rows.Time[i] || b.Record.Column(2).(*array.Int64).Value(i) != rows.Start[i] ||
				b.Record.Column(3).(*array.Float64).Value(i) != rows.Value[i] {
				t.Fatalf("row %d is %v", i, b.Record)
			}
		}
		if !b.Record.Schema().Equal(pipeline.Points.Schema()) {
			t.Errorf("the schema is %v", b.Record.Schema())
		}
		b.Release()
	}
	if table.Len() != 10 {
		t.Errorf("%d series", table.Len())
	}
	data, err := EncodeRows(logRows())
	if err != nil {
		t.Fatal(err)
	}
	b, _, err := reader.Read(pipeline.Logs, data)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Release()
	if body := b.Record.Column(3).(*array.Binary); string(body.Value(0)) != "one" || string(body.Value(1)) != "tw" || b.Record.Column(2).(*array.Uint8).Value(1) != 17 {
		t.Errorf("%v", b.Record)
	}
	if _, _, err := reader.Read(pipeline.Points, data); pipeline.Code(err) != "columns.decode" {
		t.Errorf("logs as points: %v", err)
	}
	rows.Series[0] = 9
	if data, err = EncodeRows(rows); err != nil {
		t.Fatal(err)
	}
	if _, _, err := reader.Read(pipeline.Points, data); pipeline.Code(err) != "columns.decode" {
		t.Errorf("a row of no series: %v", err)
	}
}

// TestRowsAreArrow: what is written is to the byte what Arrow's own writer writes, and Arrow's reader, which reads the messages of
// other versions, makes the same of it.
func TestRowsAreArrow(t *testing.T) {
	for _, r := range []*Rows{pointRows(1), pointRows(2), pointRows(9), logRows()} {
		data, err := EncodeRows(r)
		if err != nil {
			t.Fatal(err)
		}
		arrow, err := encodeArrow(r)
		if err != nil || !bytes.Equal(data, arrow) {
			t.Fatalf("%d rows of kind %s are written as %x, and by Arrow as %x, %v", len(r.Series), r.Kind, data, arrow, err)
		}
		reader := NewRowsReader(pipeline.NewSeriesTable(nil, 0))
		fast, err := reader.read(r.Kind, data)
		if err != nil {
			t.Fatal(err)
		}
		slow, err := reader.readArrow(r.Kind, data)
		if err != nil || !array.RecordEqual(fast, slow) {
			t.Fatalf("%v is read by Arrow as %v, %v", fast, slow, err)
		}
		for cut := range data {
			if _, _, err := reader.Read(r.Kind, data[:cut]); pipeline.Code(err) != "columns.decode" {
				t.Errorf("%d of %d bytes: %v", cut, len(data), err)
			}
		}
	}
	if _, err := EncodeRows(&Rows{Kind: pipeline.Points}); pipeline.Code(err) != "columns.encode" {
		t.Errorf("no rows: %v", err)
	}
}

func TestSeriesComeBack(t *testing.T) {
	all := seriesOf(20)
	var b bytes.Buffer
	if err := WriteSeries(&b, all); err != nil {
		t.Fatal(err)
	}
	table := pipeline.NewSeriesTable(nil, 0)
	if err := ReadSeriesInto(b.Bytes(), table); err != nil || table.Len() != all.Len() {
		t.Fatalf("%d series, %v", table.Len(), err)
	}
	for i := range uint32(20) {
		if got, s := table.At(i), all.At(i); got.Key() != s.Key() || *got.Scope != *s.Scope || got.Unit != s.Unit || got.Type != s.Type {
			t.Errorf("%+v is %+v", s, got)
		}
	}
	twice := append(bytes.Clone(b.Bytes()), b.Bytes()...)
	if err := ReadSeriesInto(twice, pipeline.NewSeriesTable(nil, 0)); err == nil {
		t.Error("a series that is there twice is no table")
	}
	if err := ReadSeriesInto(b.Bytes()[:b.Len()-1], pipeline.NewSeriesTable(nil, 0)); err == nil {
		t.Error("a table that is cut off was read")
	}
}

// Readers compare the schema with the one they would write; a version of Arrow that writes another has to be told of.
func TestSchemasOfColumnMessagesAreAsEver(t *testing.T) {
	for kind, want := range map[pipeline.Kind]string{
		pipeline.Points: "e246d45d6b87b5b2d3d0925a5c89b593cfb463e668d9d82289b08859d50ef578",
		pipeline.Logs:   "f75a7e5e64f87f8099cbf23ebb5f7e2fad0eb24a527b8b3cc6b9cd345bbdb3d7",
	} {
		if got := fmt.Sprintf("%x", sha256.Sum256(framesOf(kind).schema)); got != want {
			t.Errorf("messages of %s begin otherwise (%s): accept the former schema message as a second one, as topics hold it", kind, got)
		}
	}
}

func FuzzRows(f *testing.F) {
	for _, r := range []*Rows{pointRows(3), logRows()} {
		data, err := EncodeRows(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(r.Kind), data)
	}
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
		defer mem.AssertSize(t, 0)
		b, _, err := NewRowsReader(pipeline.NewSeriesTable(nil, 100)).Read(pipeline.Kind(kind), data)
		if err == nil {
			b.Release()
		} else if pipeline.Code(err) != "columns.decode" {
			t.Errorf("%v", err)
		}
	})
}

func FuzzSeries(f *testing.F) {
	for s := range seriesOf(4).Values() {
		one := AppendSeries(nil, s)
		f.Add(append(binary.AppendUvarint(nil, uint64(len(one))), one...))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		table := pipeline.NewSeriesTable(nil, 100)
		if err := ReadSeriesInto(data, table); err != nil {
			return
		}
		var again bytes.Buffer
		if err := WriteSeries(&again, table.All()); err != nil {
			t.Fatal(err)
		}
		if err := ReadSeriesInto(again.Bytes(), pipeline.NewSeriesTable(nil, 100)); err != nil {
			t.Errorf("what was read is not read again: %v", err)
		}
	})
}

func BenchmarkRows(b *testing.B) {
	rows := pointRows(1000)
	n := len(rows.Series)
	b.Run("encode", func(b *testing.B) {
		for range b.N {
			if _, err := EncodeRows(rows); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/point")
	})
	data, err := EncodeRows(rows)
	if err != nil {
		b.Fatal(err)
	}
	reader := NewRowsReader(pipeline.NewSeriesTable(nil, 0))
	b.Run("decode", func(b *testing.B) {
		for range b.N {
			batch, _, err := reader.Read(pipeline.Points, data)
			if err != nil {
				b.Fatal(err)
			}
			batch.Release()
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/point")
	})
}

// TestRowsBeyondTheLimitAreLeftOut reads a message with more series than the lane has room for.
func TestRowsBeyondTheLimitAreLeftOut(t *testing.T) {
	rows := Rows{Kind: pipeline.Points, Entry: []int32{0}}
	for i := range 5 {
		s := &pipeline.Series{Quantity: &pipeline.Quantity{Metric: fmt.Sprintf("m%d", i)}, Scope: &pipeline.Scope{}}
		rows.Dictionary = AppendSeries(rows.Dictionary, s)
		rows.Entry = append(rows.Entry, int32(len(rows.Dictionary)))
	}
	for i := range 20 {
		rows.Series, rows.Time = append(rows.Series, int32(i%5)), append(rows.Time, int64(i))
		rows.Start, rows.Value = append(rows.Start, int64(-i)), append(rows.Value, float64(i)/2)
	}
	data, err := EncodeRows(&rows)
	if err != nil {
		t.Fatal(err)
	}
	reader := NewRowsReader(pipeline.NewSeriesTable(nil, 3))
	for range 2 {
		b, refused, err := reader.Read(pipeline.Points, data)
		if err != nil || refused != 8 || b.Rows() != 12 {
			t.Fatalf("%d rows, %d refused, %v; want 12 and 8", b.Rows(), refused, err)
		}
		for i := range b.Rows() {
			at := b.Record.Column(pipeline.PointTime).(*array.Int64).Value(i)
			series := b.Record.Column(pipeline.PointSeries).(*array.Uint32).Value(i)
			start, value := b.Record.Column(pipeline.PointStart).(*array.Int64).Value(i), b.Record.Column(pipeline.PointValue).(*array.Float64).Value(i)
			if b.Series.At(series).Metric != fmt.Sprintf("m%d", at%5) || at%5 > 2 || start != -at || value != float64(at)/2 {
				t.Errorf("row %d is of %s at %d, start %d, value %g", i, b.Series.At(series).Metric, at, start, value)
			}
		}
		b.Release()
	}
}

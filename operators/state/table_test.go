package state

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/ipc"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/arrowipc"
)

// everything has a column of each type.
var everything = Table{Name: "everything", Version: 1, Fields: []Field{
	{Name: "b", Type: Bool}, {Name: "u16", Type: Uint16}, {Name: "u32", Type: Uint32}, {Name: "u64", Type: Uint64}, {Name: "i64", Type: Int64},
	{Name: "f64", Type: Float64}, {Name: "t", Type: Text}, {Name: "x", Type: Bytes}, {Name: "is", Type: Ints}, {Name: "fs", Type: Floats},
}}

var second = Table{Name: "second", Version: 1, Fields: []Field{{Name: "v", Type: Int64}}}

func snapshot(t testing.TB, rows int) []byte {
	t.Helper()
	var b bytes.Buffer
	w := NewWriter(&b, "thing")
	e := w.Table(everything)
	for i := range rows {
		e.Bool(i%3 == 0).Uint16(uint16(i)).Uint32(uint32(i)<<12).Uint64(uint64(i)<<40).Int64(-int64(i)).Float64(math.Copysign(float64(i), -1)).
			Text(fmt.Sprint("näme ", i)).Bytes([]byte{byte(i), 0}).Ints(make([]int64, i%4)).Floats([]float64{float64(i)}, []float64{math.Inf(1)}[:i%2])
	}
	w.Table(second).Int64(7)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read(data []byte) (rows int, err error) {
	r := NewReader(bytes.NewReader(data), "thing")
	e := r.Table(everything)
	for i := 0; e.Next(); i++ {
		fs := e.Floats("fs")
		if e.Bool("b") != (i%3 == 0) || e.Uint16("u16") != uint16(i) || e.Uint32("u32") != uint32(i)<<12 || e.Uint64("u64") != uint64(i)<<40 ||
			e.Int64("i64") != -int64(i) || e.Float64("f64") != float64(-i) || !math.Signbit(e.Float64("f64")) || e.Text("t") != fmt.Sprint("näme ", i) ||
			!bytes.Equal(e.Bytes("x"), []byte{byte(i), 0}) || !slices.Equal(e.Ints("is"), make([]int64, i%4)) ||
			len(fs) != 1+i%2 || fs[0] != float64(i) || i%2 == 1 && !math.IsInf(fs[1], 1) {
			return rows, errors.New("a row differs")
		}
		rows++
	}
	s := r.Table(second)
	for s.Next() {
		rows += int(s.Int64("v")) * 1_000_000
	}
	return rows, r.Close()
}

func TestReadsWhatWasWritten(t *testing.T) {
	for _, n := range []int{0, 1, 30, 100_000} {
		if got, err := read(snapshot(t, n)); got != n+7_000_000 || err != nil {
			t.Errorf("%d rows: read %d, %v", n, got, err)
		}
	}
	if !bytes.Equal(snapshot(t, 100), snapshot(t, 100)) {
		t.Error("the same rows give other bytes")
	}
}

func TestTableIsAnArrowStream(t *testing.T) {
	data := snapshot(t, 50)
	f := frames{in: bytes.NewReader(data[len(magic):])}
	f.next() // the header
	var stream []byte
	for !bytes.HasSuffix(stream, []byte(arrowipc.EndOfStream)) {
		part, err := f.next()
		if err != nil {
			t.Fatal(err)
		}
		stream = append(stream, part...)
	}
	r, err := ipc.NewReader(bytes.NewReader(stream))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	meta := r.Schema().Metadata()
	if got := meta.Values()[meta.FindKey("homeostat.component")]; got != "thing" || !r.Next() || r.Record().NumRows() != 50 || r.Next() || r.Err() != nil {
		t.Errorf("component %q, record %v, %v", got, r.Record(), r.Err())
	}
}

func TestDamage(t *testing.T) {
	good := snapshot(t, 20)
	for n := 0; n < len(good); n += 1 + n/60 {
		if _, err := read(good[:n]); pipeline.Code(err) != "snapshot.unreadable" {
			t.Fatalf("cut after %d bytes: %v", n, err)
		}
	}
	if _, err := read(append(slices.Clone(good), 0)); pipeline.Code(err) != "snapshot.unreadable" {
		t.Errorf("a byte too many: %v", err)
	}
	r := NewReader(bytes.NewReader(good), "other")
	r.Table(everything)
	if err := r.Close(); pipeline.Code(err) != "snapshot.unreadable" || !strings.Contains(err.Error(), "belongs to thing") {
		t.Errorf("another component: %v", err)
	}
}

func TestVersions(t *testing.T) {
	good := snapshot(t, 3)
	for _, c := range []struct {
		fact   string
		change func(*Table)
		code   string
	}{
		{"the same", func(*Table) {}, ""},
		{"the snapshot is newer", func(d *Table) { d.Version = 0 }, "snapshot.version"},
		{"the snapshot is older", func(d *Table) { d.Version = 2 }, ""},
		{"another type in the same version", func(d *Table) { d.Fields[0].Type = Int64 }, "snapshot.unreadable"},
		{"another type in the next version", func(d *Table) { d.Version, d.Fields[0].Type = 2, Int64 }, "snapshot.unreadable"},
		{"a column less in the same version", func(d *Table) { d.Fields = d.Fields[1:] }, "snapshot.unreadable"},
		{"a column less in the next version", func(d *Table) { d.Version, d.Fields = 2, d.Fields[1:] }, ""},
		{"a table that is not known", func(d *Table) { d.Name = "other" }, "snapshot.version"},
	} {
		d := everything
		d.Fields = slices.Clone(d.Fields)
		c.change(&d)
		r := NewReader(bytes.NewReader(good), "thing")
		r.Table(d)
		r.Table(second)
		if err := r.Close(); pipeline.Code(err) != c.code {
			t.Errorf("%s: %v, want %q", c.fact, err, c.code)
		}
	}
}

// A counter of version 1 had seconds; version 2 has nanoseconds, a unit, and a second table.
var (
	counterV1 = Table{Name: "counter", Version: 1, Fields: []Field{{Name: "n", Type: Uint32}, {Name: "seconds", Type: Int64}}}
	counterV2 = Table{Name: "counter", Version: 2, Fields: []Field{{Name: "n", Type: Uint32}, {Name: "ns", Type: Int64}, {Name: "unit", Type: Text, Default: "1"}}}
)

func TestUpgrade(t *testing.T) {
	var b bytes.Buffer
	w := NewWriter(&b, "counter")
	w.Table(counterV1).Uint32(5).Int64(60).Uint32(6).Int64(61)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r := NewReader(&b, "counter")
	c := r.Table(counterV2)
	var got []string
	for c.Next() {
		ns := c.Int64("ns")
		if c.Version() < 2 {
			ns = c.Int64("seconds") * 1e9
		}
		got = append(got, fmt.Sprint(c.Uint32("n"), " ", ns, " ", c.Text("unit")))
	}
	if more := r.Table(second); more.Version() != 0 || more.Next() {
		t.Error("a table that the snapshot lacks has rows")
	}
	if err := r.Close(); err != nil || c.Has("unit") || !c.Has("seconds") || !slices.Equal(got, []string{"5 60000000000 1", "6 61000000000 1"}) {
		t.Errorf("read %q, %v", got, err)
	}
}

func TestInspect(t *testing.T) {
	data := snapshot(t, 20)
	var last []any
	tables, err := Inspect(bytes.NewReader(data), func(info TableInfo, r Row) error {
		last = last[:0]
		for i := range info.Columns {
			last = append(last, r.Value(i))
		}
		if info.Table == "everything" && fmt.Sprint(last...) == fmt.Sprint(false, uint16(19)) {
			t.Error("a row of two columns")
		}
		return nil
	})
	if err != nil || len(tables) != 2 || fmt.Sprint(last) != "[7]" {
		t.Fatalf("%+v, last row %v, %v", tables, last, err)
	}
	e := tables[0]
	if e.Component != "thing" || e.Version != 1 || e.Rows != 20 || len(e.Columns) != 10 || tables[1].Rows != 1 || e.Bytes <= 0 || e.Bytes+tables[1].Bytes > int64(len(data)) {
		t.Errorf("%+v in %d bytes", tables, len(data))
	}
	if listed, err := Inspect(bytes.NewReader(data), nil); err != nil || fmt.Sprint(listed) != fmt.Sprint(tables) {
		t.Errorf("%+v without a visit, %v", listed, err)
	}
	stop := errors.New("stop")
	if _, err := Inspect(bytes.NewReader(data), func(TableInfo, Row) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the visit's error: %v", err)
	}
}

func TestWithin(t *testing.T) {
	if !Within(2, -2, math.NaN(), 2) || Within(2, 0, -2.1) || Within(2, math.Inf(1)) {
		t.Error("numbers are kept or refused that should not be")
	}
}

func TestHugeLengthAllocatesLittle(t *testing.T) {
	data := append([]byte(magic), 0xff, 0xff, 0xff, 0x0f, 1, 2, 3)
	result := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := NewReader(bytes.NewReader(data), "thing").Close(); pipeline.Code(err) != "snapshot.unreadable" {
				b.Fatal(err)
			}
		}
	})
	if n := result.AllocedBytesPerOp(); n > 200_000 {
		t.Errorf("%d bytes were allocated for %d", n, len(data))
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestFrozen(t *testing.T) {
	released := 0
	write := func(w *Writer) { w.Table(second).Int64(1) }
	encoded, err := Encoded("thing", write)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []pipeline.Frozen{Frozen("thing", write, func() { released++ }), encoded} {
		var b bytes.Buffer
		if err := f.Write(&b); err != nil || b.Len() == 0 {
			t.Fatal(err)
		}
		if err := f.Write(io.Discard); err == nil {
			t.Error("it was written twice")
		}
		f.Release()
		f.Release()
	}
	f := Frozen("thing", write, func() { released++ })
	if err := f.Write(failing{}); pipeline.Code(err) != "snapshot.write" {
		t.Errorf("a disk that is full: %v", err)
	}
	f = Frozen("thing", write, func() { released++ })
	f.Release()
	if err := f.Write(io.Discard); err == nil || released != 3 {
		t.Errorf("written after Release: %v; released %d times, want 3", err, released)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(snapshot(f, 5))
	f.Add(snapshot(f, 0))
	f.Fuzz(func(t *testing.T, data []byte) {
		tables, err := Inspect(bytes.NewReader(data), func(info TableInfo, r Row) error {
			for i := range info.Columns {
				fmt.Fprint(io.Discard, r.Value(i))
			}
			return nil
		})
		if err != nil {
			if c := pipeline.Code(err); c != "snapshot.unreadable" && c != "snapshot.version" {
				t.Fatalf("an error without a code: %v", err)
			}
			return
		}
		if err := Renumber(io.Discard, bytes.NewReader(data), make([]uint32, 3)); err != nil && pipeline.Code(err) != "snapshot.unreadable" {
			t.Fatalf("renumbering what is sound: %v", err)
		}
		for _, info := range tables {
			if info.Rows > 64*int64(len(data)) {
				t.Fatalf("%d rows in %d bytes", info.Rows, len(data))
			}
		}
	})
}

// BenchmarkSmall writes what most operators have: a few tables of a few rows.
func BenchmarkSmall(b *testing.B) {
	for b.Loop() {
		s := NewWriter(io.Discard, "small")
		for _, name := range []string{"lane", "series", "open"} {
			s.Table(Table{Name: name, Version: 1, Fields: []Field{{Name: "start", Type: Int64}, {Name: "end", Type: Int64}, {Name: "there", Type: Bool}, {Name: "name", Type: Text}}}).
				Int64(1).Int64(2).Bool(true).Text("web")
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

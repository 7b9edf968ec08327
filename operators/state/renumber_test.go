package state

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/homeostat/homeostat/pipeline"
)

// numbered is a snapshot of series 0 to n-1: a row each, a row of each third one, and one that names none.
func numbered(t testing.TB, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	s := NewWriter(&b, "test")
	s.Table(Table{Name: "lane", Version: 3, Fields: []Field{{Name: "series", Type: Int64, Role: Count}, {Name: "mark", Type: Bool}}}).Int64(int64(n)).Bool(true)
	all := s.Table(Table{Name: "all", Version: 1, BySeries: true, Fields: []Field{
		{Name: "text", Type: Text}, {Name: "small", Type: Uint16}, {Name: "large", Type: Uint64}, {Name: "value", Type: Float64},
		{Name: "raw", Type: Bytes}, {Name: "whole", Type: Ints}, {Name: "broken", Type: Floats}, {Name: "plain", Type: Uint32}}})
	for i := range n {
		all.Text(fmt.Sprint(i)).Uint16(uint16(i)).Uint64(uint64(i)).Float64(float64(i)).Bytes([]byte{byte(i)}).
			Ints([]int64{int64(i), 7}).Floats([]float64{float64(i)}, []float64{0.5}).Uint32(uint32(i))
	}
	some := s.Table(Table{Name: "some", Version: 1, Fields: []Field{{Name: "series", Type: Uint32, Role: Ordinal}, {Name: "partner", Type: Int64, Role: Ordinal}}})
	for i := 0; i < n; i += 3 {
		some.Uint32(uint32(i)).Int64(int64(i) - 1)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func told(t testing.TB, snapshot []byte) string {
	t.Helper()
	var out strings.Builder
	_, err := Inspect(bytes.NewReader(snapshot), func(info TableInfo, r Row) error {
		fmt.Fprint(&out, info.Component, " ", info.Table, " ", info.Version)
		for c := range info.Columns {
			fmt.Fprint(&out, " ", r.Value(c))
		}
		out.WriteByte('\n')
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestRenumber(t *testing.T) {
	gone := pipeline.Gone
	var out bytes.Buffer
	if err := Renumber(&out, bytes.NewReader(numbered(t, 7)), []uint32{0, gone, 1, 2, gone, 3, 4}); err != nil {
		t.Fatal(err)
	}
	want := `test lane 3 5 true
test all 1 0 0 0 0 [0] [0 7] [0 0.5] 0
test all 1 2 2 2 2 [2] [2 7] [2 0.5] 2
test all 1 3 3 3 3 [3] [3 7] [3 0.5] 3
test all 1 5 5 5 5 [5] [5 7] [5 0.5] 5
test all 1 6 6 6 6 [6] [6 7] [6 0.5] 6
test some 1 0 -1
test some 1 2 1
test some 1 4 3
`
	if diff := cmp.Diff(want, told(t, out.Bytes())); diff != "" {
		t.Errorf("renumbered (-want +got):\n%s", diff)
	}
}

func TestRenumberOfNothingIsTheSame(t *testing.T) {
	to := make([]uint32, 200_000) // several record batches
	for i := range to {
		to[i] = uint32(i)
	}
	in := numbered(t, len(to))
	var out bytes.Buffer
	if err := Renumber(&out, bytes.NewReader(in), to); err != nil || !bytes.Equal(in, out.Bytes()) {
		t.Errorf("%d bytes became %d, %v", len(in), out.Len(), err)
	}
}

func TestRenumberRefusesStrangers(t *testing.T) {
	for name, to := range map[string][]uint32{"too many rows": {0, 1}, "nobody": nil} {
		var out bytes.Buffer
		if err := Renumber(&out, bytes.NewReader(numbered(t, 4)), to); pipeline.Code(err) != "snapshot.unreadable" {
			t.Errorf("%s: %v", name, err)
		}
	}
	var out bytes.Buffer
	if err := Renumber(&out, strings.NewReader(`{"a": 1}`), nil); pipeline.Code(err) != "snapshot.unreadable" {
		t.Errorf("JSON: %v", err)
	}
}

func BenchmarkRenumber(b *testing.B) {
	in := numbered(b, 100_000)
	to := make([]uint32, 100_000)
	for i := range to {
		to[i] = uint32(i / 2)
		if i%2 == 1 {
			to[i] = pipeline.Gone
		}
	}
	for b.Loop() {
		var out bytes.Buffer
		if err := Renumber(&out, bytes.NewReader(in), to); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100_000, "ns/series")
}

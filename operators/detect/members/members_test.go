package members

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/homeostat/homeostat/operators/choose"
	"github.com/homeostat/homeostat/operators/gather"
	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// teller says what it is told.
type teller struct{ said []string }

func (*teller) Grow(int) {}

func (j *teller) Begin(of gather.Span, found []pipeline.Finding) []pipeline.Finding {
	j.said = append(j.said, fmt.Sprintf("%d..%d", of.Start, of.End))
	return found
}

func (j *teller) Group(id uint32, ms []Member, found []pipeline.Finding) []pipeline.Finding {
	j.said = append(j.said, fmt.Sprint(id, ms))
	return found
}

// bench is a table over five series: two of host a, two of host b, and one of none.
func bench(t *testing.T, lost *int) *Table {
	t.Helper()
	table := pipeline.NewSeriesTable(nil, 0)
	for i, host := range []string{"a", "b", "a", "b", ""} {
		if _, err := table.Intern(fmt.Sprintf("m%d", i), "", pipeline.Gauge, []pipeline.Label{{Name: "host", Value: host}}); err != nil {
			t.Fatal(err)
		}
	}
	m := New(choose.Rules{}, func(b []byte, s *pipeline.Series) ([]byte, bool) { return Alike(b, s, []string{"host"}) })
	m.Open(&pipeline.Env{Series: table, Lose: func(reason string, n int) {
		if reason != "late" {
			t.Errorf("%d lost as %s", n, reason)
		}
		*lost += n
	}})
	return m
}

func window(m *Table, start int64, rows ...Member) *pipeline.Window {
	w := &pipeline.Window{Start: start, End: start + 10, Table: m.env.Series}
	for _, r := range rows {
		w.Series, w.Count, w.Sum = append(w.Series, r.Series), append(w.Count, 1), append(w.Sum, r.Value)
	}
	return w
}

func TestGroupsOfAWindow(t *testing.T) {
	lost, j := 0, &teller{}
	m := bench(t, &lost)
	m.Detect(window(m, 0, Member{3, 30}, Member{4, 1}, Member{2, 20}), j, nil)
	m.Detect(window(m, 0, Member{0, 5}, Member{1, math.NaN()}, Member{2, 21}), j, nil) // more of it, in another order, and a row again
	if len(j.said) > 0 {
		t.Fatalf("a window that may go on was judged: %v", j.said)
	}
	m.Detect(window(m, 10, Member{1, 7}), j, nil) // the next one begins
	m.Detect(window(m, 0, Member{0, 1}, Member{4, 1}), j, nil)
	m.Conclude(19, j, nil)
	m.Conclude(20, j, nil)
	m.Conclude(40, j, nil)
	m.Detect(window(m, 10, Member{0, 1}, Member{1, 1}), j, nil)
	want := []string{"0..10", "0 [{0 5} {2 21}]", "1 [{3 30}]", "10..20", "1 [{1 7}]"}
	if start, end := m.Judged(); !slices.Equal(j.said, want) || lost != 3 || start != 10 || end != 20 {
		t.Errorf("told %q, want %q; %d lost, want 3; judged [%d,%d)", j.said, want, lost, start, end)
	}
}

func TestRestoredRows(t *testing.T) {
	lost := 0
	m := bench(t, &lost)
	m.Detect(window(m, 0, Member{3, 30}, Member{2, 20}), &teller{}, nil)
	var saved bytes.Buffer
	w := state.NewWriter(&saved, "x")
	m.Freeze().Write(w)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	again, j := bench(t, &lost), &teller{}
	r := state.NewReader(bytes.NewReader(saved.Bytes()), "x")
	if n := again.Load(r); n != 5 || r.Close() != nil {
		t.Fatal(n, r.Close())
	}
	var held []uint32
	again.Hold(func(s uint32) { held = append(held, s) })
	again.Conclude(10, j, nil)
	if want := []string{"0..10", "0 [{2 20}]", "1 [{3 30}]"}; !slices.Equal(j.said, want) || !slices.Equal(held, []uint32{3, 2}) {
		t.Errorf("told %q, want %q; held %v", j.said, want, held)
	}
}

package pipeline

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

func TestCanonicalJSON(t *testing.T) {
	type inner struct {
		B string `json:"b"`
		A int64  `json:"a"`
	}
	for _, c := range []struct {
		in   any
		want string
	}{
		{map[string]any{"z": 1, "a": 2.5}, `{"a":2.5,"z":1}`},
		{inner{"x", 3}, `{"a":3,"b":"x"}`},
		{map[string]any{"n": int64(math.MaxInt64)}, `{"n":9223372036854775807}`},
		{map[string]any{"n": int64(math.MaxInt64 - 1)}, `{"n":9223372036854775806}`},
		{map[string]any{"n": float64(6)}, `{"n":6}`},
		{[]any{nil, true, "é<"}, `[null,true,"é\u003c"]`},
	} {
		got, err := CanonicalJSON(c.in)
		if err != nil || string(got) != c.want {
			t.Errorf("CanonicalJSON(%v) = %s, %v; want %s", c.in, got, err, c.want)
		}
	}
	if _, err := CanonicalJSON(math.NaN()); err == nil {
		t.Error("NaN has a canonical form")
	}
}

func TestSeriesIdentity(t *testing.T) {
	// Texts that would be equal if parts were only joined.
	keys := map[string]string{}
	for name, ls := range map[string][]Label{
		"two labels":        {{"a", "1"}, {"b", "2"}},
		"one that holds it": {{"a", `1",b="2`}},
		"other names":       {{"a=", "1"}, {"b", "2"}},
		"empty value":       {{"a", ""}, {"b", "2"}},
		"no labels":         {},
	} {
		key := SeriesKey("m", Gauge, NewLabels(ls))
		if other, taken := keys[key]; taken {
			t.Errorf("%s and %s have the same key %s", name, other, key)
		}
		keys[key] = name
	}
	if a, b := SeriesKey("m:delta", Gauge, nil), SeriesKey("m", Delta, nil); a == b {
		t.Errorf("a gauge called m:delta and a delta called m are both %s", a)
	}
	a := NewLabels([]Label{{"b", "2"}, {"a", "0"}, {"a", "1"}})
	if got := SeriesKey("m", Gauge, a); got != `m{a="1",b="2"}` {
		t.Errorf("the key of unordered labels with a repeat is %s", got)
	}
}

// What a table keeps of a series is its own, and texts as they were, whatever has to be escaped in the key.
func TestSeriesKeepsItsTexts(t *testing.T) {
	table := NewSeriesTable(func(_ string, labels Labels) Scope {
		return Scope{Entity: labels.Get("host"), System: "s", Domain: "s"}
	}, 0)
	texts := []string{"a", "plain.text", `q"uote`, `back\slash`, "{", "}", "a=b", "a,b", "a:b", `\`, "ü", "", `="`, `",`}
	random := rand.New(rand.NewPCG(1, 1))
	pick := func() string { return texts[random.IntN(len(texts))] }
	for range 5000 {
		metric, unit, typ := pick(), pick(), SeriesType(random.IntN(4))
		labels := []Label{{"host", pick()}}
		for range random.IntN(4) {
			labels = append(labels, Label{pick(), pick()})
		}
		labels = NewLabels(labels)
		known := table.Len()
		at, err := table.Intern(metric, unit, typ, labels)
		if err != nil {
			t.Fatal(err)
		}
		want := slices.Clone(labels)
		host := labelled(want, "host")
		clear(labels)
		got := table.At(at)
		if got.Metric != metric || got.Type != typ || !slices.Equal(got.Labels.List(), want) || got.Key() != SeriesKey(metric, typ, want) ||
			got.Entity != host || got.System != "s" || got.Domain != "s" || int(at) == known && got.Unit != unit {
			t.Fatalf("%+v is not %s %s %s %v", got, metric, unit, typ, want)
		}
		if again, _ := table.Intern(metric, unit, typ, want); again != at {
			t.Fatalf("%s is %d and %d", got.Key(), at, again)
		}
	}
	for i := range uint32(table.Len()) {
		s := table.At(i)
		if at, err := table.Intern(s.Metric, s.Unit, s.Type, s.Labels.List()); err != nil || at != i {
			t.Fatalf("%s is %d, not %d: %v", s.Key(), at, i, err)
		}
	}
	s := table.At(0)
	labels := s.Labels.List()
	if n := testing.AllocsPerRun(100, func() { _, _ = table.Intern(s.Metric, s.Unit, s.Type, labels) }); n > 0 {
		t.Errorf("%v allocations for a series that is known", n)
	}
}

// labelled returns the value of a label, of the last one if there are several of that name.
func labelled(labels []Label, name string) (value string) {
	for _, l := range labels {
		if l.Name == name {
			value = l.Value
		}
	}
	return value
}

// scrambled makes a table of series of few texts, among them those that a key has to escape.
func scrambled(t *testing.T, n int) *SeriesTable {
	texts := []string{"a", "ab", "b", `q"uote`, `back\slash`, "{", "}", "a=b", "a,b", "a:b", "a{", `\`, "", `="`, `",`}
	random := rand.New(rand.NewPCG(2, 1))
	pick := func() string { return texts[random.IntN(len(texts))] }
	table := NewSeriesTable(func(metric string, labels Labels) Scope {
		return Scope{Entity: labels.Get("a"), System: metric, Domain: "d"}
	}, 0)
	for range n {
		var labels []Label
		for range random.IntN(4) {
			labels = append(labels, Label{pick(), pick()})
		}
		if _, err := table.Intern(pick(), pick(), SeriesType(random.IntN(4)), NewLabels(labels)); err != nil {
			t.Fatal(err)
		}
	}
	return table
}

func TestKeysCompareAsTexts(t *testing.T) {
	table := scrambled(t, 400)
	for a := range table.All().Values() {
		for b := range table.All().Values() {
			if got, want := CompareKeys(a, b), strings.Compare(a.Key(), b.Key()); got != want {
				t.Fatalf("%s and %s: %d, not %d", a.Key(), b.Key(), got, want)
			}
		}
	}
}

// A table of what is left is as if nothing else had ever been there, and finds what it has.
func TestWithout(t *testing.T) {
	table := scrambled(t, 3000)
	before := table.All()
	rest, to := table.Without(func(i uint32) bool { return i%3 == 1 || i > 900 && i < 1300 })
	next := uint32(0)
	for i := range uint32(before.Len()) {
		if i%3 == 1 || i > 900 && i < 1300 {
			if to[i] != Gone {
				t.Fatalf("series %d went and is %d", i, to[i])
			}
			continue
		}
		s, left := before.At(i), rest.At(next)
		if to[i] != next || left.Key() != s.Key() || left.Unit != s.Unit || *left.Scope != *s.Scope {
			t.Fatalf("series %d is %d; %d is %s of %+v, not %s of %+v", i, to[i], next, left.Key(), left.Scope, s.Key(), s.Scope)
		}
		if at, err := rest.Intern(s.Metric, "another", s.Type, s.Labels.List()); err != nil || at != next {
			t.Fatalf("%s is %d, not %d: %v", s.Key(), at, next, err)
		}
		for k, l := range s.Labels {
			if l == left.Labels[k] {
				t.Fatalf("%s has a label of the table before", s.Key())
			}
		}
		next++
	}
	if rest.Len() != int(next) {
		t.Errorf("%d series are left, not %d", rest.Len(), next)
	}
	if at, err := rest.Intern("new", "", Gauge, nil); err != nil || at != next {
		t.Errorf("the next series is %d, not %d: %v", at, next, err)
	}
}

// What series have in common is there once.
func TestSeriesShare(t *testing.T) {
	table := NewSeriesTable(func(_ string, labels Labels) Scope { return Scope{labels.Get("host"), "s", "s"} }, 0)
	for i := range 600 {
		if _, err := table.Intern(fmt.Sprint("m", i%3), "s", Gauge, []Label{{"host", fmt.Sprint("h", i/300)}, {"number", fmt.Sprint(i)}}); err != nil {
			t.Fatal(err)
		}
	}
	if s, err := table.Intern("another", "", Delta, table.At(0).Labels.List()); err != nil || &table.At(s).Labels[0] != &table.At(0).Labels[0] {
		t.Errorf("series of the same labels have them twice: %v", err)
	}
	a, b, c := table.At(0), table.At(3), table.At(599)
	if a.Quantity != b.Quantity || a.Scope != b.Scope || a.Labels[0] != b.Labels[0] || a.Labels[1] == b.Labels[1] || a.Scope == c.Scope || a.Labels[0] == c.Labels[0] {
		t.Error("series do not share what they have in common, or something else")
	}
	if unsafe.StringData(a.Entity) != unsafe.StringData(a.Labels[0].Value) || unsafe.StringData(a.Labels[0].Name) != unsafe.StringData(c.Labels[0].Name) {
		t.Error("a text is there twice")
	}
}

func TestSeriesTable(t *testing.T) {
	asked := 0
	table := NewSeriesTable(func(metric string, ls Labels) Scope {
		asked++
		return Scope{Entity: ls.Get("host"), System: "s", Domain: ls.Get("host")}
	}, 2)
	one, err := table.Intern("cpu", "1", Gauge, []Label{{"host", "a"}})
	if err != nil {
		t.Fatal(err)
	}
	again, err := table.Intern("cpu", "1", Gauge, []Label{{"host", "a"}})
	if err != nil || again != one || asked != 1 {
		t.Errorf("the same series is %d and %d, %v; the rules were asked %d times", one, again, err, asked)
	}
	if s := table.At(one); s.Entity != "a" || s.System != "s" || s.Metric != "cpu" {
		t.Errorf("the series is %+v", s)
	}
	if _, err := table.InternScoped("cpu", "", Delta, []Label{{"host", "a"}}, Scope{Entity: "e"}); err != nil {
		t.Error(err)
	}
	if _, err := table.Intern("mem", "", Gauge, nil); Code(err) != "series.limit" {
		t.Errorf("a full table answers %v", err)
	}
	if table.Len() != 2 {
		t.Errorf("the table has %d series", table.Len())
	}
}

func TestColumnsRollBackAndKeep(t *testing.T) {
	c := NewColumns(NewSeriesTable(nil, 0))
	c.Point(1, 10, 0, 1)
	c.Log(2, 10, 9, []byte("first"))
	c.Mark()
	c.Point(1, 20, 0, 2)
	c.Point(1, 5, 0, 3)
	c.Log(2, 20, 9, []byte("second"))
	c.Log(2, 5, 9, []byte("late"))
	c.Log(2, 30, 9, []byte("third"))
	if dropped := c.Keep(func(t int64) bool { return t >= 10 }); dropped != 2 {
		t.Errorf("%d rows were dropped, want 2", dropped)
	}
	if got := string(c.LogBytes); got != "firstsecondthird" || len(c.LogOffset) != 4 || c.LogOffset[3] != 16 {
		t.Errorf("bodies are %q at %v", got, c.LogOffset)
	}
	c.Rollback()
	if len(c.PointTime) != 1 || len(c.LogTime) != 1 || string(c.LogBytes) != "first" || len(c.LogOffset) != 2 {
		t.Errorf("after rollback: %d points, %d logs, %q", len(c.PointTime), len(c.LogTime), c.LogBytes)
	}
	batches := c.Batches(Position{Topic: "t", Next: 7})
	if len(batches) != 2 || batches[0].Kind != Points || batches[1].Kind != Logs || batches[0].Rows() != 1 || batches[1].Rows() != 1 {
		t.Fatalf("batches are %v", batches)
	}
	for _, b := range batches {
		if !b.Record.Schema().Equal(b.Kind.Schema()) || b.Position.Next != 7 {
			t.Errorf("batch of %s has schema %v at %+v", b.Kind, b.Record.Schema(), b.Position)
		}
		b.Release()
	}
	if more := c.Batches(Position{}); len(more) != 0 {
		t.Errorf("empty columns make %d batches", len(more))
	}
}

func TestErrorCodes(t *testing.T) {
	inner := Errorf("inner.code", "what of %s", "x")
	outer := Errorf("outer.code", "more: %w", inner)
	if outer.Error() != "more: what of x (inner.code) (outer.code)" || Code(outer) != "outer.code" || Code(nil) != "" {
		t.Errorf("errors read %q, code %q", outer, Code(outer))
	}
}

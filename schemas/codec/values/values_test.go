package values

import (
	"slices"
	"strings"
	"testing"
)

// split returns the values of a record, and the fault that ended it.
func split(b string, nesting int) (found []string, any bool, fault *Fault) {
	s := Splitter{B: []byte(b), Nesting: nesting}
	for {
		from, ok, fault := s.Begin()
		if fault != nil || !ok {
			return found, s.Any, fault
		}
		if fault := s.Pass(); fault != nil {
			return found, s.Any, fault
		}
		found = append(found, b[from:s.At])
		if fault := s.Separator(); fault != nil {
			return found, s.Any, fault
		}
	}
}

func TestValues(t *testing.T) {
	for _, c := range []struct {
		b    string
		want []string
	}{
		{"", nil},
		{" \r\n", nil},
		{"[]", nil},
		{"{}", []string{"{}"}},
		{"\uFEFF{} 1\n\"a b\"", []string{"{}", "1", `"a b"`}},
		{`[{"a":"]}\""},[1,[2]],"\\"] {"b":[]}`, []string{`{"a":"]}\""}`, "[1,[2]]", `"\\"`, `{"b":[]}`}},
		{"{}{}", []string{"{}", "{}"}},
		{"[1 ][ 2]nan", []string{"1", "2", "nan"}},
	} {
		got, any, fault := split(c.b, 3)
		if fault != nil || !slices.Equal(got, c.want) || any != strings.ContainsAny(c.b, "{[") {
			t.Errorf("%q: %q, %v, %+v", c.b, got, any, fault)
		}
	}
}

// TestOneArray finds the elements of an array in the middle of something else.
func TestOneArray(t *testing.T) {
	s := Splitter{B: []byte(`{"a":[1, {}],"b":[2]}`), At: 5, Nesting: 3, One: true}
	var found []string
	for {
		from, ok, fault := s.Begin()
		if fault != nil {
			t.Fatal(fault)
		}
		if !ok {
			break
		}
		if fault := s.Pass(); fault != nil {
			t.Fatal(fault)
		}
		found = append(found, string(s.B[from:s.At]))
		if fault := s.Separator(); fault != nil {
			t.Fatal(fault)
		}
	}
	if !slices.Equal(found, []string{"1", "{}"}) || s.At != 12 {
		t.Errorf("%q, at %d", found, s.At)
	}
}

func TestFaults(t *testing.T) {
	for _, c := range []struct {
		b    string
		want Fault
	}{
		{"[1,2", Fault{At: 4, Why: "the array has no end"}},
		{"[1,]", Fault{At: 3, Why: "a value can't begin here"}},
		{"{} }", Fault{At: 3, Why: "a value can't begin here"}},
		{"[1 2]", Fault{At: 3, Why: "an element of the array is followed by neither a comma nor the end"}},
		{`{} {"a":1`, Fault{At: 3, Why: "what begins here has no end"}},
		{`{"a":"b\"}`, Fault{At: 5, Why: "the text that begins here has no end"}},
		{" {[{}]}", Fault{At: 3, From: 1, Deep: true}},
	} {
		if _, _, fault := split(c.b, 2); fault == nil || *fault != c.want {
			t.Errorf("%q: %+v, want %+v", c.b, fault, c.want)
		}
	}
}

package main

import (
	"slices"
	"strings"
	"testing"
)

func TestAccountsDiffer(t *testing.T) {
	made := func() *account {
		a := newAccount()
		a.add(gauge, 1, 2, 2)
		a.add(delta, 7)
		a.line(17, "boom")
		a.lost[noValue] = 3
		a.undecodable = 1
		return a
	}
	for _, c := range []struct {
		name   string
		change func(*account)
		want   string
	}{
		{"nothing", func(a *account) { slices.Reverse(a.values[gauge]) }, ""},
		{"a value is missing", func(a *account) { a.values[gauge] = a.values[gauge][:2] }, "gauge values: 3 written, 2 read; 2 was written and not read"},
		{"a value is there twice", func(a *account) { a.add(gauge, 1) }, "gauge values: 3 written, 4 read; 1 was read and not written"},
		{"a value differs", func(a *account) { a.values[delta][0] = 7.000000000000001 }, "delta values: 1 written, 1 read; 7 was written and not read; 7.000000000000001 was read and not written"},
		{"a type differs", func(a *account) { a.values[delta], a.values[cumulative] = nil, a.values[delta] }, "delta values: 1 written, 0 read"},
		{"a severity differs", func(a *account) { a.lines[0] = "0 boom" }, `"17 boom" was written and not read`},
		{"a line is new", func(a *account) { a.line(17, "boom") }, "lines: 1 written, 2 read"},
		{"more is lost", func(a *account) { a.lost[noValue]++ }, "no_recorded_value 4"},
		{"another reason", func(a *account) { a.lost[notFinite] = 1 }, "not_finite 1"},
		{"undecodable", func(a *account) { a.undecodable = 0 }, "0 records could not be decoded, and 1 were expected"},
	} {
		read := made()
		c.change(read)
		got := strings.Join(made().minus(read), "; ")
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if n := made().rows(); n != 5 {
		t.Errorf("%d rows", n)
	}
}

// What tap prints is taken apart as it stands, with whatever labels and bodies hold.
func TestTapped(t *testing.T) {
	a, err := tapped(strings.NewReader(strings.Join([]string{
		`0@0 3 points, 2 log records`,
		`  2026-11-28T10:00:00Z mem_used{host="a",path="C\:\\x \{y\}"} 1.5e+09`,
		`  2026-11-28T10:00:00Z a\:b:delta{} -2`,
		`  2026-11-28T10:00:00Z requests.total:cumulative{} 7`,
		`  2026-11-28T10:00:00Z logs:stream{topic="t"} 17 {"a":"b"} 9 x`,
		`  2026-11-28T10:00:00Z logs:stream{} 0 `,
		`0@1 json logs record has no line: check what writes to topic t (json_logs.empty)`,
	}, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	want := newAccount()
	want.add(gauge, 1.5e9)
	want.add(delta, -2)
	want.add(cumulative, 7)
	want.line(17, `{"a":"b"} 9 x`)
	want.line(0, "")
	if d := want.minus(a); len(d) > 0 {
		t.Error(d)
	}
}

func TestCompressedAsTold(t *testing.T) {
	for _, c := range []struct {
		seen, told string
		want       bool
	}{
		{"snappy", "snappy", true}, {"none+snappy", "snappy", true}, {"none", "snappy", false}, {"gzip+snappy", "snappy", false}, {"none", "none", true}, {"gzip+none", "none", false},
	} {
		if got := asTold(strings.Split(c.seen, "+"), c.told); got != c.want {
			t.Errorf("%s for %s: %t", c.seen, c.told, got)
		}
	}
}

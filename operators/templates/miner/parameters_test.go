package miner

import (
	"fmt"
	"strings"
	"testing"
)

func TestParameters(t *testing.T) {
	for _, c := range []struct {
		before     []string
		line, want string
	}{
		{nil, "took 35 ms, in all 7", "1=35 5=7"},
		{nil, "from 10.0.0.1:80 at 2024-02-03 04:05:06, ok", "1=10.0.0.1 2=80"},
		{nil, `user="alice b" core.17 of eth0 () freed 3.4 MB now`, `1=alice b 2=core.17 5= 7=3.4 MB`},
		{nil, "at Fri Jul 01 08:16:53 PDT 2005 it was null", ""},
		{nil, "lasted <1 sec of 3", "1=<1 sec 3=3"},
		{[]string{"login of user u1234 failed"}, "login of user bob failed", "3=bob"},
		{[]string{"login of user bob failed", "login of user u1234 failed"}, "login of user eve failed", "3=eve"},
		{[]string{"ask for block 1 2 3 to delete", "ask for block 1 to delete"}, "ask for block 4 to delete", ""},
		{nil, "it is up", ""},
		{nil, "", ""},
	} {
		m := New(Limits{})
		for _, l := range c.before {
			m.Learn([]byte(l))
		}
		for range 2 { // once read, once foretold
			tmpl := m.Learn([]byte(c.line))
			var got []string
			for _, p := range m.Parameters([]byte(c.line), tmpl) {
				got = append(got, fmt.Sprintf("%d=%s", p.Place, p.Text))
			}
			if g := strings.Join(got, " "); g != c.want {
				t.Errorf("%q has %q, not %q", c.line, g, c.want)
			}
		}
	}
}

// TestParametersOfAnyLine: each place of a value has one, whatever the line.
func TestParametersOfAnyLine(t *testing.T) {
	m := New(Limits{})
	for _, l := range randomLines(5, 3000) {
		tmpl := m.Learn(l)
		if tmpl.form.elastic {
			continue
		}
		n := 0
		for _, p := range tmpl.form.parts {
			if p.kind != literal && p.kind != fixed {
				n++
			}
		}
		got := m.Parameters(l, tmpl)
		if len(got) != n {
			t.Fatalf("%q has %d parameters, its template %q has %d", l, len(got), tmpl.Text(), n)
		}
		for _, p := range got {
			if !strings.Contains(string(l), string(p.Text)) {
				t.Fatalf("%q has no %q", l, p.Text)
			}
		}
	}
}

package miner

import (
	"bytes"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/homeostat/homeostat/operators/operatortest"
)

// planOf returns a line's shape and its plan, nil if there is none.
func planOf(line []byte) (shape []byte, p *plan) {
	r := reader{noting: true}
	shape = r.shape(nil, line)
	return shape, r.plan(line, nil)
}

// agrees checks that a line that is of another one's plan has the other one's shape.
func agrees(t *testing.T, line, other []byte) bool {
	t.Helper()
	shape, p := planOf(line)
	if p == nil {
		return false
	}
	if !p.has(line) {
		// A value may be one by rules that plans don't know; only what is the same to the byte has to be of its plan.
		t.Fatalf("%q is not of its own plan", line)
	}
	if !p.has(other) {
		return false
	}
	if got := new(reader).shape(nil, other); !bytes.Equal(shape, got) {
		t.Fatalf("%q is of the plan of %q, but it has the shape\n%q, not\n%q", other, line, got, shape)
	}
	return true
}

func TestPlansByExample(t *testing.T) {
	for _, c := range []struct {
		line, other string
		of          bool
	}{
		{"took 35 ms", "took 1035 ms", true},
		{"took 35 ms", "took 35 s", false},
		{"took 35", "took 3x", false},
		{"from 10.0.3.4:8080", "from 192.168.0.1:1", false}, // the port may be part of a time or address
		{"from 10.0.3.4:8080", "from 192.168.0.1:9999", true},
		{"from 10.0.3.4", "from 10", false},
		{"id=0x14ed93 done", "id=deadbeef00 done", true},
		{"id=0x14ed93 done", "id=deadbeef done", false},
		{"id=a14ed93 done", "id=2024-02-03 done", false},
		{"opened /var/log/x.log, ok", "opened /7, ok", true},
		{"opened /var/log/x.log, ok", "opened /, ok", false},
		{`user="alice" in`, `user="bob \"7\" of" in`, true},
		{`user="alice" in`, `user="" in`, true},
		{"at 04:05:06", "at 23:59:59", true},
		{"at 04:05:06", "at 23:59:591", false},
		{"Jul 123 x", "Jul 12 x", false},
		{"x <5.3 y", "x <53 y", false},
		{"04:05:06,1a2b", "04:05:06,ab12", false},
		{"GET http://a.example/b?c=1 ok", "GET http://b/x/y ok", true},
		{"GET http://a.example/b?c=1 ok", "GET http://b/x/y. ok", false},
		{"eth0 up", "eth1 up", false},
		{"cxid:0x1d zxid:17", "cxid:0x1f01 zxid:4", true},
		{"ab:12 and", "ab:123456 and", false},
	} {
		if got := agrees(t, []byte(c.line), []byte(c.other)); got != c.of {
			t.Errorf("that %q is of the plan of %q is %v", c.other, c.line, got)
		}
	}
}

// pieces of lines that the reader looks at closely.
var crumbs = strings.Split(`Jan|Fri|Mon|May 5|12|123|1|12345|1234567|2024|2024-02-03|04:05|04:05:06|,789|Z|+02:00|T|ab|fe80|deadbeef|0x1f|1a2b|a1|a12|v2|eth0|10.0.0.1|10.5|1.2.3|a.b.c|a.b.c1|host:80|:|::|:|=|,|;| | | | |"|"|\|'|(|)|()|[|]|<|>|< |{|}|""|/|/a/b|a/b|./x|~/y|C:\x|http://a/b|://|.|-|-3|_|@|kB|MB|B|k| B | KiB|<5|ms|msg|message|"msg":"|"k":"v"|k="v w"|k12=|true|null|root|é|`+"\x00|\xff|\t", "|")

func crumbly(rnd *rand.Rand) (line []byte) {
	for range 1 + rnd.IntN(12) {
		line = append(line, crumbs[rnd.IntN(len(crumbs))]...)
		if rnd.IntN(2) == 0 {
			line = append(line, ' ')
		}
	}
	return line
}

// altered changes a line at a few places, mostly its values.
func altered(rnd *rand.Rand, line []byte) []byte {
	line = bytes.Clone(line)
	for range 1 + rnd.IntN(3) {
		if len(line) == 0 {
			return line
		}
		at := rnd.IntN(len(line))
		if i := bytes.IndexAny(line[at:], "0123456789"); i >= 0 && rnd.IntN(3) > 0 {
			at += i
		}
		switch rnd.IntN(4) {
		case 0:
			line[at] = byte('0' + rnd.IntN(10))
		case 1:
			line = slices.Insert(line, at, byte('0'+rnd.IntN(10)))
		case 2:
			line = slices.Delete(line, at, at+1)
		case 3:
			line = slices.Insert(line, at, []byte(crumbs[rnd.IntN(len(crumbs))])...)
		}
	}
	return line
}

// TestPlans: lines of a plan have its shape.
func TestPlans(t *testing.T) {
	for seed := range uint64(4) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		of := 0
		for range 15_000 {
			line := crumbly(rnd)
			if agrees(t, line, altered(rnd, line)) {
				of++
			}
		}
		if of < 1500 {
			t.Errorf("seed %d: only %d lines were of a plan", seed, of)
		}
	}
}

func FuzzPlans(f *testing.F) {
	rnd := rand.New(rand.NewPCG(1, 3))
	for range 300 {
		line := crumbly(rnd)
		f.Add(line, altered(rnd, line))
	}
	f.Fuzz(func(t *testing.T, line, other []byte) {
		agrees(t, line, other)
		agrees(t, other, line)
	})
}

// TestForetoldIsRead: what a plan says is what would be read, of random lines and of those in the folder LOGHUB if that is set.
func TestForetoldIsRead(t *testing.T) {
	var sets [][][]byte
	for seed := range uint64(3) {
		sets = append(sets, headed(randomLines(seed, 200)))
	}
	for _, set := range operatortest.LogHub(t, os.Getenv("LOGHUB")) {
		sets = append(sets, set.Lines)
	}
	for n, lines := range sets {
		rnd := rand.New(rand.NewPCG(uint64(n), 4))
		a, b := New(Limits{Templates: 300}), New(Limits{Templates: 300})
		foretold := 0
		for range 5000 {
			l := lines[rnd.IntN(len(lines))]
			if l = changed([][]byte{l}, 1, rnd)[0]; rnd.IntN(50) == 0 {
				l = altered(rnd, l)
			}
			if d := b.foretold.of(l); d != nil {
				*d = drawer{}
			}
			before := a.shape
			a.shape = nil
			x, y := a.Learn(l), b.Learn(l)
			if a.shape == nil {
				a.shape = before
				foretold++
			}
			if x.ID != y.ID || x.Text() != y.Text() {
				t.Fatalf("set %d, %q: %x %q by plans, %x %q without", n, l, x.ID, x.Text(), y.ID, y.Text())
			}
		}
		if a.number != b.number || !slices.Equal(a.Merges(), b.Merges()) {
			t.Errorf("set %d: %d and %d templates, %v and %v merged", n, a.number, b.number, a.Merges(), b.Merges())
		}
		if foretold < 500 {
			t.Errorf("set %d: only %d lines were foretold", n, foretold)
		}
	}
}

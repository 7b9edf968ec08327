package templates

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"

	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/pipeline"
)

// untold is the operator without the points of records: these come at once and those of stretches with time, so how they are mixed
// depends on when time is told, and matters to nobody.
type untold struct{ *Templates }

func (u untold) Process(b pipeline.Batch, _ pipeline.Emitter) error {
	return u.Templates.Process(b, discard{})
}

func looking(changes pipeline.Settings) func() (pipeline.Operator, error) {
	s := pipeline.Settings{"parameters": 10 * time.Second}
	maps.Copy(s, changes)
	return func() (pipeline.Operator, error) {
		op, err := made(s)()
		if err != nil {
			return nil, err
		}
		return untold{op.(*Templates)}, nil
	}
}

func TestParameters(t *testing.T) {
	var orders strings.Builder
	for i := range 12 {
		fmt.Fprintf(&orders, ` 9"order %d took 7 ms"`, i)
	}
	for _, c := range []struct {
		fact, input, want string
		settings          pipeline.Settings
		fixed             bool
		lost              map[string]int
	}{{
		fact: "different values of each place in a stretch, once it is over",
		input: `
			logs :stream{service="cart"} at 1s every 1s: 9"order 17 took 3 ms" 9"order 18 took 3 ms"
			watermark 9s
			logs :stream{service="cart"} at 12s: 9"order 19 took 5 ms"
			watermark 10s
			watermark 20s`,
		want: `
			9.999999999s log.parameters.distinct{place="2",service="cart",template="3bcd56a77bdd96db",text="order <?> took <*> ms"} 2
			9.999999999s log.parameters.distinct{place="4",service="cart",template="3bcd56a77bdd96db",text="order <*> took <?> ms"} 1
			19.999999999s log.parameters.distinct{place="2",service="cart",template="3bcd56a77bdd96db",text="order <?> took <*> ms"} 1
			19.999999999s log.parameters.distinct{place="4",service="cart",template="3bcd56a77bdd96db",text="order <*> took <?> ms"} 1`,
	}, {
		fact:  "the share of the most frequent value where there are ten records, and its name when it leads",
		input: `logs :stream{service="cart"} at 100ms every 100ms:` + orders.String() + "\nwatermark 10s",
		want: `
			9.999999999s log.parameters.distinct{place="2",service="cart",template="3bcd56a77bdd96db",text="order <?> took <*> ms"} 12
			9.999999999s log.parameters.share{place="2",service="cart",template="3bcd56a77bdd96db",text="order <?> took <*> ms"} 0
			9.999999999s log.parameters.distinct{place="4",service="cart",template="3bcd56a77bdd96db",text="order <*> took <?> ms"} 1
			9.999999999s log.parameters.share{place="4",service="cart",template="3bcd56a77bdd96db",text="order <*> took <?> ms"} 1
			9.999999999s log.parameters.top{place="4",service="cart",template="3bcd56a77bdd96db",text="order <*> took <?> ms",value="7"} 1`,
	}, {
		fact: "words at a place that has become one of values, of instances together",
		input: `
			logs :stream{pod="a",service="shop"} at 1s: 9"login of user bob failed"
			logs :stream{pod="b",service="shop"} at 2s every 1s: 9"login of user u1234 failed" 9"login of user eve failed"
			watermark 10s`,
		settings: pipeline.Settings{"labels": []any{"service"}},
		want:     `9.999999999s log.parameters.distinct{place="4",service="shop",template="b1952fe48f9a4a51",text="login of user <?> failed"} 2`,
	}, {
		fact:     "no more places",
		settings: pipeline.Settings{"places": int64(1)},
		input:    `logs :stream{service="cart"} at 1s every 1s: 9"order 17 took 3 ms" 9"order 18 took 3 ms"` + "\nwatermark 10s",
		want:     `9.999999999s log.parameters.distinct{place="2",service="cart",template="3bcd56a77bdd96db",text="order <?> took <*> ms"} 2`,
		lost:     map[string]int{parameterLimit: 2}, fixed: true,
	}, {
		fact: "a stretch that is over counts nothing more",
		input: `
			logs :stream{service="cart"} at 12s: 9"order 17 took 3 ms"
			watermark 10s
			logs :stream{service="cart"} at 5s: 9"order 18 took 3 ms"
			watermark 11s`,
		lost: map[string]int{lateParameters: 1}, fixed: true,
	}, {
		fact:     "no more series, nor values of records for which there are none",
		settings: pipeline.Settings{"series": int64(1)},
		input: `
			logs :stream{service="cart"} at 1s every 1s: 9"order 17 took 3 ms" 9"retry 17 of all"
			watermark 10s`,
		want: `9.999999999s log.parameters.distinct{place="2",service="cart",template="3bcd56a77bdd96db",text="order <?> took <*> ms"} 1`,
		lost: map[string]int{seriesLimit: 1},
	}} {
		t.Run(c.fact, func(t *testing.T) {
			operatortest.Run(t, operatortest.Case{New: looking(c.settings), Input: operatortest.Script(t, c.input), Want: c.want, Silent: c.want == "", Lost: c.lost, FixedTime: c.fixed})
		})
	}
}

// TestParametersOfAnyLines: whatever the lines and their order, values are counted the same over restores, evictions and other borders.
func TestParametersOfAnyLines(t *testing.T) {
	rnd := rand.New(rand.NewPCG(7, 7))
	in := operatortest.NewInput()
	for i := range 120 {
		in.Log(fmt.Sprintf(`:stream{service="s%d"}`, rnd.IntN(3)), int64(i)*1e8+rnd.Int64N(1e9), 9, fmt.Sprintf("request %d of user u%d took %d ms at é%d", i, rnd.IntN(9), rnd.IntN(1+i/30), rnd.IntN(50)))
		if i%20 == 19 {
			in.Watermark(int64(i-10) * 1e8)
		}
	}
	in.Watermark(100e9)
	operatortest.Run(t, operatortest.Case{New: looking(nil), Input: in})
}

// TestDistinct: estimates are within four standard deviations, and nearly exact where there is little.
func TestDistinct(t *testing.T) {
	for _, n := range []int{1, 2, 5, 20, 100, 600, 700, 5000, 100_000} {
		var s sketch
		for i := range n {
			v := fmt.Appendf(nil, "user-%d", i)
			s.add(xxhash.Sum64(v), v)
			s.add(xxhash.Sum64(v), v)
		}
		if got, off := s.distinct(), max(1, 0.26*float64(n)); got < float64(n)-off || got > float64(n)+off {
			t.Errorf("%d different values are %g", n, got)
		}
	}
}

// TestMost: the most frequent of many values is named, and its share is never told greater than it is.
func TestMost(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 3))
	for part := range 10 {
		var s sketch
		storm := 0
		for i := range 5000 {
			v := fmt.Appendf(nil, "user-%d", i)
			if rnd.IntN(10) < part {
				v = []byte("alice")
				storm++
			}
			s.add(xxhash.Sum64(v), v)
		}
		value, share := s.most()
		if share > float64(storm)/5000 || part >= 3 && (value != "alice" || share < float64(storm)/5000-1.0/contenders) {
			t.Errorf("%d of 5000 are alice: %s has %g", storm, value, share)
		}
	}
}

func TestSketchIsStored(t *testing.T) {
	var s, got sketch
	for i := range 20 {
		v := []byte(strings.Repeat(string(rune('a'+i)), 10*i))
		s.add(xxhash.Sum64(v), v)
	}
	raw := s.top.encode()
	if !got.top.decode(raw) || !slices.Equal(got.top.encode(), raw) || got.top.hashes != s.top.hashes {
		t.Fatalf("restored %v, not %v", got.top, s.top)
	}
	for _, bad := range [][]byte{raw[:len(raw)-1], slices.Concat(raw, raw), append(raw[:16:16], 255), make([]byte, 17)} {
		if new(ranking).decode(bad) {
			t.Errorf("%d bytes are restored", len(bad))
		}
	}
}

func TestValuesAreReadable(t *testing.T) {
	for _, c := range []struct{ value, want string }{
		{"bob", "bob"}, {"", ""}, {"a\x00b\xff", "a\uFFFDb\uFFFD"}, {strings.Repeat("é", 32), strings.Repeat("é", 32)},
		{"x" + strings.Repeat("é", 32), "x" + strings.Repeat("é", 31)}, {"xx" + strings.Repeat("世", 30), "xx" + strings.Repeat("世", 20)},
	} {
		b := []byte(c.value)
		if got := readable(b[:min(len(b), maxValue)]); got != c.want || !utf8.ValidString(got) {
			t.Errorf("%q is %q, not %q", c.value, got, c.want)
		}
	}
}

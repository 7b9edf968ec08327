package templates

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/operators/templates/miner"
	"github.com/homeostat/homeostat/pipeline"
)

// made makes the operator with its defaults but for some settings.
func made(changes pipeline.Settings) func() (pipeline.Operator, error) {
	s := operatortest.Settings(Spec())
	maps.Copy(s, changes)
	return func() (pipeline.Operator, error) { return New(s) }
}

func TestCounts(t *testing.T) {
	for _, c := range []struct {
		fact, input, want string
		settings          pipeline.Settings
	}{{
		fact: "records of one shape, of each stream",
		input: `
			logs :stream{service="cart"} at 1s every 1s: 9"order 17 took 3 ms" 9"order 18 took 40 ms" 17"no route to 10.0.0.1"
			logs :stream{service="shop"} at 2s: 9"order 19 took 5 ms"`,
		want: `
			1s log.templates:delta{service="cart",template="3bcd56a77bdd96db",text="order <*> took <*> ms"} 1
			2s log.templates:delta{service="cart",template="3bcd56a77bdd96db",text="order <*> took <*> ms"} 1
			3s log.templates:delta{service="cart",template="b31b68415d9f23f0",text="no route to <*>"} 1
			2s log.templates:delta{service="shop",template="3bcd56a77bdd96db",text="order <*> took <*> ms"} 1`,
	}, {
		fact:  "what is merged counts for the older one",
		input: `logs :stream{} at 1s every 1s: 9"login of user bob failed" 9"login of user u1234 failed" 9"login of user eve failed"`,
		want: `
			1s log.templates:delta{template="b1952fe48f9a4a51",text="login of user bob failed"} 1
			2s log.templates:delta{template="b1952fe48f9a4a51",text="login of user bob failed"} 1
			3s log.templates:delta{template="b1952fe48f9a4a51",text="login of user bob failed"} 1`,
	}, {
		fact:  "the first line, and nothing",
		input: `logs :stream{} at 1s every 1s: 17"it failed\n at a.go:3\n at b.go:7" 17"\r\nit failed\n" 9""`,
		want: `
			1s log.templates:delta{template="d6bcaa59ad46cefd",text="it failed"} 1
			2s log.templates:delta{template="d6bcaa59ad46cefd",text="it failed"} 1
			3s log.templates:delta{template="ef46db3751d8e999"} 1`,
	}, {
		fact:     "instances together",
		settings: pipeline.Settings{"labels": []any{"service"}},
		input: `
			logs :stream{pod="a",service="cart"} at 1s: 9"it is up"
			logs :stream{pod="b",service="cart"} at 1s: 9"it is up"`,
		want: `
			1s log.templates:delta{service="cart",template="ebfb8b5685de01db",text="it is up"} 1
			1s log.templates:delta{service="cart",template="ebfb8b5685de01db",text="it is up"} 1`,
	}, {
		fact:     "the share of errors of streams and templates",
		settings: pipeline.Settings{"labels": []any{"service"}, "errors": true},
		input:    `logs :stream{pod="a",service="cart"} at 1s every 1s: 9"it is up" 17"it is up" 21"it is down"`,
		want: `
			1s log.templates:delta{service="cart",template="ebfb8b5685de01db",text="it is up"} 1
			1s log.errors.share{service="cart"} 0
			1s log.errors.share{service="cart",template="ebfb8b5685de01db",text="it is up"} 0
			2s log.templates:delta{service="cart",template="ebfb8b5685de01db",text="it is up"} 1
			2s log.errors.share{service="cart"} 1
			2s log.errors.share{service="cart",template="ebfb8b5685de01db",text="it is up"} 1
			3s log.templates:delta{service="cart",template="f25fef87d1864be1",text="it is down"} 1
			3s log.errors.share{service="cart"} 1
			3s log.errors.share{service="cart",template="f25fef87d1864be1",text="it is down"} 1`,
	}, {
		fact:     "no more series",
		settings: pipeline.Settings{"series": int64(1)},
		input: `
			logs :stream{service="a"} at 1s every 1s: 9"it is up" 9"it is down" 9"it is up" 9"it is gone"
			logs :stream{service="b"} at 5s: 9"it is up"`,
		want: `
			1s log.templates:delta{service="a",template="ebfb8b5685de01db",text="it is up"} 1
			2s log.templates:delta{service="a",template="other"} 1
			3s log.templates:delta{service="a",template="ebfb8b5685de01db",text="it is up"} 1
			4s log.templates:delta{service="a",template="other"} 1
			5s log.templates:delta{service="b",template="other"} 1`,
	}} {
		t.Run(c.fact, func(t *testing.T) {
			operatortest.Run(t, operatortest.Case{New: made(c.settings), Input: operatortest.Script(t, c.input), Want: c.want})
		})
	}
}

// TestAnyLines: whatever the lines, all of them are counted, and in the same series after restores at every border.
func TestAnyLines(t *testing.T) {
	words := strings.Fields(`a b c open closed user eth0 eth1 true null 10.0.0.1 17 x=1 x=y (3) 1,2 1,2,3 "s" a.b.c1`)
	rnd := rand.New(rand.NewPCG(7, 7))
	in := operatortest.NewInput()
	const n = 500
	for i := range n {
		line := []string{"the request of this user was"}
		for range rnd.IntN(5) {
			line = append(line, words[rnd.IntN(len(words))])
		}
		in.Log(fmt.Sprintf(`:stream{service="s%d"}`, rnd.IntN(3)), int64(i)*1e9, 9, strings.Join(line, " "))
	}
	operatortest.Run(t, operatortest.Case{
		New: made(pipeline.Settings{"templates": int64(60), "series": int64(100)}), Input: in,
		Check: func(t testing.TB, out *operatortest.Output) {
			rows := 0
			for _, b := range out.Batches {
				rows += b.Rows()
			}
			series := 0
			for s := range out.Series.All().Values() {
				if s.Metric == Metric && s.Labels.Get(templateLabel) != other {
					series++
				}
			}
			if rows != n || series != 100 {
				t.Errorf("%d points of %d records, in %d series", rows, n, series)
			}
		},
	})
}

// TestFullTable: records for which the lane has no room are refused, also those that come again.
func TestFullTable(t *testing.T) {
	table := pipeline.NewSeriesTable(nil, 2)
	stream, err := table.Intern("", "", pipeline.Stream, nil)
	if err != nil {
		t.Fatal(err)
	}
	d := directory{table: table, limit: 10, by: map[pair]uint32{}, own: map[string]uint32{}}
	for range 2 {
		for id, room := range []bool{true, false} {
			if _, ok := d.find(stream, &miner.Template{ID: uint64(id), First: "it is up"}); ok != room {
				t.Errorf("template %d has a series: %t", id, ok)
			}
		}
	}
}

func TestTextIsClippedBetweenCharacters(t *testing.T) {
	for n := range 8 {
		if got := clip(strings.Repeat("x", n) + strings.Repeat("é", 150)); len(got) > maxText || strings.ContainsRune(got, '\uFFFD') || !strings.HasSuffix(got, "é…") {
			t.Errorf("%d bytes: %s", len(got), got)
		}
	}
}

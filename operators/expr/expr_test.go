package expr

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/pipeline"
)

// of makes a variable as the configuration would, with its defaults.
func of(metric string, more ...any) pipeline.Settings {
	s := pipeline.Settings{"metric": metric, "column": "value", "fold": "sum"}
	for i := 0; i < len(more); i += 2 {
		s[more[i].(string)] = more[i+1]
	}
	return s
}

func made(value, when string, variables map[string]any, by ...any) func() (pipeline.Operator, error) {
	s := pipeline.Settings{"metric": "derived", "unit": "1", "of": variables, "value": value}
	if when != "" {
		s["when"] = when
	}
	if by != nil {
		s["by"] = by
	}
	return func() (pipeline.Operator, error) { return New(s) }
}

func is(v float64) string {
	return fmt.Sprintf(` count=1 sum=%[1]g min=%[1]g max=%[1]g last=%[1]g`, v)
}

func TestDerived(t *testing.T) {
	bad := of("requests", "labels", map[string]any{"code": "5*"}, "absent", 0.0)
	for _, c := range []struct {
		fact, input, want, value, when string
		of                             map[string]any
		by                             []any
		lost                           map[string]int
	}{{
		fact:  "a ratio by one label; what is absent counts as it is told, what is not told makes no row",
		value: "bad / all", when: "all >= 10", of: map[string]any{"bad": bad, "all": of("requests")}, by: []any{"service"},
		input: `
			windows requests:delta{service="a",code="200"} at 0s every 10s: 30 9 _ 20
			windows requests:delta{service="a",code="500"} at 0s every 10s: 10 _ _ _
			windows requests:delta{service="b",code="503"} at 0s every 10s: 10 _ _ _
			windows other{service="b"} at 0s every 10s: 1 1 1 1`,
		want: `
			[0s,10s) derived{service="a"}` + is(0.25) + `
			[0s,10s) derived{service="b"}` + is(1) + `
			[30s,40s) derived{service="a"}` + is(0),
	}, {
		fact:  "without by each series has its own, and the expression sees its labels",
		value: `x * (labels.unit == "kB" ? 1000 : 1)`, of: map[string]any{"x": of("mem.*")},
		input: `
			windows mem.used{host="a",unit="kB"} at 0s every 10s: 2
			windows mem.used{host="b",unit="B"} at 0s every 10s: 2
			windows derived{host="c"} at 0s every 10s: 2`,
		want: `
			[0s,10s) derived{host="a",unit="kB"}` + is(2000) + `
			[0s,10s) derived{host="b",unit="B"}` + is(2),
	}, {
		fact: "columns and folds; what has no finite value makes no row", value: "log(greatest) + least + mean + n",
		of: map[string]any{"greatest": of("x", "column", "max", "fold", "max"), "least": of("x", "column", "min", "fold", "min"),
			"mean": of("x", "fold", "mean"), "n": of("x", "column", "count")}, by: []any{},
		input: `
			windows x{host="a"} at 0s every 10s: 1 0
			windows x{host="b"} at 0s every 10s: 1 0
			windows x{host="c"} at 0s every 10s: 1 -3`,
		want: `[0s,10s) derived{}` + is(5),
	}, {
		fact: "rows of a window that is done are lost", value: "x", of: map[string]any{"x": of("x")}, by: []any{},
		input: `
			windows x{host="a"} at 0s every 10s: 5
			watermark 10s
			windows x{host="b"} at 0s every 10s: 5
			windows other{} at 0s every 10s: 1`,
		want: `[0s,10s) derived{}` + is(5),
		lost: map[string]int{"late": 1},
	}} {
		t.Run(c.fact, func(t *testing.T) {
			operatortest.Run(t, operatortest.Case{New: made(c.value, c.when, c.of, c.by...), Input: operatortest.Script(t, c.input), Want: c.want, Lost: c.lost})
		})
	}
}

// A sum does not depend on the order in which series come, to the last bit.
func TestSumsAreExact(t *testing.T) {
	in := operatortest.NewInput()
	for i, v := range []float64{1e100, 1, -1e100, 0.1, 1e-20, 0.2} {
		in.Windows(fmt.Sprintf(`x{host="%d"}`, (i*5)%6), 0, 10*time.Second, v)
	}
	in.Watermark(10e9)
	operatortest.Run(t, operatortest.Case{New: made("x", "", map[string]any{"x": of("x")}, []any{}...), Input: in, AnyOrder: true})
}

// A window that was opened again is derived again, and the one that is being added up does not mind.
func TestRevised(t *testing.T) {
	const a, b = `x{host="a"}`, `x{host="b"}`
	in := operatortest.NewInput()
	in.Windows(a, 0, 10*time.Second, 5)
	in.Revised(0, a, 10e9, 20e9, 1, 1, 0, 0, 0) // half of the next window
	in.Revised(1, a, 0, 10e9, 1, 6, 0, 0, 0)
	in.Revised(1, b, 0, 10e9, 1, 7, 0, 0, 0)
	in.Revised(0, b, 10e9, 20e9, 1, 2, 0, 0, 0)
	in.Watermark(20e9)
	want := strings.Join([]string{
		`[0s,10s) derived{}` + is(5), `[0s,10s) derived{}` + is(13) + ` rev=1`, `[10s,20s) derived{}` + is(3),
	}, "\n")
	s := pipeline.Settings{"metric": "derived", "of": map[string]any{"x": of("x")}, "value": "x", "by": []any{}}
	operatortest.Once(t, operatortest.Case{New: func() (pipeline.Operator, error) { return New(s) }, Input: in, Check: func(t testing.TB, out *operatortest.Output) {
		if got := out.Text(); got != want {
			t.Errorf("derived:\n%s", got)
		}
	}})
}

func TestSettings(t *testing.T) {
	x := map[string]any{"x": of("x")}
	for code, make := range map[string]func() (pipeline.Operator, error){
		"expr.variables":     made("1", "", map[string]any{}),
		"expr.variable.name": made("1", "", map[string]any{"labels": of("x")}),
		"expr.syntax":        made("y", "", x),
		"series.pattern":     made("x", "", map[string]any{"x": of("x[")}),
	} {
		if _, err := make(); pipeline.Code(err) != code {
			t.Errorf("%s: %v", code, err)
		}
	}
	if _, err := made("x", "x + 1", x)(); pipeline.Code(err) != "expr.syntax" {
		t.Errorf("a condition that is a number: %v", err)
	}
}

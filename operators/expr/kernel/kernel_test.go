package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
)

var variables = []string{"a", "b", "c"}

// rows makes rows of a few series, with every kind of number.
func rows(t testing.TB, n int) Rows {
	t.Helper()
	table := pipeline.NewSeriesTable(nil, 0)
	for i := range 7 {
		labels := []pipeline.Label{{Name: "host", Value: fmt.Sprintf("db-%d", i)}, {Name: "limit", Value: []string{"1.5", "-3", "none", "1e3", "", "0", "7"}[i]}}
		if i == 3 {
			labels[0].Value = "web"
		}
		if _, err := table.Intern([]string{"cpu", "memory"}[i%2], "", pipeline.Gauge, pipeline.NewLabels(labels)); err != nil {
			t.Fatal(err)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	odd := []float64{0, math.Copysign(0, -1), 1, -1, 0.5, math.Inf(1), math.Inf(-1), math.NaN(), 5e-324, math.MaxFloat64, 1 << 53, -2, 3}
	out := Rows{Table: table, Columns: make([][]float64, len(variables))}
	for range n {
		out.Series = append(out.Series, uint32(r.IntN(table.Len())))
		for v := range out.Columns {
			x := r.NormFloat64() * 10
			if r.IntN(2) == 0 {
				x = odd[r.IntN(len(odd))]
			}
			out.Columns[v] = append(out.Columns[v], x)
		}
	}
	return out
}

func same(x, y float64) bool {
	return math.Float64bits(x) == math.Float64bits(y) || x != x && y != y
}

// number holds an expression over columns against the machine.
func number(t *testing.T, text string, rows Rows) (columns bool) {
	t.Helper()
	n, err := CompileNumber(text, variables)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	got := make([]float64, len(rows.Series))
	n.Eval(rows, got)
	for i := range got {
		if want := n.row(&rows, i); !same(got[i], want) {
			t.Fatalf("%s: row %d (a = %v, b = %v, c = %v, series %d): %v over columns, %v by the machine",
				text, i, rows.Columns[0][i], rows.Columns[1][i], rows.Columns[2][i], rows.Series[i], got[i], want)
		}
	}
	return n.kernel != nil
}

func truth(t *testing.T, text string, rows Rows) (columns bool) {
	t.Helper()
	n, err := CompileTruth(text, variables)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	got := make([]bool, len(rows.Series))
	n.Eval(rows, got)
	for i := range got {
		if want := n.row(&rows, i); got[i] != want {
			t.Fatalf("%s: row %d (a = %v, b = %v, c = %v, series %d): %v over columns, %v by the machine",
				text, i, rows.Columns[0][i], rows.Columns[1][i], rows.Columns[2][i], rows.Series[i], got[i], want)
		}
	}
	return n.kernel != nil
}

func TestColumnsAreUsed(t *testing.T) {
	rows := rows(t, 2*chunk+100)
	for text, columns := range map[string]bool{
		"a": true, "1": true, "a / b": true, "2 * a - b / 3 + 1": true, "-a": true, "a ** 2": true, "a ^ b": true,
		"abs(a) + floor(b) + ceil(c) + round(a)": true, "min(a, b, 3)": true, "max(0, a)": true, "sqrt(a) + log(b) * exp(c)": true,
		"b > 0 ? a / b : 0": true, "b > 0 ? a / b : c": true, "(b > 0 ? a / b : 0) + c": true, "1 + 2 * 3 - a": true, "7 / 2 * a": true,
		"a > float(labels.limit) ? a : b": true, "a + len(labels.host)": true,
		"(a > 0 ? 1 : 2) + 3": false, "a > 0 ? 1 : 2": true, "-(a > 0 ? 0 : a)": false, "len([1, 2, 3]) + a": true, "sum([a, b])": false,
		"let x = a + b; x * x": false,
	} {
		if got := number(t, text, rows); got != columns {
			t.Errorf("%s: over columns is %v, want %v", text, got, columns)
		}
	}
	for text, columns := range map[string]bool{
		"a > b": true, "a >= 1 and b < 2 or not (c == 3)": true, "a != b && !(a <= 0) || true": true, "1 < a && a < 3": true, "a > 9007199254740993": true,
		`labels.host startsWith "db" and a > 1`: true, `labels["host"] == "web"`: true, `metric == "cpu" ? a > 1 : b > 1`: false,
		`a in [1, 2]`: false, `a > 0 and float(labels.limit) > 1`: true, `labels.host matches "^db-[0-3]$" or a < b`: true, `(a > b) == (b > c)`: false,
		`labels.nothing == ""`: true, `a > 0 or float(labels.limit) > 1`: true,
	} {
		if got := truth(t, text, rows); got != columns {
			t.Errorf("%s: over columns is %v, want %v", text, got, columns)
		}
	}
}

// grow writes a random expression.
type grow struct{ *rand.Rand }

func (g grow) of(list ...string) string { return list[g.IntN(len(list))] }

func (g grow) number(depth int) string {
	if depth == 0 {
		return g.of("a", "b", "c", "0", "1", "2.5", "-3", "1e300", "len(labels.host)", "float(labels.limit)")
	}
	d := depth - 1
	switch g.IntN(7) {
	case 0, 1, 2:
		return "(" + g.number(d) + " " + g.of("+", "-", "*", "/", "**") + " " + g.number(d) + ")"
	case 3:
		return g.of("abs", "floor", "ceil", "round", "sqrt", "exp", "log") + "(" + g.number(d) + ")"
	case 4:
		return g.of("min", "max") + "(" + g.number(d) + ", " + g.number(d) + ")"
	case 5:
		return "(" + g.truth(d) + " ? " + g.number(d) + " : " + g.number(d) + ")"
	}
	return "-" + g.number(d)
}

func (g grow) truth(depth int) string {
	if depth == 0 {
		return g.of(`labels.host startsWith "db"`, "true", "a > b", "c == 0", `metric != "cpu"`)
	}
	d := depth - 1
	switch g.IntN(3) {
	case 0:
		return "(" + g.truth(d) + " " + g.of("and", "or") + " " + g.truth(d) + ")"
	case 1:
		return "not (" + g.truth(d) + ")"
	}
	return g.number(d) + " " + g.of("<", "<=", ">", ">=", "==", "!=") + " " + g.number(d)
}

// TestColumnsEqualRows holds random expressions against the machine. Most have to run over columns, or the test shows nothing.
func TestColumnsEqualRows(t *testing.T) {
	rows := rows(t, chunk+50)
	g := grow{rand.New(rand.NewPCG(3, 4))}
	columns, all := 0, 600
	for i := range all {
		over := false
		if i%2 == 0 {
			over = number(t, g.number(1+i%4), rows)
		} else {
			over = truth(t, g.truth(1+i%4), rows)
		}
		if over {
			columns++
		}
	}
	if columns < all/2 {
		t.Errorf("only %d of %d ran over columns", columns, all)
	}
}

func TestErrorsHaveTheirPlace(t *testing.T) {
	for text, want := range map[string]string{
		"a +":          `"a +" is no expression here: column 3: unexpected token EOF; write it of a, b, c, labels, metric, entity and system (expr.syntax)`,
		"a + d":        `"a + d" is no expression here: column 5: unknown name d; write it of a, b, c, labels, metric, entity and system (expr.syntax)`,
		"labels.host":  `"labels.host" is no expression here: expected float64, but got string; write it of a, b, c, labels, metric, entity and system (expr.syntax)`,
		"now().Unix()": `"now().Unix()" is no expression here: column 1: unknown name now; write it of a, b, c, labels, metric, entity and system (expr.syntax)`,
	} {
		if _, err := CompileNumber(text, variables); err == nil || err.Error() != want {
			t.Errorf("%s:\ngot  %v\nwant %s", text, err, want)
		}
	}
	if _, err := CompileTruth("a + 1", variables); pipeline.Code(err) != "expr.syntax" {
		t.Errorf("a number is no truth: %v", err)
	}
}

func TestSides(t *testing.T) {
	rows := rows(t, 1)
	rows.Columns = [][]float64{{3}, {4}, {5}}
	for text, want := range map[string]string{"a + 1 > b * 2": "4 8 true true", "a <= 7": "3 7 false true", "a > 1 and b > 1": "0 0 false false", "metric == labels.host": "0 0 false false"} {
		n, err := CompileTruth(text, variables)
		if err != nil {
			t.Fatal(err)
		}
		left, right, more, ok := n.Sides(rows, 0)
		if got := fmt.Sprint(left, right, more, ok); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestNothingIsAllocated(t *testing.T) {
	rows := rows(t, 3*chunk)
	n, err := CompileNumber(`labels.host startsWith "db" and b > 10 ? a / b : max(c, 0)`, variables)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float64, len(rows.Series))
	n.Eval(rows, out)
	if got := testing.AllocsPerRun(10, func() { n.Eval(rows, out) }); got > 0 {
		t.Errorf("%v allocations for %d rows", got, len(out))
	}
}

func BenchmarkRatio(b *testing.B) {
	rows := rows(b, 10_000)
	out := make([]float64, len(rows.Series))
	n, err := CompileNumber("b > 10 ? a / b : 0", variables)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("columns", func(b *testing.B) {
		for b.Loop() {
			n.Eval(rows, out)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(out)), "ns/row")
	})
	n.kernel = nil
	b.Run("rows", func(b *testing.B) {
		for b.Loop() {
			n.Eval(rows, out)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(out)), "ns/row")
	})
}

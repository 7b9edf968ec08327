// Package kernel compiles expressions over numbers to loops over columns. It is a library for operators, not one of them.
//
// The language is that of expr-lang (github.com/expr-lang/expr): variables that the caller names, all of them float64, and what is
// known of the series that a row is of:
//
//	labels    the labels, by name: labels["host"], labels.host; "" where there is none
//	metric, entity, system    texts
//
// Beside the language's own functions there are sqrt, exp and log of a number.
//
// Arithmetic, comparisons, and, or, not, ?:, abs, floor, ceil, round, min and max of numbers, sqrt, exp and log run over columns, a chunk of
// rows at a time. A part that looks at nothing but the series (labels.host startsWith "db") is evaluated once a series. An expression
// with anything else in it is run row by row by the library's machine; the results are the same bit by bit, and a row at which the
// machine fails (an index beyond its list) has none. Explain tells which way an expression goes.
package kernel

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"

	"github.com/homeostat/homeostat/pipeline"
)

// chunk is how many rows are computed at a time: a few columns of them stay in the first cache.
const chunk = 512

// Rows are what an expression is evaluated over: a column for each variable, and the series that each row is of. All columns have the
// length of Series. They are borrowed.
type Rows struct {
	Columns [][]float64 // by variable, as they were named to Compile; nil is allowed for one that the expression does not name
	Series  []uint32
	Table   *pipeline.SeriesTable
}

// Number is a compiled expression whose value is a number. One goroutine uses it.
type Number struct {
	program
	kernel numbers
}

// Truth is a compiled expression that is true or false. One goroutine uses it.
type Truth struct {
	program
	kernel truths
	sides  *sides
}

// sides are those of an expression that compares two numbers.
type sides struct {
	operator    string
	left, right *Number
}

// CompileNumber compiles an expression for a number. An error says where in the text it is.
func CompileNumber(text string, variables []string) (*Number, error) {
	p, err := compile(text, variables, expr.AsFloat64())
	if err != nil {
		return nil, err
	}
	n := &Number{program: p}
	c := compiler{program: &n.program}
	if n.kernel = c.numbers(p.code.Node()); c.lost {
		n.kernel = nil
	}
	return n, nil
}

// CompileTruth compiles an expression that is true or false. An error says where in the text it is.
func CompileTruth(text string, variables []string) (*Truth, error) {
	p, err := compile(text, variables, expr.AsBool())
	if err != nil {
		return nil, err
	}
	t := &Truth{program: p}
	c := compiler{program: &t.program}
	if t.kernel = c.truths(p.code.Node()); c.lost {
		t.kernel = nil
	}
	t.sides = sidesOf(p.code.Node(), variables)
	return t, nil
}

func sidesOf(n ast.Node, variables []string) *sides {
	b, ok := n.(*ast.BinaryNode)
	if !ok || !slices.Contains([]string{"<", "<=", ">", ">="}, b.Operator) {
		return nil
	}
	left, leftErr := CompileNumber(b.Left.String(), variables)
	right, rightErr := CompileNumber(b.Right.String(), variables)
	if leftErr != nil || rightErr != nil {
		return nil
	}
	return &sides{b.Operator, left, right}
}

// Sides returns the two numbers that the expression compares in a row, and whether it asks for more or for less on the left; false where it
// is no single comparison of numbers. It runs the machine: it is for what a person is told.
func (t *Truth) Sides(rows Rows, row int) (left, right float64, more, ok bool) {
	if t.sides == nil {
		return 0, 0, false, false
	}
	return t.sides.left.row(&rows, row), t.sides.right.row(&rows, row), t.sides.operator[0] == '>', true
}

// Eval writes the value of each row to out, which is as long as the rows. A row without a value is NaN.
func (n *Number) Eval(rows Rows, out []float64) {
	if n.kernel == nil {
		for i := range out {
			out[i] = n.row(&rows, i)
		}
		return
	}
	n.chunks(rows, len(out), func(from, to int) { n.kernel(&n.frame, out[from:to]) })
	n.odd(func(i int) { out[i] = n.row(&rows, i) })
}

// Eval writes to out, which is as long as the rows, whether each is true. A row at which the machine fails is not.
func (t *Truth) Eval(rows Rows, out []bool) {
	if t.kernel == nil {
		for i := range out {
			out[i] = t.row(&rows, i)
		}
		return
	}
	t.chunks(rows, len(out), func(from, to int) { t.kernel(&t.frame, out[from:to]) })
	t.odd(func(i int) { out[i] = t.row(&rows, i) })
}

// program is what numbers and truths have in common.
type program struct {
	code      *vm.Program
	variables []string
	machine   vm.VM
	env       map[string]any // of the row that the machine looks at
	of        *pipeline.Series
	frame     frame
}

// frame is the chunk of rows that kernels compute.
type frame struct {
	rows     Rows
	from, to int
	odd      []int // rows of which a part could not be evaluated for the series
}

func environment(variables []string) map[string]any {
	env := map[string]any{"labels": map[string]string{}, "metric": "", "entity": "", "system": ""}
	for _, v := range variables {
		env[v] = 0.0
	}
	return env
}

// Reserved tells whether a name can't be a variable's.
func Reserved(name string) bool {
	_, taken := environment(nil)[name]
	return taken
}

func function(name string, f func(float64) float64) expr.Option {
	return expr.Function(name, func(args ...any) (any, error) {
		switch x := args[0].(type) {
		case float64:
			return f(x), nil
		case int:
			return f(float64(x)), nil
		}
		return nil, fmt.Errorf("%s takes a number", name)
	}, new(func(float64) float64), new(func(int) float64))
}

var functions = map[string]func(float64) float64{"sqrt": math.Sqrt, "exp": math.Exp, "log": math.Log}

// untold are the library's functions whose result depends on when they are called.
var untold = []string{"now"}

// options are the language, with what the value has to be.
func (p *program) options(as expr.Option) []expr.Option {
	options := []expr.Option{expr.Env(p.env), as, expr.Optimize(false)}
	for _, name := range untold {
		options = append(options, expr.DisableBuiltin(name))
	}
	for name, f := range functions {
		options = append(options, function(name, f))
	}
	return options
}

func compile(text string, variables []string, as expr.Option) (program, error) {
	p := program{variables: variables, env: environment(variables)}
	code, err := expr.Compile(text, p.options(as)...)
	if err != nil {
		return p, pipeline.Errorf("expr.syntax", "%q is no expression here: %s; write it of %s, labels, metric, entity and system", text, reason(err), strings.Join(variables, ", "))
	}
	p.code = code
	return p, nil
}

// reason is the library's message on one line, with its place.
func reason(err error) string {
	var at *file.Error
	if !errors.As(err, &at) {
		return err.Error()
	}
	if at.Line > 1 {
		return fmt.Sprintf("line %d, column %d: %s", at.Line, at.Column+1, at.Message)
	}
	return fmt.Sprintf("column %d: %s", at.Column+1, at.Message)
}

// chunks calls f for one chunk of rows after the other.
func (p *program) chunks(rows Rows, n int, f func(from, to int)) {
	p.frame.rows, p.frame.odd = rows, p.frame.odd[:0]
	for from := 0; from < n; from += chunk {
		p.frame.from, p.frame.to = from, min(n, from+chunk)
		f(p.frame.from, p.frame.to)
	}
	p.frame.rows = Rows{}
}

// odd calls f for each row that the machine has to look at.
func (p *program) odd(f func(row int)) {
	for _, i := range p.frame.odd {
		f(i)
	}
}

// look makes the environment that of a series.
func (p *program) look(s *pipeline.Series) {
	if p.of == s {
		return
	}
	labels := make(map[string]string, len(s.Labels))
	for _, l := range s.Labels {
		labels[l.Name] = l.Value
	}
	p.of, p.env["labels"], p.env["metric"], p.env["entity"], p.env["system"] = s, labels, s.Metric, s.Entity, s.System
}

// run evaluates one row by the machine.
func (p *program) run(rows *Rows, i int) (any, error) {
	p.look(rows.Table.At(rows.Series[i]))
	for v, name := range p.variables {
		if column := rows.Columns[v]; column != nil {
			p.env[name] = column[i]
		}
	}
	return p.machine.Run(p.code, p.env)
}

func (n *Number) row(rows *Rows, i int) float64 {
	v, err := n.run(rows, i)
	if x, ok := v.(float64); ok && err == nil {
		return x
	}
	return math.NaN()
}

func (t *Truth) row(rows *Rows, i int) bool {
	v, err := t.run(rows, i)
	is, ok := v.(bool)
	return ok && err == nil && is
}

// Explain tells how the expression is evaluated.
func (n *Number) Explain() string { return way(n.kernel != nil) }

// Explain tells how the expression is evaluated.
func (t *Truth) Explain() string { return way(t.kernel != nil) }

func way(columns bool) string {
	if columns {
		return "over columns"
	}
	return "row by row"
}

// Names tells whether the expression names a variable.
func (p *program) Names(variable string) bool {
	all := names(p.code.Node())
	return slices.Contains(all, variable) || slices.Contains(all, "$env") // which has all of them
}

// isNumber, isTruth and numeric tell the type of a part; what is numeric may be whole.
func isNumber(t reflect.Type) bool { return t != nil && t.Kind() == reflect.Float64 }
func isTruth(t reflect.Type) bool  { return t != nil && t.Kind() == reflect.Bool }
func numeric(t reflect.Type) bool  { return isNumber(t) || t != nil && t.Kind() == reflect.Int }

package kernel

import (
	"slices"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm"
)

// ofSeries tells whether a part looks at the series and at nothing else.
func ofSeries(n ast.Node) bool {
	ids := slices.DeleteFunc(names(n), func(id string) bool { return functions[id] != nil })
	return len(ids) > 0 && !slices.ContainsFunc(ids, func(id string) bool { return !Reserved(id) })
}

// What is known of a part and a series.
const (
	unasked uint8 = iota
	known
	failed
)

// bySeries evaluates a part once a series. Where that fails the machine has to look at each row: it may not come to this part.
func bySeries[T float64 | bool](c *compiler, n ast.Node, as expr.Option) func(f *frame, out []T) {
	p := c.program
	code, err := expr.Compile(n.String(), p.options(as)...)
	if err != nil {
		c.lose()
		return nil
	}
	var states []uint8
	var values []T
	return func(f *frame, out []T) {
		for i := range out {
			s := f.rows.Series[f.from+i]
			if int(s) >= len(states) {
				more := f.rows.Table.Len() - len(states)
				states, values = append(states, make([]uint8, more)...), append(values, make([]T, more)...)
			}
			if states[s] == unasked {
				states[s], values[s] = ask[T](p, code, f, s)
			}
			if out[i] = values[s]; states[s] == failed {
				f.odd = append(f.odd, f.from+i)
			}
		}
	}
}

func ask[T float64 | bool](p *program, code *vm.Program, f *frame, series uint32) (state uint8, v T) {
	p.look(f.rows.Table.At(series))
	got, err := p.machine.Run(code, p.env)
	v, ok := got.(T)
	if err != nil || !ok {
		return failed, v
	}
	return known, v
}

package kernel

import (
	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
)

// truths compiles a part that is true or false.
func (c *compiler) truths(n ast.Node) truths {
	if !isTruth(n.Type()) {
		c.lose()
		return nil
	}
	if ofSeries(n) {
		return bySeries[bool](c, n, expr.AsBool())
	}
	switch n := n.(type) {
	case *ast.BoolNode:
		return func(_ *frame, out []bool) {
			for i := range out {
				out[i] = n.Value
			}
		}
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			return c.not(n.Node)
		}
	case *ast.BinaryNode:
		switch n.Operator {
		case "and", "&&", "or", "||":
			return c.both(n, n.Operator == "and" || n.Operator == "&&")
		case "<", "<=", ">", ">=", "==", "!=":
			return c.comparison(n)
		}
	}
	c.lose()
	return nil
}

func (c *compiler) not(of ast.Node) truths {
	arg := c.truths(of)
	return func(f *frame, out []bool) {
		arg(f, out)
		for i, is := range out {
			out[i] = !is
		}
	}
}

// both computes both sides: nothing that runs over columns can fail.
func (c *compiler) both(n *ast.BinaryNode, and bool) truths {
	left, right, scratch := c.truths(n.Left), c.truths(n.Right), make([]bool, chunk)
	return func(f *frame, out []bool) {
		left(f, out)
		other := scratch[:len(out)]
		right(f, other)
		if and {
			for i, is := range other {
				out[i] = out[i] && is
			}
			return
		}
		for i, is := range other {
			out[i] = out[i] || is
		}
	}
}

func (c *compiler) comparison(n *ast.BinaryNode) truths {
	left, right := c.numbers(n.Left), c.numbers(n.Right)
	x, y := make([]float64, chunk), make([]float64, chunk)
	loop := compare(n.Operator)
	return func(f *frame, out []bool) {
		left(f, x[:len(out)])
		right(f, y[:len(out)])
		loop(x[:len(out)], y[:len(out)], out)
	}
}

func compare(operator string) func(x, y []float64, out []bool) {
	switch operator {
	case "<":
		return func(x, y []float64, out []bool) {
			for i := range out {
				out[i] = x[i] < y[i]
			}
		}
	case "<=":
		return func(x, y []float64, out []bool) {
			for i := range out {
				out[i] = x[i] <= y[i]
			}
		}
	case ">":
		return func(x, y []float64, out []bool) {
			for i := range out {
				out[i] = x[i] > y[i]
			}
		}
	case ">=":
		return func(x, y []float64, out []bool) {
			for i := range out {
				out[i] = x[i] >= y[i]
			}
		}
	case "==":
		return func(x, y []float64, out []bool) {
			for i := range out {
				out[i] = x[i] == y[i]
			}
		}
	}
	return func(x, y []float64, out []bool) {
		for i := range out {
			out[i] = x[i] != y[i]
		}
	}
}

package kernel

import (
	"math"
	"slices"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
)

// numbers computes a chunk of numbers, truths one of truths. out has the chunk's length.
type (
	numbers func(f *frame, out []float64)
	truths  func(f *frame, out []bool)
)

// compiler makes kernels of an expression's tree. lost says that it met a part that only the machine can evaluate.
type compiler struct {
	program *program
	lost    bool
}

func (c *compiler) lose() { c.lost = true }

// numbers compiles a part whose value is a number.
func (c *compiler) numbers(n ast.Node) numbers {
	if v, ok := c.constant(n); ok {
		return func(_ *frame, out []float64) {
			for i := range out {
				out[i] = v
			}
		}
	}
	if ofSeries(n) && numeric(n.Type()) {
		return bySeries[float64](c, n, expr.AsFloat64())
	}
	switch n := n.(type) {
	case *ast.IdentifierNode:
		v := slices.Index(c.program.variables, n.Value)
		if v < 0 {
			break
		}
		return func(f *frame, out []float64) { copy(out, f.rows.Columns[v][f.from:f.to]) }
	case *ast.UnaryNode:
		return c.unary(n.Operator, n.Node)
	case *ast.BinaryNode:
		return c.arithmetic(n)
	case *ast.ConditionalNode:
		return c.choice(n)
	case *ast.BuiltinNode:
		return c.builtin(n.Name, n.Arguments)
	case *ast.CallNode:
		if name, ok := n.Callee.(*ast.IdentifierNode); ok && functions[name.Value] != nil {
			return c.each(n.Arguments[0], functions[name.Value])
		}
	}
	c.lose()
	return nil
}

// constant evaluates a number without variables, once and for all.
func (c *compiler) constant(n ast.Node) (float64, bool) {
	if !numeric(n.Type()) || names(n) != nil {
		return 0, false
	}
	code, err := expr.Compile(n.String(), c.program.options(expr.AsFloat64())...)
	if err != nil {
		return 0, false
	}
	v, err := expr.Run(code, c.program.env)
	x, ok := v.(float64)
	return x, ok && err == nil
}

// each applies a function to each number.
func (c *compiler) each(of ast.Node, f func(float64) float64) numbers {
	arg := c.numbers(of)
	return func(fr *frame, out []float64) {
		arg(fr, out)
		for i, x := range out {
			out[i] = f(x)
		}
	}
}

func (c *compiler) unary(operator string, of ast.Node) numbers {
	switch operator {
	case "-":
		if isNumber(of.Type()) { // a whole 0 has no sign
			return c.each(of, func(x float64) float64 { return -x })
		}
	case "+":
		return c.numbers(of)
	}
	c.lose()
	return nil
}

// absolute is that of the library: minus zero stays.
func absolute(x float64) float64 {
	if x < 0 {
		return -x
	}
	return x
}

func (c *compiler) builtin(name string, args []ast.Node) numbers {
	one := map[string]func(float64) float64{"abs": absolute, "floor": math.Floor, "ceil": math.Ceil, "round": math.Round}
	switch {
	case one[name] != nil && len(args) == 1:
		return c.each(args[0], one[name])
	case (name == "min" || name == "max") && len(args) > 0:
		return c.extreme(args, name == "max")
	}
	c.lose()
	return nil
}

// extreme is the least or the greatest of numbers as the library compares: the first of equal ones, and of what can't be compared.
func (c *compiler) extreme(args []ast.Node, greatest bool) numbers {
	out := c.numbers(args[0])
	for _, a := range args[1:] {
		left, right, scratch := out, c.numbers(a), make([]float64, chunk)
		out = func(f *frame, out []float64) {
			left(f, out)
			other := scratch[:len(out)]
			right(f, other)
			for i, y := range other {
				if x := out[i]; greatest && x < y || !greatest && x > y {
					out[i] = y
				}
			}
		}
	}
	return out
}

func (c *compiler) arithmetic(n *ast.BinaryNode) numbers {
	if !isNumber(n.Left.Type()) && !isNumber(n.Right.Type()) && n.Operator != "/" {
		c.lose() // what may be whole on both sides (x > 0 ? 1 : 2) is computed with by rules of its own
		return nil
	}
	if v, ok := c.constant(n.Right); ok {
		return c.arithmeticWith(n.Operator, c.numbers(n.Left), v)
	}
	left, right, scratch := c.numbers(n.Left), c.numbers(n.Right), make([]float64, chunk)
	var loop func(x, y []float64)
	switch n.Operator {
	case "+":
		loop = func(x, y []float64) {
			for i := range x {
				x[i] += y[i]
			}
		}
	case "-":
		loop = func(x, y []float64) {
			for i := range x {
				x[i] -= y[i]
			}
		}
	case "*":
		loop = func(x, y []float64) {
			for i := range x {
				x[i] *= y[i]
			}
		}
	case "/":
		loop = func(x, y []float64) {
			for i := range x {
				x[i] /= y[i]
			}
		}
	case "**", "^":
		loop = func(x, y []float64) {
			for i := range x {
				x[i] = math.Pow(x[i], y[i])
			}
		}
	default:
		c.lose()
	}
	return func(f *frame, out []float64) {
		left(f, out)
		y := scratch[:len(out)]
		right(f, y)
		loop(out, y)
	}
}

// arithmeticWith is arithmetic whose right side is a constant.
func (c *compiler) arithmeticWith(operator string, left numbers, y float64) numbers {
	var loop func(x []float64)
	switch operator {
	case "+":
		loop = func(x []float64) {
			for i := range x {
				x[i] += y
			}
		}
	case "-":
		loop = func(x []float64) {
			for i := range x {
				x[i] -= y
			}
		}
	case "*":
		loop = func(x []float64) {
			for i := range x {
				x[i] *= y
			}
		}
	case "/":
		loop = func(x []float64) {
			for i := range x {
				x[i] /= y
			}
		}
	case "**", "^":
		loop = func(x []float64) {
			for i := range x {
				x[i] = math.Pow(x[i], y)
			}
		}
	default:
		c.lose()
	}
	return func(f *frame, out []float64) {
		left(f, out)
		loop(out)
	}
}

// choice computes both and takes one: nothing that runs over columns can fail.
func (c *compiler) choice(n *ast.ConditionalNode) numbers {
	cond, yes, no := c.truths(n.Cond), c.numbers(n.Exp1), c.numbers(n.Exp2)
	is, scratch := make([]bool, chunk), make([]float64, chunk)
	return func(f *frame, out []float64) {
		cond(f, is[:len(out)])
		yes(f, out)
		other := scratch[:len(out)]
		no(f, other)
		for i, y := range other {
			if !is[i] {
				out[i] = y
			}
		}
	}
}

// names returns the identifiers of a part, with those that it calls.
func names(n ast.Node) []string {
	var v visitor
	ast.Walk(&n, &v)
	return v
}

type visitor []string

// Visit implements ast.Visitor.
func (v *visitor) Visit(n *ast.Node) {
	if id, ok := (*n).(*ast.IdentifierNode); ok {
		*v = append(*v, id.Value)
	}
}

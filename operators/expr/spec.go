package expr

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/homeostat/homeostat/operators/choose"
	"github.com/homeostat/homeostat/operators/expr/kernel"
	"github.com/homeostat/homeostat/pipeline"
)

const (
	name    = "expr"
	version = 1
)

// The columns that a variable can be made of, and the ways to put those of several series together.
var (
	columns = []string{"value", "count", "sum", "min", "max", "last"}
	folds   = []string{"sum", "mean", "min", "max"}
)

// Spec describes the operator.
func Spec() pipeline.Spec {
	variable := append(choose.Selector(),
		pipeline.Setting{Name: "column", Type: pipeline.String, Default: "value", Enum: columns, Doc: "What is taken of a window; value is the mean of a gauge, the increase of a counter, the number of records of a log stream.", Example: "max"},
		pipeline.Setting{Name: "fold", Type: pipeline.String, Default: "sum", Enum: folds, Doc: "How the series of a group become one number.", Example: "mean"},
		pipeline.Setting{Name: "absent", Type: pipeline.Float, Doc: "The number in a window that has none of the group's series. Without it nothing is derived then.", Example: "0"},
	)
	return pipeline.Spec{
		Name: name, Version: version, Stage: pipeline.Detect,
		Doc:      "Derives series by an expression over others, window by window.",
		Consumes: []pipeline.Kind{pipeline.Windows}, Emits: []pipeline.Kind{pipeline.Windows},
		Accepts: pipeline.Accepts{Overlapping: true, Revised: true},
		Settings: []pipeline.Setting{
			{Name: "metric", Type: pipeline.String, Required: true, Doc: "The metric of the derived series.", Example: "http.error.ratio"},
			{Name: "unit", Type: pipeline.String, Doc: "Its unit.", Example: "ms"},
			{Name: "of", Type: pipeline.Map, Required: true, Doc: "The variables of the expression by name, and the series that each is made of.",
				Example: "{errors: {metric: http.errors, absent: 0}, all: {metric: http.requests}}",
				Fields:  []pipeline.Setting{{Type: pipeline.Object, Fields: variable}}},
			{Name: "by", Type: pipeline.List, Doc: "The labels that tell groups apart. Without it all labels do.", Example: "[service]", Fields: []pipeline.Setting{{Type: pipeline.String}}},
			{Name: "value", Type: pipeline.String, Required: true, Doc: "The expression for a number.", Example: "errors / all"},
			{Name: "when", Type: pipeline.String, Doc: "The expression that has to be true for a row.", Example: "all > 10"},
		},
	}
}

// Register adds the operator to the registry.
func Register(r *pipeline.Registry) { r.AddOperator(Spec(), New) }

// variable is one variable of the expression.
type variable struct {
	selector pipeline.Selector
	column   int
	fold     int
	absent   float64
	needed   bool // there is no number for a window without
}

// New makes the operator.
func New(s pipeline.Settings) (pipeline.Operator, error) {
	x := &Expr{metric: s.Text("metric"), unit: s.Text("unit"), byKey: map[string]*group{}}
	if s.Has("by") {
		x.by = append([]string{}, s.Texts("by")...)
	}
	names := slices.Sorted(maps.Keys(s.Map("of")))
	if len(names) == 0 {
		return nil, &pipeline.SettingFault{Path: "of", Err: pipeline.Errorf("expr.variables", "no variable is named: name what the expression is made of, as of: {x: {metric: cpu}}")}
	}
	var err error
	for _, n := range names {
		if kernel.Reserved(n) {
			err = errors.Join(err, &pipeline.SettingFault{Path: "of." + n, Err: pipeline.Errorf("expr.variable.name", "%s is what expressions call the series' own: choose another name for the variable", n)})
		}
		v, fault := readVariable("of."+n, s.Map("of")[n].(pipeline.Settings))
		x.variables, err = append(x.variables, v), errors.Join(err, fault)
	}
	if err != nil {
		return nil, err
	}
	if x.value, err = kernel.CompileNumber(s.Text("value"), names); err != nil {
		return nil, &pipeline.SettingFault{Path: "value", Err: err}
	}
	if s.Has("when") {
		if x.when, err = kernel.CompileTruth(s.Text("when"), names); err != nil {
			return nil, &pipeline.SettingFault{Path: "when", Err: err}
		}
	}
	x.columns = make([][]float64, len(names))
	return x, nil
}

func readVariable(at string, s pipeline.Settings) (variable, error) {
	sel, err := choose.Read(at, s)
	v := variable{selector: sel, column: slices.Index(columns, s.Text("column")), fold: slices.Index(folds, s.Text("fold")), needed: !s.Has("absent")}
	if !v.needed {
		v.absent = s.Float("absent")
	}
	return v, err
}

// Describe implements pipeline.Describer.
func (x *Expr) Describe() string {
	how := "by all labels"
	if x.by != nil {
		how = fmt.Sprintf("by %v", x.by)
	}
	return fmt.Sprintf("%s, %s, computed %s", x.metric, how, x.value.Explain())
}

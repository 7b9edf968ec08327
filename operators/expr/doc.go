// Package expr derives series by an expression, window by window: ratios, sums over several series, conversions, filters.
//
//	expr:
//	  metric: http.error.ratio
//	  of:
//	    errors: {metric: http.requests, labels: {code: "5*"}, absent: 0}
//	    all: {metric: http.requests}
//	  by: [service]
//	  value: errors / all
//	  when: all > 10
//
// Each variable of the expression is made of the series that its selector fits: those with the same values of the labels by make one
// group, and the variable is their sum in a window (or what fold says) of a column. Without by a group is made of the series whose labels
// are all the same, so that with one variable each series has its own. A group's derived series is a gauge with the labels of
// the group. Its scope is the configuration's rule for that metric and those labels.
//
// A row is emitted when the window has all variables, those with absent always, when is true, and the value is finite. The expression may
// look at the group's labels too, at its entity and system (package kernel). The language is that of expr-lang; it is compiled to loops
// over columns where it can be, and gives the same results where it can't.
//
// The rows of a window may come in several batches (package gather). What is derived is derived again for a window that was opened
// again.
package expr

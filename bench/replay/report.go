package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"text/tabwriter"

	"github.com/homeostat/homeostat/bench/stand"
	"github.com/homeostat/homeostat/schemas"
)

// report is what all trials came to.
type report struct {
	inputs   []string
	skipped  []string
	compared []compared
	stages   []*stageResult

	mu         sync.Mutex
	violations []string
}

// compared is a deployment held against the reference.
type compared struct {
	input, deployment string
	until             int64
	verdict           *stand.Verdict
}

// compare holds what a deployment wrote against the reference, as far as rows made it in both.
func (r *report) compare(input, deployment string, want, got *result) {
	until := min(want.until, got.until)
	r.compared = append(r.compared, compared{input, deployment, until, stand.Compare(want.outputs.Before(until), got.outputs.Before(until))})
}

// violate notes what must not be.
func (r *report) violate(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.violations = append(r.violations, fmt.Sprintf(format, args...))
}

// failed says whether anything is wrong, or nothing was compared.
func (r *report) failed() bool {
	bad := len(r.violations)
	for _, c := range r.compared {
		bad += c.verdict.Faults()
	}
	for _, s := range r.stages {
		bad += s.bad()
	}
	return bad > 0 || len(r.stages) == 0 && len(r.skipped) == 0
}

// print writes the report.
func (r *report) print(out io.Writer) {
	for _, line := range append(r.inputs, r.skipped...) {
		fmt.Fprintln(out, line)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\ninput\tdeployment\toutputs\tone process\there\tmissing\textra\tduplicates\tdiffering\tup to")
	for _, c := range r.compared {
		for _, what := range slices.Sorted(maps.Keys(c.verdict.Types)) {
			n := c.verdict.Types[what]
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s\n", c.input, c.deployment, what, n.Want, n.Got, n.Missing, n.Extra, n.Duplicates, n.Differing, schemas.FormatTime(c.until))
		}
	}
	fmt.Fprintln(w, "\ninput\tdeployment\tstage\tmessages replayed\trows\tnot given\tgiven otherwise\tbytes equal")
	for _, s := range r.stages {
		equal := "yes"
		if s.bad() > 0 {
			equal = "NO"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%s\n", s.input, s.deployment, s.stage, s.messages, s.rows, s.missing, s.wrongs, equal)
	}
	_ = w.Flush() // as fmt.Fprintf, which nobody checks either
	for _, c := range r.compared {
		for _, what := range slices.Sorted(maps.Keys(c.verdict.Examples)) {
			list(out, fmt.Sprintf("%s, %s: first of %s:", c.input, c.deployment, what), c.verdict.Examples[what])
		}
	}
	for _, s := range r.stages {
		list(out, fmt.Sprintf("%s, %s: replay of %s:", s.input, s.deployment, s.stage), s.examples)
	}
	list(out, "violations:", r.violations)
}

func list(out io.Writer, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(out, "\n%s\n", title)
	for _, line := range lines {
		fmt.Fprintln(out, "  "+line)
	}
}

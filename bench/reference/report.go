package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/homeostat/homeostat/bench/stand"
)

// report is what all trials came to.
type report struct {
	trials []tried
}

// tried is one trial, and how its outputs compare with those of the first trial of its layout.
type tried struct {
	layout, way string
	*outcome
	verdict *stand.Verdict // nil for the first
}

// add takes a trial in. The first of a layout is what the others are held against.
func (r *report) add(layout, way string, o *outcome) {
	t := tried{layout: layout, way: way, outcome: o}
	if i := slices.IndexFunc(r.trials, func(t tried) bool { return t.layout == layout }); i >= 0 {
		t.verdict = stand.Compare(r.trials[i].outputs, o.outputs)
	}
	r.trials = append(r.trials, t)
}

func (t *tried) bad() int {
	n := t.found.bad() + len(t.notes)
	if t.verdict != nil {
		n += t.verdict.Faults()
	}
	return n
}

// failed says whether anything is wrong, or nothing was tried.
func (r *report) failed() bool {
	return len(r.trials) == 0 || slices.ContainsFunc(r.trials, func(t tried) bool { return t.bad() > 0 })
}

// print writes the report.
func (r *report) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nlayout\tway\trows\twindows\tof them raised\twrong\tmissing\textra\tagain\tlate records\tright\ttook")
	for _, t := range r.trials {
		f := t.found
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t%s\n", t.layout, t.way, t.expected.rows+t.expected.lateRows, f.windows, t.expected.raised(),
			f.wrong, f.missing, f.extra, f.repeated, f.late, yes(f.bad() == 0), t.took.Round(time.Millisecond))
	}
	fmt.Fprintln(w, "\nlayout\tway\toutputs\tlive\there\tmissing\textra\tduplicates\tdiffering\tequal")
	for _, t := range r.trials {
		if t.verdict == nil {
			continue
		}
		for _, what := range slices.Sorted(maps.Keys(t.verdict.Types)) {
			n := t.verdict.Types[what]
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s\n", t.layout, t.way, what, n.Want, n.Got, n.Missing, n.Extra, n.Duplicates, n.Differing, yes(n.Bad() == 0))
		}
	}
	_ = w.Flush() // as fmt.Fprintf, which nobody checks either
	for _, t := range r.trials {
		list(out, t.layout+", "+t.way+":", append(slices.Clone(t.found.examples), t.notes...))
		if t.verdict == nil {
			continue
		}
		for _, what := range slices.Sorted(maps.Keys(t.verdict.Examples)) {
			list(out, fmt.Sprintf("%s, %s, against the live run: first of %s:", t.layout, t.way, what), t.verdict.Examples[what])
		}
	}
}

func yes(so bool) string {
	if so {
		return "yes"
	}
	return "NO"
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

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

// report is what a run found.
type report struct {
	mode    string
	seed    uint64
	rounds  int
	dir     string
	faults  map[kind]int
	input   int // records
	rows    map[string]int64
	verdict *stand.Verdict
	// judgesTime says that the time records count for the outcome.
	judgesTime bool
	// violations beside the verdict's: what hung, and what logs confess.
	violations []string
	// ended are processes that ended by themselves.
	ended   []string
	monitor *monitor
	ledgers [2]map[string]account // of the disturbed and the undisturbed run, by lane
	took    time.Duration
}

// failed says whether anything is wrong.
func (r *report) failed() bool {
	return len(r.violations) > 0 || r.verdict == nil || r.wrong() > 0 || r.judgesTime && r.verdict.Regress > 0
}

// wrong counts the outputs that are not as they should be.
func (r *report) wrong() int {
	n := r.verdict.Faults()
	if !r.judgesTime {
		n -= r.verdict.Of(stand.TimeRecords).Bad()
	}
	return n
}

// print writes the report.
func (r *report) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\nfaults\tcount\t\n")
	for _, k := range kinds {
		if n := r.faults[k.kind]; n > 0 {
			fmt.Fprintf(w, "%s\t%d\t\n", k.kind, n)
		}
	}
	_ = w.Flush() // as fmt.Fprintf, which nobody checks either
	r.printRecovery(out)
	fmt.Fprintf(out, "\ninput: %d records; rows", r.input)
	for _, source := range slices.Sorted(maps.Keys(r.rows)) {
		fmt.Fprintf(out, " %s=%d", source, r.rows[source])
	}
	fmt.Fprintln(out)
	if r.verdict != nil {
		r.printVerdict(out)
	}
	r.printLedgers(out)
	if len(r.ended) > 0 {
		fmt.Fprintf(out, "\n%d processes ended by themselves and were started again:\n", len(r.ended))
		r.list(out, r.ended)
	}
	if len(r.violations) > 0 {
		fmt.Fprintln(out, "\nviolations:")
		r.list(out, r.violations)
	}
	outcome := "passed"
	if r.failed() {
		outcome = "FAILED"
	}
	fmt.Fprintf(out, "\n%s: mode %s, seed %d, %d rounds, %s; logs and schedule: %s\n", outcome, r.mode, r.seed, r.rounds, r.took.Round(time.Second), r.dir)
}

func (r *report) printRecovery(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\nuntil every partition moved again\tcount\tp50\tmax\t\n")
	for _, alone := range []bool{true, false} {
		what := "all of them"
		if alone {
			what = "no other fault meanwhile"
		}
		for _, row := range []struct {
			name string
			of   []kind
		}{{"SIGKILL of engines", []kind{killEngine, killTwo}}, {"restart of the broker, from when it is up", []kind{killBroker}}} {
			if t := r.monitor.times(alone, row.of...); len(t) > 0 {
				fmt.Fprintf(w, "%s, %s\t%d\t%s\t%s\t\n", row.name, what, len(t), t[len(t)/2].Round(10*time.Millisecond), t[len(t)-1].Round(10*time.Millisecond))
			}
		}
	}
	_ = w.Flush() // as fmt.Fprintf
}

func (r *report) printVerdict(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\noutputs\tundisturbed\tdisturbed\tmissing\textra\tduplicates\tdiffering\t\n")
	for _, what := range slices.Sorted(maps.Keys(r.verdict.Types)) {
		c := r.verdict.Types[what]
		if what == stand.TimeRecords && !r.judgesTime {
			what += " (not judged)"
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t\n", what, c.Want, c.Got, c.Missing, c.Extra, c.Duplicates, c.Differing)
	}
	_ = w.Flush() // as fmt.Fprintf
	fmt.Fprintf(out, "watermarks that fell back: %d\n", r.verdict.Regress)
	for _, what := range slices.Sorted(maps.Keys(r.verdict.Examples)) {
		fmt.Fprintf(out, "\nfirst of %s:\n", what)
		r.list(out, r.verdict.Examples[what])
	}
}

// mostListed bounds the lines of one list.
const mostListed = 20

func (r *report) list(out io.Writer, lines []string) {
	for i, l := range lines {
		if i == mostListed {
			fmt.Fprintf(out, "  … and %d more\n", len(lines)-i)
			break
		}
		fmt.Fprintln(out, "  "+l)
	}
}

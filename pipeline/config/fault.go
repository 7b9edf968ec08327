package config

import (
	"fmt"
	"sort"
	"strings"
)

// Fault is one thing that is wrong with a configuration.
type Fault struct {
	File string
	// Line and Column start at 1; columns count characters. Both are 0 when the file could not be read at all.
	Line, Column int
	// Path is where the value stands in the file: "detect[1].robustz.threshold"; "" is the file itself.
	Path string
	// Message says what is wrong and what to do.
	Message string
	// Suggestion is the known word that is nearest to an unknown one, or "".
	Suggestion string
	// Code is stable and dotted.
	Code string
}

// String returns the fault in one line: file:line:col: path: message (did you mean "x"?) (code).
func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", f.Line, f.Column)
	}
	b.WriteString(": ")
	if f.Path != "" {
		b.WriteString(f.Path)
		b.WriteString(": ")
	}
	b.WriteString(f.Message)
	if f.Suggestion != "" {
		fmt.Fprintf(&b, " (did you mean %q?)", f.Suggestion)
	}
	fmt.Fprintf(&b, " (%s)", f.Code)
	return b.String()
}

// Faults is the error that Load and Parse return: every fault of the configuration, those of the file itself first,
// then those of each file it includes, in order of place.
type Faults []Fault

// Error returns one line for each fault.
func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

// sorted returns the faults in order of place, without repeats.
func (fs Faults) sorted(main string) Faults {
	sort.SliceStable(fs, func(i, j int) bool {
		a, b := fs[i], fs[j]
		switch {
		case a.File != b.File:
			return a.File == main || b.File != main && a.File < b.File
		case a.Line != b.Line:
			return a.Line < b.Line
		}
		return a.Column < b.Column
	})
	seen := make(map[Fault]bool, len(fs)) // aliases show a fault as often as they are used
	out := fs[:0]
	for _, f := range fs {
		if !seen[f] {
			seen[f] = true
			out = append(out, f)
		}
	}
	return out
}

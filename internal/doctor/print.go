package doctor

import (
	"encoding/json"
	"fmt"
	"io"
)

// Printer returns what writes each finding as a line, its remedy in the line below.
func Printer(w io.Writer) func(Finding) {
	return func(f Finding) {
		about := f.Check
		if f.Subject != "" {
			about += ", " + f.Subject
		}
		text := f.Text
		if f.Code != "" {
			text += " (" + f.Code + ")"
		}
		fmt.Fprintf(w, "%-8s %s: %s\n", f.Status, about, text)
		if f.Remedy != "" {
			fmt.Fprintf(w, "%8s → %s\n", "", f.Remedy)
		}
	}
}

// Summary writes how many findings there are of each status.
func Summary(w io.Writer, findings []Finding) error {
	n := map[Status]int{}
	for _, f := range findings {
		n[f.Status]++
	}
	_, err := fmt.Fprintf(w, "\n%s, %s, %d skipped, %d ok\n", plural(n[Fault], "fault"), plural(n[Warning], "warning"), n[Skipped], n[OK])
	return err
}

// WriteJSON writes all as one document.
func WriteJSON(w io.Writer, file string, findings []Finding) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(struct {
		File     string    `json:"file"`
		Worst    Status    `json:"worst"`
		Findings []Finding `json:"findings"`
	}{file, Worst(findings), findings})
}

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/homeostat/homeostat/pipeline/engine"
)

// serveProducers answers with what each producer wrote to this process, the worst first: a table, or JSON for ?format=json.
func serveProducers(counts func() []engine.ProducerCount) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		all := counts()
		if r.URL.Query().Get("format") == "json" {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(all) // its only error is that nobody reads it
			return
		}
		_ = printProducers(w, all)
	}
}

// printProducers writes a line for each producer. Records are estimated, so a share is one too.
func printProducers(w io.Writer, all []engine.ProducerCount) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "source\tproducer\tknown by\tentity\trecords\tunusable\twhy")
	for i := range all {
		c := &all[i]
		if c.By == "" && c.Records == 0 && c.Unusable() == 0 {
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%d\t%s\n", c.Source, c.Producer, orDash(c.By), orDash(c.Entity), c.Records, c.Unusable(), whyUnusable(c))
	}
	return t.Flush()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// whyUnusable lists the codes of records and the reasons of rows.
func whyUnusable(c *engine.ProducerCount) string {
	var why []string
	for _, code := range slices.Sorted(maps.Keys(c.Undecodable)) {
		why = append(why, fmt.Sprintf("%d records %s", c.Undecodable[code], code))
	}
	for _, reason := range slices.Sorted(maps.Keys(c.Lost)) {
		why = append(why, fmt.Sprintf("%d rows %s", c.Lost[reason], reason))
	}
	return orDash(strings.Join(why, ", "))
}

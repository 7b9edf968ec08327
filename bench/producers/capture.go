package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// captured is how many records of an encoding are written.
const captured = 3

// capture writes the first records of each encoding to a folder, unchanged, and where they are from.
func capture(dir string, all []*encoding) error {
	var origins strings.Builder
	fmt.Fprintf(&origins, "# Fixtures\n\nValues of records as they were written to Apache Kafka in a set-up of our own, unchanged, on %s:\n\n", time.Now().UTC().Format("2 January 2006"))
	for _, e := range all {
		stem := strings.NewReplacer(" ", "-", ",", "").Replace(e.producer + "-" + e.name)
		folder := filepath.Join(dir, e.codec)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		for i, r := range e.records[:min(captured, len(e.records))] {
			if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%s-%d", stem, i)), r.Value, 0o644); err != nil {
				return err
			}
		}
		fmt.Fprintf(&origins, "- `%s/%s-*`: %s %s, %s.\n", e.codec, stem, e.producer, e.version, e.name)
	}
	return os.WriteFile(filepath.Join(dir, "README.md"), []byte(origins.String()), 0o644)
}

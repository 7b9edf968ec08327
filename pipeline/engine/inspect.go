package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/engine/snapshot"
	"github.com/homeostat/homeostat/schemas"
)

// InspectPart writes a part of a snapshot for people: what the lane knows as one JSON document, its series as their keys, an
// operator's tables row by row. An error says that the part is damaged.
func InspectPart(w io.Writer, s *snapshot.Snapshot, part string) error {
	b, _ := s.Part(part)
	switch {
	case part == partLane:
		var out bytes.Buffer
		if err := json.Indent(&out, b, "", "  "); err != nil {
			return unreadable(s, part, err)
		}
		_, err := out.WriteTo(w)
		return err
	case part == partSeries:
		table := pipeline.NewSeriesTable(nil, 1<<31)
		if err := schemas.ReadSeriesInto(b, table); err != nil {
			return unreadable(s, part, err)
		}
		for _, series := range table.All() {
			if _, err := fmt.Fprintf(w, "%s entity %s system %s\n", series.Key, series.Entity, series.System); err != nil {
				return err
			}
		}
		return nil
	case strings.HasPrefix(part, partOperators):
		_, err := fmt.Fprintf(w, "%d bytes\n", len(b))
		return err
	}
	return unreadable(s, part, fmt.Errorf("this program knows no such part"))
}

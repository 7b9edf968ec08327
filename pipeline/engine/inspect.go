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

// OperatorPart says whether a part of a snapshot is an operator's, and so made of tables (operators/state).
func OperatorPart(part string) bool { return strings.HasPrefix(part, partOperators) }

// InspectPart writes a part of a snapshot that is no operator's for people: what the lane knows as one JSON document, its
// series as their keys. An error says that the part is damaged.
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
	}
	return unreadable(s, part, fmt.Errorf("this program knows no such part"))
}

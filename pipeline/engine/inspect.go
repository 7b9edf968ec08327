package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/engine/snapshot"
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
	case part == partSeries, part == partSeen:
		table := pipeline.NewSeriesTable(nil, 1<<31)
		if err := readSeries(s, table); err != nil {
			return err
		}
		if part == partSeen {
			return inspectSeen(w, s, table)
		}
		for series := range table.All().Values() {
			if _, err := fmt.Fprintf(w, "%s entity %s system %s\n", series.Key(), series.Entity, series.System); err != nil {
				return err
			}
		}
		return nil
	}
	return unreadable(s, part, fmt.Errorf("this program knows no such part"))
}

// inspectSeen writes for how long each series was silent.
func inspectSeen(w io.Writer, s *snapshot.Snapshot, table *pipeline.SeriesTable) error {
	silent, err := readSilent(s, table.Len())
	if err != nil {
		return err
	}
	for i, d := range silent {
		if _, err := fmt.Fprintf(w, "%s silent for %s\n", table.At(uint32(i)).Key(), time.Duration(d)); err != nil {
			return err
		}
	}
	return nil
}

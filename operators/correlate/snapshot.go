package correlate

import (
	"io"
	"maps"
	"slices"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// The tables of a snapshot. What has parts of its own stands as JSON in a body.
var (
	systemTable = state.Table{Name: "systems", Version: 1, Fields: []state.Field{
		{Name: "name", Type: state.Text}, {Name: "due", Type: state.Int64}, {Name: "seen", Type: state.Int64}, {Name: "heard", Type: state.Int64},
		{Name: "resting", Type: state.Bool}, {Name: "known", Type: state.Bool}, {Name: "edges", Type: state.Text},
	}}
	findingTable  = bodyTable("findings")
	incidentTable = bodyTable("incidents")
	changeTable   = bodyTable("changes")
	sliTable      = state.Table{Name: "slis", Version: 1, Fields: []state.Field{
		{Name: "system", Type: state.Text}, {Name: "slo", Type: state.Text}, {Name: "entity", Type: state.Text},
		{Name: "end", Type: state.Ints}, {Name: "count", Type: state.Ints}, {Name: "bad", Type: state.Floats},
	}}
)

func bodyTable(name string) state.Table {
	return state.Table{Name: name, Version: 1, Fields: []state.Field{{Name: "system", Type: state.Text}, {Name: "body", Type: state.Text}}}
}

// Snapshot implements pipeline.Snapshotter.
func (c *Correlate) Snapshot() (pipeline.Frozen, error) {
	return state.Encoded(name, func(w *state.Writer) {
		names := slices.Sorted(maps.Keys(c.systems))
		each := func(t state.Table, row func(*state.TableWriter, *system)) {
			out := w.Table(t)
			for _, n := range names {
				row(out, c.systems[n])
			}
		}
		each(systemTable, func(t *state.TableWriter, s *system) {
			t.Text(s.Name).Int64(s.Due).Int64(s.Seen).Int64(s.Heard).Bool(s.Resting).Bool(s.Known).JSON(s.Edges)
		})
		each(findingTable, func(t *state.TableWriter, s *system) {
			for _, id := range slices.Sorted(maps.Keys(s.Findings)) {
				t.Text(s.Name).JSON(s.Findings[id])
			}
		})
		each(incidentTable, func(t *state.TableWriter, s *system) {
			for _, inc := range s.Incidents {
				t.Text(s.Name).JSON(inc)
			}
		})
		each(changeTable, func(t *state.TableWriter, s *system) {
			for i := range s.Changes {
				t.Text(s.Name).JSON(&s.Changes[i])
			}
		})
		each(sliTable, func(t *state.TableWriter, s *system) {
			for _, slo := range slices.Sorted(maps.Keys(s.SLIs)) {
				x := s.SLIs[slo]
				t.Text(s.Name).Text(slo).Text(x.Entity).Ints(x.End).Ints(x.Count).Floats(x.Bad)
			}
		})
	})
}

// Restore implements pipeline.Snapshotter.
func (c *Correlate) Restore(r io.Reader) error {
	in := state.NewReader(r, name)
	systems := map[string]*system{}
	for t := in.Table(systemTable); t.Next(); {
		s := newSystem(t.Text("name"))
		s.Due, s.Seen, s.Heard = t.Int64("due"), t.Int64("seen"), t.Int64("heard")
		s.Resting, s.Known = t.Bool("resting"), t.Bool("known")
		t.JSON("edges", &s.Edges)
		s.graph = newGraph(c.edges(s))
		systems[s.Name] = s
	}
	each := func(table state.Table, row func(*state.TableReader, *system)) {
		for t := in.Table(table); t.Next(); {
			s := systems[t.Text("system")]
			if s == nil {
				in.Fail("has a row of an unknown system")
				return
			}
			row(t, s)
		}
	}
	each(findingTable, func(t *state.TableReader, s *system) {
		var f finding
		t.JSON("body", &f)
		s.Findings[f.ID] = &f
	})
	each(incidentTable, func(t *state.TableReader, s *system) {
		var inc incident
		t.JSON("body", &inc)
		s.Incidents = append(s.Incidents, &inc)
	})
	each(changeTable, func(t *state.TableReader, s *system) {
		var ch change
		t.JSON("body", &ch)
		s.Changes = append(s.Changes, ch)
	})
	each(sliTable, func(t *state.TableReader, s *system) {
		x := &sli{System: s.Name, Entity: t.Text("entity"), End: slices.Clone(t.Ints("end")), Count: slices.Clone(t.Ints("count")), Bad: slices.Clone(t.Floats("bad"))}
		if len(x.Count) != len(x.End) || len(x.Bad) != len(x.End) {
			in.Fail("has an indicator with columns of different length")
		}
		s.SLIs[t.Text("slo")] = x
	})
	if err := in.Close(); err != nil {
		return err
	}
	c.systems, c.table, c.bySeries = systems, nil, nil
	return nil
}

package decide

import (
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// The tables of a snapshot. What has parts of its own stands as JSON.
var (
	episodeTable = state.Table{Name: "episodes", Version: 1, Fields: []state.Field{{Name: "incident", Type: state.Text}, {Name: "body", Type: state.Text}}}
	beliefTable  = state.Table{Name: "experience", Version: 1, Fields: []state.Field{
		{Name: "signature", Type: state.Text}, {Name: "action", Type: state.Text}, {Name: "yes", Type: state.Float64}, {Name: "no", Type: state.Float64},
	}}
	coolingTable = state.Table{Name: "cooling", Version: 1, Fields: []state.Field{{Name: "domain", Type: state.Text}, {Name: "until", Type: state.Int64}}}
	edgeTable    = state.Table{Name: "topology", Version: 1, Fields: []state.Field{{Name: "system", Type: state.Text}, {Name: "edges", Type: state.Text}}}
)

// Snapshot implements pipeline.Snapshotter.
func (d *Decide) Snapshot() (pipeline.Frozen, error) {
	return state.Encoded(name, func(w *state.Writer) {
		t := w.Table(episodeTable)
		for _, id := range d.order {
			t.Text(id).JSON(d.state.Episodes[id])
		}
		t = w.Table(beliefTable)
		for _, k := range slices.Sorted(maps.Keys(d.state.Experience)) {
			signature, action, _ := strings.Cut(k, "\x00")
			x := d.state.Experience[k]
			t.Text(signature).Text(action).Float64(x.Yes).Float64(x.No)
		}
		t = w.Table(coolingTable)
		for _, domain := range slices.Sorted(maps.Keys(d.state.Cooling)) {
			t.Text(domain).Int64(d.state.Cooling[domain])
		}
		t = w.Table(edgeTable)
		for _, system := range slices.Sorted(maps.Keys(d.state.Edges)) {
			t.Text(system).JSON(d.state.Edges[system])
		}
	})
}

// Restore implements pipeline.Snapshotter.
func (d *Decide) Restore(r io.Reader) error {
	in := state.NewReader(r, name)
	restored := newKnowledge()
	for t := in.Table(episodeTable); t.Next(); {
		e := &episode{}
		t.JSON("body", e)
		restored.Episodes[t.Text("incident")] = e
	}
	for t := in.Table(beliefTable); t.Next(); {
		restored.Experience[key(t.Text("signature"), t.Text("action"))] = experience{t.Float64("yes"), t.Float64("no")}
	}
	for t := in.Table(coolingTable); t.Next(); {
		restored.Cooling[t.Text("domain")] = t.Int64("until")
	}
	for t := in.Table(edgeTable); t.Next(); {
		var edges []pipeline.Edge
		t.JSON("edges", &edges)
		restored.Edges[t.Text("system")] = edges
	}
	if err := in.Close(); err != nil {
		return err
	}
	d.state, d.order = restored, slices.Sorted(maps.Keys(restored.Episodes))
	return nil
}

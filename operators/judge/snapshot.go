package judge

import (
	"io"
	"maps"
	"slices"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// The tables of a snapshot. What has parts of its own stands as JSON.
var (
	trialTable     = state.Table{Name: "trials", Version: 1, Fields: []state.Field{{Name: "hypothesis", Type: state.Text}, {Name: "body", Type: state.Text}}}
	episodeTable   = state.Table{Name: "episodes", Version: 1, Fields: []state.Field{{Name: "incident", Type: state.Text}, {Name: "body", Type: state.Text}}}
	treatmentTable = state.Table{Name: "treatments", Version: 1, Fields: []state.Field{
		{Name: "system", Type: state.Text}, {Name: "time", Type: state.Int64}, {Name: "hypothesis", Type: state.Text}, {Name: "what", Type: state.Text},
	}}
	harmlessTable = state.Table{Name: "harmless", Version: 1, Fields: []state.Field{{Name: "command", Type: state.Text}, {Name: "time", Type: state.Int64}}}
	historyTable  = state.Table{Name: "histories", Version: 1, Fields: []state.Field{
		{Name: "system", Type: state.Text}, {Name: "metric", Type: state.Text},
		{Name: "end", Type: state.Ints}, {Name: "weight", Type: state.Floats}, {Name: "sum", Type: state.Floats},
	}}
)

// Snapshot implements pipeline.Snapshotter.
func (j *Judge) Snapshot() (pipeline.Frozen, error) {
	return state.Encoded(name, func(w *state.Writer) {
		t := w.Table(trialTable)
		for _, id := range slices.Sorted(maps.Keys(j.state.Trials)) {
			t.Text(id).JSON(j.state.Trials[id])
		}
		t = w.Table(episodeTable)
		for _, id := range slices.Sorted(maps.Keys(j.state.Episodes)) {
			t.Text(id).JSON(j.state.Episodes[id])
		}
		t = w.Table(treatmentTable)
		for _, system := range slices.Sorted(maps.Keys(j.state.Treatments)) {
			for _, x := range j.state.Treatments[system] {
				t.Text(system).Int64(x.Time).Text(x.Hypothesis).Text(x.What)
			}
		}
		t = w.Table(harmlessTable)
		for _, command := range slices.Sorted(maps.Keys(j.state.Harmless)) {
			t.Text(command).Int64(j.state.Harmless[command])
		}
		t = w.Table(historyTable)
		for _, key := range slices.Sorted(maps.Keys(j.state.Histories)) {
			h := j.state.Histories[key]
			t.Text(h.System).Text(h.Metric).Ints(h.End).Floats(h.Weight).Floats(h.Sum)
		}
	})
}

// Restore implements pipeline.Snapshotter.
func (j *Judge) Restore(r io.Reader) error {
	in := state.NewReader(r, name)
	restored := newKnowledge()
	for t := in.Table(trialTable); t.Next(); {
		x := &trial{}
		t.JSON("body", x)
		restored.Trials[t.Text("hypothesis")] = x
	}
	for t := in.Table(episodeTable); t.Next(); {
		x := &episode{}
		t.JSON("body", x)
		restored.Episodes[t.Text("incident")] = x
	}
	for t := in.Table(treatmentTable); t.Next(); {
		system := t.Text("system")
		restored.Treatments[system] = append(restored.Treatments[system], treatment{t.Int64("time"), t.Text("hypothesis"), t.Text("what")})
	}
	for t := in.Table(harmlessTable); t.Next(); {
		restored.Harmless[t.Text("command")] = t.Int64("time")
	}
	for t := in.Table(historyTable); t.Next(); {
		h := &history{
			System: t.Text("system"), Metric: t.Text("metric"),
			End: slices.Clone(t.Ints("end")), Weight: slices.Clone(t.Floats("weight")), Sum: slices.Clone(t.Floats("sum")),
		}
		if len(h.Weight) != len(h.End) || len(h.Sum) != len(h.End) {
			in.Fail("has a history with columns of different length")
		}
		restored.Histories[historyKey(h.System, h.Metric)] = h
	}
	if err := in.Close(); err != nil {
		return err
	}
	j.state, j.table, j.bySeries = restored, nil, nil
	j.trials, j.episodes = slices.Sorted(maps.Keys(restored.Trials)), slices.Sorted(maps.Keys(restored.Episodes))
	return nil
}

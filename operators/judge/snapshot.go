package judge

import (
	"encoding/json"
	"io"
	"sort"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// Snapshot implements pipeline.Snapshotter.
func (j *Judge) Snapshot(w io.Writer) error {
	rest := j.state
	rest.Histories = nil
	raw, err := json.Marshal(rest)
	if err != nil {
		return pipeline.Errorf("judge.snapshot", "state of judge can't be written: %w", err)
	}
	out := state.NewWriter(w, name, version)
	state.Column(out, raw)
	keys := make([]string, 0, len(j.state.Histories))
	for key := range j.state.Histories {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	out.Int(int64(len(keys)))
	for _, key := range keys {
		h := j.state.Histories[key]
		out.Text(h.System)
		out.Text(h.Metric)
		state.Column(out, h.End)
		state.Column(out, h.Weight)
		state.Column(out, h.Sum)
	}
	return out.Close()
}

// Restore implements pipeline.Snapshotter.
func (j *Judge) Restore(r io.Reader) error {
	in := state.NewReader(r, name, version)
	raw := state.ReadColumn[byte](in, -1)
	restored := newKnowledge()
	for n := in.Int(); n > 0 && in.Ok(); n-- {
		h := &history{System: in.Text(), Metric: in.Text(), End: state.ReadColumn[int64](in, -1)}
		h.Weight, h.Sum = state.ReadColumn[float64](in, len(h.End)), state.ReadColumn[float64](in, len(h.End))
		restored.Histories[historyKey(h.System, h.Metric)] = h
	}
	if err := in.Close(); err != nil {
		return err
	}
	histories := restored.Histories
	if err := json.Unmarshal(raw, &restored); err != nil {
		return pipeline.Errorf("judge.snapshot", "snapshot of judge is damaged: %w: use an older one or start without", err)
	}
	restored.Histories = histories
	j.state, j.table, j.bySeries, j.trials, j.episodes = restored, nil, nil, nil, nil
	for id := range restored.Trials {
		j.trials = append(j.trials, id)
	}
	for id := range restored.Episodes {
		j.episodes = append(j.episodes, id)
	}
	sort.Strings(j.trials)
	sort.Strings(j.episodes)
	return nil
}

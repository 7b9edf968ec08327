package templates

import (
	"fmt"
	"io"
	"strconv"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/operators/templates/miner"
	"github.com/homeostat/homeostat/pipeline"
)

// The tables of a snapshot. Templates are named by their ids as in the label template.
var (
	laneTable = state.Table{Name: "lane", Version: 1, Fields: []state.Field{
		{Name: "lines", Type: state.Uint64}, {Name: "numbers", Type: state.Uint64}, {Name: "forgotten", Type: state.Uint64},
	}}
	templateTable = state.Table{Name: "templates", Version: 1, Fields: []state.Field{
		{Name: "template", Type: state.Text}, {Name: "text", Type: state.Text}, {Name: "lines", Type: state.Uint64}, {Name: "last_line", Type: state.Uint64},
		{Name: "first", Type: state.Text}, {Name: "number", Type: state.Uint64}, {Name: "form", Type: state.Bytes},
	}}
	mergeTable = state.Table{Name: "merges", Version: 1, Fields: []state.Field{{Name: "from", Type: state.Text}, {Name: "into", Type: state.Text}}}
)

func idText(id uint64) string { return fmt.Sprintf("%016x", id) }

// Snapshot implements pipeline.Snapshotter.
func (t *Templates) Snapshot() (pipeline.Frozen, error) {
	f := t.miner.Freeze()
	return state.Frozen(name, func(w *state.Writer) {
		w.Table(laneTable).Uint64(f.Lines).Uint64(f.Numbers).Uint64(f.Forgotten)
		rows := w.Table(templateTable)
		f.Templates(func(s miner.Saved) {
			rows.Text(idText(s.ID)).Text(s.Text).Uint64(s.Count).Uint64(s.Seen).Text(s.First).Uint64(s.Number).Bytes(s.Form)
		})
		rows = w.Table(mergeTable)
		for _, m := range f.Merges {
			rows.Text(idText(m.From)).Text(idText(m.Into))
		}
	}), nil
}

// Restore implements pipeline.Snapshotter.
func (t *Templates) Restore(r io.Reader) error {
	s := state.NewReader(r, name)
	id := func(text string) uint64 {
		n, err := strconv.ParseUint(text, 16, 64)
		if err != nil {
			s.Fail("has a template without an id")
		}
		return n
	}
	var f miner.Frozen
	for rows := s.Table(laneTable); rows.Next(); {
		f.Lines, f.Numbers, f.Forgotten = rows.Uint64("lines"), rows.Uint64("numbers"), rows.Uint64("forgotten")
	}
	var saved []miner.Saved
	for rows := s.Table(templateTable); rows.Next(); {
		saved = append(saved, miner.Saved{ID: id(rows.Text("template")), Count: rows.Uint64("lines"), Seen: rows.Uint64("last_line"),
			First: rows.Text("first"), Number: rows.Uint64("number"), Form: append([]byte(nil), rows.Bytes("form")...)})
	}
	for rows := s.Table(mergeTable); rows.Next(); {
		f.Merges = append(f.Merges, miner.Merge{From: id(rows.Text("from")), Into: id(rows.Text("into"))})
	}
	m, err := miner.Restore(t.limits, &f, saved)
	if err != nil {
		s.Fail(err.Error())
		return s.Close()
	}
	t.miner = m
	return s.Close()
}

package alarm

import (
	"slices"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// settleBy is how much farther off a series has to be while what was changed settles.
const settleBy = 2

// maxSettling is how many changes are heeded at once; beyond it the first heard are given up.
const maxSettling = 1000

// settling are the changes that are not settled yet, in the order in which they were heard of.
type settling []pipeline.Change

// Use tells what the ordinals are of. A detector that heeds changes calls it when it is opened.
func (t *Table) Use(series *pipeline.SeriesTable) { t.series = series }

// Heed takes a change into account: for the time Settle from it on the scores of the series that it concerns count half. Windows that
// were judged before it was heard of stay as they are.
func (t *Table) Heed(c *pipeline.Change) {
	if t.series == nil {
		panic("BUG: a detector that heeds changes did not say of which series its findings are")
	}
	if t.cfg.Settle == 0 || c.Time+int64(t.cfg.Settle) <= t.end {
		return
	}
	if len(t.settling) == maxSettling {
		t.settling = slices.Delete(t.settling, 0, 1)
	}
	heard := *c
	heard.Entities = slices.Clone(c.Entities)
	t.settling = append(t.settling, heard)
}

// settles tells whether something that concerns the series was changed shortly before the end of a window. Only abnormal series are asked about.
func (t *Table) settles(series uint32, start, end int64) bool {
	s := t.series.At(series)
	return slices.ContainsFunc(t.settling, func(c pipeline.Change) bool {
		return end > c.Time && start < c.Time+int64(t.cfg.Settle) && c.Concerns(s)
	})
}

// settle drops the changes that are settled when windows begin at start.
func (t *Table) settle(start int64) {
	t.settling = slices.DeleteFunc(t.settling, func(c pipeline.Change) bool { return c.Time+int64(t.cfg.Settle) <= start })
}

var settlingTable = state.Table{Name: "alarm.settling", Version: 1, Fields: []state.Field{
	{Name: "time", Type: state.Int64}, {Name: "kind", Type: state.Text}, {Name: "system", Type: state.Text}, {Name: "entities", Type: state.Text},
}}

func (s settling) write(w *state.Writer) {
	t := w.Table(settlingTable)
	for _, c := range s {
		t.Int64(c.Time).Text(c.Kind).Text(c.System).JSON(c.Entities)
	}
}

func (s *settling) read(r *state.Reader) {
	for t := r.Table(settlingTable); t.Next(); {
		c := pipeline.Change{Time: t.Int64("time"), Kind: t.Text("kind"), System: t.Text("system")}
		t.JSON("entities", &c.Entities)
		*s = append(*s, c)
	}
}

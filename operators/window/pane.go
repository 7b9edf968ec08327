package window

import (
	"slices"

	"github.com/homeostat/homeostat/operators/state"
)

// pane is one stretch of time between two window borders: a cell for each series, by ordinal. Cells rather than a
// column for each number: a row then touches one cache line and not six, which with 100,000 series is five times as fast.
type pane struct {
	start, end int64
	present    int // cells with count > 0
	cells      state.Sparse[cell]
	// marks are those from which the increases of counters count, kept with panes that may be opened again.
	marks state.Sparse[mark]
	// chained says that cells have chains of rows.
	chained bool
	// settled panes have the increases of counters in their sums.
	settled bool
	// revision counts how often the window was emitted again; dirty says that it must be.
	revision int64
	dirty    bool
}

// bytes is the memory that the pane holds beside rows and wide sums.
func (p *pane) bytes() int64 { return p.cells.Bytes() + p.marks.Bytes() }

// count returns the number of rows of a series.
func (p *pane) count(s uint32) int64 {
	if !p.cells.Has(s) {
		return 0
	}
	return p.cells.Ref(s).count
}

// findPane returns where the pane of a start is among panes in order of time, or belongs.
func findPane(panes []*pane, start int64) (int, bool) {
	return slices.BinarySearchFunc(panes, start, func(p *pane, start int64) int {
		switch {
		case p.start < start:
			return -1
		case p.start > start:
			return 1
		}
		return 0
	})
}

package window

import "slices"

// pane is one stretch of time between two window borders: a cell for each series, by ordinal. Cells rather than a
// column for each number: a row then touches one cache line and not six, which with 100,000 series is five times as fast.
type pane struct {
	start, end int64
	present    int // cells with count > 0
	cells      []cell
	// marks are those from which the increases count, kept with panes that may be opened again.
	marks []mark
	// chained says that cells have chains of rows.
	chained bool
	// settled panes have the increases of counters in their sums.
	settled bool
	// revision counts how often the window was emitted again; dirty says that it must be.
	revision int64
	dirty    bool
}

// extend lengthens a slice to n, with zeros where it never reached before.
func extend[T any](s []T, n int) []T {
	if n <= cap(s) {
		return s[:max(n, len(s))]
	}
	grown := make([]T, n, n+n/4)
	copy(grown, s)
	return grown
}

// bytes is the memory that the pane holds beside rows and wide sums.
func (p *pane) bytes() int64 {
	return int64(cap(p.cells))*bytesPerCell + int64(cap(p.marks))*bytesPerMark
}

// series lists those with rows.
func (p *pane) series() []uint32 {
	out := make([]uint32, 0, p.present)
	for s := range p.cells {
		if p.cells[s].count > 0 {
			out = append(out, uint32(s))
		}
	}
	return out
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

package window

import (
	"cmp"
	"slices"

	"github.com/homeostat/homeostat/operators/state"
)

// row is a row that is kept as it came: the points of counters until their window is done with, and all rows of windows
// that are cut by what is in them until no earlier one can follow.
type row struct {
	time, start int64
	value       float64
	next        uint32 // the row of the chain that came before; 0 is none
}

// pool is where rows are kept, and a chain of the free ones. A row is named by its place plus one.
type pool struct {
	rows state.Sparse[row]
	free uint32
}

// at returns a row to be read.
func (p *pool) at(i uint32) *row {
	return p.rows.Ref(i - 1)
}

// only returns a row as a slice of one, to be read.
func (p *pool) only(i uint32) []row {
	at := int(i-1) % state.SparseRows
	return p.rows.Page(int(i-1) / state.SparseRows)[at : at+1]
}

// grow adds a page.
func (p *pool) grow() {
	base := uint32(p.rows.Pages()) * state.SparseRows
	p.rows.Make(base)
	for i := range uint32(state.SparseRows) {
		p.rows.Edit(base + i).next = base + i + 2
	}
	p.rows.Edit(base + state.SparseRows - 1).next = p.free
	p.free = base + 1
}

// push puts a row before a chain and returns the new one. There must be a free row.
func (p *pool) push(chain uint32, time, start int64, value float64) uint32 {
	i := p.free
	r := p.rows.Hot(i - 1)
	if r == nil {
		r = p.rows.Edit(i - 1)
	}
	p.free = r.next
	*r = row{time, start, value, chain}
	return i
}

// give makes the rows of a chain free.
func (p *pool) give(chain uint32) {
	last := chain
	for next := p.at(last).next; next != 0; next = p.at(last).next {
		last = next
	}
	r := p.rows.Hot(last - 1)
	if r == nil {
		r = p.rows.Edit(last - 1)
	}
	r.next = p.free
	p.free = chain
}

// gather appends the rows of a chain as they came.
func (p *pool) gather(to []row, chain uint32) []row {
	from := len(to)
	for i := chain; i != 0; {
		r := p.at(i)
		to = append(to, *r)
		i = r.next
	}
	slices.Reverse(to[from:])
	return to
}

// room makes sure that there is a free row, and returns false at the limit, if that binds.
func (s *shared) room(bound bool) bool {
	if s.pool.free != 0 {
		return true
	}
	size := s.pool.rows.PageBytes()
	if bound && !s.afford(size) {
		return false
	}
	s.pool.grow()
	s.bytes += size
	return true
}

// sortRows puts rows in the one order that does not depend on how they came.
func sortRows(rows []row) {
	for i := 1; i < len(rows); i++ {
		if rowOrder(rows[i-1], rows[i]) > 0 {
			slices.SortFunc(rows, rowOrder)
			return
		}
	}
}

func rowOrder(a, b row) int {
	switch {
	case a.time != b.time:
		return cmp.Compare(a.time, b.time)
	case a.start != b.start:
		return cmp.Compare(a.start, b.start)
	}
	return cmp.Compare(a.value, b.value)
}

package window

import (
	"cmp"
	"slices"
	"unsafe"
)

// row is a row that is kept as it came: the points of counters until their window is done with, and all rows of windows
// that are cut by what is in them until no earlier one can follow.
type row struct {
	time, start int64
	value       float64
	next        uint32 // the row of the chain that came before; 0 is none
}

const (
	rowsPerPage  = 1024
	bytesPerPage = int64(unsafe.Sizeof(row{})) * rowsPerPage
)

// pool is where rows are kept: pages, and a chain of the free ones. A row is named by its place plus one.
type pool struct {
	pages []*[rowsPerPage]row
	free  uint32
}

func (p *pool) at(i uint32) *row { return &p.pages[(i-1)/rowsPerPage][(i-1)%rowsPerPage] }

// grow adds a page.
func (p *pool) grow() {
	page := &[rowsPerPage]row{}
	p.pages = append(p.pages, page)
	base := uint32(len(p.pages)-1) * rowsPerPage
	for i := range uint32(rowsPerPage - 1) {
		page[i].next = base + i + 2
	}
	page[rowsPerPage-1].next = p.free
	p.free = base + 1
}

// push puts a row before a chain and returns the new one. There must be a free row.
func (p *pool) push(chain uint32, time, start int64, value float64) uint32 {
	i := p.free
	r := p.at(i)
	p.free = r.next
	*r = row{time, start, value, chain}
	return i
}

// give makes the rows of a chain free.
func (p *pool) give(chain uint32) {
	last := p.at(chain)
	for last.next != 0 {
		last = p.at(last.next)
	}
	last.next = p.free
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
	if bound && !s.afford(bytesPerPage) {
		return false
	}
	s.pool.grow()
	s.bytes += bytesPerPage
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

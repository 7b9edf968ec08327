package state

import (
	"slices"
	"sync"
	"sync/atomic"
)

// guard counts the freezes of a column, so that a write knows whether anybody still looks at a page.
type guard struct {
	// latest is the number of the latest freeze that is not released, 0 if there is none.
	latest atomic.Uint64

	mu    sync.Mutex
	made  uint64
	alive []uint64 // ascending
}

func (g *guard) freeze() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.made++
	g.alive = append(g.alive, g.made)
	g.latest.Store(g.made)
	return g.made
}

func (g *guard) release(n uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	i, found := slices.BinarySearch(g.alive, n)
	if !found {
		return
	}
	g.alive = slices.Delete(g.alive, i, i+1)
	latest := uint64(0)
	if k := len(g.alive); k > 0 {
		latest = g.alive[k-1]
	}
	g.latest.Store(latest)
}

// page is some rows, or none before the first write. A freeze sees it if its number is greater than born.
type page[T any] struct {
	rows []T
	born uint64 // number of freezes when it was made
}

// own makes the page one that no freeze sees, of that many elements.
func (p *page[T]) own(g *guard, size int) {
	if p.rows != nil && p.born >= g.latest.Load() {
		return
	}
	rows := make([]T, size)
	copy(rows, p.rows)
	// Only the owner's goroutine freezes, so made does not move here.
	p.rows, p.born = rows, g.made
}

// Column is one value of each series, by ordinal. T holds no pointers to what changes. One goroutine uses a column; what it
// froze may be read by another at the same time. The zero value is empty and ready.
type Column[T any] struct {
	guard guard
	pages []page[T]
	own   []*[pageRows]T // what Own readied, by page
	n     int
}

const (
	pageBits = 10
	pageRows = 1 << pageBits
)

// Len returns the number of values.
func (c *Column[T]) Len() int { return c.n }

// At returns the value at i, which is less than Len.
func (c *Column[T]) At(i uint32) T { return c.pages[i>>pageBits].rows[i%pageRows] }

// Edit returns the place of the value at i, to read and write until the next Append or Freeze.
func (c *Column[T]) Edit(i uint32) *T {
	p := &c.pages[i>>pageBits]
	if p.born < c.guard.latest.Load() {
		p.own(&c.guard, pageRows)
	}
	return &p.rows[i%pageRows]
}

// Own readies values for Owned. Where many are edited one after the other, what Edit asks is asked once a page.
func (c *Column[T]) Own(at []uint32) {
	last := -1
	for _, i := range at {
		if k := int(i >> pageBits); k != last {
			last = k
			p := &c.pages[k]
			p.own(&c.guard, pageRows)
			c.own[k] = (*[pageRows]T)(p.rows)
		}
	}
}

// Owned is Edit of a value of the last call of Own, after which there was no Append or Freeze.
func (c *Column[T]) Owned(i uint32) *T { return &c.own[i>>pageBits][i%pageRows] }

// Append adds a value.
func (c *Column[T]) Append(v T) {
	at := c.n % pageRows
	if at == 0 {
		c.pages, c.own = append(c.pages, page[T]{}), append(c.own, nil)
		c.pages[len(c.pages)-1].own(&c.guard, pageRows)
	}
	// A freeze of this page does not look beyond the length it had, so the page need not be copied.
	c.pages[len(c.pages)-1].rows[at] = v
	c.n++
}

// Grow adds values until there are n.
func (c *Column[T]) Grow(n int, v T) {
	for c.n < n {
		c.Append(v)
	}
}

// Freeze returns the column as it is now. It takes time by the number of pages.
func (c *Column[T]) Freeze() *FrozenColumn[T] {
	f := &FrozenColumn[T]{guard: &c.guard, n: c.n, pages: frozenPages(c.pages)}
	f.number = c.guard.freeze()
	return f
}

func frozenPages[T any](pages []page[T]) [][]T {
	out := make([][]T, len(pages))
	for i := range pages {
		out[i] = pages[i].rows
	}
	return out
}

// FrozenColumn is a column as it was when it was frozen. Any goroutine may read it, one at a time, until Release.
type FrozenColumn[T any] struct {
	guard  *guard
	number uint64
	pages  [][]T
	n      int
}

// Len returns the number of values.
func (f *FrozenColumn[T]) Len() int { return f.n }

// At returns the value at i, which is less than Len.
func (f *FrozenColumn[T]) At(i uint32) T { return f.pages[i>>pageBits][i%pageRows] }

// Release gives the pages up; the column does not copy them any more for this freeze. It may be called twice.
func (f *FrozenColumn[T]) Release() {
	f.guard.release(f.number)
	f.pages, f.n = nil, 0
}

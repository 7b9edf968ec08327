package state

import "unsafe"

// Sparse is one value of each of many slots, of which some may never be written. Its pages are small, are made when they are asked
// for, and are used again after Clear, so that a user that must bound its memory can. It is used and frozen as a Column is: T holds no
// pointers to what changes, and one goroutine uses it. The zero value is empty and ready.
type Sparse[T any] struct {
	guard guard
	pages []sparsePage[T]
	// own are the pages that may be written to as they are; nil since a freeze, or where there is none.
	own  []*[SparseRows]T
	made int // pages that exist
}

type sparsePage[T any] struct {
	rows *[SparseRows]T // nil until it is made
	born uint64         // number of freezes when it was made
}

const sparseBits = 8

// SparseRows is the number of values in a page.
const SparseRows = 1 << sparseBits

// Has tells whether the page of slot i exists.
func (c *Sparse[T]) Has(i uint32) bool {
	k := int(i >> sparseBits)
	return k < len(c.pages) && c.pages[k].rows != nil
}

// Hot is Edit where that costs nothing: it is inlined, and may return nil where Edit does not.
func (c *Sparse[T]) Hot(i uint32) *T {
	if k := int(i >> sparseBits); k < len(c.own) && c.own[k] != nil {
		return &c.own[k][i%SparseRows]
	}
	return nil
}

// Edit returns the place of the value at i, to read and write until the next Freeze or Clear; nil if its page does not exist.
func (c *Sparse[T]) Edit(i uint32) *T {
	if v := c.Hot(i); v != nil {
		return v
	}
	if !c.Has(i) {
		return nil
	}
	k := int(i >> sparseBits)
	p := &c.pages[k]
	if p.born < c.guard.latest.Load() { // a freeze sees it
		rows := *p.rows
		// Only the owner's goroutine freezes, so made does not move here.
		p.rows, p.born = &rows, c.guard.made
	}
	c.own[k] = p.rows
	return &p.rows[i%SparseRows]
}

// Make is Edit that makes the page, of zeros, where it does not exist.
func (c *Sparse[T]) Make(i uint32) *T {
	k := int(i >> sparseBits)
	for len(c.pages) <= k {
		c.pages, c.own = append(c.pages, sparsePage[T]{}), append(c.own, nil)
	}
	if p := &c.pages[k]; p.rows == nil {
		p.rows, p.born = new([SparseRows]T), c.guard.made
		c.made++
	}
	return c.Edit(i)
}

// At returns the value at i, zero if its page does not exist.
func (c *Sparse[T]) At(i uint32) (v T) {
	if c.Has(i) {
		v = c.pages[i>>sparseBits].rows[i%SparseRows]
	}
	return v
}

// Ref returns the place of the value at i, whose page exists, to be read until the next Edit, Make or Clear.
func (c *Sparse[T]) Ref(i uint32) *T { return &c.pages[i>>sparseBits].rows[i%SparseRows] }

// Pages returns how many pages Page has, existing or not.
func (c *Sparse[T]) Pages() int { return len(c.pages) }

// Page returns the values from slot k·SparseRows on, to read until the next Edit, Make or Clear; nil if the page does not exist.
func (c *Sparse[T]) Page(k int) []T {
	if p := c.pages[k].rows; p != nil {
		return p[:]
	}
	return nil
}

// Bytes returns the memory of the pages. Copies that only a freeze sees don't count.
func (c *Sparse[T]) Bytes() int64 { return int64(c.made) * c.PageBytes() }

// PageBytes returns the memory of one page.
func (c *Sparse[T]) PageBytes() int64 { return int64(unsafe.Sizeof([SparseRows]T{})) }

// Clear makes all values zero. Pages stay for the next use, except those that a freeze sees.
func (c *Sparse[T]) Clear() {
	latest := c.guard.latest.Load()
	for k := range c.pages {
		p := &c.pages[k]
		switch {
		case p.rows == nil:
		case p.born < latest:
			p.rows, c.own[k] = nil, nil
			c.made--
		default:
			clear(p.rows[:])
		}
	}
}

// Freeze returns the values as they are now. It takes time by the number of pages.
func (c *Sparse[T]) Freeze() *FrozenSparse[T] {
	f := &FrozenSparse[T]{guard: &c.guard, pages: make([]*[SparseRows]T, len(c.pages))}
	for k := range c.pages {
		f.pages[k] = c.pages[k].rows
	}
	clear(c.own)
	f.number = c.guard.freeze()
	return f
}

// FrozenSparse is what a Sparse held when it was frozen. Any goroutine may read it, one at a time, until Release.
type FrozenSparse[T any] struct {
	guard  *guard
	number uint64
	pages  []*[SparseRows]T
}

// At returns the value at i, zero if its page did not exist.
func (f *FrozenSparse[T]) At(i uint32) (v T) {
	if k := int(i >> sparseBits); k < len(f.pages) && f.pages[k] != nil {
		v = f.pages[k][i%SparseRows]
	}
	return v
}

// Pages returns how many pages Page has, existing or not.
func (f *FrozenSparse[T]) Pages() int { return len(f.pages) }

// Page returns the values from slot k·SparseRows on; nil if the page did not exist.
func (f *FrozenSparse[T]) Page(k int) []T {
	if p := f.pages[k]; p != nil {
		return p[:]
	}
	return nil
}

// Release gives the pages up; they are not copied any more for this freeze. It may be called twice.
func (f *FrozenSparse[T]) Release() {
	f.guard.release(f.number)
	f.pages = nil
}

package state

import (
	"math/bits"
	"unsafe"
)

// Matrix is a row of as many numbers as it is wide for each of a number of slots. Pages are made when they are first
// written. It is used and frozen as a Column is.
type Matrix[T any] struct {
	guard guard
	pages []page[T]
	width int
	bits  int // of the number of rows in a page
	mask  uint32
}

// matrixPage is about how many bytes a page has: what the first write after a freeze copies.
const matrixPage = 32 << 10

// NewMatrix makes an empty matrix of that width, 1 at least.
func NewMatrix[T any](width int) *Matrix[T] {
	var v T
	rows := max(1, matrixPage/(width*int(max(1, unsafe.Sizeof(v)))))
	b := bits.Len(uint(rows)) - 1
	return &Matrix[T]{width: width, bits: b, mask: 1<<b - 1}
}

// Grow makes room for n slots.
func (m *Matrix[T]) Grow(n int) {
	for len(m.pages)<<m.bits < n {
		m.pages = append(m.pages, page[T]{})
	}
}

// Row returns the row of a slot there is room for, to read until the next Freeze; nil if none of its page was ever written.
func (m *Matrix[T]) Row(i uint32) []T {
	p := &m.pages[i>>m.bits]
	if p.rows == nil {
		return nil
	}
	at := int(i&m.mask) * m.width
	return p.rows[at : at+m.width : at+m.width]
}

// Edit returns the row of a slot there is room for, to read and write until the next Freeze.
func (m *Matrix[T]) Edit(i uint32) []T {
	p := &m.pages[i>>m.bits]
	if p.rows == nil || p.born < m.guard.latest.Load() {
		p.own(&m.guard, m.width<<m.bits)
	}
	at := int(i&m.mask) * m.width
	return p.rows[at : at+m.width : at+m.width]
}

// Freeze returns the matrix as it is now. It takes time by the number of pages.
func (m *Matrix[T]) Freeze() *FrozenMatrix[T] {
	f := &FrozenMatrix[T]{guard: &m.guard, pages: frozenPages(m.pages), width: m.width, bits: m.bits, mask: m.mask}
	f.number = m.guard.freeze()
	return f
}

// FrozenMatrix is a matrix as it was when it was frozen. Any goroutine may read it, one at a time, until Release.
type FrozenMatrix[T any] struct {
	guard  *guard
	number uint64
	pages  [][]T
	width  int
	bits   int
	mask   uint32
}

// Row returns the row of a slot; nil if none of its page was ever written.
func (f *FrozenMatrix[T]) Row(i uint32) []T {
	p := f.pages[i>>f.bits]
	if p == nil {
		return nil
	}
	at := int(i&f.mask) * f.width
	return p[at : at+f.width]
}

// Release gives the pages up; the matrix does not copy them any more for this freeze. It may be called twice.
func (f *FrozenMatrix[T]) Release() {
	f.guard.release(f.number)
	f.pages = nil
}

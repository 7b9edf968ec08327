package operatortest

import (
	"testing"

	"github.com/apache/arrow/go/v15/arrow/memory"
)

// scribbler overwrites memory when it is given back, so that nobody can go on reading it unnoticed.
type scribbler struct{ *memory.CheckedAllocator }

func newScribbler() *scribbler {
	return &scribbler{memory.NewCheckedAllocator(memory.NewGoAllocator())}
}

func (s *scribbler) Free(b []byte) {
	for i := range b {
		b[i] = 0x7F // a huge number in every type
	}
	s.CheckedAllocator.Free(b)
}

// check fails the test when memory is still in use.
func (s *scribbler) check(t testing.TB) {
	t.Helper()
	s.AssertSize(t, 0)
}

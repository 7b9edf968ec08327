package state

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

func values(n int, at func(uint32) int64) []int64 {
	out := make([]int64, n)
	for i := range out {
		out[i] = at(uint32(i))
	}
	return out
}

// TestFreezesAreIsolated writes, grows, freezes and releases at random and compares each freeze with a copy.
func TestFreezesAreIsolated(t *testing.T) {
	for seed := range uint64(5) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var c Column[int64]
		m := NewMatrix[int64](300)
		type freeze struct {
			column *FrozenColumn[int64]
			matrix *FrozenMatrix[int64]
			copy   []int64
		}
		var alive []freeze
		for range 120 {
			switch rnd.IntN(4) {
			case 0:
				for range rnd.IntN(400) {
					c.Append(rnd.Int64())
				}
				m.Grow(c.Len())
			case 1:
				for range rnd.IntN(20) {
					if c.Len() > 0 {
						i := uint32(rnd.IntN(c.Len()))
						*c.Edit(i) = rnd.Int64()
					}
				}
			case 2:
				for i := range c.Len() {
					if rnd.IntN(10) == 0 {
						m.Edit(uint32(i))[299] = c.At(uint32(i))
					}
				}
				alive = append(alive, freeze{c.Freeze(), m.Freeze(), values(c.Len(), c.At)})
			case 3:
				if len(alive) > 0 {
					i := rnd.IntN(len(alive))
					alive[i].column.Release()
					alive[i].column.Release()
					alive[i].matrix.Release()
					alive = slices.Delete(alive, i, i+1)
				}
			}
			for i, f := range alive {
				if !slices.Equal(values(f.column.Len(), f.column.At), f.copy) {
					t.Fatalf("seed %d: freeze %d of %d changed", seed, i+1, len(alive))
				}
			}
		}
	}
}

func TestMatrixIsIsolated(t *testing.T) {
	m := NewMatrix[float64](100)
	m.Grow(1000)
	if m.Row(999) != nil {
		t.Error("a page that was never written takes memory")
	}
	m.Edit(5)[99] = 1
	first := m.Freeze()
	m.Edit(5)[99] = 2
	m.Edit(900)[0] = 3
	second := m.Freeze()
	m.Edit(5)[99] = 4
	if first.Row(5)[99] != 1 || second.Row(5)[99] != 2 || m.Row(5)[99] != 4 || first.Row(900) != nil || second.Row(900)[0] != 3 {
		t.Errorf("%v %v %v", first.Row(5)[99], second.Row(5)[99], m.Row(5)[99])
	}
}

func TestReleasedFreezesAreNotCopied(t *testing.T) {
	var c Column[int64]
	for range 10 * pageRows {
		c.Append(0)
	}
	copies := func() int {
		before := frozenPages(c.pages)
		for i := range c.Len() {
			*c.Edit(uint32(i))++
		}
		n := 0
		for i, p := range c.pages {
			if &p.rows[0] != &before[i][0] {
				n++
			}
		}
		return n
	}
	first := c.Freeze()
	if n := copies(); n != 10 {
		t.Errorf("%d pages were copied after a freeze, want 10", n)
	}
	if n := copies(); n != 0 {
		t.Errorf("%d pages were copied a second time", n)
	}
	second := c.Freeze()
	second.Release()
	if n := copies(); n != 0 {
		t.Errorf("%d pages were copied for a released freeze, while an older is alive that has its own", n)
	}
	first.Release()
	third, fourth := c.Freeze(), c.Freeze()
	fourth.Release()
	if n := copies(); n != 10 {
		t.Errorf("%d pages were copied with one of two freezes alive, want 10", n)
	}
	third.Release()
}

// TestFrozenIsReadWhileTheColumnIsWritten is for the race detector.
func TestFrozenIsReadWhileTheColumnIsWritten(t *testing.T) {
	var c Column[int64]
	m := NewMatrix[int64](8)
	var wg sync.WaitGroup
	for round := range int64(50) {
		for range 100 {
			c.Append(round)
		}
		m.Grow(c.Len())
		for i := range c.Len() {
			*c.Edit(uint32(i)) = round
			m.Edit(uint32(i))[3] = round
		}
		fc, fm := c.Freeze(), m.Freeze()
		wg.Go(func() {
			defer fc.Release()
			defer fm.Release()
			for i := range fc.Len() {
				if got := fc.At(uint32(i)); got != round || fm.Row(uint32(i))[3] != round {
					panic(fmt.Sprintf("freeze %d shows %d", round, got))
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkColumn(b *testing.B) {
	var c Column[int64]
	plain := make([]int64, 1<<20)
	for range plain {
		c.Append(0)
	}
	b.Run("slice", func(b *testing.B) {
		for b.Loop() {
			for i := range plain {
				plain[i]++
			}
		}
	})
	b.Run("column", func(b *testing.B) {
		for b.Loop() {
			for i := range plain {
				*c.Edit(uint32(i))++
			}
		}
	})
	b.Run("freeze", func(b *testing.B) {
		for b.Loop() {
			c.Freeze().Release()
		}
	})
}

package state

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

// all returns what a Sparse, frozen or not, has in its existing pages, by slot.
func all(pages int, page func(int) []int64) map[uint32]int64 {
	out := map[uint32]int64{}
	for k := range pages {
		for i, v := range page(k) {
			out[uint32(k*SparseRows+i)] = v
		}
	}
	return out
}

// TestSparseFreezesAreIsolated makes, writes, clears, freezes and releases at random and compares with a map, and each freeze
// with what the map was.
func TestSparseFreezesAreIsolated(t *testing.T) {
	for seed := range uint64(5) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		var c Sparse[int64]
		want := map[uint32]int64{}
		type freeze struct {
			*FrozenSparse[int64]
			copy map[uint32]int64
		}
		var alive []freeze
		for range 150 {
			i := rnd.Uint32N(4 * SparseRows)
			switch rnd.IntN(8) {
			case 0, 1, 2:
				*c.Make(i) = rnd.Int64()
				want[i] = c.At(i)
			case 3, 4:
				if v := c.Edit(i); (v != nil) != c.Has(i) {
					t.Fatalf("seed %d: Edit and Has disagree", seed)
				} else if v != nil {
					*v = rnd.Int64()
					want[i] = *v
				}
			case 5:
				if rnd.IntN(10) == 0 {
					c.Clear()
					clear(want)
				}
			case 6:
				copy := map[uint32]int64{}
				for i, v := range want {
					copy[i] = v
				}
				alive = append(alive, freeze{c.Freeze(), copy})
			case 7:
				if len(alive) > 0 {
					i := rnd.IntN(len(alive))
					alive[i].Release()
					alive[i].Release()
					alive = slices.Delete(alive, i, i+1)
				}
			}
			exist := 0
			for k := range c.Pages() {
				if c.Page(k) != nil {
					exist++
				}
			}
			if c.Bytes() != int64(exist)*SparseRows*8 {
				t.Fatalf("seed %d: %d pages take %d bytes", seed, exist, c.Bytes())
			}
			same(t, all(c.Pages(), c.Page), want)
			for _, f := range alive {
				same(t, all(f.Pages(), f.Page), f.copy)
				if f.At(i) != f.copy[i] {
					t.Fatalf("seed %d: a freeze changed", seed)
				}
			}
		}
	}
}

// same compares, where absent is 0.
func same(t *testing.T, got, want map[uint32]int64) {
	t.Helper()
	for i, v := range want {
		if got[i] != v {
			t.Fatalf("slot %d: %d, want %d", i, got[i], v)
		}
	}
	for i, v := range got {
		if want[i] != v {
			t.Fatalf("slot %d: %d, want %d", i, v, want[i])
		}
	}
}

// TestSparseCopiesOnlyWhatAFreezeSees counts the pages that writes and Clear replace.
func TestSparseCopiesOnlyWhatAFreezeSees(t *testing.T) {
	var c Sparse[int64]
	for k := range uint32(4) {
		c.Make(k * SparseRows)
	}
	replaced := func(change func()) int {
		before := make([]*int64, c.Pages())
		for k := range before {
			if c.Has(uint32(k * SparseRows)) {
				before[k] = c.Ref(uint32(k * SparseRows))
			}
		}
		change()
		n := 0
		for k, p := range before {
			if i := uint32(k * SparseRows); p != nil && (!c.Has(i) || c.Ref(i) != p) {
				n++
			}
		}
		return n
	}
	write := func() {
		for k := range uint32(4) {
			*c.Edit(k*SparseRows + 7)++
		}
	}
	f := c.Freeze()
	if c.Hot(0) != nil {
		t.Error("a frozen page may be written to")
	}
	if n := replaced(write); n != 4 || c.Hot(0) == nil {
		t.Errorf("%d pages were copied after a freeze, want 4", n)
	}
	if n := replaced(write); n != 0 {
		t.Errorf("%d pages were copied a second time", n)
	}
	if n := replaced(c.Clear); n != 0 {
		t.Errorf("%d pages were given up that no freeze sees", n)
	}
	f.Release()
	f = c.Freeze()
	*c.Edit(0) = 1
	if n := replaced(c.Clear); n != 3 || c.Bytes() != SparseRows*8 {
		t.Errorf("%d pages were given up that a freeze sees, want 3", n)
	}
	f.Release()
	if n := replaced(write0(&c)); n != 0 {
		t.Errorf("%d pages were copied for a released freeze", n)
	}
}

func write0(c *Sparse[int64]) func() { return func() { *c.Edit(0) = 5 } }

// TestFrozenSparseIsReadWhileItIsWritten is for the race detector.
func TestFrozenSparseIsReadWhileItIsWritten(t *testing.T) {
	var c Sparse[int64]
	var wg sync.WaitGroup
	for round := range int64(50) {
		for i := range uint32(3 * SparseRows) {
			*c.Make(i) = round
		}
		f := c.Freeze()
		wg.Go(func() {
			defer f.Release()
			for i := range uint32(3 * SparseRows) {
				if f.At(i) != round {
					t.Errorf("slot %d is %d, want %d", i, f.At(i), round)
					return
				}
			}
		})
		if round%5 == 4 {
			c.Clear()
		}
	}
	wg.Wait()
}

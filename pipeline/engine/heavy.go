package engine

import "hash/maphash"

// heavy holds the heaviest of any number of names in bounded memory, with Space-Saving (Metwally, Agrawal, El Abbadi: Efficient
// Computation of Frequent and Top-k Elements in Data Streams, 2005): a name that finds no place takes that of the lightest, and
// its weight with it as its doubt. A name with more than a share of 1/most of all weight has a place for certain. One goroutine
// at a time.
type heavy struct {
	most int
	seed maphash.Seed
	at   map[uint64]*place
	heap []*place // the lightest first
}

// place is one name's.
type place struct {
	name  identity
	hash  uint64
	index int // in the heap
	// weight is at most doubt more than what the name really has, and never less.
	weight, doubt int64
	*tally
}

// sure says that at least half of the weight is the name's own.
func (p *place) sure() bool { return p.weight >= 2*p.doubt }

func newHeavy(most int, seed maphash.Seed) heavy {
	return heavy{most: most, seed: seed, at: make(map[uint64]*place, most)}
}

func (h *heavy) hash(name identity) uint64 {
	return maphash.Bytes(h.seed, name.text) + uint64(name.by)
}

// find returns the place of a name, nil if it has none.
func (h *heavy) find(name identity) *place {
	if p := h.at[h.hash(name)]; p != nil && p.name.same(name) {
		return p
	}
	return nil
}

// add gives a name weight, and a place if it has none; fresh says that it is a new one, whose tally is still that of who had it
// before, or nil.
func (h *heavy) add(name identity, weight int64) (p *place, fresh bool) {
	hash := h.hash(name)
	p = h.at[hash]
	switch {
	case p != nil && p.name.same(name):
	case p != nil: // two names of one hash: the second one takes the place over
		p.doubt, fresh = p.weight, true
	case len(h.heap) < h.most:
		p, fresh = &place{index: len(h.heap)}, true
		h.heap = append(h.heap, p)
		h.up(p)
	default:
		p, fresh = h.heap[0], true
		delete(h.at, p.hash)
		p.doubt = p.weight
	}
	if fresh {
		p.hash, h.at[hash] = hash, p
		p.name.by, p.name.text = name.by, append(p.name.text[:0], name.text...)
	}
	p.weight += weight
	h.down(p)
	return p, fresh
}

// fade halves all weights, so that what was heavy long ago makes room. The order stays as it is.
func (h *heavy) fade() {
	for _, p := range h.heap {
		p.weight, p.doubt = p.weight/2, p.doubt/2
	}
}

func (h *heavy) swap(a, b *place) {
	h.heap[a.index], h.heap[b.index] = b, a
	a.index, b.index = b.index, a.index
}

func (h *heavy) up(p *place) {
	for p.index > 0 {
		above := h.heap[(p.index-1)/2]
		if above.weight <= p.weight {
			return
		}
		h.swap(p, above)
	}
}

func (h *heavy) down(p *place) {
	for {
		below := 2*p.index + 1
		if below >= len(h.heap) {
			return
		}
		if below+1 < len(h.heap) && h.heap[below+1].weight < h.heap[below].weight {
			below++
		}
		if h.heap[below].weight >= p.weight {
			return
		}
		h.swap(p, h.heap[below])
	}
}

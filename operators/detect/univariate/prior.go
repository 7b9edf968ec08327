package univariate

import (
	"hash/fnv"

	"github.com/homeostat/homeostat/operators/choose"
	"github.com/homeostat/homeostat/pipeline"
)

// Lender is implemented by models of which a new series can begin with what is known of its like: the other instances of a
// service, say, that has just got one more.
type Lender[S any] interface {
	Model[S]
	// Lend returns what a series begins with, given what is known of others like it, in the order in which they were first seen; false if that
	// is too little.
	Lend(new *pipeline.Series, like []S) (S, bool)
}

// maxLike is how many series are asked for a new one: the newest of its like.
const maxLike = 8

// likes are the series of a lane by what they have in common but for the instance. All that it says follows from the lane's table.
type likes struct {
	across []string
	by     map[uint64]like // by hash of the key
	seen   int             // series of the table that were taken in
	key    []byte
}

// like is the newest series of a key: the one that was taken in as number n stands at n % maxLike.
type like struct {
	n      uint32
	series [maxLike]uint32
}

// of appends the series that are like a new one and older, in their order. Keys of the same hash count as one: what they lend each other is an
// average, which is soon learned anew.
func (l *likes) of(table *pipeline.SeriesTable, new uint32, out []uint32) []uint32 {
	for ; l.seen < int(new); l.seen++ {
		if hash, ok := l.hash(table.At(uint32(l.seen))); ok {
			k := l.by[hash]
			k.series[k.n%maxLike] = uint32(l.seen)
			k.n++
			l.by[hash] = k
		}
	}
	hash, ok := l.hash(table.At(new))
	if !ok {
		return out
	}
	k := l.by[hash]
	for n := k.n - min(k.n, maxLike); n < k.n; n++ {
		out = append(out, k.series[n%maxLike])
	}
	return out
}

// hash is the same in all processes, since what follows from it is in outputs.
func (l *likes) hash(s *pipeline.Series) (uint64, bool) {
	key, ok := choose.Alike(l.key[:0], s, l.across)
	l.key = key
	h := fnv.New64a()
	_, _ = h.Write(key)
	return h.Sum64(), ok
}

// begin makes what is kept of a new series.
func (d *Detector[S]) begin(table *pipeline.SeriesTable, series uint32, rule int16) S {
	s, m := table.At(series), d.models[rule]
	lender, ok := m.(Lender[S])
	if !ok {
		return m.Begin(s)
	}
	d.alike, d.lenders = d.likes.of(table, series, d.alike[:0]), d.lenders[:0]
	rules := d.watch.Rules()
	for _, other := range d.alike {
		if rules[other] == rule {
			d.lenders = append(d.lenders, d.cells.At(other))
		}
	}
	if lent, ok := lender.Lend(s, d.lenders); ok {
		return lent
	}
	return m.Begin(s)
}

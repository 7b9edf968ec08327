package otlp

import (
	"slices"

	"github.com/homeostat/homeostat/schemas/codec/memo"
)

// Producers tell a metric of a resource with the same points again and again, in the same order, and nothing differs but starts, times
// and values, eight bytes each. Such a Metric is recognised as a whole: its other bytes are compared with those of a known one, and its
// numbers are read from where they stand there. As with messages of one point, a walk reads none of the bytes that are left out for
// anything but numbers, so equal bytes make the same rows.
//
// Many resources tell the same metric in the same bytes: a host that is like others has patterns of its own, which say what series its
// points are of, but not bytes of its own. So what a Metric is compared with is in the cache as a rule, however many series there are.

// spot is where the numbers of a point stand, counted from the beginning of the Metric; 0 is nowhere. The value's highest bit says that
// it is an integer.
type spot struct{ start, time, value uint32 }

const integerSpot = 1 << 31

// skeleton is a Metric without its numbers, whatever the resource: as stretches of the arenas in patterns, and bytes with the same
// number in their memo.
type skeleton struct {
	spot, spots uint32
	hole, holes uint32
}

// pattern is a Metric of a resource that is known.
type pattern struct {
	resource uint32
	skeleton uint32
	series   uint32 // where the series of its points begin in patterns
	next     uint32 // the pattern that followed this one the last time
	twin     uint32 // another one of the same metric and size, plus 1
}

const patternBytes, skeletonBytes, spotBytes = 20, 16, 12

// mostTwins bounds the patterns of one metric and size: it may come with other points in each part of an export.
const mostTwins = 8

// patterns are the Metrics that are known. What is foretold is looked at first, as in package memo.
type patterns struct {
	all      []pattern
	byMetric memo.Pairs // the first pattern of a metric and a size
	series   []uint32

	bytes     memo.Memo // of skeletons, with zeros where numbers are; the owner is how many points there are
	skeletons []skeleton
	spots     []spot
	holes     []uint32 // where numbers stand, rising

	last uint32
	next uint32
	// Since all began anew: Metrics that were recognised, that were walked through, and of those that were kept.
	hits, walks, kept int
	full              bool

	// Of the Metric that is walked through: where it lies, its points and their series, its number, and how many lists of points it has.
	from, to int
	learning []spot
	learned  []uint32
	metric   uint32
	lists    int

	masked []byte // scratch
}

func newPatterns() patterns { return patterns{byMetric: memo.NewPairs(), bytes: memo.New()} }

// Bytes returns the memory in use, in bytes.
func (p *patterns) Bytes() int {
	return cap(p.all)*patternBytes + p.byMetric.Bytes() + cap(p.series)*4 +
		p.bytes.Bytes() + cap(p.skeletons)*skeletonBytes + cap(p.spots)*spotBytes + cap(p.holes)*4
}

// foretold returns the pattern of a Metric if it is the one that came next the last time.
func (p *patterns) foretold(resource uint32, b []byte) *pattern {
	if int(p.next) >= len(p.all) {
		return nil
	}
	q := &p.all[p.next]
	if q.resource != resource || !p.fits(q, b) {
		return nil
	}
	p.last, p.next = p.next, q.next
	p.hits++
	return q
}

// of returns the pattern of a Metric whose number is known.
func (p *patterns) of(metric uint32, b []byte) *pattern {
	first, ok := p.byMetric.Find(metric, uint32(len(b)))
	if !ok {
		return nil
	}
	for at := first + 1; at > 0; {
		q := &p.all[at-1]
		if p.fits(q, b) {
			p.follow(at - 1)
			p.hits++
			return q
		}
		at = q.twin
	}
	return nil
}

// follow notes that a pattern came behind the last one.
func (p *patterns) follow(at uint32) {
	p.all[p.last].next = at
	p.last, p.next = at, p.all[at].next
}

// fits tells whether a Metric differs from a pattern in nothing but its numbers.
func (p *patterns) fits(q *pattern, b []byte) bool {
	_, known := p.bytes.Key(q.skeleton)
	if len(b) != len(known) {
		return false
	}
	k := &p.skeletons[q.skeleton]
	at := 0
	for _, h := range p.holes[k.hole : k.hole+k.holes] {
		hole := int(h)
		if hole-at == 1 { // the tag between two numbers
			if b[at] != known[at] {
				return false
			}
		} else if string(b[at:hole]) != string(known[at:hole]) {
			return false
		}
		at = hole + 8
	}
	return string(b[at:]) == string(known[at:])
}

// recognised makes the rows of a Metric in b, which begins at from, by its pattern; false if there is none.
func (c *codec) recognised(q *pattern, b []byte, from int) bool {
	if q == nil {
		return false
	}
	p := &c.patterns
	k := &p.skeletons[q.skeleton]
	if c.rows+int(k.spots) > c.limits.points {
		return false
	}
	spots, series := p.spots[k.spot:k.spot+k.spots], p.series[q.series:q.series+k.spots]
	for i := range spots {
		s := &spots[i]
		start, time, value := numbersAt(b, int(s.start), int(s.time), int(s.value&^integerSpot), s.value&integerSpot != 0)
		when := int64(time)
		if value-value != 0 || when <= 0 {
			lose := kept
			if when, lose = c.usable(time, value, kept); lose != kept {
				c.lost[lose]++
				continue
			}
		}
		c.out.Point(series[i], when, startOf(start), value)
	}
	c.rows += len(spots)
	c.numbered += len(spots)
	c.lastSeries = series[0]
	c.last = spots[0].layout(from)
	return true
}

// layout is where the numbers of a point stand in a record's bytes.
func (s *spot) layout(from int) layout {
	at := func(n uint32) int {
		if n == 0 {
			return 0
		}
		return from + int(n)
	}
	return layout{start: at(s.start), time: at(s.time), value: at(s.value &^ integerSpot), integer: s.value&integerSpot != 0}
}

// spotOf is the reverse of layout.
func spotOf(l layout, from int) spot {
	at := func(n int) uint32 {
		if n == 0 {
			return 0
		}
		return uint32(n - from)
	}
	s := spot{at(l.start), at(l.time), at(l.value)}
	if l.integer {
		s.value |= integerSpot
	}
	return s
}

// patternTrial is how many Metrics are kept before it is seen whether they come again; for each that did one more is. So of a million
// series that are all new at first, most are known after some rounds.
const patternTrial = 1 << 14

// keep remembers a Metric that was walked through and made a row of each of its points. Where Metrics do not come again, because
// they differ in more than their numbers, there is no use in it.
func (p *patterns) keep(resource uint32, b []byte, limit int) {
	if p.walks++; p.full || p.kept > p.hits+patternTrial {
		return
	}
	if p.Bytes()+len(b) > limit {
		if p.full = p.hits < 8*p.walks; p.full {
			return
		}
		begun := newPatterns() // the producers' Metrics are others by and by
		begun.learning, begun.learned, begun.metric, begun.masked = p.learning, p.learned, p.metric, p.masked
		*p = begun
	}
	k, ok := p.skeletonOf(b)
	if !ok {
		return
	}
	q := pattern{resource: resource, skeleton: k, series: uint32(len(p.series))}
	p.series = append(p.series, p.learned...)
	p.kept++
	p.add(q, uint32(len(b)))
}

// skeletonOf returns the number of the skeleton of the Metric that was walked through. false: it can't be one.
func (p *patterns) skeletonOf(b []byte) (uint32, bool) {
	p.masked = append(p.masked[:0], b...)
	hole := len(p.holes)
	for i := range p.learning {
		s := &p.learning[i]
		if s.value == 0 || !tagged(b, s) {
			p.holes = p.holes[:hole]
			return 0, false
		}
		for _, at := range [...]uint32{s.start, s.time, s.value &^ integerSpot} {
			if at > 0 {
				p.holes = append(p.holes, at)
				clear(p.masked[at : at+8])
			}
		}
	}
	points := uint32(len(p.learning))
	number, hash, ok := p.bytes.Find(points, p.masked)
	if ok {
		p.holes = p.holes[:hole]
		k := &p.skeletons[number]
		return number, slices.Equal(p.spots[k.spot:k.spot+k.spots], p.learning) // else there are zeros where another one has numbers
	}
	slices.Sort(p.holes[hole:])
	number = uint32(len(p.skeletons))
	p.skeletons = append(p.skeletons, skeleton{uint32(len(p.spots)), points, uint32(hole), uint32(len(p.holes) - hole)})
	p.spots = append(p.spots, p.learning...)
	p.bytes.Add(hash, points, p.masked, number)
	return number, true
}

// add puts a pattern beside its twins; if they are too many it takes the place of the last of them, of which the list of series keeps
// what it had until all begin anew.
func (p *patterns) add(q pattern, size uint32) {
	first, ok := p.byMetric.Find(p.metric, size)
	if !ok {
		first = uint32(len(p.all))
		p.byMetric.Add(p.metric, size, first)
		p.put(first, q, 0)
		return
	}
	last, twins := first, 1
	for ; p.all[last].twin > 0; twins++ {
		last = p.all[last].twin - 1
	}
	if twins == mostTwins {
		p.put(last, q, 0)
		return
	}
	at := uint32(len(p.all))
	p.put(at, q, p.all[first].twin)
	p.all[first].twin = at + 1
}

// put makes a pattern the one at a place, behind the last one.
func (p *patterns) put(at uint32, q pattern, twin uint32) {
	q.twin, q.next = twin, at+1
	if int(at) == len(p.all) {
		p.all = append(p.all, q)
	} else {
		q.next = p.all[at].next
		p.all[at] = q
	}
	p.follow(at)
}

// tagged tells whether the numbers of a point have their tags before them, in one byte.
func tagged(b []byte, s *spot) bool {
	value, at := byte(tagDouble), s.value
	if s.value&integerSpot != 0 {
		value, at = tagInt, s.value&^integerSpot
	}
	return b[at-1] == value && (s.start == 0 || b[s.start-1] == tagStart) && (s.time == 0 || b[s.time-1] == tagTime)
}

package otlp

import "slices"

// Producers tell a metric of a resource with the same points again and again, in the same order, and nothing differs but starts, times
// and values, eight bytes each. Such a Metric is recognised as a whole: its other bytes are compared with those of a known one, and its
// numbers are read from where they stand there. As with messages of one point, a walk reads none of the bytes that are left out for
// anything but numbers, so equal bytes make the same rows.

// spot is a point of a pattern: its series and where its numbers stand, counted from the beginning of the Metric; 0 is nowhere. The
// value's highest bit says that it is an integer.
type spot struct{ series, start, time, value uint32 }

const integerSpot = 1 << 31

// pattern is a Metric that is known, as stretches of the arenas in patterns.
type pattern struct {
	resource    uint32
	from, size  uint32 // of bytes
	spot, spots uint32 // of spots
	hole, holes uint32 // of holes
	next        uint32 // the pattern that followed this one the last time
	twin        uint32 // another one of the same metric and size, plus 1
}

const patternBytes = 36

// mostTwins bounds the patterns of one metric and size: it may come with other points in each part of an export.
const mostTwins = 8

// patterns are the Metrics that are known. What is foretold is looked at first, as in package memo.
type patterns struct {
	all      []pattern
	byMetric map[uint64]uint32 // by the number of a metric, and size; plus 1
	bytes    []byte
	spots    []spot
	holes    []uint32 // where numbers stand, rising
	last     uint32
	next     uint32
	// hits and walks count since all began anew.
	hits, walks int
	full        bool

	// Of the Metric that is walked through: where it lies, its points, its number, and how many lists of points it has.
	from, to int
	learning []spot
	metric   uint32
	lists    int
}

func newPatterns() patterns { return patterns{byMetric: map[uint64]uint32{}} }

// Bytes returns the memory in use, in bytes.
func (p *patterns) Bytes() int {
	const inMap = 24
	return cap(p.all)*patternBytes + len(p.byMetric)*inMap + cap(p.bytes) + cap(p.spots)*16 + cap(p.holes)*4
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
	for at := p.byMetric[key(metric, b)]; at > 0; {
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

func key(metric uint32, b []byte) uint64 { return uint64(metric)<<32 | uint64(uint32(len(b))) }

// follow notes that a pattern came behind the last one.
func (p *patterns) follow(at uint32) {
	p.all[p.last].next = at
	p.last, p.next = at, p.all[at].next
}

// fits tells whether a Metric differs from a pattern in nothing but its numbers.
func (p *patterns) fits(q *pattern, b []byte) bool {
	known := p.bytes[q.from : q.from+q.size]
	if len(b) != len(known) {
		return false
	}
	at := 0
	for _, h := range p.holes[q.hole : q.hole+q.holes] {
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
	if q == nil || c.rows+int(q.spots) > c.limits.points {
		return false
	}
	spots := c.patterns.spots[q.spot : q.spot+q.spots]
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
		c.out.Point(s.series, when, startOf(start), value)
	}
	c.rows += len(spots)
	c.numbered += len(spots)
	c.lastSeries = spots[0].series
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
func spotOf(l layout, series uint32, from int) spot {
	at := func(n int) uint32 {
		if n == 0 {
			return 0
		}
		return uint32(n - from)
	}
	s := spot{series, at(l.start), at(l.time), at(l.value)}
	if l.integer {
		s.value |= integerSpot
	}
	return s
}

// patternTrial is how many Metrics are kept before it is seen whether they come again.
const patternTrial = 1 << 14

// keep remembers a Metric that was walked through and made a row of each of its points. Where Metrics do not come again, because
// they differ in more than their numbers, there is no use in it.
func (p *patterns) keep(resource uint32, b []byte, limit int) {
	if p.walks++; p.full || p.walks > p.hits+patternTrial {
		return
	}
	if p.Bytes()+len(b) > limit {
		if p.full = p.hits < 8*p.walks; p.full {
			return
		}
		learning, metric := p.learning, p.metric
		*p = newPatterns()
		p.learning, p.metric = learning, metric // the producers' Metrics are others by and by
	}
	holes := len(p.holes)
	for i := range p.learning {
		s := &p.learning[i]
		if s.value == 0 || !tagged(b, s) {
			p.holes = p.holes[:holes]
			return
		}
		for _, at := range [...]uint32{s.start, s.time, s.value &^ integerSpot} {
			if at > 0 {
				p.holes = append(p.holes, at)
			}
		}
	}
	slices.Sort(p.holes[holes:])
	q := pattern{resource, uint32(len(p.bytes)), uint32(len(b)), uint32(len(p.spots)), uint32(len(p.learning)), uint32(holes), uint32(len(p.holes) - holes), 0, 0}
	p.bytes = append(p.bytes, b...)
	p.spots = append(p.spots, p.learning...)
	p.add(key(p.metric, b), q)
}

// add puts a pattern beside its twins; if they are too many it takes the place of the last of them, of which the arenas keep what it
// had until all begin anew.
func (p *patterns) add(key uint64, q pattern) {
	first, last, twins := p.byMetric[key], uint32(0), 0
	for at := first; at > 0; at = p.all[at-1].twin {
		last = at - 1
		twins++
	}
	if twins == mostTwins {
		q.next = p.all[last].next
		p.all[last] = q
		p.follow(last)
		return
	}
	at := uint32(len(p.all))
	q.next, q.twin = at+1, first
	p.all = append(p.all, q)
	p.byMetric[key] = at + 1
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

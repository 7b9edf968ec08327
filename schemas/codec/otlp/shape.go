package otlp

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/homeostat/homeostat/schemas/codec/memo"
)

// Producers that write one point a record write the same bytes again and again, but for the point's time, start and value. Such a
// message is recognised as a whole by the other bytes: one look-up in place of a walk through five levels of nesting and three
// look-ups. A walk reads none of the bytes that are left out for anything but numbers, so equal bytes make the same row.

// largestShape bounds a message that is recognised as a whole; positions in it must fit into ten bits.
const largestShape = 1 << 10

// layout is where the numbers of a message of one point stand, eight bytes each; 0 is nowhere.
type layout struct {
	size, start, time, value int
	integer                  bool
}

// owner tells the layouts of messages of one size apart.
func (l *layout) owner() uint32 {
	n := uint32(l.start)<<20 | uint32(l.time)<<10 | uint32(l.value)
	if l.integer {
		n |= 1 << 31
	}
	return n
}

// fits says whether a message may be of that layout, by its size and by the tags before the numbers.
func (l *layout) fits(b []byte) bool {
	value := byte(tagDouble)
	if l.integer {
		value = tagInt
	}
	return l.size == len(b) && l.value > 0 && b[l.value-1] == value &&
		(l.start == 0 || b[l.start-1] == tagStart) && (l.time == 0 || b[l.time-1] == tagTime)
}

// read returns the numbers of a message of that layout.
func (l *layout) read(b []byte) (start, time uint64, value float64) {
	return numbersAt(b, l.start, l.time, l.value, l.integer)
}

// numbersAt returns the numbers of a point that stand at those positions; a position of 0 is nowhere, but for the value's.
func numbersAt(b []byte, startAt, timeAt, valueAt int, integer bool) (start, time uint64, value float64) {
	if startAt > 0 {
		start = binary.LittleEndian.Uint64(b[startAt:])
	}
	if timeAt > 0 {
		time = binary.LittleEndian.Uint64(b[timeAt:])
	}
	bits := binary.LittleEndian.Uint64(b[valueAt:])
	if integer {
		return start, time, float64(int64(bits))
	}
	return start, time, math.Float64frombits(bits)
}

// shapes leads from messages of one point to their series.
type shapes struct {
	memo.Memo
	layouts [64][4]layout // by size; the last ones seen
	key     []byte        // scratch
	hits    int
	full    bool
}

// trial is how many messages are kept before it is seen whether they come again.
const trial = 1024

func newShapes() shapes { return shapes{Memo: memo.New()} }

// mask makes the key of a message: its bytes without the numbers.
func (s *shapes) mask(l *layout, b []byte) []byte {
	s.key = append(s.key[:0], b...)
	for _, at := range [...]int{l.start, l.time, l.value} {
		if at > 0 {
			clear(s.key[at : at+8])
		}
	}
	return s.key
}

// recognise returns the series of a message's point and where its numbers stand.
func (s *shapes) recognise(b []byte) (series uint32, l *layout, ok bool) {
	list := &s.layouts[len(b)%len(s.layouts)]
	for i := range list {
		if l = &list[i]; !l.fits(b) {
			continue
		}
		if series, _, ok = s.Find(l.owner(), s.mask(l, b)); ok {
			s.hits++
			return series, l, true
		}
	}
	return 0, nil, false
}

// note puts a layout in front of those of its size.
func (s *shapes) note(l layout) {
	list := &s.layouts[l.size%len(s.layouts)]
	at := slices.Index(list[:], l)
	if at < 0 {
		at = len(list) - 1
	}
	copy(list[1:at+1], list[:at])
	list[0] = l
}

// keep remembers a message that was walked through. Where messages do not come again, because they differ in more than their
// numbers, there is no use in it.
func (s *shapes) keep(b []byte, l layout, series uint32, limit int) {
	s.note(l)
	if s.Len() > s.hits+trial || s.full {
		return
	}
	if s.full = s.Bytes() > limit; s.full {
		return
	}
	key := s.mask(&l, b)
	if _, hash, ok := s.Find(l.owner(), key); !ok {
		s.Add(hash, l.owner(), key, series)
	}
}

// known makes the row of a message that is recognised; false if it is not.
func (c *codec) known() bool {
	series, l, ok := c.shapes.recognise(c.b)
	if !ok {
		return false
	}
	start, time, value := l.read(c.b)
	when, lose := c.usable(time, value, kept)
	if lose != kept {
		c.lost[lose]++
		return true
	}
	c.out.Point(series, when, startOf(start), value)
	return true
}

// learn keeps the message that was walked through, if it made one row of a number.
func (c *codec) learn() {
	if c.rows != 1 || c.numbered != 1 || len(c.b) >= largestShape || c.lost != [losses]int{} {
		return
	}
	if c.last.size = len(c.b); c.last.fits(c.b) {
		c.shapes.keep(c.b, c.last, c.lastSeries, c.limits.memo/4)
	}
}

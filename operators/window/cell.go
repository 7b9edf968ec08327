package window

import "math"

// cell is what a window knows of a series: one cache line, without pointers. Only count is read before the first value.
type cell struct {
	count int64
	// sum + rest is the exact sum; if sum is no number, rest is the place of a wide one.
	sum, rest      float64
	min, max, last float64
	lastTime       int64
	// rows is the chain of the rows of a cumulative series; 0 is none.
	rows uint32
	_    uint32
}

// begin makes the cell that of its first row.
func (c *cell) begin(t int64, value, part float64) {
	*c = cell{count: 1, sum: part, min: value, max: value, last: value, lastTime: t}
}

// note counts a value in all but the sum. Of equal times the greater value is the last.
func (c *cell) note(t int64, value float64) {
	c.count++
	if value < c.min {
		c.min = value
	}
	if value > c.max {
		c.max = value
	}
	if t > c.lastTime || t == c.lastTime && value > c.last {
		c.last, c.lastTime = value, t
	}
}

// plus adds to the sum; ok is false, and the cell as it was, where only a wide sum can hold the result. It asks once
// and at the end, since whether there is a rounding error is as good as random.
func (c *cell) plus(part float64) (ok bool) {
	sum, err := twoSum(c.sum, part)
	rest, lost := twoSum(c.rest, err)
	if lost != 0 {
		return false
	}
	c.sum, c.rest = sum, rest
	return true
}

// twoSum returns the rounded sum of two numbers and what the rounding took away; after an overflow that is no number.
func twoSum(a, b float64) (sum, err float64) {
	sum = a + b
	t := sum - a
	return sum, (a - (sum - t)) + (b - t)
}

func (c *cell) isWide() bool { return c.sum != c.sum }

// total returns the sum, rounded once.
func (s *shared) total(c *cell) float64 {
	if c.isWide() {
		return s.wides.all[uint32(c.rest)].value()
	}
	return c.sum + c.rest
}

// addWide adds to a sum that needs a wide one; it returns false at the limit, if that binds.
func (s *shared) addWide(c *cell, part float64, bound bool) bool {
	w := s.widen(c, bound)
	if w == nil {
		return false
	}
	w.add(part)
	return true
}

// widen makes the cell's sum a wide one, unless it is; nil is returned at the limit, if that binds.
func (s *shared) widen(c *cell, bound bool) *wide {
	if c.isWide() {
		return s.wides.edit(uint32(c.rest))
	}
	if bound && len(s.wides.free) == 0 && !s.afford(bytesPerWide) {
		return nil
	}
	i, made := s.wides.take()
	if made {
		s.bytes += bytesPerWide
	}
	w := s.wides.edit(i)
	w.add(c.sum)
	w.add(c.rest)
	c.sum, c.rest = math.NaN(), float64(i)
	return w
}

// join adds what another cell holds, which has at least one row, to this one.
func (s *shared) join(c, other *cell) {
	if c.count == 0 {
		c.begin(other.lastTime, other.last, 0)
		c.count = 0
	}
	c.count += other.count
	c.min, c.max = math.Min(c.min, other.min), math.Max(c.max, other.max)
	if other.lastTime > c.lastTime || other.lastTime == c.lastTime && other.last > c.last {
		c.last, c.lastTime = other.last, other.lastTime
	}
	if other.isWide() {
		s.widen(c, false).merge(s.wides.all[uint32(other.rest)])
		return
	}
	for _, part := range [...]float64{other.sum, other.rest} {
		if !c.plus(part) {
			s.addWide(c, part, false)
		}
	}
}

// drop gives back what a cell holds beside itself, which it names until it is made empty.
func (s *shared) drop(c *cell) {
	if c.count == 0 {
		return
	}
	if c.isWide() {
		s.wides.give(uint32(c.rest))
	}
	if c.rows != 0 {
		s.pool.give(c.rows)
	}
}

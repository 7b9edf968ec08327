package window

import "math"

// mark is the last point of a cumulative series before a window, from which the window's increase counts.
type mark struct {
	known bool
	// fixed tells, in a window that is kept after its end, that the mark was found already.
	fixed bool
	start int64
	value float64
}

// reset tells whether a counter began anew between two points.
func reset(before float64, startBefore int64, after float64, startAfter int64) bool {
	return after < before || startBefore != 0 && startAfter != 0 && startBefore != startAfter
}

// increase returns what a counter gained from a mark over sorted points, at least one, in a window that began at start,
// and the last point as a mark.
func increase(from mark, points []row, start int64) (float64, mark) {
	first := &points[0]
	if !from.known {
		from = mark{known: true, start: first.start, value: first.value}
		if first.start != 0 && first.start >= start {
			from.value = 0 // it began in this window
		}
	}
	gained, base := 0.0, from.value
	for i := range points {
		p := &points[i]
		if reset(from.value, from.start, p.value, p.start) {
			gained, base = gained+from.value-base, 0
		}
		from.start, from.value = p.start, p.value
	}
	return math.Max(0, gained+from.value-base), mark{known: true, start: from.start, value: from.value}
}

package miner

import "encoding/binary"

// speculation tells the template of a line from lines that were seen before, without reading its shape: it compares the literal parts of
// plans, and looks at nothing of the values but their class. A line that is of a plan has the shape of the line that the
// plan was made of, so what is said is what would be read. It costs time only to forget a plan.
type speculation [drawers]drawer

const (
	drawers   = 1024
	drawerful = 8
	// patience is how many lines in a row may be of no plan before a drawer is left alone for so many lines as rest.
	patience, rest = 64, 256
	// seldom is how many lines of no plan a full drawer sees for each that it takes a plan of.
	seldom = 4
)

// drawer has the plans of lines that begin alike. One that is asked for moves ahead.
type drawer struct {
	plans  [drawerful]*plan
	failed uint16 // how many lines were of no plan since the last one that was, and how many were not asked about since
	missed uint16 // how many were of none, ever
}

// of returns the drawer of a line by the sixteen bytes from its first word on, with digits that are all the same: what is before it are
// times, addresses and the like. It is nil for lines that have none.
func (s *speculation) of(line []byte) *drawer {
	const least = 16
	if len(line) < least || len(line) > maxLine {
		return nil
	}
	i, begins := 0, true
	for ; i < len(line)-least; i++ {
		k := classes[line[i]]
		if begins && k == letter {
			break
		}
		begins = k&(blank|mark) != 0
	}
	x := figured(binary.LittleEndian.Uint64(line[i:]))*0x9e3779b97f4a7c15 ^ figured(binary.LittleEndian.Uint64(line[i+8:]))
	return &s[x*0xd6e8feb86659fd93>>(64-10)]
}

// figured returns eight bytes with all digits the same.
func figured(x uint64) uint64 {
	const each = 0x0101010101010101
	t := x ^ '0'*each
	other := (t&(0x7f*each) + (0x7f-9)*each) | t // the highest bit of a byte says that it is no digit
	digits := ^other & (0x80 * each)
	return x &^ (digits >> 7 * 0x0f)
}

// find returns the plan that a line is of; nil if there is none. wanted says that a plan of the line would be welcome.
func (d *drawer) find(line []byte) (p *plan, wanted bool) {
	if d.failed >= patience {
		if d.failed++; d.failed == patience+rest {
			d.failed = 0
		}
		return nil, false
	}
	for i, p := range d.plans {
		if p == nil {
			break
		}
		if p.has(line) {
			if i > 0 {
				d.plans[i], d.plans[i-1] = d.plans[i-1], p
			}
			d.failed = 0
			return p, false
		}
	}
	d.failed++
	d.missed++
	return nil, d.plans[drawerful-1] == nil || d.missed%seldom == 0
}

// room returns the place of the plan that has been asked for least, or of none.
func (d *drawer) room() **plan {
	i := 0
	for i < drawerful-1 && d.plans[i] != nil {
		i++
	}
	return &d.plans[i]
}

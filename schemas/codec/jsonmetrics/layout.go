package jsonmetrics

import (
	"bytes"
	"slices"

	"github.com/homeostat/homeostat/schemas/codec/decimal"
	"github.com/homeostat/homeostat/schemas/codec/jsontext"
	"github.com/homeostat/homeostat/schemas/codec/moment"
	"github.com/homeostat/homeostat/schemas/codec/octets"
)

// layout is what messages of one kind have in common: the bytes before each of their texts and numbers, and behind the last.
type layout struct {
	number uint32 // the memo's owner
	steps  []step
	tail   []byte
	// event is what a message of the layout says, but for the texts and numbers in it.
	event event
	// times, values and identity are those of the event's scalars that differ between messages, by what they count for.
	times, values, identity []*scalar
	// key is where what names the series lies: from the beginning of one step to the end of another. As long as it helps it is one piece
	// (wide), with what lies between; exact is without that.
	key, exact [][2]int
	wide       bool
	keys       int // in the memo
	// brief says that the key is one piece in which there is nothing else to be read.
	brief bool
	// clock is the step of the time, if that is one number; else -1.
	clock int
	rows  []row
	next  *layout // that of the message which followed the last time
	used  bool    // since layouts were last looked through for one to be forgotten
	gone  bool    // it was forgotten
}

// step is a text or number, and the bytes before it.
type step struct {
	before []byte
	text   bool
}

// row is a point that messages of a layout have.
type row struct {
	of *field // nil: the one value
	// number is the step of the value, if that is one number; else -1.
	number int
}

// span is where a step's text lies in the record, or its number.
type span struct {
	from, to int
	digits   decimal.Digits
}

const (
	// maxSteps and maxLayoutBytes bound the messages that layouts are made of, maxLayouts how many are kept, and made in a round.
	maxSteps       = 128
	maxLayoutBytes = 8 << 10
	maxLayouts     = 32
)

// layouts are the layouts that were seen last.
type layouts struct {
	all    []*layout // the last one that was met first
	spans  [maxSteps]span
	number uint32
	// met counts messages of known layouts, strange those of others for which layouts were tried, and vain how often none could be made of
	// one.
	met, strange, vain int
	off                bool // for tests
	last               *layout
	trial              []*layout
	// What is tried in vain costs more than it may save. So where less than half of a round of messages were of the layouts that are tried first,
	// none is tried or made for the rest, which is twice as long each time. It ends when messages have come one after the other that are alike.
	// made counts the layouts of a round.
	round, foretold, made, rest, pause, alike int
}

const (
	// reach is how many layouts are tried, besides the one that followed the last time on the one that was met last.
	reach = 4
	// roundLength and longestPause are numbers of messages.
	roundLength, longestPause, enoughAlike = 64, 256 * roundLength, 32
)

// likely are the layouts that are worth trying, now and then all.
func (ls *layouts) likely() []*layout {
	switch {
	case ls.rest > 0:
		return nil
	case ls.strange&63 == 0:
		return ls.all
	}
	first := ls.all[:min(reach, len(ls.all))]
	if ls.last == nil || ls.last.next == nil || ls.last.next.gone || slices.Contains(first, ls.last.next) {
		return first
	}
	ls.trial = append(append(ls.trial[:0], ls.last.next), first...)
	return ls.trial
}

// meet counts a message of a layout. One that was not foretold is put in front.
func (ls *layouts) meet(l *layout) {
	ls.met++
	l.used = true
	if ls.last != nil && ls.last.next == l {
		ls.last = l
		ls.tally(true)
		return
	}
	if ls.last != nil {
		ls.last.next = l
	}
	ls.last = l
	i := slices.Index(ls.all, l)
	ls.tally(i < reach)
	if i > 0 {
		copy(ls.all[1:i+1], ls.all[:i])
		ls.all[0] = l
	}
}

// tally counts a message, which was or was not of a layout that is tried first, and finds out whether layouts are worth their while.
func (ls *layouts) tally(foretold bool) {
	if foretold {
		ls.foretold++
	}
	if ls.round++; ls.round < roundLength {
		return
	}
	if 2*ls.foretold < ls.round {
		ls.pause = min(max(2*ls.pause, 4*roundLength), longestPause)
		ls.rest = ls.pause
	} else {
		ls.pause = 0
	}
	ls.round, ls.foretold, ls.made = 0, 0, 0
}

// wait counts a message of the rest. It is alike if it has the members of the one before, and a layout could be made of it.
func (ls *layouts) wait(alike bool) {
	ls.rest--
	if ls.alike++; !alike {
		ls.alike = 0
	}
	if ls.alike == enoughAlike {
		ls.rest, ls.pause, ls.alike = 0, 0, 0
	}
}

// add puts a layout in front, in place of the last one that was not met for long, if they are too many.
func (ls *layouts) add(l *layout) {
	if ls.last != nil {
		ls.last.next = l
	}
	if ls.last = l; len(ls.all) < maxLayouts {
		ls.all = slices.Insert(ls.all, 0, l)
		return
	}
	i := len(ls.all) - 1
	for ; i > 0 && ls.all[i].used; i-- {
		ls.all[i].used = false
	}
	ls.all[i].gone = true
	copy(ls.all[1:i+1], ls.all[:i])
	ls.all[0] = l
}

// match finds the steps of a message that begins at a position. It returns its end, 0 if it is not of the layout, or has more than
// limit bytes.
func (l *layout) match(b []byte, begin, limit int, spans *[maxSteps]span) int {
	at := l.forward(b, begin, 0, len(l.steps), spans)
	if at < 0 {
		return 0
	}
	end := at + len(l.tail)
	if end > len(b) || end-begin > limit || string(b[at:end]) != string(l.tail) {
		return 0
	}
	return end
}

// forward finds steps, the first of which begins at a position with the bytes before it. It returns where the last one ends, -1 if they
// are not there.
func (l *layout) forward(b []byte, at, first, last int, spans *[maxSteps]span) int {
	for i := first; i < last; i++ {
		st, sp := &l.steps[i], &spans[i&(maxSteps-1)]
		from := at + len(st.before)
		if from >= len(b) || string(b[at:from]) != string(st.before) {
			return -1
		}
		sp.from = from
		if st.text {
			if at = endOfText(b, from); at < 0 {
				return -1
			}
		} else if at = sp.scan(b, from); at == 0 {
			return -1
		}
		sp.to = at
	}
	return at
}

// backward finds the steps behind the one of that number, from the end of a message on. It returns where that one ends, -1 if they
// are not there. What it finds is what forward would find: there is but one way to read a message of a layout.
func (l *layout) backward(b []byte, until int, spans *[maxSteps]span) int {
	end := len(b)
	behind := l.tail
	for i := len(l.steps) - 1; ; i-- {
		from := end - len(behind)
		if from < 0 || string(b[from:end]) != string(behind) {
			return -1
		}
		end = from
		if i == until {
			return end
		}
		sp := &spans[i&(maxSteps-1)]
		if l.steps[i].text {
			if from = bytes.LastIndexByte(b[:end], '"') + 1; from == 0 || bytes.IndexByte(b[from:end], '\\') >= 0 {
				return -1
			}
		} else {
			for from > 0 && jsontext.Inside[b[from-1]] {
				from--
			}
			if from == end || sp.scan(b, from) != end {
				return -1
			}
		}
		sp.from, sp.to = from, end
		end, behind = from, l.steps[i].before
	}
}

// recognise adds the points of a record that is one message of a layout, if what names its series lies in one piece that was seen
// before: the texts in there need not be found again. Only the steps before and behind it are looked for.
func (c *codec) recognise(l *layout, b []byte) (bool, error) {
	if !l.brief || len(b) > c.limits.object {
		return false, nil
	}
	spans := &c.layouts.spans
	first, last := l.key[0][0], l.key[0][1]
	at := l.forward(b, 0, 0, first, spans)
	if at < 0 {
		return false, nil
	}
	before := l.steps[first].before
	from, to := at+len(before), l.backward(b, last, spans)
	if from > to || string(b[at:from]) != string(before) {
		return false, nil
	}
	base, _, ok := c.memo.Find(l.number, b[from:to])
	if !ok {
		return false, nil
	}
	for i := range l.rows {
		if c.ordinals[int(base)+i] == unresolved {
			return false, nil // all steps are needed
		}
	}
	if err := c.count(len(l.rows), 0); err != nil {
		return true, err
	}
	return true, c.add(l, b, base, 0)
}

// scan reads a number and returns its end, 0 if it is not sure that it is one.
func (s *span) scan(b []byte, from int) (end int) {
	s.digits, end = decimal.Scan(b, from)
	if end < len(b) && jsontext.Inside[b[end]] {
		s.digits.Full = false
		for end < len(b) && jsontext.Inside[b[end]] {
			end++
		}
	}
	if end == from || b[from] != '-' && b[from]-'0' > 9 || b[end-1]-'0' > 9 {
		return 0
	}
	return end
}

// endOfText returns where a text ends, -1 if it has escapes or no end.
func endOfText(b []byte, at int) int {
	if at = octets.QuoteOrBackslash(b, at); at == len(b) || b[at] != '"' {
		return -1
	}
	return at
}

// known adds the points of the message that begins at a position, if it is of a layout that is kept. It returns its end, 0 if
// it is not.
func (c *codec) known(b []byte, at int) (end int, err error) {
	ls := &c.layouts
	for _, l := range ls.likely() {
		if end := l.match(b, at, c.limits.object, &ls.spans); end > 0 {
			ls.meet(l)
			return end, c.take(l, b, at)
		}
	}
	return 0, nil
}

// take adds the points of a message whose steps were found.
func (c *codec) take(l *layout, b []byte, at int) error {
	if err := c.count(len(l.rows), at); err != nil {
		return err
	}
	key := l.identify(c, b)
	base, hash, ok := c.memo.Find(l.number, key)
	if !ok {
		base = uint32(len(c.ordinals))
		c.introduce(l, b)
		c.memo.Add(hash, l.number, key, base)
		if l.keys++; l.wide && l.keys > 1000+2*c.table.Len() {
			c.layouts.narrow(l)
		}
	}
	return c.add(l, b, base, at)
}

// add adds the points of a message whose series are those from a place on.
func (c *codec) add(l *layout, b []byte, base uint32, at int) error {
	if len(l.rows) == 0 {
		c.lost[noValue]++
		return nil
	}
	spans := &c.layouts.spans
	when, untimed := c.clock(l, b)
	for i := range l.rows {
		r := &l.rows[i]
		ordinal := c.ordinals[int(base)+i]
		if ordinal == nameless {
			c.lost[noName]++
			continue
		}
		var v float64
		lose := kept
		if r.number >= 0 && spans[r.number].digits.Full {
			v = spans[r.number].digits.Value()
		} else {
			v, lose = c.rowValue(l, r, b)
		}
		if lose = max(lose, untimed); lose != kept {
			c.lost[lose]++
			continue
		}
		if ordinal == unresolved {
			l.fill(l.identity, b, spans)
			var err error
			if ordinal, err = c.admit(&l.event, c.name(&l.event), r.of, at); err != nil {
				return err
			}
			c.ordinals[int(base)+i] = ordinal
		}
		c.put(ordinal, when, v)
	}
	return nil
}

// identify returns the bytes that name a message's series. A quote, which no step has, stands between those that don't lie side by
// side.
func (l *layout) identify(c *codec, b []byte) []byte {
	spans := &c.layouts.spans
	if len(l.key) == 1 {
		return b[spans[l.key[0][0]].from:spans[l.key[0][1]].to]
	}
	c.key = c.key[:0]
	for _, k := range l.key {
		c.key = append(append(c.key, b[spans[k[0]].from:spans[k[1]].to]...), '"')
	}
	return c.key
}

// introduce makes room for the ordinals of a message that is named so for the first time.
func (c *codec) introduce(l *layout, b []byte) {
	l.fill(l.identity, b, &c.layouts.spans)
	name := c.name(&l.event)
	for i := range l.rows {
		c.ordinal(name, l.rows[i].of)
	}
}

// clock returns a message's time.
func (c *codec) clock(l *layout, b []byte) (int64, loss) {
	if l.clock >= 0 {
		if d := &c.layouts.spans[l.clock].digits; d.Full && d.Decimals == 0 && !d.Negative {
			if ns, ok := moment.Whole(d.Mantissa, c.timeUnit); ok && ns > 0 {
				return ns, kept
			}
		}
	}
	l.fill(l.times, b, &c.layouts.spans)
	return c.when(&l.event)
}

// rowValue returns a value that is no decimal.
func (c *codec) rowValue(l *layout, r *row, b []byte) (float64, loss) {
	l.fill(l.values, b, &c.layouts.spans)
	if r.of == nil {
		return c.value(&l.event)
	}
	return r.of.member()
}

// fill takes the texts of a message over into scalars of the event.
func (l *layout) fill(scalars []*scalar, b []byte, spans *[maxSteps]span) {
	for _, s := range scalars {
		sp := &spans[s.step]
		s.text, s.digits = b[sp.from:sp.to], sp.digits
	}
}

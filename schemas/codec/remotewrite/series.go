package remotewrite

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/wire"
)

// series is a TimeSeries while it is read.
type series struct {
	from, to int // where it is
	version  int
	// key stands for its labels: in version 1.0 the label fields as raw bytes, a stretch of the request as long as they stand together, else
	// a copy of them one after the other; in version 2.0 the numbers of its symbols, which are the codec's, four bytes each.
	key   []byte
	kind  kind
	unit  []byte
	start int64  // Unix milliseconds, 0 if unknown
	plain uint32 // the series of its samples
}

// Tags of TimeSeries: labels (1.0) or labels_refs (2.0) 1, samples 2, in 1.0 exemplars 3 and histograms 4, in 2.0
// histograms 3, exemplars 4, metadata 5, created_timestamp 6.
const (
	tagLabel      = 1<<3 | wire.Bytes
	tagReferences = 1<<3 | wire.Bytes
	tagSamples    = 2<<3 | wire.Bytes
	tagAbout      = 5<<3 | wire.Bytes
)

// series1 reads a TimeSeries of version 1.0 in c.b[from:to]. Labels that stand together at the beginning and samples are read here, where no
// call is made for them; what is odd, rare or broken is left to rest1.
func (c *codec) series1(from, to int) error {
	b := c.b[:to]
	if len(c.families) == 0 {
		// Labels that are foretold need not be walked through: they are all if no other one follows.
		if n := c.memo.Foretold(ownerOf(plain, unspecified, 1), b[from:]); n > 0 && short(b, from+n, tagSamples) == len(b) {
			c.begin(1, from, to, b[from:from+n])
			c.series.plain = c.memo.Take()
			return c.samples(from+n, to)
		}
	}
	i := from
	for i+1 < len(b) && b[i] == tagLabel && b[i+1] < 0x80 {
		i += 2 + int(b[i+1])
	}
	if i > len(b) || i < len(b) && b[i] != tagSamples {
		return c.rest1(from, to)
	}
	if short(b, i, tagSamples) != len(b) {
		return c.rest1(from, to)
	}
	c.begin(1, from, to, b[from:i])
	return c.samples(i, to)
}

// short passes fields with a tag whose lengths take one byte, and returns where they end, which may be beyond the end of b.
func short(b []byte, i int, tag byte) int {
	for i+1 < len(b) && b[i] == tag && b[i+1] < 0x80 {
		i += 2 + int(b[i+1])
	}
	return i
}

// samples reads samples that short has passed.
func (c *codec) samples(from, to int) error {
	for from < to {
		end := from + 2 + int(c.b[from+1])
		if err := c.sample(from+2, end); err != nil {
			return err
		}
		from = end
	}
	return nil
}

// rest1 reads any TimeSeries of version 1.0: the labels first, wherever they stand.
func (c *codec) rest1(from, to int) error {
	w := wire.Cursor{B: c.b, At: from, End: to}
	var f wire.Field
	start, end := from, from
	scattered := false
	for w.Next(&f) {
		if f.Number != 1 || !w.Expect(&f, wire.Bytes) {
			continue
		}
		switch {
		case scattered:
			c.scattered = append(c.scattered, c.b[f.At:f.To]...)
		case start == end:
			start, end = f.At, f.To
		case end == f.At:
			end = f.To
		default:
			scattered = true
			c.scattered = append(append(c.scattered[:0], c.b[start:end]...), c.b[f.At:f.To]...)
		}
	}
	if err := wireFault(&w); err != nil {
		return err
	}
	labels := c.b[start:end]
	if scattered {
		labels = c.scattered
	}
	c.begin(1, from, to, labels)
	return c.rows1(from, to)
}

func (c *codec) rows1(from, to int) error {
	w := wire.Cursor{B: c.b, At: from, End: to}
	var f wire.Field
	for w.Next(&f) {
		var err error
		switch {
		case f.Number == 2 && w.Expect(&f, wire.Bytes):
			err = c.sample(f.From, f.To)
		case f.Number == 4 && w.Expect(&f, wire.Bytes):
			err = c.histogram(f.From, f.To)
		}
		if err != nil {
			return err
		}
	}
	return wireFault(&w)
}

// begin sets out to read a series.
func (c *codec) begin(version, from, to int, key []byte) {
	s := &c.series
	s.from, s.to, s.version, s.key, s.plain = from, to, version, key, unresolved
	s.kind, s.unit, s.start = unspecified, nil, 0
	if version == 1 && len(c.families) > 0 {
		if f, ok := c.familyOf(nameOf(key)); ok {
			s.kind, s.unit = f.kind, c.bytes(f.unit)
		}
	}
}

// series2 reads a TimeSeries of version 2.0 in c.b[from:to]. References to symbols, samples and metadata, as Prometheus writes them, are
// read here, where no call is made for a reference; what is odd, rare or broken is left to rest2.
func (c *codec) series2(from, to int) error {
	b := c.b[:to]
	if len(b) < from+2 || b[from] != tagReferences || b[from+1] >= 0x80 {
		return c.rest2(from, to)
	}
	first := from + 2 + int(b[from+1])
	last := short(b, first, tagSamples)
	end := short(b, last, tagAbout)
	if end != len(b) {
		return c.rest2(from, to)
	}
	c.begin(2, from, to, nil)
	for at := last; at < end; at += 2 + int(b[at+1]) {
		if c.about(at, at+2, at+2+int(b[at+1])) != nil {
			return c.rest2(from, to) // which says first what is first
		}
	}
	references := b[from+2 : first]
	t := &c.symbolTable
	var hash uint32
	if t.known {
		var ok bool
		if c.series.plain, hash, ok = c.tables.series.Find(t.owner(c.series.kind), references); ok {
			return c.samples(first, last)
		}
		c.series.plain = unresolved
	}
	if !c.identify(references) {
		return c.rest2(from, to)
	}
	c.series.key = c.key
	err := c.samples(first, last)
	if t.known && c.series.plain != unresolved {
		c.tables.series.Add(hash, t.owner(c.series.kind), references, c.series.plain)
	}
	return err
}

// identify makes c.key of packed references; false if there is something odd about them.
func (c *codec) identify(packed []byte) bool {
	most := 2 * (c.limits.attributes + 1) // the name is one of them
	if len(packed) > 2*most {
		return false
	}
	key, numbers := slices.Grow(c.key[:0], 4*len(packed))[:4*len(packed)], c.numbers
	c.key = key
	n := 0
	for i := 0; i < len(packed); n++ {
		v := uint(packed[i])
		if i++; v >= 0x80 {
			if i == len(packed) {
				return false
			}
			v = v&0x7f | uint(packed[i])<<7
			if i++; v >= 1<<14 {
				if i == len(packed) || packed[i] >= 0x80 {
					return false
				}
				v = v&(1<<14-1) | uint(packed[i])<<14
				i++
			}
		}
		if v >= uint(len(numbers)) {
			return false
		}
		number := numbers[v]
		if number == 0 {
			if number = c.number(v); number == 0 {
				return false
			}
		}
		binary.LittleEndian.PutUint32(key[4*n:], number)
	}
	c.key = key[:4*n]
	return n%2 == 0 && n <= most
}

// number finds, or gives, the number that a symbol's text has in the memo; 0 if it is too long.
func (c *codec) number(v uint) uint32 {
	raw := c.bytes(c.symbols[v])
	if len(raw) > max(c.limits.labelBytes, len(nameLabel)) {
		return 0
	}
	number, hash, ok := c.symbolMemo.Find(0, raw)
	if !ok {
		number = uint32(c.symbolMemo.Len()) + 1
		c.symbolMemo.Add(hash, 0, raw, number)
	}
	c.numbers[v] = number
	return number
}

// rest2 reads any TimeSeries of version 2.0: what its rows have in common first.
func (c *codec) rest2(from, to int) error {
	c.begin(2, from, to, nil)
	c.key = c.key[:0]
	w := wire.Cursor{B: c.b, At: from, End: to}
	var f wire.Field
	first, last := to, to // the stretch that has the rows
	for w.Next(&f) {
		var err error
		switch f.Number {
		case 1:
			err = c.references(&w, &f)
		case 2, 3:
			first, last = min(first, f.At), f.To
		case 5:
			if w.Expect(&f, wire.Bytes) {
				err = c.about(f.At, f.From, f.To)
			}
		case 6:
			if w.Expect(&f, wire.Varint) {
				c.series.start = int64(f.Value)
			}
		}
		if err != nil {
			return err
		}
	}
	if err := wireFault(&w); err != nil {
		return err
	}
	if n := len(c.key) / 4; n%2 != 0 {
		return pipeline.Errorf("remote_write.symbols", "remote write series at byte %d has %d references to symbols, which are not pairs of names and values: check what writes to the topic", from, n)
	}
	c.series.key = c.key
	return c.rows2(first, last)
}

func (c *codec) rows2(from, to int) error {
	w := wire.Cursor{B: c.b, At: from, End: to}
	var f wire.Field
	for w.Next(&f) {
		var err error
		switch {
		case f.Number == 2 && w.Expect(&f, wire.Bytes):
			err = c.sample(f.From, f.To)
		case f.Number == 3 && w.Expect(&f, wire.Bytes):
			err = c.histogram(f.From, f.To)
		}
		if err != nil {
			return err
		}
	}
	return wireFault(&w)
}

// references reads labels_refs, packed or not.
func (c *codec) references(w *wire.Cursor, f *wire.Field) error {
	if f.Wire == wire.Varint {
		return c.reference(f.At, f.Value)
	}
	if !w.Expect(f, wire.Bytes) {
		return nil
	}
	packed := wire.Cursor{B: c.b[:f.To], End: f.To}
	for i := f.From; i < f.To; {
		at := i
		var v uint64
		if v, i = packed.Varint(at); i < 0 {
			packed.B = c.b
			return wireFault(&packed)
		}
		if err := c.reference(at, v); err != nil {
			return err
		}
	}
	return nil
}

// reference adds a symbol to the key.
func (c *codec) reference(at int, v uint64) error {
	if len(c.key) == 8*(c.limits.attributes+1) { // the name is one of them
		return c.tooManyLabels()
	}
	if v >= uint64(len(c.symbols)) {
		return c.noSymbol(at, v)
	}
	number := c.numbers[v]
	if number == 0 {
		if number = c.number(uint(v)); number == 0 {
			return c.tooLong()
		}
	}
	c.key = binary.LittleEndian.AppendUint32(c.key, number)
	return nil
}

func (c *codec) noSymbol(at int, v uint64) error {
	return pipeline.Errorf("remote_write.symbols", "remote write request refers at byte %d to symbol %d and has %d: check what writes to the topic", at, v, len(c.symbols))
}

// about reads the Metadata of version 2.0 in c.b[from:to]: type 1, help_ref 3, unit_ref 4.
func (c *codec) about(at, from, to int) error {
	b := c.b[:to]
	var unit uint64
	for i := from; i < len(b); {
		if i+1 == len(b) {
			return c.restAbout(at, from, to)
		}
		tag, v := b[i], uint64(b[i+1])
		if i += 2; v >= 0x80 {
			if i == len(b) || b[i] >= 0x80 {
				return c.restAbout(at, from, to)
			}
			v = v&0x7f | uint64(b[i])<<7
			i++
		}
		switch tag {
		case 1<<3 | wire.Varint:
			c.series.kind = kindOf(v)
		case 3<<3 | wire.Varint:
		case 4<<3 | wire.Varint:
			if v > 0 && (unit > 0 || v >= uint64(len(c.symbols))) {
				return c.restAbout(at, from, to)
			}
			unit = max(unit, v)
		default:
			return c.restAbout(at, from, to)
		}
	}
	if unit > 0 {
		return c.unit(at, unit)
	}
	return nil
}

func (c *codec) restAbout(at, from, to int) error {
	w := wire.Cursor{B: c.b, At: from, End: to}
	var f wire.Field
	for w.Next(&f) {
		switch f.Number {
		case 1:
			if w.Expect(&f, wire.Varint) {
				c.series.kind = kindOf(f.Value)
			}
		case 4:
			if !w.Expect(&f, wire.Varint) || f.Value == 0 {
				continue
			}
			if err := c.unit(f.At, f.Value); err != nil {
				return err
			}
		}
	}
	return wireFault(&w)
}

// unit takes a symbol for the series' unit.
func (c *codec) unit(at int, v uint64) error {
	if v >= uint64(len(c.symbols)) {
		return c.noSymbol(at, v)
	}
	if c.series.unit = c.bytes(c.symbols[v]); len(c.series.unit) > c.limits.labelBytes {
		return c.tooLong()
	}
	return nil
}

// Tags of Sample: value 1, timestamp 2, in version 2.0 start_timestamp 3.
const (
	tagValue     = 1<<3 | wire.Fixed64
	tagTimestamp = 2<<3 | wire.Varint
	tagStart     = 3<<3 | wire.Varint
)

// sample reads a Sample in c.b[from:to]. One as all producers write it is read here, any other, and those at the request's end, by restSample.
func (c *codec) sample(from, to int) error {
	at := from + 10
	if at >= to || c.b[from] != tagValue || c.b[from+9] != tagTimestamp {
		return c.restSample(from, to)
	}
	ms, n := wire.Short(c.b, at)
	start := c.series.start
	if at += n; n > 0 && at < to && c.b[at] == tagStart && c.series.version == 2 {
		var v uint64
		at++
		if v, n = wire.Short(c.b, at); v != 0 {
			start = int64(v)
		}
		at += n
	}
	if n == 0 || at != to {
		return c.restSample(from, to)
	}
	value := math.Float64frombits(binary.LittleEndian.Uint64(c.b[from+1:]))
	return c.row(from, plain, value, int64(ms), start, valueLoss(value))
}

func (c *codec) restSample(from, to int) error {
	w := wire.Cursor{B: c.b, At: from, End: to}
	var f wire.Field
	var value float64
	var ms int64
	start := c.series.start
	for w.Next(&f) {
		switch f.Number {
		case 1:
			if w.Expect(&f, wire.Fixed64) {
				value = math.Float64frombits(f.Value)
			}
		case 2:
			if w.Expect(&f, wire.Varint) {
				ms = int64(f.Value)
			}
		case 3:
			if c.series.version == 2 && w.Expect(&f, wire.Varint) && f.Value != 0 {
				start = int64(f.Value)
			}
		}
	}
	if err := wireFault(&w); err != nil {
		return err
	}
	return c.row(from, plain, value, ms, start, valueLoss(value))
}

// histogram reads a Histogram, which the two versions have in common: count_int 1, count_float 2, sum 3, reset_hint 14, timestamp 15,
// in version 2.0 start_timestamp 17.
func (c *codec) histogram(from, to int) error {
	w := wire.Cursor{B: c.b, At: from, End: to}
	var f wire.Field
	var count, sum float64
	var ms int64
	start := c.series.start
	gauge := c.series.kind == gaugeHistogram
	for w.Next(&f) {
		switch f.Number {
		case 1:
			if w.Expect(&f, wire.Varint) {
				count = float64(f.Value)
			}
		case 2:
			if w.Expect(&f, wire.Fixed64) {
				count = math.Float64frombits(f.Value)
			}
		case 3:
			if w.Expect(&f, wire.Fixed64) {
				sum = math.Float64frombits(f.Value)
			}
		case 14:
			if w.Expect(&f, wire.Varint) {
				gauge = c.series.kind == gaugeHistogram || f.Value == hintGauge
			}
		case 15:
			if w.Expect(&f, wire.Varint) {
				ms = int64(f.Value)
			}
		case 17:
			if c.series.version == 2 && w.Expect(&f, wire.Varint) && f.Value != 0 {
				start = int64(f.Value)
			}
		}
	}
	if err := wireFault(&w); err != nil {
		return err
	}
	ofCount, ofSum := cumulativeCount, cumulativeSum
	if gauge {
		ofCount, ofSum = gaugeCount, gaugeSum
	}
	countLoss, sumLoss := valueLoss(count), valueLoss(sum)
	if sumLoss == noValue { // a stale histogram says so in its sum
		countLoss = noValue
	}
	if err := c.row(from, ofCount, count, ms, start, countLoss); err != nil {
		return err
	}
	return c.row(from, ofSum, sum, ms, start, sumLoss)
}

// hintGauge is Histogram.ResetHint's GAUGE.
const hintGauge = 3

// stale is the NaN that marks a series as gone (prometheus.io/docs/specs/prw/remote_write_spec, "Stale markers").
const stale = 0x7ff0000000000002

// valueLoss returns why a value can't be used.
func valueLoss(value float64) loss {
	switch bits := math.Float64bits(value); {
	case bits&(0x7ff<<52) != 0x7ff<<52:
		return kept
	case bits == stale:
		return noValue
	default:
		return notFinite
	}
}

// mostMillis is the last time in Unix milliseconds that has one in nanoseconds.
const mostMillis = math.MaxInt64 / 1_000_000

// row appends one point, or counts it as lost. Times are Unix milliseconds.
func (c *codec) row(at int, p part, value float64, ms, start int64, lose loss) error {
	if c.rows++; c.rows > c.limits.points {
		return pipeline.Errorf("remote_write.limit.points", "remote write request makes more rows than max_points %d (reached at byte %d of %d): send smaller requests or raise it",
			c.limits.points, at, len(c.b))
	}
	when := ms * 1e6
	if lose == kept && uint64(ms)-1 >= mostMillis {
		if ms != 0 {
			lose = timeRange
		} else if when = c.recordTime; when == 0 {
			lose = noTime
		}
	}
	if lose != kept {
		c.lost[lose]++
		return nil
	}
	ordinal := c.series.plain
	if p != plain || ordinal == unresolved {
		var err error
		if ordinal, err = c.find(p); err != nil {
			return err
		}
		if p == plain {
			c.series.plain = ordinal
		}
	}
	switch ordinal {
	case refused:
		c.lost[seriesLimit]++
		return nil
	case nameless:
		c.lost[noName]++
		return nil
	}
	if start < 0 || start > mostMillis {
		start = 0
	}
	c.out.Point(ordinal, when, start*1e6, value)
	return nil
}

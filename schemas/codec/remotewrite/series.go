package remotewrite

import (
	"encoding/binary"
	"math"

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
	tagLabel   = 1<<3 | wire.Bytes
	tagSamples = 2<<3 | wire.Bytes
)

// series1 reads a TimeSeries of version 1.0 in c.b[from:to]. Labels that stand together at the beginning and samples are read here, where no
// call is made for them; what is odd, rare or broken is left to rest1.
func (c *codec) series1(from, to int) error {
	b := c.b[:to]
	i := from
	for i+1 < len(b) && b[i] == tagLabel && b[i+1] < 0x80 {
		i += 2 + int(b[i+1])
	}
	if i > len(b) || i < len(b) && b[i] != tagSamples {
		return c.rest1(from, to)
	}
	labels := b[from:i]
	first := i
	for i+1 < len(b) && b[i] == tagSamples && b[i+1] < 0x80 {
		i += 2 + int(b[i+1])
	}
	if i != len(b) {
		return c.rest1(from, to)
	}
	c.begin(1, from, to, labels)
	for i = first; i < len(b); {
		end := i + 2 + int(b[i+1])
		if err := c.sample(i+2, end); err != nil {
			return err
		}
		i = end
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

// series2 reads a TimeSeries of version 2.0 in c.b[from:to]: what its rows have in common first.
func (c *codec) series2(from, to int) error {
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
				err = c.about(&f)
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

// references reads labels_refs, packed or not. References to symbols whose number is known are read here, where no call is made for them.
func (c *codec) references(w *wire.Cursor, f *wire.Field) error {
	if f.Wire == wire.Varint {
		return c.reference(f.At, f.Value)
	}
	if !w.Expect(f, wire.Bytes) {
		return nil
	}
	b, symbols := c.b[:f.To], c.symbols
	for i := f.From; i < len(b); {
		at := i
		v := uint64(b[i])
		if i++; v >= 0x80 {
			if i < len(b) && b[i] < 0x80 {
				v = v&0x7f | uint64(b[i])<<7
				i++
			} else {
				packed := wire.Cursor{B: b, End: len(b)}
				if v, i = packed.Varint(at); i < 0 {
					packed.B = c.b
					return wireFault(&packed)
				}
			}
		}
		if v < uint64(len(symbols)) && symbols[v].known() && len(c.key) < 8*c.limits.attributes {
			c.key = binary.LittleEndian.AppendUint32(c.key, symbols[v].number)
		} else if err := c.reference(at, v); err != nil {
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
	s := &c.symbols[v]
	if !s.known() {
		raw := c.bytes(s.span)
		if len(raw) > max(c.limits.labelBytes, len(nameLabel)) {
			return c.tooLong()
		}
		number, hash, ok := c.symbolMemo.Find(0, raw)
		if !ok {
			number = uint32(c.symbolMemo.Len()) + 1
			c.symbolMemo.Add(hash, 0, raw, number)
		}
		s.number = number
	}
	c.key = binary.LittleEndian.AppendUint32(c.key, s.number)
	return nil
}

func (c *codec) noSymbol(at int, v uint64) error {
	return pipeline.Errorf("remote_write.symbols", "remote write request refers at byte %d to symbol %d and has %d: check what writes to the topic", at, v, len(c.symbols))
}

// about reads the Metadata of version 2.0: type 1, help_ref 3, unit_ref 4.
func (c *codec) about(m *wire.Field) error {
	w := wire.Cursor{B: c.b, At: m.From, End: m.To}
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
			if f.Value >= uint64(len(c.symbols)) {
				return c.noSymbol(f.At, f.Value)
			}
			if c.series.unit = c.bytes(c.symbols[f.Value].span); len(c.series.unit) > c.limits.labelBytes {
				return c.tooLong()
			}
		}
	}
	return wireFault(&w)
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

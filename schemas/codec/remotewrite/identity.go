package remotewrite

import (
	"slices"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/wire"
)

// What stands in the memo for label sets that have no series: refused came when the table was full, and as the table only grows it stays so;
// nameless has no metric's name. unresolved is in no memo.
const (
	refused    = ^uint32(0)
	nameless   = ^uint32(0) - 1
	unresolved = ^uint32(0) - 2
)

// part says which series of a label set is meant.
type part uint32

const (
	plain part = iota
	cumulativeCount
	cumulativeSum
	gaugeCount
	gaugeSum
)

// find returns the ordinal of a series of the label set that is being read, or what stands for none.
func (c *codec) find(p part) (uint32, error) {
	s := &c.series
	owner := ownerOf(p, s.kind, s.version)
	ordinal, hash, ok := c.memo.Find(owner, s.key)
	if ok {
		return ordinal, nil
	}
	ordinal, err := c.admit(p)
	if err == nil {
		c.memo.Add(hash, owner, s.key, ordinal)
	}
	return ordinal, err
}

// ownerOf is what the memo's value follows from, besides the labels.
func ownerOf(p part, k kind, version int) uint32 {
	return uint32(p)<<8 | uint32(k)<<2 | uint32(version)
}

// admit interns a series of the label set that is being read.
func (c *codec) admit(p part) (uint32, error) {
	s := &c.series
	l := labels{limits: c.limits}
	ok, err := c.read(&l)
	switch {
	case err != nil:
		return 0, err
	case !ok && l.number > c.limits.attributes:
		return 0, c.tooManyLabels()
	case !ok:
		return 0, c.tooLong()
	case l.name == "":
		return nameless, nil
	}
	name, unit := l.name, text(s.unit)
	typ := c.typeOf(name)
	switch p {
	case cumulativeCount, gaugeCount:
		name, unit = name+".count", "1"
	case cumulativeSum, gaugeSum:
		name += ".sum"
	}
	switch p {
	case cumulativeCount, cumulativeSum:
		typ = pipeline.Cumulative
	case gaugeCount, gaugeSum:
		typ = pipeline.Gauge
	}
	ordinal, err := c.table.Intern(name, unit, typ, l.canonical())
	if pipeline.Code(err) == "series.limit" {
		return refused, nil
	}
	return ordinal, err
}

// typeOf says how the samples of a series are to be read.
func (c *codec) typeOf(name string) pipeline.SeriesType {
	switch c.series.kind {
	case counter, histogram:
		return pipeline.Cumulative
	case summary:
		if strings.HasSuffix(name, "_count") || strings.HasSuffix(name, "_sum") {
			return pipeline.Cumulative
		}
	case unspecified:
		for _, suffix := range c.cumulative {
			if strings.HasSuffix(name, suffix) {
				return pipeline.Cumulative
			}
		}
	}
	return pipeline.Gauge
}

// labels gathers the labels of a series at its first sight. It may allocate.
type labels struct {
	limits limits
	name   string
	list   []pipeline.Label
	number int // of labels besides the name
	bytes  int // of their text and the name
}

const nameLabel = "__name__"

// add adds a label; false says that the series is beyond a limit.
func (l *labels) add(name, value []byte) bool {
	isName := string(name) == nameLabel
	if !isName {
		l.number++
		l.bytes += len(name)
	}
	if l.bytes += len(value); l.number > l.limits.attributes || l.bytes > l.limits.labelBytes {
		return false
	}
	if isName {
		l.name = text(value)
	} else {
		l.list = append(l.list, pipeline.Label{Name: text(name), Value: text(value)})
	}
	return true
}

// canonical returns the labels that have values: the last of a name counts, also if it has none.
func (l *labels) canonical() []pipeline.Label {
	return slices.DeleteFunc(pipeline.NewLabels(l.list), func(l pipeline.Label) bool { return l.Value == "" })
}

// read gathers the labels that are being read; false says that the series is beyond a limit.
func (c *codec) read(l *labels) (bool, error) {
	if c.series.version == 2 {
		return c.read2(l), nil
	}
	raw := c.series.key
	if len(raw) > 8*c.limits.labelBytes+1<<10 {
		return false, nil
	}
	w := wire.Cursor{B: raw, End: len(raw)}
	var f wire.Field
	for w.Next(&f) {
		name, value, err := c.label(raw, &f)
		if err != nil {
			return false, err
		}
		if !l.add(name, value) {
			return false, nil
		}
	}
	return true, nil
}

// read2 reads the references once more, which are known to be sound.
func (c *codec) read2(l *labels) bool {
	w := wire.Cursor{B: c.b, At: c.series.from, End: c.series.to}
	var f wire.Field
	var name []byte
	odd, ok := false, true
	add := func(v uint64) {
		symbol := c.bytes(c.symbols[v])
		if odd = !odd; odd {
			name = symbol
		} else {
			ok = ok && l.add(name, symbol)
		}
	}
	for w.Next(&f) {
		switch {
		case f.Number != 1:
		case f.Wire == wire.Varint:
			add(f.Value)
		default:
			packed := wire.Cursor{B: c.b, At: f.From, End: f.To}
			for packed.At < packed.End {
				var v uint64
				v, packed.At = packed.Varint(packed.At)
				add(v)
			}
		}
	}
	return ok
}

// label reads a Label of version 1.0 among raw label fields: name 1, value 2.
func (c *codec) label(raw []byte, f *wire.Field) (name, value []byte, err error) {
	w := wire.Cursor{B: raw, At: f.From, End: f.To}
	var g wire.Field
	for w.Next(&g) {
		switch g.Number {
		case 1:
			if w.Expect(&g, wire.Bytes) {
				name = raw[g.From:g.To]
			}
		case 2:
			if w.Expect(&g, wire.Bytes) {
				value = raw[g.From:g.To]
			}
		}
	}
	if w.Fault != "" {
		return nil, nil, pipeline.Errorf("remote_write.wire", "remote write request of %d bytes, decompressed, is broken in the labels of the series at byte %d: %s; check what writes to the topic", len(c.b), c.series.from, w.Fault)
	}
	return name, value, nil
}

// nameOf returns the value of the last label __name__ of raw label fields of version 1.0; nil if there is none, or if they are broken.
func nameOf(raw []byte) (name []byte) {
	w := wire.Cursor{B: raw, End: len(raw)}
	var f, g wire.Field
	for w.Next(&f) {
		l := wire.Cursor{B: raw, At: f.From, End: f.To}
		var key, value []byte
		for l.Next(&g) {
			switch {
			case g.Wire != wire.Bytes:
			case g.Number == 1:
				key = raw[g.From:g.To]
			case g.Number == 2:
				value = raw[g.From:g.To]
			}
		}
		if string(key) == nameLabel {
			name = value
		}
	}
	return name
}

func (c *codec) tooManyLabels() error {
	return pipeline.Errorf("remote_write.limit.attributes", "remote write series at byte %d has more labels than max_attributes %d: drop some at the producer or raise it", c.series.from, c.limits.attributes)
}

func (c *codec) tooLong() error {
	return pipeline.Errorf("remote_write.limit.label_bytes", "remote write series at byte %d has more text in its name and labels than max_label_bytes %d: drop long labels at the producer or raise it", c.series.from, c.limits.labelBytes)
}

// text copies bytes that should be UTF-8.
func text(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }

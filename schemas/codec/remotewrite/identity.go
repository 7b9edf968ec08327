package remotewrite

import (
	"slices"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
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
	// What the memo's value follows from, besides the labels.
	owner := uint32(p)<<8 | uint32(s.kind)<<2 | uint32(s.version)
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
func (l *labels) canonical() pipeline.Labels {
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
	w := walk{b: raw, end: len(raw)}
	var f field
	for w.next(&f) {
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
	w := walk{b: c.b, at: c.series.from, end: c.series.to}
	var f field
	var name []byte
	odd, ok := false, true
	add := func(v uint64) {
		symbol := c.bytes(c.symbols[v].span)
		if odd = !odd; odd {
			name = symbol
		} else {
			ok = ok && l.add(name, symbol)
		}
	}
	for w.next(&f) {
		switch {
		case f.number != 1:
		case f.wire == wireVarint:
			add(f.value)
		default:
			packed := walk{b: c.b, at: f.from, end: f.to}
			for packed.at < packed.end {
				var v uint64
				v, packed.at = packed.varint(packed.at)
				add(v)
			}
		}
	}
	return ok
}

// label reads a Label of version 1.0 among raw label fields: name 1, value 2.
func (c *codec) label(raw []byte, f *field) (name, value []byte, err error) {
	w := walk{b: raw, at: f.from, end: f.to}
	var g field
	for w.next(&g) {
		switch g.number {
		case 1:
			if w.expect(&g, wireBytes) {
				name = raw[g.from:g.to]
			}
		case 2:
			if w.expect(&g, wireBytes) {
				value = raw[g.from:g.to]
			}
		}
	}
	if w.fault != "" {
		return nil, nil, pipeline.Errorf("remote_write.wire", "remote write request of %d bytes, decompressed, is broken in the labels of the series at byte %d: %s; check what writes to the topic", len(c.b), c.series.from, w.fault)
	}
	return name, value, nil
}

// nameOf returns the value of the last label __name__ of raw label fields of version 1.0; nil if there is none, or if they are broken.
func nameOf(raw []byte) (name []byte) {
	w := walk{b: raw, end: len(raw)}
	var f, g field
	for w.next(&f) {
		l := walk{b: raw, at: f.from, end: f.to}
		var key, value []byte
		for l.next(&g) {
			switch {
			case g.wire != wireBytes:
			case g.number == 1:
				key = raw[g.from:g.to]
			case g.number == 2:
				value = raw[g.from:g.to]
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

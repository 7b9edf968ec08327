package remotewrite

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/wire"
)

// Tags of the fields on the first level: WriteRequest (1.0) has timeseries 1 and metadata 3, Request (2.0) has symbols 4 and timeseries 5.
const (
	tagSeries1  = 1<<3 | wire.Bytes
	tagMetadata = 3<<3 | wire.Bytes
	tagSymbols  = 4<<3 | wire.Bytes
	tagSeries2  = 5<<3 | wire.Bytes
)

// survey walks through the first level of c.b: it finds out the request's version, or checks it, and keeps what its series refer to.
func (c *codec) survey(version int) (int, error) {
	c.parts, c.all, c.symbols, c.families = 0, c.all[:0], c.symbols[:0], c.families[:0]
	w := wire.Cursor{B: c.b, End: len(c.b)}
	var f wire.Field
	var has [3]bool // by version
	if c.symbolTable = (table{}); version != 1 {
		w.At = c.tabulate()
		c.symbolTable.size, has[2] = w.At, w.At > 0
	}
	for w.Next(&f) {
		switch f.Number {
		case 1, 3:
			has[1] = true
		case 4, 5:
			has[2] = true
		default:
			continue
		}
		if !w.Expect(&f, wire.Bytes) {
			break
		}
		if c.parts++; c.parts > partsPerPoint*c.limits.points {
			return 0, pipeline.Errorf("remote_write.limit.points", "remote write request has more series, metadata and symbols than %d times max_points %d (reached at byte %d of %d): send smaller requests or raise it",
				partsPerPoint, c.limits.points, f.At, len(c.b))
		}
		switch {
		case f.Number == 1 && version != 2, f.Number == 5 && version != 1:
			c.all = append(c.all, span{uint32(f.From), uint32(f.To)})
		case f.Number == 4 && version != 1:
			c.symbols = append(c.symbols, span{uint32(f.From), uint32(f.To)})
			c.symbolTable.size = 0
		case f.Number == 3 && version != 2:
			if err := c.metadata(&f); err != nil {
				return 0, err
			}
		}
	}
	if err := wireFault(&w); err != nil {
		return 0, err
	}
	switch {
	case version == 0 && has[1] && has[2]:
		return 0, pipeline.Errorf("remote_write.version", "remote write request of %d bytes has fields of version 1.0 and of version 2.0: set version to the one that it is", len(c.b))
	case version == 0 && has[1]:
		version = 1
	case version == 0:
		version = 2
	}
	if !has[version] {
		return 0, pipeline.Errorf("remote_write.nothing", "remote write request of %d bytes, decompressed, has no field of version %d: check what writes to the topic and the settings compression and version", len(c.b), version)
	}
	return version, nil
}

// partsPerPoint bounds what a request has besides rows: each symbol and each entry of metadata takes memory while it is read.
const partsPerPoint = 8

// request makes the rows of a request that was surveyed.
func (c *codec) request(version int) error {
	read := c.series1
	if version == 1 {
		c.sortFamilies()
	} else {
		c.lookUp()
		c.numbers = slices.Grow(c.numbers[:0], len(c.symbols))[:len(c.symbols)]
		clear(c.numbers)
		read = c.series2
	}
	for _, s := range c.all {
		if err := read(int(s.from), int(s.to)); err != nil {
			return err
		}
	}
	return nil
}

// kind is what a request says that a family or series is: MetricMetadata.MetricType (1.0) and Metadata.MetricType (2.0).
type kind uint8

const (
	unspecified kind = iota
	counter
	gauge
	histogram
	gaugeHistogram
	summary
	info
	stateSet
	kinds
)

// kindOf reads the enumeration's number; numbers of the future say nothing.
func kindOf(v uint64) kind {
	if v >= uint64(kinds) {
		return unspecified
	}
	return kind(v)
}

// family is an entry of the metadata of version 1.0.
type family struct {
	name, unit span
	kind       kind
}

// metadata reads MetricMetadata: type 1, metric_family_name 2, help 4, unit 5.
func (c *codec) metadata(m *wire.Field) error {
	w := wire.Cursor{B: c.b, At: m.From, End: m.To}
	var f wire.Field
	var fam family
	for w.Next(&f) {
		switch f.Number {
		case 1:
			if w.Expect(&f, wire.Varint) {
				fam.kind = kindOf(f.Value)
			}
		case 2:
			if w.Expect(&f, wire.Bytes) {
				fam.name = span{uint32(f.From), uint32(f.To)}
			}
		case 5:
			if !w.Expect(&f, wire.Bytes) {
				continue
			}
			if f.To-f.From > c.limits.labelBytes {
				return pipeline.Errorf("remote_write.limit.label_bytes", "remote write metadata at byte %d has a unit longer than max_label_bytes %d: shorten it at the producer or raise it", m.At, c.limits.labelBytes)
			}
			fam.unit = span{uint32(f.From), uint32(f.To)}
		}
	}
	c.families = append(c.families, fam)
	return wireFault(&w)
}

// bytes returns a stretch of the request.
func (c *codec) bytes(s span) []byte { return c.b[s.from:s.to] }

func (c *codec) sortFamilies() {
	slices.SortStableFunc(c.families, func(x, y family) int { return bytes.Compare(c.bytes(x.name), c.bytes(y.name)) })
}

// familyOf finds the metadata of a series of version 1.0 by its name: the family of that name, or the one whose type gives
// its series such names.
func (c *codec) familyOf(name []byte) (family, bool) {
	if f, ok := c.familyNamed(name); ok {
		return f, true
	}
	for _, s := range suffixes {
		stem, found := bytes.CutSuffix(name, []byte(s.text))
		if !found {
			continue
		}
		if f, ok := c.familyNamed(stem); ok && slices.Contains(s.of[:], f.kind) {
			return f, true
		}
	}
	return family{}, false
}

// suffixes are those that types give to the names of their series (OpenMetrics 1.0, "Suffixes").
var suffixes = [...]struct {
	text string
	of   [2]kind
}{
	{"_total", [2]kind{counter, counter}},
	{"_bucket", [2]kind{histogram, gaugeHistogram}},
	{"_count", [2]kind{histogram, summary}},
	{"_sum", [2]kind{histogram, summary}},
	{"_gcount", [2]kind{gaugeHistogram, gaugeHistogram}},
	{"_gsum", [2]kind{gaugeHistogram, gaugeHistogram}},
	{"_info", [2]kind{info, info}},
}

// familyNamed finds the last family of a name.
func (c *codec) familyNamed(name []byte) (family, bool) {
	i, _ := slices.BinarySearchFunc(c.families, name, func(f family, name []byte) int {
		return cmp.Or(bytes.Compare(c.bytes(f.name), name), -1) // behind all that are equal
	})
	if i == 0 || !bytes.Equal(c.bytes(c.families[i-1].name), name) {
		return family{}, false
	}
	return c.families[i-1], true
}

package influx

import (
	"bytes"
	"path"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
)

// identity is what a line's measurement and tags stand for.
type identity struct {
	number uint32
	shape  *shape
	series []uint32 // of the shape's fields, as far as they were seen with these tags
	labels []pipeline.Label
	bytes  int // of label text
}

// unseen stands for the series of a field that was not seen with an identity's tags yet. refused stands for a series that came when the
// table was full: the table only grows, so it stays so.
const unseen, refused = ^uint32(0), ^uint32(0) - 1

// known finds the series of the field at a position, and where its value begins; 0 if it is not known.
func (id *identity) known(b []byte, at int) (series uint32, from int) {
	number, from := id.shape.find(b, at)
	if from == 0 || number >= len(id.series) || id.series[number] == unseen {
		return 0, 0
	}
	return id.series[number], from
}

// keep keeps the series of a field whose name is given as it stands in lines. It returns how many bytes that takes; false if there is no room.
func (id *identity) keep(name []byte, series uint32) (size int, ok bool) {
	number, from := id.shape.find(append(bytes.Clone(name), '='), 0)
	if from == 0 {
		if !id.shape.add(name) {
			return 0, false
		}
		number, size = len(id.shape.fields)-1, 80+len(name)
	}
	for len(id.series) <= number {
		id.series = append(id.series, unseen)
		size += 8
	}
	id.series[number] = series
	return size, true
}

// identify finds the identity of the measurement and tags that stand in c.b[at:end]. It is valid until the next call.
func (c *codec) identify(at, end int) (*identity, error) {
	raw := c.b[at:end]
	number, hash, ok := c.lineMemo.Find(0, raw)
	if ok {
		return &c.identities[number], nil
	}
	id, err := c.parse(at, end)
	if err != nil {
		return nil, err
	}
	id.number = uint32(len(c.identities))
	c.identities = append(c.identities, id)
	c.identityBytes += 128 + 48*len(id.labels) + id.bytes
	c.lineMemo.Add(hash, 0, raw, id.number)
	return &c.identities[id.number], nil
}

// parse reads a measurement and tags. It works at first sight only and may allocate.
func (c *codec) parse(at, end int) (identity, error) {
	raw := c.b[at:end]
	if i := bytes.IndexByte(raw, '\n'); i >= 0 {
		return identity{}, c.broken(at+i, "the line has no fields")
	}
	// Text is never shorter than half its raw form.
	if len(raw) > 2*(c.limits.labelBytes+c.limits.attributes) {
		return identity{}, c.tooLong(at)
	}
	i := unescaped(raw, 0, ',')
	measurement := text(raw[:i], ", ")
	if measurement == "" {
		return identity{}, c.broken(at, "the line has no measurement")
	}
	var id identity
	var labels []pipeline.Label
	for i < len(raw) {
		i++
		equals, comma := unescaped(raw, i, '='), unescaped(raw, i, ',')
		switch {
		case equals >= comma || equals == i:
			return identity{}, c.broken(at+i, "a tag is no name=value")
		case equals+1 == comma:
			return identity{}, c.broken(at+i, "a tag has no value")
		case unescaped(raw[:comma], equals+1, '=') < comma:
			return identity{}, c.broken(at+i, `a tag's value has an equals sign without a backslash before it`)
		case len(labels) >= c.limits.attributes:
			return identity{}, pipeline.Errorf("influx.limit.attributes", "line at byte %d has more tags than max_attributes %d: drop some at the producer or raise it", at, c.limits.attributes)
		}
		l := pipeline.Label{Name: text(raw[i:equals], ",= "), Value: text(raw[equals+1:comma], ",= ")}
		id.bytes += len(l.Name) + len(l.Value)
		labels = append(labels, l)
		i = comma
	}
	if len(measurement)+id.bytes > c.limits.labelBytes {
		return identity{}, c.tooLong(at)
	}
	if id.shape = c.shapes[measurement]; id.shape == nil {
		id.shape = &shape{measurement: measurement}
		c.shapes[measurement] = id.shape
		c.identityBytes += 120 + len(measurement)
	}
	id.labels = pipeline.NewLabels(labels)
	return id, nil
}

// fieldName returns where the equals sign behind the name at a position stands.
func (c *codec) fieldName(at int) (int, error) {
	for i := at; i < len(c.b); i++ {
		switch ch := c.b[i]; {
		case ch == '=':
			if i == at {
				return 0, c.broken(at, "a field has no name")
			}
			return i, nil
		case ch == '\\' && i+1 < len(c.b) && strings.IndexByte(",= ", c.b[i+1]) >= 0:
			i++
		case ch == ',' || ch == ' ' || ch == '\n':
			return 0, c.broken(at, "a field is no name=value")
		}
	}
	return 0, c.broken(at, "a field is no name=value")
}

// series finds the series of a field whose name stands in c.b[at:end], interning it at first sight.
func (c *codec) series(id *identity, at, end int) (uint32, error) {
	raw := c.b[at:end]
	series, hash, ok := c.fieldMemo.Find(id.number, raw)
	if ok {
		return series, nil
	}
	if len(raw) > 2*c.limits.labelBytes {
		return 0, c.tooLong(at)
	}
	metric := id.shape.measurement
	switch name := text(raw, ",= "); {
	case metric == "prometheus":
		metric = name
	case name != "value":
		metric += "_" + name
	}
	if id.bytes+len(metric) > c.limits.labelBytes {
		return 0, c.tooLong(at)
	}
	series, err := c.table.Intern(metric, "", c.typeOf(metric), id.labels)
	switch {
	case pipeline.Code(err) == "series.limit":
		series = refused
	case err != nil:
		return 0, err
	}
	if size, ok := id.keep(raw, series); ok {
		c.identityBytes += size
	} else {
		c.fieldMemo.Add(hash, id.number, raw, series)
	}
	return series, nil
}

func (c *codec) typeOf(metric string) pipeline.SeriesType {
	for _, pattern := range c.cumulative {
		if ok, err := path.Match(pattern, metric); ok && err == nil || pattern == metric {
			return pipeline.Cumulative
		}
	}
	return pipeline.Gauge
}

func (c *codec) tooLong(at int) error {
	return pipeline.Errorf("influx.limit.label_bytes", "line with a series at byte %d has more text in its name and labels than max_label_bytes %d: drop long tags at the producer or raise it",
		at, c.limits.labelBytes)
}

// unescaped returns the position from i on of a byte that has no backslash before it, the length if there is none.
func unescaped(raw []byte, i int, ch byte) int {
	for from := i; i < len(raw); i++ {
		if raw[i] == ch && (i == from || raw[i-1] != '\\') {
			return i
		}
	}
	return len(raw)
}

// text copies a name or value without the backslashes before the bytes of set.
func text(raw []byte, set string) string {
	if bytes.IndexByte(raw, '\\') >= 0 {
		plain := make([]byte, 0, len(raw))
		for i := 0; i < len(raw); i++ {
			if raw[i] == '\\' && i+1 < len(raw) && strings.IndexByte(set, raw[i+1]) >= 0 {
				i++
			}
			plain = append(plain, raw[i])
		}
		raw = plain
	}
	return strings.ToValidUTF8(string(raw), "\uFFFD")
}

package otlp

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
)

// refused stands in place of a series that came when the table was full: the table only grows, so it stays so.
const refused = ^uint32(0)

// identity is what a metric says of its series, as bytes of the message.
type identity struct {
	resource   uint32
	typ        pipeline.SeriesType
	name, unit []byte
}

// part says which of the series of a metric is meant.
type part uint8

const (
	plain part = iota
	ofCount
	ofSum
	ofMin
	ofMax
	ofQuantile // one for each quantile
	ofBucket   // one for each bound
)

// suffixes of the metric's name.
var suffixes = [...]string{ofCount: ".count", ofSum: ".sum", ofMin: ".min", ofMax: ".max", ofBucket: ".bucket"}

// identify finds the number of a metric's identity; bound is that of a quantile or bucket. It returns lose, or the reason why
// the metric can't have series.
func (c *codec) identify(id *identity, p part, bound float64, lose loss) (uint32, loss, error) {
	if lose != kept {
		return 0, lose, nil
	}
	if len(id.name) == 0 {
		return 0, noName, nil
	}
	if len(id.name)+len(id.unit) > c.limits.labelBytes {
		return 0, kept, c.labelBytesError(string(id.name[:min(len(id.name), 80)]))
	}
	c.key = append(c.key[:0], byte(id.typ), byte(p))
	if p >= ofQuantile {
		c.key = binary.LittleEndian.AppendUint64(c.key, math.Float64bits(bound))
	}
	c.key = binary.AppendUvarint(c.key, uint64(len(id.name)))
	c.key = append(append(c.key, id.name...), id.unit...)
	name, hash, ok := c.nameMemo.Find(0, c.key)
	if !ok {
		name = uint32(len(c.names))
		c.names = append(c.names, id.named(p, bound))
		c.nameMemo.Add(hash, 0, c.key, name)
	}
	number, ok := c.metrics.Find(id.resource, name)
	if !ok {
		number = uint32(c.metrics.Len())
		c.metrics.Add(id.resource, name, number)
	}
	return number, kept, nil
}

// named returns the name of one of the metric's series.
func (id *identity) named(p part, bound float64) name {
	n := name{text: text(id.name) + suffixes[p], unit: text(id.unit), typ: id.typ}
	switch p {
	case ofCount:
		n.unit = "1"
	case ofBucket:
		n.unit, n.extra = "1", pipeline.Label{Name: bucketLabel, Value: strconv.FormatFloat(bound, 'f', -1, 64)}
	case ofQuantile:
		n.extra = pipeline.Label{Name: quantileLabel, Value: strconv.FormatFloat(bound, 'f', -1, 64)}
	}
	return n
}

// Labels that the codec adds, as Prometheus names them. They count over attributes of that name.
const bucketLabel, quantileLabel = "le", "quantile"

// resource finds the number of a resource by its bytes. at is where it lies, for errors.
func (c *codec) resource(raw []byte, at int) (uint32, error) { return c.originOf(0, raw, at) }

// scoped finds the number of a resource with the labels of a scope, by the bytes of the scope.
func (c *codec) scoped(res uint32, raw []byte, at int) (uint32, error) {
	if len(raw) == 0 {
		return res, nil
	}
	return c.originOf(res+1, raw, at)
}

// originOf finds the number of a resource, or of a scope of the resource with the number before.
func (c *codec) originOf(within uint32, raw []byte, at int) (uint32, error) {
	number, hash, ok := c.resourceMemo.Find(within, raw)
	if ok {
		return number, nil
	}
	p := labelParser{limits: c.limits, labels: c.labels[:0]}
	if err := c.readOrigin(&p, within, raw, at); err != nil {
		return 0, err
	}
	c.labels = p.labels
	number = uint32(c.resourceMemo.Len())
	c.resourceMemo.Add(hash, within, raw, number)
	return number, nil
}

// readOrigin reads the labels of a resource, and those of a scope of it.
func (c *codec) readOrigin(p *labelParser, within uint32, raw []byte, at int) error {
	if within == 0 {
		return p.read(raw, at, 1)
	}
	above, resource := c.resourceMemo.Key(within - 1)
	if err := c.readOrigin(p, above, resource, at); err != nil {
		return err
	}
	return p.scope(raw, at)
}

// resource is what the bytes of a resource, and of a scope, stand for.
type resource struct {
	number uint32 // plus 1
	labels []pipeline.Label
	bytes  int // of their text
}

// admit interns the series of a metric with a point's attributes, given as raw fields or as JSON.
func (c *codec) admit(metric uint32, raw []byte, at int) (uint32, error) {
	of, number := c.metrics.Key(metric)
	n, o := &c.names[number], &c.admitted
	if o.number != of+1 {
		p := labelParser{limits: c.limits, labels: o.labels[:0]}
		within, raw := c.resourceMemo.Key(of)
		if err := c.readOrigin(&p, within, raw, at); err != nil {
			*o = resource{}
			return 0, err
		}
		*o = resource{of + 1, p.labels, p.bytes}
	}
	p := labelParser{limits: c.limits, labels: append(c.labels[:0], o.labels...), bytes: o.bytes + len(n.text)}
	if err := p.read(raw, at, 0); err != nil {
		return 0, err
	}
	if n.extra.Name != "" {
		p.labels = append(p.labels, n.extra)
	}
	c.labels = p.labels
	series, err := c.table.Intern(n.text, n.unit, n.typ, pipeline.NewLabels(p.labels))
	if pipeline.Code(err) == "series.limit" {
		return refused, nil
	}
	return series, err
}

func (c *codec) labelBytesError(name string) error {
	return pipeline.Errorf("otlp_metrics.limit.label_bytes", "otlp metric %q has more text in its name and labels than max_label_bytes %d: drop long attributes at the producer or raise it",
		text([]byte(name)), c.limits.labelBytes)
}

// text copies bytes that should be UTF-8.
func text(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }

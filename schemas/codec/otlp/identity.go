package otlp

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
)

// refused stands in the series memo for a series that came when the table was full: the table only grows, so it stays so.
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
	// The memo does not know the unit.
	if len(id.name)+len(id.unit) > c.limits.labelBytes {
		return 0, kept, c.labelBytesError(string(id.name[:min(len(id.name), 80)]))
	}
	c.key = append(c.key[:0], byte(id.typ), byte(p))
	if p >= ofQuantile {
		c.key = binary.LittleEndian.AppendUint64(c.key, math.Float64bits(bound))
	}
	c.key = append(c.key, id.name...)
	number, hash, ok := c.metricMemo.Find(id.resource, c.key)
	if ok {
		return number, kept, nil
	}
	m := metric{resource: id.resource, name: text(id.name) + suffixes[p], unit: text(id.unit), typ: id.typ}
	switch p {
	case ofCount:
		m.unit = "1"
	case ofBucket:
		m.unit, m.extra = "1", pipeline.Label{Name: bucketLabel, Value: strconv.FormatFloat(bound, 'f', -1, 64)}
	case ofQuantile:
		m.extra = pipeline.Label{Name: quantileLabel, Value: strconv.FormatFloat(bound, 'f', -1, 64)}
	}
	number = uint32(len(c.metrics))
	c.metrics = append(c.metrics, m)
	c.metricMemo.Add(hash, id.resource, c.key, number)
	return number, kept, nil
}

// Labels that the codec adds, as Prometheus names them. They count over attributes of that name.
const bucketLabel, quantileLabel = "le", "quantile"

// resource finds the number of a resource by its bytes. at is where it lies, for errors.
func (c *codec) resource(raw []byte, at int) (uint32, error) {
	number, hash, ok := c.resourceMemo.Find(0, raw)
	if ok {
		return number, nil
	}
	p := labelParser{limits: c.limits}
	if err := p.read(raw, at, 1); err != nil {
		return 0, err
	}
	number = uint32(len(c.resources))
	c.resources = append(c.resources, resource{p.labels, p.bytes})
	c.resourceMemo.Add(hash, 0, raw, number)
	return number, nil
}

// scoped finds the number of a resource with the labels of a scope, by the bytes of the scope.
func (c *codec) scoped(res uint32, raw []byte, at int) (uint32, error) {
	if len(raw) == 0 {
		return res, nil
	}
	number, hash, ok := c.resourceMemo.Find(res+1, raw)
	if ok {
		return number, nil
	}
	r := &c.resources[res]
	p := labelParser{limits: c.limits, labels: slices.Clone(r.labels), bytes: r.bytes}
	if err := p.scope(raw, at); err != nil {
		return 0, err
	}
	number = uint32(len(c.resources))
	c.resources = append(c.resources, resource{p.labels, p.bytes})
	c.resourceMemo.Add(hash, res+1, raw, number)
	return number, nil
}

// admit interns the series of a metric with a point's attributes, given as raw fields or as JSON.
func (c *codec) admit(number uint32, raw []byte, at int) (uint32, error) {
	m := &c.metrics[number]
	res := &c.resources[m.resource]
	p := labelParser{limits: c.limits, labels: append(c.labels[:0], res.labels...), bytes: res.bytes + len(m.name)}
	if err := p.read(raw, at, 0); err != nil {
		return 0, err
	}
	if m.extra.Name != "" {
		p.labels = append(p.labels, m.extra)
	}
	c.labels = p.labels
	series, err := c.table.Intern(m.name, m.unit, m.typ, pipeline.NewLabels(p.labels))
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

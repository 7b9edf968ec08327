package otlp

import (
	"encoding/binary"
	"math"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/wire"
)

// Encoder makes an ExportMetricsServiceRequest of points. Points of one resource, name, unit and type become one
// metric, in order of first use; equal calls give equal bytes. One goroutine uses it. Attributes and names are copied.
// After Reset it allocates only for what is larger than before.
type Encoder struct {
	first     []byte // the resource given to NewEncoder
	resources []encodedResource
	metrics   []encodedMetric
	index     map[metricKey]int
	points    int
}

// encodedResource holds the Resource message and the number of its first metric; its last is before the next one's first.
type encodedResource struct {
	message []byte
	metric  int
}

type encodedMetric struct {
	metricKey
	points []byte // NumberDataPoints with their tags
}

type metricKey struct {
	resource   int
	name, unit string
	typ        pipeline.SeriesType
}

// scopeName is the instrumentation scope that encoded messages name.
const scopeName = "homeostat"

// NewEncoder makes an encoder whose points belong to that resource until Resource names another. Labels with text
// values only; no labels make an empty resource.
func NewEncoder(resource []pipeline.Label) *Encoder {
	e := &Encoder{first: appendAttributes(nil, 1, resource), index: map[metricKey]int{}}
	e.Reset()
	return e
}

// Resource begins another resource in the same message; what follows belongs to it.
func (e *Encoder) Resource(attrs []pipeline.Label) {
	i := len(e.resources)
	e.resources = grow(e.resources)
	e.resources[i].message = appendAttributes(e.resources[i].message[:0], 1, attrs)
	e.resources[i].metric = len(e.metrics)
}

// Gauge adds a point of a gauge. time is in Unix nanoseconds; 0 leaves it out.
func (e *Encoder) Gauge(name, unit string, attrs []pipeline.Label, time int64, value float64) {
	e.add(metricKey{name: name, unit: unit, typ: pipeline.Gauge}, attrs, 0, time, value)
}

// Sum adds a point of a monotonic sum, of deltas or cumulative since start. Times are in Unix nanoseconds; 0 leaves one out.
func (e *Encoder) Sum(name, unit string, attrs []pipeline.Label, start, time int64, value float64, delta bool) {
	typ := pipeline.Cumulative
	if delta {
		typ = pipeline.Delta
	}
	e.add(metricKey{name: name, unit: unit, typ: typ}, attrs, start, time, value)
}

func (e *Encoder) add(key metricKey, attrs []pipeline.Label, start, time int64, value float64) {
	key.resource = len(e.resources) - 1
	i, ok := e.index[key]
	if !ok {
		i = len(e.metrics)
		e.metrics = grow(e.metrics)
		e.metrics[i].metricKey, e.metrics[i].points = key, e.metrics[i].points[:0]
		e.index[key] = i
	}
	n := 9 // value
	for _, a := range attrs {
		n += sized(attributeSize(a))
	}
	if start != 0 {
		n += 9
	}
	if time != 0 {
		n += 9
	}
	b := binary.AppendUvarint(appendTag(e.metrics[i].points, 1, wire.Bytes), uint64(n))
	if start != 0 {
		b = appendFixed(b, 2, uint64(start))
	}
	if time != 0 {
		b = appendFixed(b, 3, uint64(time))
	}
	b = appendFixed(b, 4, math.Float64bits(value))
	e.metrics[i].points = appendAttributes(b, 7, attrs)
	e.points++
}

// Len returns the number of points since the last Reset.
func (e *Encoder) Len() int { return e.points }

// AppendTo appends the message to dst. Resources without points are left out.
func (e *Encoder) AppendTo(dst []byte) []byte {
	for i, r := range e.resources {
		last := len(e.metrics)
		if i+1 < len(e.resources) {
			last = e.resources[i+1].metric
		}
		if metrics := e.metrics[r.metric:last]; len(metrics) > 0 {
			dst = appendResource(dst, r.message, metrics)
		}
	}
	return dst
}

// Reset drops all points and all resources but the one of NewEncoder.
func (e *Encoder) Reset() {
	clear(e.index)
	e.points, e.metrics, e.resources = 0, e.metrics[:0], grow(e.resources[:0])
	e.resources[0].message = append(e.resources[0].message[:0], e.first...)
	e.resources[0].metric = 0
}

// grow makes s one longer and leaves in the new element what was there before, for its capacity.
func grow[T any](s []T) []T {
	if len(s) < cap(s) {
		return s[:len(s)+1]
	}
	var zero T
	return append(s, zero)
}

// appendResource appends a field ResourceMetrics: resource = 1, scope_metrics = 2 with scope = 1 and metrics = 2.
func appendResource(b, resource []byte, metrics []encodedMetric) []byte {
	scope := sized(sized(len(scopeName)))
	for i := range metrics {
		scope += sized(metrics[i].size())
	}
	b = binary.AppendUvarint(appendTag(b, 1, wire.Bytes), uint64(sized(len(resource))+sized(scope)))
	b = binary.AppendUvarint(appendTag(b, 1, wire.Bytes), uint64(len(resource)))
	b = append(b, resource...)
	b = binary.AppendUvarint(appendTag(b, 2, wire.Bytes), uint64(scope))
	b = binary.AppendUvarint(appendTag(b, 1, wire.Bytes), uint64(sized(len(scopeName))))
	b = appendText(b, 1, scopeName)
	for i := range metrics {
		b = metrics[i].appendTo(b)
	}
	return b
}

// size returns the size of the Metric message: name = 1, unit = 3, gauge = 5 or sum = 7.
func (m *encodedMetric) size() int {
	n := sized(len(m.name)) + sized(m.dataSize())
	if m.unit != "" {
		n += sized(len(m.unit))
	}
	return n
}

// dataSize returns the size of the Gauge or Sum message: data_points = 1, temporality = 2, is_monotonic = 3.
func (m *encodedMetric) dataSize() int {
	if m.typ == pipeline.Gauge {
		return len(m.points)
	}
	return len(m.points) + 4
}

func (m *encodedMetric) appendTo(b []byte) []byte {
	b = binary.AppendUvarint(appendTag(b, 2, wire.Bytes), uint64(m.size()))
	b = appendText(b, 1, m.name)
	if m.unit != "" {
		b = appendText(b, 3, m.unit)
	}
	number := metricSum
	if m.typ == pipeline.Gauge {
		number = metricGauge
	}
	b = binary.AppendUvarint(appendTag(b, number, wire.Bytes), uint64(m.dataSize()))
	b = append(b, m.points...)
	if m.typ == pipeline.Gauge {
		return b
	}
	temporality := byte(temporalityDelta)
	if m.typ == pipeline.Cumulative {
		temporality = temporalityCumulative
	}
	b = append(appendTag(b, 2, wire.Varint), temporality)
	return append(appendTag(b, 3, wire.Varint), 1)
}

// attributeSize returns the size of a KeyValue message: key = 1, value = 2 with string_value = 1.
func attributeSize(l pipeline.Label) int { return sized(len(l.Name)) + sized(sized(len(l.Value))) }

func appendAttributes(b []byte, number int, attrs []pipeline.Label) []byte {
	for _, a := range attrs {
		b = binary.AppendUvarint(appendTag(b, number, wire.Bytes), uint64(attributeSize(a)))
		b = appendText(b, 1, a.Name)
		b = binary.AppendUvarint(appendTag(b, 2, wire.Bytes), uint64(sized(len(a.Value))))
		b = appendText(b, 1, a.Value)
	}
	return b
}

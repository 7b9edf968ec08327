package otlp

import (
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/wire"
)

// Field numbers of opentelemetry-proto metrics/v1 that are read.
const (
	metricGauge, metricSum, metricHistogram, metricExponential, metricSummary = 5, 7, 9, 10, 11

	temporalityDelta, temporalityCumulative = 1, 2
)

// walk makes a cursor over the content of f.
func (c *codec) walk(f *wire.Field) wire.Cursor { return wire.Cursor{B: c.b, At: f.From, End: f.To} }

// message reads ExportMetricsServiceRequest: resource_metrics = 1.
func (c *codec) message() error {
	cur := wire.Cursor{B: c.b, End: len(c.b)}
	var f wire.Field
	found := false
	for cur.Next(&f) {
		if f.Number == 1 && cur.Expect(&f, wire.Bytes) {
			found = true
			if err := c.resourceMetrics(&f); err != nil {
				return err
			}
		}
	}
	if err := wireFault(&cur); err != nil {
		return err
	}
	if !found {
		return pipeline.Errorf("otlp_metrics.nothing", "otlp metrics message of %d bytes holds no resource metrics: check that the topic carries OTLP metrics in protobuf", len(c.b))
	}
	return nil
}

// resourceMetrics reads resource = 1, then scope_metrics = 2: producers write them in either order.
func (c *codec) resourceMetrics(rm *wire.Field) error {
	cur := c.walk(rm)
	var f wire.Field
	var raw []byte
	parts := 0
	if err := c.part(rm.At); err != nil {
		return err
	}
	for cur.Next(&f) {
		if f.Number != 1 || !cur.Expect(&f, wire.Bytes) {
			continue
		}
		// Parts of a message that comes in parts are one message.
		if parts++; parts == 1 {
			raw = c.b[f.From:f.To]
		} else {
			raw = append(raw[:len(raw):len(raw)], c.b[f.From:f.To]...)
		}
	}
	if err := wireFault(&cur); err != nil {
		return err
	}
	res, err := c.resource(raw, rm.From)
	if err != nil {
		return err
	}
	cur = c.walk(rm)
	for cur.Next(&f) {
		if f.Number == 2 && cur.Expect(&f, wire.Bytes) {
			if err := c.scopeMetrics(&f, res); err != nil {
				return err
			}
		}
	}
	return wireFault(&cur)
}

// part counts a resource or metric. Each has a row as a rule: a message of many that have none would fill the memos.
func (c *codec) part(at int) error {
	if c.parts++; c.parts > 2*c.limits.points {
		return pipeline.Errorf("otlp_metrics.limit.points", "otlp metrics message has more resources and metrics than twice max_points %d (reached at byte %d of %d): send smaller batches or raise it",
			c.limits.points, at, len(c.b))
	}
	return nil
}

// scopeMetrics reads metrics = 2 and, if it is to be known, scope = 1.
func (c *codec) scopeMetrics(sm *wire.Field, res uint32) error {
	if c.scope {
		var err error
		if res, err = c.scopeOf(sm, res); err != nil {
			return err
		}
	}
	cur := c.walk(sm)
	var f wire.Field
	for cur.Next(&f) {
		if f.Number == 2 && cur.Expect(&f, wire.Bytes) {
			if err := c.metric(&f, res); err != nil {
				return err
			}
		}
	}
	return wireFault(&cur)
}

// scopeOf finds the resource with the labels of a ScopeMetrics' scope.
func (c *codec) scopeOf(sm *wire.Field, res uint32) (uint32, error) {
	if err := c.part(sm.At); err != nil {
		return 0, err
	}
	cur := c.walk(sm)
	var f wire.Field
	var raw []byte
	for cur.Next(&f) {
		if f.Number == 1 && cur.Expect(&f, wire.Bytes) {
			raw = append(raw[:len(raw):len(raw)], c.b[f.From:f.To]...)
		}
	}
	if err := wireFault(&cur); err != nil {
		return 0, err
	}
	return c.scoped(res, raw, sm.From)
}

// metric reads a Metric: as a whole if it is known, else field by field.
func (c *codec) metric(m *wire.Field, res uint32) error {
	if err := c.part(m.At); err != nil {
		return err
	}
	b, p := c.b[m.From:m.To], &c.patterns
	if c.recognised(p.foretold(res, b), b, m.From) {
		return nil
	}
	rows, lost := c.rows, c.lost
	p.from, p.to, p.learning, p.learned, p.lists = m.From, m.To, p.learning[:0], p.learned[:0], 0
	if err := c.walkMetric(m, res); err != nil {
		return err
	}
	if n := len(p.learning); n > 0 && p.lists == 1 && c.rows-rows == n && c.lost == lost && (n > 1 || len(c.b) >= largestShape) {
		p.keep(res, b, c.limits.memo/4)
	}
	return nil
}

// walkMetric reads name = 1 and unit = 3, then the data.
func (c *codec) walkMetric(m *wire.Field, res uint32) error {
	cur := c.walk(m)
	var f wire.Field
	id := identity{resource: res}
	for cur.Next(&f) {
		switch f.Number {
		case 1:
			if cur.Expect(&f, wire.Bytes) {
				id.name = c.b[f.From:f.To]
			}
		case 3:
			if cur.Expect(&f, wire.Bytes) {
				id.unit = c.b[f.From:f.To]
			}
		case metricGauge, metricSum, metricHistogram, metricExponential, metricSummary:
			cur.Expect(&f, wire.Bytes)
		}
	}
	if err := wireFault(&cur); err != nil {
		return err
	}
	cur = c.walk(m)
	for cur.Next(&f) {
		var err error
		switch f.Number {
		case metricGauge, metricSum:
			err = c.numbers(&f, id)
		case metricHistogram:
			err = c.distributions(&f, id, explicit)
		case metricExponential:
			err = c.distributions(&f, id, exponential)
		case metricSummary:
			err = c.distributions(&f, id, summary)
		}
		if err != nil {
			return err
		}
	}
	return wireFault(&cur)
}

// numbers reads the Gauge or Sum in data: data_points = 1, aggregation_temporality = 2, is_monotonic = 3.
func (c *codec) numbers(data *wire.Field, id identity) error {
	lose := kept
	if data.Number == metricSum {
		how, monotonic, err := c.aggregation(data)
		if err != nil {
			return err
		}
		id.typ, lose = sumType(how, monotonic)
	}
	m, lose, err := c.identify(&id, plain, 0, lose)
	if err != nil {
		return err
	}
	p := &c.patterns
	p.metric, p.lists = m, p.lists+1
	if b := c.b[p.from:p.to]; c.recognised(p.of(m, b), b, p.from) {
		return nil
	}
	cur := c.walk(data)
	var f wire.Field
	for cur.Next(&f) {
		if f.Number == 1 && cur.Expect(&f, wire.Bytes) {
			if err := c.numberPoint(&f, m, lose); err != nil {
				return err
			}
			p.learning, p.learned = append(p.learning, spotOf(c.last, p.from)), append(p.learned, c.lastSeries)
		}
	}
	return wireFault(&cur)
}

// aggregation reads aggregation_temporality = 2 and is_monotonic = 3.
func (c *codec) aggregation(data *wire.Field) (how uint64, monotonic bool, err error) {
	cur := c.walk(data)
	var f wire.Field
	for cur.Next(&f) {
		switch f.Number {
		case 2:
			if cur.Expect(&f, wire.Varint) {
				how = f.Value
			}
		case 3:
			if cur.Expect(&f, wire.Varint) {
				monotonic = f.Value != 0
			}
		}
	}
	return how, monotonic, wireFault(&cur)
}

// sumType returns the type of a sum's series, or the reason why it can't have one.
func sumType(how uint64, monotonic bool) (pipeline.SeriesType, loss) {
	switch {
	case how == temporalityDelta:
		return pipeline.Delta, kept
	case how != temporalityCumulative:
		return pipeline.Gauge, temporality
	case monotonic:
		return pipeline.Cumulative, kept
	}
	return pipeline.Gauge, kept
}

// distributions reads data_points = 1 and, but for summaries, aggregation_temporality = 2.
func (c *codec) distributions(data *wire.Field, id identity, k kind) error {
	how := uint64(temporalityCumulative)
	if k != summary {
		var err error
		if how, _, err = c.aggregation(data); err != nil {
			return err
		}
	}
	if err := c.family.of(c, id, k, how); err != nil {
		return err
	}
	cur := c.walk(data)
	var f wire.Field
	for cur.Next(&f) {
		if f.Number == 1 && cur.Expect(&f, wire.Bytes) {
			if err := c.distributionPoint(&f); err != nil {
				return err
			}
		}
	}
	return wireFault(&cur)
}

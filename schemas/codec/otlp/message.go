package otlp

import "github.com/homeostat/homeostat/pipeline"

// Field numbers of opentelemetry-proto metrics/v1 that are read.
const (
	metricGauge, metricSum, metricHistogram, metricExponential, metricSummary = 5, 7, 9, 10, 11

	temporalityDelta, temporalityCumulative = 1, 2
)

// walk makes a cursor over the content of f.
func (c *codec) walk(f *field) cursor { return cursor{b: c.b, at: f.from, end: f.to} }

// message reads ExportMetricsServiceRequest: resource_metrics = 1.
func (c *codec) message() error {
	cur := cursor{b: c.b, end: len(c.b)}
	var f field
	found := false
	for cur.next(&f) {
		if f.number == 1 && cur.expect(&f, wireBytes) {
			found = true
			if err := c.resourceMetrics(&f); err != nil {
				return err
			}
		}
	}
	if err := cur.err(); err != nil {
		return err
	}
	if !found {
		return pipeline.Errorf("otlp_metrics.nothing", "otlp metrics message of %d bytes holds no resource metrics: check that the topic carries OTLP metrics in protobuf", len(c.b))
	}
	return nil
}

// resourceMetrics reads resource = 1, then scope_metrics = 2: producers write them in either order.
func (c *codec) resourceMetrics(rm *field) error {
	cur := c.walk(rm)
	var f field
	var raw []byte
	parts := 0
	if err := c.part(rm.at); err != nil {
		return err
	}
	for cur.next(&f) {
		if f.number != 1 || !cur.expect(&f, wireBytes) {
			continue
		}
		// Parts of a message that comes in parts are one message.
		if parts++; parts == 1 {
			raw = c.b[f.from:f.to]
		} else {
			raw = append(raw[:len(raw):len(raw)], c.b[f.from:f.to]...)
		}
	}
	if err := cur.err(); err != nil {
		return err
	}
	res, err := c.resource(raw, rm.from)
	if err != nil {
		return err
	}
	cur = c.walk(rm)
	for cur.next(&f) {
		if f.number == 2 && cur.expect(&f, wireBytes) {
			if err := c.scopeMetrics(&f, res); err != nil {
				return err
			}
		}
	}
	return cur.err()
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
func (c *codec) scopeMetrics(sm *field, res uint32) error {
	if c.scope {
		var err error
		if res, err = c.scopeOf(sm, res); err != nil {
			return err
		}
	}
	cur := c.walk(sm)
	var f field
	for cur.next(&f) {
		if f.number == 2 && cur.expect(&f, wireBytes) {
			if err := c.metric(&f, res); err != nil {
				return err
			}
		}
	}
	return cur.err()
}

// scopeOf finds the resource with the labels of a ScopeMetrics' scope.
func (c *codec) scopeOf(sm *field, res uint32) (uint32, error) {
	if err := c.part(sm.at); err != nil {
		return 0, err
	}
	cur := c.walk(sm)
	var f field
	var raw []byte
	for cur.next(&f) {
		if f.number == 1 && cur.expect(&f, wireBytes) {
			raw = append(raw[:len(raw):len(raw)], c.b[f.from:f.to]...)
		}
	}
	if err := cur.err(); err != nil {
		return 0, err
	}
	return c.scoped(res, raw, sm.from)
}

// metric reads name = 1 and unit = 3, then the data.
func (c *codec) metric(m *field, res uint32) error {
	cur := c.walk(m)
	var f field
	id := identity{resource: res}
	if err := c.part(m.at); err != nil {
		return err
	}
	for cur.next(&f) {
		switch f.number {
		case 1:
			if cur.expect(&f, wireBytes) {
				id.name = c.b[f.from:f.to]
			}
		case 3:
			if cur.expect(&f, wireBytes) {
				id.unit = c.b[f.from:f.to]
			}
		case metricGauge, metricSum, metricHistogram, metricExponential, metricSummary:
			cur.expect(&f, wireBytes)
		}
	}
	if err := cur.err(); err != nil {
		return err
	}
	cur = c.walk(m)
	for cur.next(&f) {
		var err error
		switch f.number {
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
	return cur.err()
}

// numbers reads the Gauge or Sum in data: data_points = 1, aggregation_temporality = 2, is_monotonic = 3.
func (c *codec) numbers(data *field, id identity) error {
	lose := kept
	if data.number == metricSum {
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
	cur := c.walk(data)
	var f field
	for cur.next(&f) {
		if f.number == 1 && cur.expect(&f, wireBytes) {
			if err := c.numberPoint(&f, m, lose); err != nil {
				return err
			}
		}
	}
	return cur.err()
}

// aggregation reads aggregation_temporality = 2 and is_monotonic = 3.
func (c *codec) aggregation(data *field) (how uint64, monotonic bool, err error) {
	cur := c.walk(data)
	var f field
	for cur.next(&f) {
		switch f.number {
		case 2:
			if cur.expect(&f, wireVarint) {
				how = f.value
			}
		case 3:
			if cur.expect(&f, wireVarint) {
				monotonic = f.value != 0
			}
		}
	}
	return how, monotonic, cur.err()
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
func (c *codec) distributions(data *field, id identity, k kind) error {
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
	var f field
	for cur.next(&f) {
		if f.number == 1 && cur.expect(&f, wireBytes) {
			if err := c.distributionPoint(&f); err != nil {
				return err
			}
		}
	}
	return cur.err()
}

package otlp

import (
	"math"

	"github.com/homeostat/homeostat/pipeline"
)

// looksLikeJSON tells whether a record begins as JSON does. It is not certain where the brace stands behind a line feed, which is
// also the first byte of a protobuf message, and the brace then its length.
func looksLikeJSON(b []byte) (json, certain bool) {
	if b[0] == '\n' && len(b) > 1 && b[1] > ' ' && b[1] != '{' {
		return false, true // nearly all
	}
	i := skipSpace(b, 0)
	return i < len(b) && b[i] == '{', b[0] != '\n'
}

// brackets returns how deep brackets may nest: those of OTLP around an attribute's value, and those of values in
// values: {"kvlistValue": {"values": [{"value": … }]}}.
func (l *limits) brackets() int { return 16 + 4*(l.nesting+1) }

// isJSON tells whether a record is JSON that begins with a line feed. No protobuf message with metrics in it is JSON, which has no
// place for the byte of the field scope_metrics: so what is JSON is taken for it.
func (c *codec) isJSON() bool {
	for at := skipSpace(c.b, 0); at < len(c.b); {
		end, deep := c.tape.read(c.b, at, c.limits.brackets())
		if deep || c.tape.fault != "" {
			return deep
		}
		at = skipSpace(c.b, end)
	}
	return true
}

// documents reads the messages of a record in JSON, one after the other.
func (c *codec) documents() error {
	for at := skipSpace(c.b, 0); at < len(c.b); {
		end, deep := c.tape.read(c.b, at, c.limits.brackets())
		switch {
		case deep:
			return pipeline.Errorf("otlp_metrics.limit.nesting", "otlp metrics record of %d bytes nests deeper at byte %d than max_nesting %d allows: flatten it at the producer or raise it",
				len(c.b), end, c.limits.nesting)
		case c.tape.fault != "":
			return pipeline.Errorf("otlp_metrics.syntax", "otlp metrics record of %d bytes is broken JSON at byte %d: %s; check what writes to the topic",
				len(c.b), c.tape.faultAt, c.tape.fault)
		}
		if err := c.document(); err != nil {
			return err
		}
		if c.tape.fault != "" {
			return pipeline.Errorf("otlp_metrics.value", "otlp metrics record of %d bytes is not OTLP in JSON at byte %d: %s; check what writes to the topic",
				len(c.b), c.tape.faultAt, c.tape.fault)
		}
		at = skipSpace(c.b, end)
	}
	return nil
}

// The names of fields, in lowerCamelCase as OTLP has them or as in the proto files, and their numbers.

func requestNames(name []byte) uint {
	switch string(name) {
	case "resourceMetrics", "resource_metrics":
		return 1
	}
	return 0
}

func resourceMetricsNames(name []byte) uint {
	switch string(name) {
	case "resource":
		return 1
	case "scopeMetrics", "scope_metrics":
		return 2
	}
	return 0
}

func resourceNames(name []byte) uint {
	if string(name) == "attributes" {
		return 1
	}
	return 0
}

func scopeMetricsNames(name []byte) uint {
	switch string(name) {
	case "scope":
		return 1
	case "metrics":
		return 2
	}
	return 0
}

func metricNames(name []byte) uint {
	switch string(name) {
	case "name":
		return 1
	case "unit":
		return 3
	case "gauge":
		return metricGauge
	case "sum":
		return metricSum
	case "histogram":
		return metricHistogram
	case "exponentialHistogram", "exponential_histogram":
		return metricExponential
	case "summary":
		return metricSummary
	}
	return 0
}

func dataNames(name []byte) uint {
	switch string(name) {
	case "dataPoints", "data_points":
		return 1
	case "aggregationTemporality", "aggregation_temporality":
		return 2
	case "isMonotonic", "is_monotonic":
		return 3
	}
	return 0
}

func numberNames(name []byte) uint {
	switch string(name) {
	case "startTimeUnixNano", "start_time_unix_nano":
		return 2
	case "timeUnixNano", "time_unix_nano":
		return 3
	case "asDouble", "as_double":
		return 4
	case "asInt", "as_int":
		return 6
	case "attributes":
		return 7
	case "flags":
		return 8
	}
	return 0
}

// document reads the message on the tape.
func (c *codec) document() error {
	found := false
	for f := c.tape.fields(0, requestNames); f.next(); {
		found = true
		for e := c.tape.elements(f.value); e.next(); {
			if err := c.jsonResource(e.value); err != nil {
				return err
			}
		}
	}
	if !found && c.tape.fault == "" {
		return pipeline.Errorf("otlp_metrics.nothing", "otlp metrics record of %d bytes holds JSON without resourceMetrics at byte %d: check that the topic carries OTLP metrics", len(c.b), c.tape.at(0))
	}
	return nil
}

func (c *codec) jsonResource(v uint32) error {
	if err := c.part(c.tape.at(v)); err != nil {
		return err
	}
	var attrs []byte
	var scopes uint32
	for f := c.tape.fields(v, resourceMetricsNames); f.next(); {
		if f.number == 2 {
			scopes = f.value
			continue
		}
		for g := c.tape.fields(f.value, resourceNames); g.next(); {
			attrs = c.tape.list(g.value)
		}
	}
	if c.tape.fault != "" {
		return nil
	}
	res, err := c.resource(attrs, c.tape.at(v))
	if err != nil || scopes == 0 {
		return err
	}
	for e := c.tape.elements(scopes); e.next(); {
		if err := c.jsonScope(e.value, res); err != nil {
			return err
		}
	}
	return nil
}

// list returns the JSON text of a list.
func (t *tape) list(v uint32) []byte {
	if t.b[t.at(v)] != '[' {
		t.odd(v, "a list")
	}
	return t.raw(v)
}

func (c *codec) jsonScope(v uint32, res uint32) error {
	var metrics, scope uint32
	for f := c.tape.fields(v, scopeMetricsNames); f.next(); {
		if f.number == 1 {
			scope = f.value
		} else {
			metrics = f.value
		}
	}
	if c.scope {
		if err := c.part(c.tape.at(v)); err != nil {
			return err
		}
		if scope != 0 && c.tape.fault == "" {
			if c.tape.b[c.tape.at(scope)] != '{' {
				c.tape.odd(scope, "an object")
				return nil
			}
			var err error
			if res, err = c.scoped(res, c.tape.raw(scope), c.tape.at(scope)); err != nil {
				return err
			}
		}
	}
	if metrics == 0 {
		return nil
	}
	for e := c.tape.elements(metrics); e.next(); {
		if err := c.jsonMetric(e.value, res); err != nil {
			return err
		}
	}
	return nil
}

func (c *codec) jsonMetric(v uint32, res uint32) error {
	if err := c.part(c.tape.at(v)); err != nil {
		return err
	}
	id := identity{resource: res}
	for f := c.tape.fields(v, metricNames); f.next(); {
		switch f.number {
		case 1:
			if id.name = c.tape.textOf(f.value, c.name); c.tape.tokens[f.value].next == escaped {
				c.name = id.name
			}
		case 3:
			if id.unit = c.tape.textOf(f.value, c.unit); c.tape.tokens[f.value].next == escaped {
				c.unit = id.unit
			}
		}
	}
	for f := c.tape.fields(v, metricNames); f.next(); {
		var err error
		switch f.number {
		case metricGauge, metricSum:
			err = c.jsonNumbers(f.value, id, f.number == metricSum)
		case metricHistogram:
			err = c.jsonDistributions(f.value, id, explicit)
		case metricExponential:
			err = c.jsonDistributions(f.value, id, exponential)
		case metricSummary:
			err = c.jsonDistributions(f.value, id, summary)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// jsonData reads what stands beside the points of a metric; 0 points if there are none.
func (c *codec) jsonData(v uint32) (points uint32, how uint64, monotonic bool) {
	for f := c.tape.fields(v, dataNames); f.next(); {
		switch f.number {
		case 1:
			points = f.value
		case 2:
			how = c.tape.temporality(f.value)
		case 3:
			monotonic = c.tape.bool(f.value)
		}
	}
	return points, how, monotonic
}

// temporality reads an AggregationTemporality by number or name; a name that is not known says as much as none.
func (t *tape) temporality(v uint32) uint64 {
	if t.b[t.at(v)] != '"' {
		return uint64(t.int(v, math.MinInt32, math.MaxInt32))
	}
	switch string(t.member(v)) {
	case "AGGREGATION_TEMPORALITY_DELTA":
		return temporalityDelta
	case "AGGREGATION_TEMPORALITY_CUMULATIVE":
		return temporalityCumulative
	}
	return 0
}

func (c *codec) jsonNumbers(v uint32, id identity, sum bool) error {
	points, how, monotonic := c.jsonData(v)
	if points == 0 || c.tape.fault != "" {
		return nil
	}
	lose := kept
	if sum {
		id.typ, lose = sumType(how, monotonic)
	}
	m, lose, err := c.identify(&id, plain, 0, lose)
	if err != nil {
		return err
	}
	for e := c.tape.elements(points); e.next(); {
		if err := c.jsonNumber(e.value, m, lose); err != nil {
			return err
		}
	}
	return nil
}

func (c *codec) jsonNumber(v uint32, metric uint32, lose loss) error {
	var attrs attributes
	var start, time, flags uint64
	var value float64
	valued := false
	t := &c.tape
	for f := t.fields(v, numberNames); f.next(); {
		switch f.number {
		case 2:
			start = t.uint(f.value)
		case 3:
			time = t.uint(f.value)
		case 4:
			value, valued = t.float(f.value), true
		case 6:
			value, valued = float64(t.int(f.value, math.MinInt64, math.MaxInt64)), true
		case 7:
			t.attributes(f.value, &attrs)
		case 8:
			flags = t.uint(f.value)
		}
	}
	if t.fault != "" {
		return nil
	}
	if lose == kept && (!valued || flags&noValueFlag != 0) {
		lose = noValue
	}
	return c.row(t.at(v), metric, &attrs, start, time, value, lose)
}

// attributes keeps where a point's attributes stand.
func (t *tape) attributes(v uint32, a *attributes) {
	t.list(v)
	a.from, a.to = int(t.tokens[v].from), int(t.tokens[v].to)
}

func (c *codec) jsonDistributions(v uint32, id identity, k kind) error {
	points, how, _ := c.jsonData(v)
	if points == 0 || c.tape.fault != "" {
		return nil
	}
	if k == summary {
		how = temporalityCumulative
	}
	if err := c.family.of(c, id, k, how); err != nil {
		return err
	}
	for e := c.tape.elements(points); e.next(); {
		if err := c.jsonDistribution(e.value); err != nil {
			return err
		}
	}
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// push is what the Collector is given over OTLP: messages by the path that they go to, and what is in them.
type push struct {
	messages []message
	metrics  *account
	logs     *account
	bodies   *account // of logs, where nothing else is written
	spans    *account
	failed   error
}

type message struct {
	path  string
	value []byte
}

// pushes is how many messages of each signal there are; pushHosts how many resources each has.
const pushes, pushHosts = 10, 4

func newPush() *push {
	p := &push{metrics: newAccount(), logs: newAccount(), bodies: newAccount(), spans: newAccount()}
	now := time.Now()
	for i := range pushes {
		at := now.Add(time.Duration(i-pushes) * time.Second)
		md := metricsAt(i, at)
		addMetrics(p.metrics, md)
		p.message("/v1/metrics")((&pmetric.ProtoMarshaler{}).MarshalMetrics(md))
		p.message("/v1/logs")((&plog.ProtoMarshaler{}).MarshalLogs(p.logsAt(i, at)))
		p.message("/v1/traces")((&ptrace.ProtoMarshaler{}).MarshalTraces(p.spansAt(i, at)))
	}
	return p
}

func (p *push) message(path string) func([]byte, error) {
	return func(value []byte, err error) {
		p.messages = append(p.messages, message{path, value})
		p.failed = errors.Join(p.failed, err)
	}
}

// send gives all of it to an OTLP receiver.
func (p *push) send(ctx context.Context, url string) error {
	if p.failed != nil {
		return p.failed
	}
	for _, m := range p.messages {
		if err := post(ctx, url+m.path, m.value); err != nil {
			return err
		}
	}
	return nil
}

func resource(r pcommon.Resource, host int) {
	r.Attributes().PutStr("service.name", fmt.Sprintf("service-%d", host%2))
	r.Attributes().PutStr("host.name", fmt.Sprintf("host-%d", host))
}

// round is the metrics of a host at a time. What a delta histogram makes of itself besides count and sum are estimates, which are
// nothing to compare: the histograms are cumulative.
type round struct {
	number, host int
	from, to     pcommon.Timestamp
	metrics      pmetric.MetricSlice
}

// metricsAt has a metric of each kind for each host.
func metricsAt(number int, at time.Time) pmetric.Metrics {
	md := pmetric.NewMetrics()
	for h := range pushHosts {
		rm := md.ResourceMetrics().AppendEmpty()
		resource(rm.Resource(), h)
		r := &round{number, h, pcommon.NewTimestampFromTime(at.Add(-time.Hour)), pcommon.NewTimestampFromTime(at), rm.ScopeMetrics().AppendEmpty().Metrics()}
		r.gauge()
		r.sum("requests", pmetric.AggregationTemporalityDelta, true)
		r.sum("bytes", pmetric.AggregationTemporalityCumulative, true)
		r.sum("connections", pmetric.AggregationTemporalityCumulative, false)
		r.histograms()
		r.summary()
	}
	return md
}

func (r *round) add(name, unit string) pmetric.Metric {
	m := r.metrics.AppendEmpty()
	m.SetName(name)
	m.SetUnit(unit)
	return m
}

func (r *round) gauge() {
	points := r.add("queue.length", "1").SetEmptyGauge().DataPoints()
	for queue := range 8 {
		p := points.AppendEmpty()
		p.SetTimestamp(r.to)
		p.Attributes().PutInt("queue", int64(queue))
		p.SetDoubleValue(float64(1000*r.number+10*r.host+queue) / 8)
	}
	p := points.AppendEmpty() // known to be unknown
	p.SetTimestamp(r.to)
	p.SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
}

func (r *round) sum(name string, temporality pmetric.AggregationTemporality, monotonic bool) {
	sum := r.add(name, "1").SetEmptySum()
	sum.SetAggregationTemporality(temporality)
	sum.SetIsMonotonic(monotonic)
	p := sum.DataPoints().AppendEmpty()
	p.SetTimestamp(r.to)
	p.SetStartTimestamp(r.from)
	p.SetIntValue(int64(1_000_000*r.number + 100*r.host + len(name)))
}

func (r *round) histograms() {
	explicit := r.add("latency", "ms").SetEmptyHistogram()
	explicit.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	p := explicit.DataPoints().AppendEmpty()
	p.SetTimestamp(r.to)
	p.SetStartTimestamp(r.from)
	p.ExplicitBounds().FromRaw([]float64{10, 100})
	p.BucketCounts().FromRaw([]uint64{1, uint64(r.number), 2})
	p.SetCount(uint64(3 + r.number))
	p.SetSum(float64(100*r.number+r.host) / 4)
	exponential := r.add("size", "By").SetEmptyExponentialHistogram()
	exponential.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	e := exponential.DataPoints().AppendEmpty()
	e.SetTimestamp(r.to)
	e.SetStartTimestamp(r.from)
	e.Positive().BucketCounts().FromRaw([]uint64{2, uint64(r.number)})
	e.SetCount(uint64(2 + r.number))
	e.SetSum(float64(10*r.number+r.host) / 2)
}

func (r *round) summary() {
	p := r.add("gc", "s").SetEmptySummary().DataPoints().AppendEmpty()
	p.SetTimestamp(r.to)
	p.SetStartTimestamp(r.from)
	p.SetCount(uint64(10 * r.number))
	p.SetSum(float64(r.number) / 16)
	q := p.QuantileValues().AppendEmpty()
	q.SetQuantile(0.5)
	q.SetValue(float64(r.number+r.host) / 32)
}

// logsPerHost and spansPerHost are how many of each are in a message.
const logsPerHost, spansPerHost = 12, 12

// logsAt has lines of each severity for each host, and notes what is in them.
func (p *push) logsAt(round int, at time.Time) plog.Logs {
	ld := plog.NewLogs()
	for h := range pushHosts {
		rl := ld.ResourceLogs().AppendEmpty()
		resource(rl.Resource(), h)
		records := rl.ScopeLogs().AppendEmpty().LogRecords()
		for i := range logsPerHost {
			severity, body := 1+(i*5+round)%24, fmt.Sprintf("cart %d of round %d on host %d: \"söld out\"", i, round, h)
			r := records.AppendEmpty()
			r.SetTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Duration(i) * time.Millisecond)))
			r.SetSeverityNumber(plog.SeverityNumber(severity))
			r.Body().SetStr(body)
			r.Attributes().PutStr("thread", "main")
			p.logs.line(severity, body)
			p.bodies.line(0, body)
		}
	}
	return ld
}

// spansAt has spans of servers and of those who call them, and notes what is in them: a request, whether it failed, how long it took.
func (p *push) spansAt(round int, at time.Time) ptrace.Traces {
	td := ptrace.NewTraces()
	for h := range pushHosts {
		rs := td.ResourceSpans().AppendEmpty()
		resource(rs.Resource(), h)
		spans := rs.ScopeSpans().AppendEmpty().Spans()
		for i := range spansPerHost {
			took := time.Duration(1+i+round) * time.Second / 8
			s := spans.AppendEmpty()
			s.SetName("checkout")
			s.SetTraceID(pcommon.TraceID{1, byte(round), byte(h), byte(i / 4), 15: 1})
			s.SetSpanID(pcommon.SpanID{1, byte(round), byte(h), byte(i), 7: 1})
			s.SetStartTimestamp(pcommon.NewTimestampFromTime(at.Add(-took)))
			s.SetEndTimestamp(pcommon.NewTimestampFromTime(at))
			s.SetKind(ptrace.SpanKindServer)
			if i%2 == 1 {
				s.SetKind(ptrace.SpanKindClient)
				s.Attributes().PutStr("peer.service", "payment")
			}
			failed := 0.0
			if i%5 == 0 {
				failed = 1
				s.Status().SetCode(ptrace.StatusCodeError)
			}
			p.spans.add(delta, 1, failed)
			p.spans.add(gauge, took.Seconds())
		}
	}
	return td
}

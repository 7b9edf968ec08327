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

// metricsAt has a metric of each kind for each host. What a delta histogram makes of itself besides count and sum are
// estimates, which are nothing to compare: the histograms are cumulative.
func metricsAt(round int, at time.Time) pmetric.Metrics {
	md := pmetric.NewMetrics()
	to, from := pcommon.NewTimestampFromTime(at), pcommon.NewTimestampFromTime(at.Add(-time.Hour))
	for h := range pushHosts {
		rm := md.ResourceMetrics().AppendEmpty()
		resource(rm.Resource(), h)
		metrics := rm.ScopeMetrics().AppendEmpty().Metrics()
		add := func(name, unit string) pmetric.Metric {
			m := metrics.AppendEmpty()
			m.SetName(name)
			m.SetUnit(unit)
			return m
		}
		points := add("queue.length", "1").SetEmptyGauge().DataPoints()
		for queue := range 8 {
			p := points.AppendEmpty()
			p.SetTimestamp(to)
			p.Attributes().PutInt("queue", int64(queue))
			p.SetDoubleValue(float64(1000*round+10*h+queue) / 8)
		}
		p := points.AppendEmpty() // known to be unknown
		p.SetTimestamp(to)
		p.SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
		for _, s := range []struct {
			name        string
			temporality pmetric.AggregationTemporality
			monotonic   bool
		}{{"requests", pmetric.AggregationTemporalityDelta, true}, {"bytes", pmetric.AggregationTemporalityCumulative, true}, {"connections", pmetric.AggregationTemporalityCumulative, false}} {
			sum := add(s.name, "1").SetEmptySum()
			sum.SetAggregationTemporality(s.temporality)
			sum.SetIsMonotonic(s.monotonic)
			p := sum.DataPoints().AppendEmpty()
			p.SetTimestamp(to)
			p.SetStartTimestamp(from)
			p.SetIntValue(int64(1_000_000*round + 100*h + len(s.name)))
		}
		histogram := add("latency", "ms").SetEmptyHistogram()
		histogram.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		hp := histogram.DataPoints().AppendEmpty()
		hp.SetTimestamp(to)
		hp.SetStartTimestamp(from)
		hp.ExplicitBounds().FromRaw([]float64{10, 100})
		hp.BucketCounts().FromRaw([]uint64{1, uint64(round), 2})
		hp.SetCount(uint64(3 + round))
		hp.SetSum(float64(100*round+h) / 4)
		exponential := add("size", "By").SetEmptyExponentialHistogram()
		exponential.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		ep := exponential.DataPoints().AppendEmpty()
		ep.SetTimestamp(to)
		ep.SetStartTimestamp(from)
		ep.Positive().BucketCounts().FromRaw([]uint64{2, uint64(round)})
		ep.SetCount(uint64(2 + round))
		ep.SetSum(float64(10*round+h) / 2)
		sp := add("gc", "s").SetEmptySummary().DataPoints().AppendEmpty()
		sp.SetTimestamp(to)
		sp.SetStartTimestamp(from)
		sp.SetCount(uint64(10 * round))
		sp.SetSum(float64(round) / 16)
		q := sp.QuantileValues().AppendEmpty()
		q.SetQuantile(0.5)
		q.SetValue(float64(round+h) / 32)
	}
	return md
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

package window

import (
	"testing"
	"time"

	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/otlp"
)

// Spans make several points of a series at one time; in a window they add up to requests, errors and durations.
func TestSpansAddUp(t *testing.T) {
	codec, err := otlp.NewTraces(nil)
	if err != nil {
		t.Fatal(err)
	}
	// The third span was sampled, one of four; the last one ends in the next window.
	const message = `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"scopeSpans":[{"spans":[
		{"kind":2,"startTimeUnixNano":"10000000000","endTimeUnixNano":"12000000000"},
		{"kind":2,"startTimeUnixNano":"11500000000","endTimeUnixNano":"12000000000","status":{"code":2}},
		{"kind":2,"startTimeUnixNano":"11000000000","endTimeUnixNano":"12000000000","traceState":"ot=th:c"},
		{"kind":2,"startTimeUnixNano":"19000000000","endTimeUnixNano":"20000000000"}]}]}]}`
	table := pipeline.NewSeriesTable(nil, 0)
	out := pipeline.NewColumns(table)
	if err := codec.Decode(&pipeline.Record{Value: []byte(message)}, out); err != nil {
		t.Fatal(err)
	}
	in := operatortest.NewInput()
	for i, series := range out.PointSeries {
		in.Point(table.At(series).Key(), out.PointTime[i], out.PointStart[i], out.PointValue[i])
	}
	in.Watermark(30e9)
	operatortest.Once(t, operatortest.Case{
		New:   made(10*time.Second, 0),
		Input: in,
		Want: `
			[10s,20s) traces.span.metrics.calls:delta{service.name="shop",span.kind="SPAN_KIND_SERVER"} count=3 sum=6 min=1 max=4 last=4
			[10s,20s) traces.span.metrics.errors:delta{service.name="shop",span.kind="SPAN_KIND_SERVER"} count=3 sum=1 min=0 max=1 last=1
			[10s,20s) traces.span.metrics.duration{service.name="shop",span.kind="SPAN_KIND_SERVER"} count=3 sum=3.5 min=0.5 max=2 last=2
			[20s,30s) traces.span.metrics.calls:delta{service.name="shop",span.kind="SPAN_KIND_SERVER"} count=1 sum=1 min=1 max=1 last=1
			[20s,30s) traces.span.metrics.errors:delta{service.name="shop",span.kind="SPAN_KIND_SERVER"} count=1 sum=0 min=0 max=0 last=0
			[20s,30s) traces.span.metrics.duration{service.name="shop",span.kind="SPAN_KIND_SERVER"} count=1 sum=1 min=1 max=1 last=1`,
	})
}

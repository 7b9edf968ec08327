package otlp

import (
	"slices"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/memo"
)

// TracesName is the word of the codec for spans in the configuration.
const TracesName = "otlp_traces"

// Reasons in Columns.Lost that only spans have.
const (
	// LostSpanKind: a span of a kind that the setting kinds does not name, or of none that is known.
	LostSpanKind = "span_kind"
	// LostNoDuration: a span without start or end, or that ends before it starts.
	LostNoDuration = "no_duration"
)

// spanRows is how many rows a span makes.
const spanRows = 3

// Kinds of spans, as opentelemetry-proto trace/v1 numbers them.
const (
	kindUnspecified, kindInternal, kindServer, kindClient, kindProducer, kindConsumer = 0, 1, 2, 3, 4, 5
	spanKinds                                                                         = 6
)

// kindNames are the constants of SpanKind, by number, without their prefix; statusNames those of StatusCode.
var (
	kindNames   = []string{"UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"}
	statusNames = []string{"UNSET", "OK", "ERROR"}
)

const (
	kindPrefix, statusPrefix = "SPAN_KIND_", "STATUS_CODE_"
	statusError              = 2
)

// TracesSpec describes the codec for spans.
func TracesSpec() pipeline.Spec {
	return pipeline.Spec{
		Name: TracesName,
		Doc: "OpenTelemetry spans in protobuf (otlp_proto) or JSON (otlp_json), one message a record, as metrics. A span of a server or consumer makes a point of each of " +
			"traces.span.metrics.calls, .errors (0 or 1) and .duration (seconds), one of a client or producer a point of each of traces.service.graph.request, .request.failed and .request.client " +
			"with the label peer: the calls from one service to another. A message beyond a limit is a dead letter.",
		Emits:   []pipeline.Kind{pipeline.Points},
		Version: 1,
		Settings: []pipeline.Setting{
			attributeList("labels", "Attributes of the resource that become labels. Add service.instance.id, host.name or k8s.pod.name to tell instances apart.", "[service.name, k8s.pod.name]",
				"service.name", "service.namespace", "k8s.cluster.name", "k8s.namespace.name", "deployment.environment.name", "deployment.environment"),
			attributeList("dimensions", "Attributes of the span that become labels: few values each.", "[http.route, rpc.method]"),
			{Name: "operation", Type: pipeline.Bool, Default: false,
				Doc: "Whether the name of the span is a label, span.name. Names that hold ids make a series each.", Example: "true"},
			{Name: "status", Type: pipeline.Bool, Default: false,
				Doc: "Whether the status is a label, status.code, of calls and durations. Errors have a series of their own in any case.", Example: "true"},
			{Name: "kinds", Type: pipeline.List, Default: []any{"server", "consumer", "client", "producer"},
				Doc: "Kinds of spans that make points; internal has those of no kind, too. Others are counted as lost, with the reason span_kind.", Example: "[server, client]",
				Fields: []pipeline.Setting{{Type: pipeline.String, Enum: []string{"server", "consumer", "client", "producer", "internal"}, Doc: "A kind."}}},
			sizeSetting("max_bytes", 16<<20, 1<<30, "Size of a message.", "16MiB"),
			{Name: "max_spans", Type: pipeline.Int, Default: int64(100_000), Min: pipeline.Bound(1), Doc: "Spans of a message; each makes three rows.", Example: "100000"},
			sizeSetting("max_label_bytes", 16<<10, 1<<20, "Text of a series: names and values of all labels.", "16KiB"),
			nestingSetting("Depth of lists and maps in an attribute's value."),
			memoSetting("Memory of a lane for recognising series by their raw bytes. Beyond it the memo starts anew, which costs time only."),
		},
	}
}

// RegisterTraces adds the codec for spans to a registry.
func RegisterTraces(r *pipeline.Registry) { r.AddCodec(TracesSpec(), NewTraces) }

// NewTraces makes a codec for the spans of one lane (opentelemetry-proto 1.x, ExportTraceServiceRequest or TracesData), in the
// encodings of NewLogs. Settings that are absent have the defaults of TracesSpec. Each span makes three points, at its end:
//
//	server, consumer (internal)                        client, producer
//	traces.span.metrics.calls     delta, 1             traces.service.graph.request          delta, 1
//	traces.span.metrics.errors    delta, 0 or 1        traces.service.graph.request.failed   delta, 0 or 1
//	traces.span.metrics.duration  gauge, seconds       traces.service.graph.request.client   gauge, seconds
//
// In a window the sums of the first two are requests and failures, and count, sum, min and max of the third are those of the
// durations. An error is a span whose status is STATUS_CODE_ERROR. The names are those of the Collector's connectors spanmetrics
// (but for errors, which are a label there: a series that is 0 while all is well has a past to compare with) and servicegraph (whose
// Prometheus names they become: traces_service_graph_request_total, _failed_total, _client_seconds).
//
// Labels: those of the resource's attributes in the setting labels and the span's in dimensions that are not empty; span.kind
// (SPAN_KIND_SERVER and so on); span.name and status.code (STATUS_CODE_ERROR and so on), if set; and, for clients, producers and
// consumers, peer and peer.type: with whom the service spoke. service.name and peer are the two ends of a call, client and server in
// servicegraph. What peer is, the first of these that is not empty:
//
//	service    service.peer.name (before: peer.service)
//	messaging  messaging.destination.template, "(temporary)" for what is temporary or anonymous, messaging.destination.name
//	           (messaging.destination); the only one for consumers, whose other peer is a broker
//	database, rpc or address
//	           server.address (net.peer.name): database where there is a db.system.name (db.system), rpc where there is an rpc.service
//	database   db.system.name/db.namespace (db.name), or one of the two
//	rpc        rpc.service
//
// A span that was sampled counts for as many as the threshold in its tracestate says (th in the section ot); its duration counts once.
// Events, links, scopes and ids are not read, and spans are not put together to traces: that would need them all in one place.
//
// Rows that can't be used are counted in Columns.Lost: LostSpanKind, LostNoTime, LostTimeRange (three for a span), LostNoDuration (one),
// LostSeriesLimit. A message that is broken or beyond a limit is an error as a whole.
func NewTraces(given pipeline.Settings) (pipeline.Codec, error) {
	s := withDefaults(TracesSpec(), given)
	labels, err := newChoice(s, "labels")
	if err != nil {
		return nil, err
	}
	dimensions, err := newChoice(s, "dimensions")
	if err != nil {
		return nil, err
	}
	c := &tracesCodec{
		dimensions: dimensions,
		operation:  s.Bool("operation"),
		status:     s.Bool("status"),
		reader: reader{
			members: [3][2]string{{"resourceSpans", "resource_spans"}, {"scopeSpans", "scope_spans"}, {"spans", "spans"}},
			labels:  labels,
			limits: readerLimits{
				bytes:      int(s.Int("max_bytes")),
				records:    int(s.Int("max_spans")),
				labelBytes: int(s.Int("max_label_bytes")),
				nesting:    int(s.Int("max_nesting")),
				memo:       int(s.Int("memo")),
			},
		},
	}
	kinds := s.Texts("kinds")
	c.kinds = [spanKinds]bool{
		kindUnspecified: slices.Contains(kinds, "internal"), kindInternal: slices.Contains(kinds, "internal"), kindServer: slices.Contains(kinds, "server"),
		kindClient: slices.Contains(kinds, "client"), kindProducer: slices.Contains(kinds, "producer"), kindConsumer: slices.Contains(kinds, "consumer"),
	}
	c.span.dimensions, c.span.peer = newChosen(len(dimensions.names)), newChosen(int(peerSlots))
	c.protobuf, c.json = c.protobufSpan, c.jsonSpan
	return c, nil
}

type tracesLoss int

const (
	spanKept tracesLoss = iota
	spanKind
	spanNoTime
	spanTimeRange
	spanNoDuration
	spanSeriesLimit
	tracesLosses
)

var tracesLossReasons = [tracesLosses]string{"", LostSpanKind, LostNoTime, LostTimeRange, LostNoDuration, LostSeriesLimit}

// tracesCodec decodes spans. Its memos lead from raw bytes to resources, and from a resource and what makes a span's labels to
// its three series; they hold for one series table.
type tracesCodec struct {
	reader
	dimensions        choice
	operation, status bool
	kinds             [spanKinds]bool
	table             *pipeline.SeriesTable
	spans             memo.Memo
	series            []spanSeries

	// Of the message being decoded.
	out        *pipeline.Columns
	recordTime int64 // Unix nanoseconds, 0 if unknown
	lost       [tracesLosses]int
	span       span
}

// spanSeries are the series that spans of one kind, peer and so on make points of; refused for those that the table had no room for.
type spanSeries struct{ calls, errors, duration uint32 }

// span is a span as it is read.
type span struct {
	at           int
	start, end   uint64
	kind, status int64
	name, state  []byte
	dimensions   chosen
	peer         chosen // by peerSlot
}

func (s *span) reset(at int) {
	s.dimensions.clear()
	s.peer.clear()
	*s = span{at: at, dimensions: s.dimensions, peer: s.peer}
}

// Decode implements pipeline.Codec. Losses are counted only when the whole message is sound.
func (c *tracesCodec) Decode(rec *pipeline.Record, out *pipeline.Columns) error {
	switch n := len(rec.Value); {
	case n == 0:
		return pipeline.Errorf("otlp_traces.empty", "otlp traces record has no bytes: check what writes to topic %s", rec.Topic)
	case n > c.limits.bytes:
		return pipeline.Errorf("otlp_traces.limit.bytes", "otlp traces message of %d bytes is larger than max_bytes %d: send smaller batches or raise it", n, c.limits.bytes)
	}
	if rec.Value[0] == '[' {
		return pipeline.Errorf("otlp_traces.zipkin_json", "otlp traces record of topic %s is a list in JSON, as zipkin_json is, which is not read: set the encoding of the exporter to otlp_proto or otlp_json", rec.Topic)
	}
	c.remember(out.Series)
	c.out, c.lost, c.recordTime = out, [tracesLosses]int{}, max(rec.Timestamp, 0)*1e6
	d := c.read(rec.Value)
	c.out = nil
	c.span.reset(0)
	if d.what != sound {
		return c.refusal(d, rec)
	}
	for reason, n := range c.lost {
		if n > 0 {
			out.Lose(tracesLossReasons[reason], n)
		}
	}
	return nil
}

// refusal is the error for a defect.
func (c *tracesCodec) refusal(d defect, rec *pipeline.Record) error {
	n := len(rec.Value)
	switch d.what {
	case brokenBytes:
		return pipeline.Errorf("otlp_traces.bytes", "otlp traces message of %d bytes is broken at byte %d: %s; check that topic %s carries OTLP traces in protobuf or JSON, uncompressed",
			n, d.at, d.why, rec.Topic)
	case brokenJSON:
		return pipeline.Errorf("otlp_traces.syntax", "otlp traces message in JSON of %d bytes is broken at byte %d: %s; check what writes to topic %s", n, d.at, d.why, rec.Topic)
	case foreignJSON:
		return pipeline.Errorf("otlp_traces.jaeger_json", "otlp traces record of topic %s is a span in JSON with an operationName, as jaeger_json is, which is not read: set the encoding of the exporter to otlp_proto or otlp_json", rec.Topic)
	case tooDeep:
		return pipeline.Errorf("otlp_traces.limit.nesting", "otlp traces message nests lists and maps deeper at byte %d than max_nesting %d: flatten it at the producer or raise it", d.at, c.limits.nesting)
	case tooManyRecords:
		return pipeline.Errorf("otlp_traces.limit.spans", "otlp traces message has more spans than max_spans %d, or more than twice as many resources (reached at byte %d of %d): send smaller batches or raise it",
			c.limits.records, d.at, n)
	case tooMuchText:
		return pipeline.Errorf("otlp_traces.limit.label_bytes", "otlp span at byte %d has more text in its labels than max_label_bytes %d: take long attributes out of labels and dimensions or raise it",
			d.at, c.limits.labelBytes)
	}
	return pipeline.Errorf("otlp_traces.nothing", "otlp traces message of %d bytes holds no resource spans at byte %d: check that topic %s carries OTLP traces, not another signal or encoding", n, d.at, rec.Topic)
}

// remember keeps the memos to a table and to their memory.
func (c *tracesCodec) remember(table *pipeline.SeriesTable) {
	if c.table != table || c.resources.Bytes()+c.spans.Bytes() > c.limits.memo {
		c.table, c.spans, c.series = table, memo.New(), nil
		c.forget()
	}
}

// Logs and spans have codecs of their own: see NewLogs and NewTraces.
package otlp

import (
	"maps"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/memo"
	"github.com/homeostat/homeostat/schemas/codec/severity"
)

// LogsName is the word of the codec for logs in the configuration.
const LogsName = "otlp_logs"

// LogsSpec describes the codec for logs.
func LogsSpec() pipeline.Spec {
	return pipeline.Spec{
		Name: LogsName,
		Doc: "OpenTelemetry logs in protobuf (otlp_proto) or JSON (otlp_json), one message a record, or several JSON documents one after the other. " +
			"A stream is the attributes of record and resource that labels names; a body that is no text becomes JSON; what exception attributes say is added to the body where it lacks it. " +
			"A message beyond a limit is a dead letter.",
		Emits:   []pipeline.Kind{pipeline.Logs},
		Version: 1,
		Settings: []pipeline.Setting{
			attributeList("labels", "Attributes of the record or its resource that make the stream of a record: few values each, as they stand for a place, not for a request.",
				"[service.name, host.name]",
				"service.name", "service.namespace", "service.instance.id", "host.name", "container.name",
				"k8s.cluster.name", "k8s.namespace.name", "k8s.node.name", "k8s.pod.name", "k8s.container.name",
				"deployment.environment.name", "deployment.environment", "log.file.name"),
			sizeSetting("max_bytes", 16<<20, 1<<30, "Size of a message.", "16MiB"),
			{Name: "max_lines", Type: pipeline.Int, Default: int64(100_000), Min: pipeline.Bound(1), Doc: "Log records of a message.", Example: "100000"},
			sizeSetting("max_body_bytes", 256<<10, 64<<20, "Size of a body, with what is added to it.", "256KiB"),
			sizeSetting("max_label_bytes", 4<<10, 32<<10, "Text of a stream: names and values of its labels.", "4KiB"),
			nestingSetting("Depth of lists and maps in a body or attribute."),
			memoSetting("Memory of a lane for recognising streams by their raw bytes. Beyond it the memo starts anew, which costs time only."),
		},
	}
}

// RegisterLogs adds the codec for logs to a registry.
func RegisterLogs(r *pipeline.Registry) { r.AddCodec(LogsSpec(), NewLogs) }

func attributeList(name, doc, example string, defaults ...any) pipeline.Setting {
	return pipeline.Setting{Name: name, Type: pipeline.List, Default: append([]any{}, defaults...), Doc: doc, Example: example,
		Fields: []pipeline.Setting{{Type: pipeline.String, Doc: "Name of an attribute."}}}
}

func sizeSetting(name string, def int64, most float64, doc, example string) pipeline.Setting {
	return pipeline.Setting{Name: name, Type: pipeline.Size, Default: def, Min: pipeline.Bound(1), Max: pipeline.Bound(most), Doc: doc, Example: example}
}

func nestingSetting(doc string) pipeline.Setting {
	return pipeline.Setting{Name: "max_nesting", Type: pipeline.Int, Default: int64(16), Min: pipeline.Bound(1), Max: pipeline.Bound(100), Doc: doc, Example: "16"}
}

func memoSetting(doc string) pipeline.Setting {
	return pipeline.Setting{Name: "memo", Type: pipeline.Size, Default: int64(128 << 20), Min: pipeline.Bound(1 << 20), Max: pipeline.Bound(2 << 30), Doc: doc, Example: "128MiB"}
}

// withDefaults returns the settings with the defaults of a spec for what is absent.
func withDefaults(spec pipeline.Spec, given pipeline.Settings) pipeline.Settings {
	s := pipeline.Settings{}
	for _, setting := range spec.Settings {
		s[setting.Name] = setting.Default
	}
	maps.Copy(s, given)
	return s
}

// NewLogs makes a codec for the logs of one lane (opentelemetry-proto 1.x, ExportLogsServiceRequest or LogsData). Settings that are
// absent have the defaults of LogsSpec. A record is one message in protocol buffers, or one or several documents in JSON
// (opentelemetry.io/docs/specs/otlp, JSON Protobuf Encoding) with white space between them, as the Collector's file exporter
// writes; what begins with a brace is JSON. What becomes of a log record:
//
//   - stream: those of the attributes in the setting labels that the record or its resource has and that are not empty; of equal names
//     the record's counts. Scopes make no labels.
//   - time: time_unix_nano, else observed_time_unix_nano, else the time of the Kafka record.
//   - severity: severity_number, where it is one of 1 to 24, else severity_text as package severity reads words, else 0.
//   - body: a text or bytes as they are, UTF-8 or not, since the body is evidence. Other values are written like attributes of
//     metrics: numbers, true and false, lists and maps as JSON with sorted keys.
//   - What the attributes of an exception say and the body does not is added to it in lines of its own, so that people,
//     templates and detectors see it: "type: message", unless body and stack trace say both, and the stack trace.
//   - A record without body, or with an empty one, has the name of its event for it, or else its attributes as JSON.
//   - Trace and span ids, flags, counts of dropped attributes, and attributes that are none of these are not kept: a row has no
//     place for them.
//
// Records that can't be used are counted in Columns.Lost: LostNoTime, LostTimeRange, LostSeriesLimit. A message that is broken or beyond
// a limit is an error as a whole. In JSON names may be in lowerCamelCase or snake_case and constants numbers or names; members that are
// read must not come twice. The Collector's encoding raw, a body alone, is left to json_logs and to the codecs for lines.
func NewLogs(given pipeline.Settings) (pipeline.Codec, error) {
	s := withDefaults(LogsSpec(), given)
	labels, err := newChoice(s, "labels")
	if err != nil {
		return nil, err
	}
	c := &logsCodec{
		bodyBytes: int(s.Int("max_body_bytes")),
		reader: reader{
			members: [3][2]string{{"resourceLogs", "resource_logs"}, {"scopeLogs", "scope_logs"}, {"logRecords", "log_records"}},
			labels:  labels,
			limits: readerLimits{
				bytes:      int(s.Int("max_bytes")),
				records:    int(s.Int("max_lines")),
				labelBytes: int(s.Int("max_label_bytes")),
				nesting:    int(s.Int("max_nesting")),
				memo:       int(s.Int("memo")),
			},
		},
	}
	c.line.labels = newChosen(len(labels.names))
	c.protobuf, c.json = c.protobufLine, c.jsonLine
	return c, nil
}

type logsLoss int

const (
	lineKept logsLoss = iota
	lineNoTime
	lineTimeRange
	lineStreamLimit
	logsLosses
)

var logsLossReasons = [logsLosses]string{"", LostNoTime, LostTimeRange, LostSeriesLimit}

// logsCodec decodes logs. Its memos lead from raw bytes to resources, and from a resource and the raw values of a record's
// labels to a stream; they hold for one series table.
type logsCodec struct {
	reader
	bodyBytes int
	table     *pipeline.SeriesTable
	streams   memo.Memo

	// Of the message being decoded.
	out        *pipeline.Columns
	recordTime int64 // Unix nanoseconds, 0 if unknown
	lost       [logsLosses]int
	line       logLine

	body, scratch []byte // scratch
}

// logLine is a log record as it is read.
type logLine struct {
	at             int
	time, observed uint64
	severity       int64
	severityText   []byte
	event          []byte
	body           []byte
	exception      [3]extent // type, message, stacktrace
	excepted       bool
	labels         chosen
	attributes     extent // where the attributes stand, with what is between them
}

func (l *logLine) reset(at int) {
	l.labels.clear()
	*l = logLine{at: at, labels: l.labels}
}

// Decode implements pipeline.Codec. Losses are counted only when the whole message is sound.
func (c *logsCodec) Decode(rec *pipeline.Record, out *pipeline.Columns) error {
	switch n := len(rec.Value); {
	case n == 0:
		return pipeline.Errorf("otlp_logs.empty", "otlp logs record has no bytes: check what writes to topic %s", rec.Topic)
	case n > c.limits.bytes:
		return pipeline.Errorf("otlp_logs.limit.bytes", "otlp logs message of %d bytes is larger than max_bytes %d: send smaller batches or raise it", n, c.limits.bytes)
	}
	if first := rec.Value[0]; first == '"' || first == '[' {
		return pipeline.Errorf("otlp_logs.not_otlp", "otlp logs record of topic %s begins with %c, so it is not OTLP: the Collector's encoding raw and lists of lines are read by the codec json_logs; for this one, set its exporter to otlp_proto or otlp_json",
			rec.Topic, first)
	}
	c.remember(out.Series)
	c.out, c.lost, c.recordTime = out, [logsLosses]int{}, max(rec.Timestamp, 0)*1e6
	d := c.read(rec.Value)
	c.out = nil
	c.line.reset(0)
	if cap(c.body)+cap(c.scratch) > largestScratch {
		c.body, c.scratch = nil, nil
	}
	if d.what != sound {
		return c.refusal(d, rec)
	}
	for reason, n := range c.lost {
		if n > 0 {
			out.Lose(logsLossReasons[reason], n)
		}
	}
	return nil
}

// refusal is the error for a defect.
func (c *logsCodec) refusal(d defect, rec *pipeline.Record) error {
	n := len(rec.Value)
	switch d.what {
	case brokenBytes:
		return pipeline.Errorf("otlp_logs.bytes", "otlp logs message of %d bytes is broken at byte %d: %s; check that topic %s carries OTLP logs in protobuf or JSON, uncompressed",
			n, d.at, d.why, rec.Topic)
	case brokenJSON:
		return pipeline.Errorf("otlp_logs.syntax", "otlp logs message in JSON of %d bytes is broken at byte %d: %s; check what writes to topic %s", n, d.at, d.why, rec.Topic)
	case tooDeep:
		return pipeline.Errorf("otlp_logs.limit.nesting", "otlp logs message nests lists and maps deeper at byte %d than max_nesting %d: flatten it at the producer or raise it", d.at, c.limits.nesting)
	case tooManyRecords:
		return pipeline.Errorf("otlp_logs.limit.lines", "otlp logs message has more log records than max_lines %d, or more than twice as many resources (reached at byte %d of %d): send smaller batches or raise it",
			c.limits.records, d.at, n)
	case tooMuchText:
		return pipeline.Errorf("otlp_logs.limit.label_bytes", "otlp log record at byte %d has more text in its labels than max_label_bytes %d: take long attributes out of labels or raise it", d.at, c.limits.labelBytes)
	case tooLargeBody:
		return pipeline.Errorf("otlp_logs.limit.body_bytes", "otlp log record at byte %d has a body of more than max_body_bytes %d: shorten it at the producer or raise it", d.at, c.bodyBytes)
	}
	return pipeline.Errorf("otlp_logs.nothing", "otlp logs message of %d bytes holds no resource logs at byte %d: check that topic %s carries OTLP logs, not another signal or encoding", n, d.at, rec.Topic)
}

// remember keeps the memos to a table and to their memory.
func (c *logsCodec) remember(table *pipeline.SeriesTable) {
	if c.table != table || c.resources.Bytes()+c.streams.Bytes() > c.limits.memo {
		c.table, c.streams = table, memo.New()
		c.forget()
	}
}

// finish makes the row of the line that was read, or counts it as lost.
func (c *logsCodec) finish(res uint32) {
	if c.defect.what != sound {
		return
	}
	body := c.wholeBody()
	if len(body) > c.bodyBytes {
		c.stop(defect{tooLargeBody, c.line.at, ""})
	}
	if c.defect.what != sound {
		return
	}
	when, lose := c.when()
	if lose != lineKept {
		c.lost[lose]++
		return
	}
	switch stream := c.stream(res); {
	case c.defect.what != sound:
	case stream == refused:
		c.lost[lineStreamLimit]++
	default:
		c.out.Log(stream, when, c.severity(), body)
	}
}

// when returns the line's time in Unix nanoseconds, or why it has none.
func (c *logsCodec) when() (int64, logsLoss) {
	t := c.line.time
	if t == 0 {
		t = c.line.observed
	}
	switch {
	case t > 1<<63-1:
		return 0, lineTimeRange
	case t > 0:
		return int64(t), lineKept
	case c.recordTime > 0:
		return c.recordTime, lineKept
	}
	return 0, lineNoTime
}

func (c *logsCodec) severity() uint8 {
	if n := c.line.severity; n >= 1 && n <= 24 {
		return uint8(n)
	}
	if len(c.line.severityText) == 0 {
		return 0
	}
	return severity.Parse(c.line.severityText, severity.ByValue)
}

// stream finds the stream of the line by the raw values of its labels.
func (c *logsCodec) stream(res uint32) uint32 {
	c.key = c.appendKey(c.key[:0], &c.line.labels)
	stream, hash, ok := c.streams.Find(res, c.key)
	if ok {
		return stream
	}
	o := &c.origins[res]
	labels, _, d := c.labelsOf(append(make([]pipeline.Label, 0, len(o.labels)+4), o.labels...), o.bytes, c.b, c.labels.names, &c.line.labels)
	if d.what != sound {
		c.stop(d)
		return refused
	}
	stream, err := c.table.Intern("", "", pipeline.Stream, pipeline.NewLabels(labels))
	if err != nil { // the table is full: it only grows, so it stays so
		stream = refused
	}
	c.streams.Add(hash, res, c.key, stream)
	return stream
}

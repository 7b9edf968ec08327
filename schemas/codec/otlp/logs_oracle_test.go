package otlp_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
	"github.com/homeostat/homeostat/schemas/codec/otlp"
	"github.com/homeostat/homeostat/schemas/codec/severity"
)

// consultLogs says by pdata what rows and losses a message of logs makes. It shares no code with the codec but for words of severity.
func consultLogs(ld plog.Logs) codectest.Result {
	r := codectest.Result{Lost: map[string]int{}}
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				at := lr.Timestamp()
				if at == 0 {
					at = lr.ObservedTimestamp()
				}
				switch {
				case at > math.MaxInt64:
					r.Lost[otlp.LostTimeRange]++
					continue
				case at == 0:
					at = codectest.Timestamp * 1e6
				}
				level := uint8(lr.SeverityNumber())
				if lr.SeverityNumber() < 1 || lr.SeverityNumber() > 24 {
					level = severity.Parse([]byte(lr.SeverityText()), severity.ByValue)
				}
				labels := chosenLabels(otlp.LogsSpec(), "labels", rl.Resource().Attributes(), lr.Attributes())
				r.Lines = append(r.Lines, codectest.Line{Stream: pipeline.SeriesKey("", pipeline.Stream, labels), Time: int64(at), Severity: level, Body: bodyByPdata(lr)})
			}
		}
	}
	return r
}

// chosenLabels are those of the attributes, of equal names the last one in the last map, that a setting names by default.
func chosenLabels(spec pipeline.Spec, setting string, maps ...pcommon.Map) []pipeline.Label {
	found := map[string]string{}
	for _, m := range maps {
		for k, v := range m.All() {
			if s := canonical(v); s != "" {
				found[k] = s
			}
		}
	}
	var labels []pipeline.Label
	for _, s := range spec.Settings {
		if s.Name != setting {
			continue
		}
		for _, name := range s.Default.([]any) {
			if v, ok := found[name.(string)]; ok {
				labels = append(labels, pipeline.Label{Name: name.(string), Value: v})
			}
		}
	}
	sort.Slice(labels, func(i, j int) bool { return labels[i].Name < labels[j].Name })
	return labels
}

func exactText(v pcommon.Value) string {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return v.Str()
	case pcommon.ValueTypeBytes:
		return string(v.Bytes().AsRaw())
	}
	return canonical(v)
}

func bodyByPdata(lr plog.LogRecord) string {
	body := exactText(lr.Body())
	if body == "" {
		body = lr.EventName()
	}
	of := func(name string) string {
		v, ok := lr.Attributes().Get("exception." + name)
		if !ok {
			return ""
		}
		return exactText(v)
	}
	kind, message, trace := of("type"), of("message"), strings.TrimRight(of("stacktrace"), "\r\n")
	var lines []string
	if body != "" {
		lines = append(lines, body)
	}
	told := func(s string) bool { return strings.Contains(body, s) || strings.Contains(trace, s) }
	switch {
	case told(kind) && told(message):
	case kind != "" && message != "":
		lines = append(lines, kind+": "+message)
	default:
		lines = append(lines, kind+message)
	}
	if whole := strings.Join(lines, "\n"); !strings.Contains(body, trace) {
		lines = []string{whole, trace}
		if whole == "" {
			lines = lines[1:]
		}
	}
	if body = strings.Join(lines, "\n"); body != "" || lr.Attributes().Len() == 0 {
		return body
	}
	all := pcommon.NewValueMap()
	lr.Attributes().CopyTo(all.Map())
	return canonical(all)
}

// randomLogs makes a message of every shape. In JSON pdata replaces what is not UTF-8.
func randomLogs(r *rand.Rand) plog.Logs {
	ld := plog.NewLogs()
	for range 1 + r.IntN(3) {
		rl := ld.ResourceLogs().AppendEmpty()
		randomAttributes(r, rl.Resource().Attributes())
		randomLabels(r, rl.Resource().Attributes())
		for range r.IntN(3) {
			sl := rl.ScopeLogs().AppendEmpty()
			sl.Scope().SetName("scope")
			sl.Scope().Attributes().PutStr("host.name", "not a label")
			for range r.IntN(5) {
				randomLog(r, sl.LogRecords().AppendEmpty())
			}
		}
	}
	return ld
}

func randomLabels(r *rand.Rand, m pcommon.Map) {
	for _, name := range []string{"service.name", "host.name", "k8s.pod.name", "log.file.name", "peer.service"} {
		if r.IntN(3) == 0 {
			randomAttribute(r, m.PutEmpty(name), 3)
		}
	}
}

func randomLog(r *rand.Rand, lr plog.LogRecord) {
	lr.SetTimestamp(randomTime(r) * 2)
	lr.SetObservedTimestamp(randomTime(r))
	lr.SetSeverityNumber(plog.SeverityNumber(r.IntN(30)))
	lr.SetSeverityText([]string{"", "INFO", "warn2", "nonsense"}[r.IntN(4)])
	randomAttribute(r, lr.Body(), 4)
	randomAttributes(r, lr.Attributes())
	if r.IntN(2) == 0 {
		randomLabels(r, lr.Attributes())
	}
	for _, name := range []string{"type", "message", "stacktrace"} {
		if r.IntN(4) == 0 {
			lr.Attributes().PutStr("exception."+name, []string{"", "a", "E", "E: a\n\tat f\n", "x\ny"}[r.IntN(5)])
		}
	}
	if r.IntN(5) == 0 {
		lr.SetEventName("event")
	}
	lr.SetTraceID(pcommon.TraceID{1, 2, 3})
	lr.SetFlags(1)
	lr.SetDroppedAttributesCount(2)
}

func TestLogsDecodesWhatPdataEncodes(t *testing.T) {
	proto, text := codectest.NewChecker(func() pipeline.Codec { return newLogs(t, nil) }), codectest.NewChecker(func() pipeline.Codec { return newLogs(t, nil) })
	for seed := range uint64(500) {
		ld := randomLogs(rand.New(rand.NewPCG(seed, 5)))
		value, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(consultLogs(ld), proto.Check(t, codectest.Record(value))); d != "" {
			t.Fatalf("seed %d (-pdata +codec):\n%s", seed, d)
		}
		if value, err = (&plog.JSONMarshaler{}).MarshalLogs(ld); err != nil {
			t.Fatal(err)
		}
		back, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(value)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(consultLogs(back), text.Check(t, codectest.Record(value))); d != "" {
			t.Fatalf("seed %d in JSON (-pdata +codec):\n%s\n%s", seed, d, value)
		}
	}
}

// FuzzDecodeLogs checks what holds for any bytes, and that what pdata understands of them, written by pdata in both encodings, is
// decoded as it says.
func FuzzDecodeLogs(f *testing.F) {
	for _, value := range signalFixtures(f, "logs") {
		f.Add(value)
		for n := 1; n < len(value); n += 37 {
			f.Add(value[:n])
			f.Add(value[n:])
		}
	}
	for _, h := range hostileLogs() {
		if len(h.Value) < 4096 {
			f.Add(h.Value)
		}
	}
	for seed := range uint64(20) {
		ld := randomLogs(rand.New(rand.NewPCG(seed, 6)))
		value, _ := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
		f.Add(value)
		value, _ = (&plog.JSONMarshaler{}).MarshalLogs(ld)
		f.Add(value)
	}
	checker := codectest.NewChecker(func() pipeline.Codec { return made(otlp.NewLogs(pipeline.Settings{"memo": int64(1 << 20)})) })
	f.Fuzz(func(t *testing.T, value []byte) {
		first := checker.Check(t, codectest.Record(value))
		ld, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(value)
		asText := err != nil
		if asText {
			ld, err = (&plog.JSONUnmarshaler{}).UnmarshalLogs(value)
		}
		if err != nil || ld.ResourceLogs().Len() == 0 {
			return
		}
		// pdata stops behind the first document, and does not mind what comes twice.
		if asText && first.Code == "" && bytes.Count(value, []byte("esource")) == 2 && bytes.HasPrefix(value, []byte("{")) {
			if d := cmp.Diff(len(consultLogs(ld).Lines), len(first.Lines)); d != "" {
				t.Fatalf("rows (-pdata +codec):\n%s", d)
			}
		}
		clean, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
		if err != nil {
			t.Fatal(err)
		}
		agree(t, consultLogs(ld), checker.Check(t, codectest.Record(clean)))
		if clean, err = (&plog.JSONMarshaler{}).MarshalLogs(ld); err != nil {
			t.Fatal(err)
		}
		if ld, err = (&plog.JSONUnmarshaler{}).UnmarshalLogs(clean); err != nil {
			return
		}
		agree(t, consultLogs(ld), checker.Check(t, codectest.Record(clean)))
	})
}

// agree compares what pdata says with what the codec made of pdata's own bytes, which may be beyond a limit.
func agree(t *testing.T, want, got codectest.Result) {
	t.Helper()
	if strings.Contains(got.Code, ".limit.") {
		return
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("(-pdata +codec):\n%s", d)
	}
}

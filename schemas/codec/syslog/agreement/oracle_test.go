package agreement_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	oracle "github.com/leodido/go-syslog/v4"
	bsd "github.com/leodido/go-syslog/v4/rfc3164"
	ietf "github.com/leodido/go-syslog/v4/rfc5424"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
	"github.com/homeostat/homeostat/schemas/codec/severity"
	"github.com/homeostat/homeostat/schemas/codec/syslog"
)

const now = codectest.Timestamp * 1_000_000 // Unix nanoseconds of the records

func newCodec(t testing.TB, settings pipeline.Settings) pipeline.Codec {
	t.Helper()
	codec, err := syslog.New(settings)
	if err != nil {
		t.Fatal(err)
	}
	return codec
}

// line is what the codec has to make of what the oracle has read, structured data aside.
func line(m oracle.Base) codectest.Line {
	var labels []pipeline.Label
	for name, value := range map[string]*string{"host": m.Hostname, "app": m.Appname, "msgid": m.MsgID} {
		if value != nil {
			labels = append(labels, pipeline.Label{Name: name, Value: strings.ToValidUTF8(*value, "\uFFFD")})
		}
	}
	l := codectest.Line{Time: now}
	if m.Severity != nil {
		l.Severity = severity.Parse([]byte{'0' + *m.Severity}, severity.BySyslog)
	}
	l.Stream = pipeline.SeriesKey("", pipeline.Stream, pipeline.NewLabels(labels))
	if m.Timestamp != nil {
		l.Time = m.Timestamp.UnixNano()
	}
	if m.Message != nil {
		l.Body = *m.Message
	}
	return l
}

var withIDs = pipeline.Settings{"labels": []any{"host", "app", "msgid"}}

func pick(r *rand.Rand, from string, least, most int) string {
	letters := []rune(from)
	out := make([]rune, least+r.IntN(most-least+1))
	for i := range out {
		out[i] = letters[r.IntN(len(letters))]
	}
	return string(out)
}

const (
	wordLetters = "abcxyzABC019._-/()@%"
	textLetters = "ab cd:[]<>\"\\=- 019\tüß€😀"
)

// TestStructuredAgreesWithTheOracle builds messages of RFC 5424 by its builder.
func TestStructuredAgreesWithTheOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	parser := ietf.NewParser()
	codecs := []pipeline.Codec{newCodec(t, withIDs), newCodec(t, pipeline.Settings{"dialect": "rfc5424", "labels": withIDs["labels"]})}
	table := pipeline.NewSeriesTable(nil, 0)
	var values [][]byte
	var want []codectest.Line
	for range 5_000 {
		m := &ietf.SyslogMessage{}
		m.SetPriority(uint8(r.IntN(192))).SetVersion(uint16(1 + r.IntN(999)))
		if r.IntN(5) > 0 {
			m.SetTimestamp(time.Unix(r.Int64N(4e9)+1, r.Int64N(1e6)*1000).In(time.FixedZone("", (r.IntN(53)-26)*1800)).Format(ietf.RFC3339MICRO))
		}
		for _, set := range []func(string) ietf.Builder{m.SetHostname, m.SetAppname, m.SetProcID, m.SetMsgID} {
			if r.IntN(4) > 0 {
				set(pick(r, wordLetters, 1, 20))
			}
		}
		for range r.IntN(3) {
			id := pick(r, "abcXYZ@019.", 1, 10)
			m.SetElementID(id)
			for range r.IntN(3) {
				m.SetParameter(id, pick(r, "abcXYZ@019.", 1, 10), strings.NewReplacer(`\`, `\\`, `"`, `\"`, `]`, `\]`).Replace(pick(r, textLetters, 0, 15)))
			}
		}
		if r.IntN(5) > 0 {
			m.SetMessage(pick(r, textLetters, 1, 60))
		}
		value, err := m.String()
		if err != nil {
			t.Fatal(err)
		}
		if r.IntN(4) == 0 && m.Message != nil { // a byte order mark before the text
			value = strings.TrimSuffix(value, *m.Message) + "\uFEFF" + *m.Message
		}
		got := codectest.Decode(t, codecs[r.IntN(2)], table, codectest.Record([]byte(value)))
		compare(t, parser, []byte(value), got)
		values, want = append(values, []byte(value)), append(want, got.Lines...)
	}
	// All of them in one record: on lines, and in frames.
	checkTogether(t, values, want)
}

func checkTogether(t *testing.T, values [][]byte, want []codectest.Line) {
	t.Helper()
	var frames []byte
	for _, v := range values {
		frames = append(fmt.Appendf(frames, "%d ", len(v)), v...)
	}
	for _, value := range [][]byte{bytes.Join(values, []byte("\n")), frames} {
		got := codectest.Fresh(t, newCodec(t, withIDs), value)
		if d := cmp.Diff(want, got.Lines); d != "" || got.Code != "" || len(got.Lost) != 0 {
			t.Fatalf("%s, lost %v (-alone +together):\n%.2000s", got.Code, got.Lost, d)
		}
	}
}

// compare checks that a message gave the row that the oracle reads by RFC 5424.
func compare(t testing.TB, parser oracle.Machine, value []byte, got codectest.Result) {
	t.Helper()
	read, err := parser.Parse(value)
	if err != nil {
		t.Fatalf("%q: the oracle says %v", value, err)
	}
	m := read.(*ietf.SyslogMessage)
	want := line(m.Base)
	if m.Timestamp != nil && (m.Timestamp.Unix() <= 0 || m.Timestamp.Year() < 1970 || m.Timestamp.Year() > 2261) {
		want.Time = now // the codec's range
	}
	if len(got.Lines) != 1 || got.Code != "" || len(got.Lost) != 0 {
		t.Fatalf("%q: %+v", value, got)
	}
	line := got.Lines[0]
	text := strings.TrimRight(strings.TrimPrefix(want.Body, "\uFEFF"), "\r\n\x00")
	if m.StructuredData == nil {
		want.Body = text
	} else {
		// The body begins with structured data that the oracle reads as it did in the message.
		data, ok := strings.CutSuffix(line.Body, text)
		data = strings.TrimSuffix(data, " ")
		again, err := parser.Parse([]byte("<1>1 - - - - - " + data))
		if !ok || err != nil || !cmp.Equal(again.(*ietf.SyslogMessage).StructuredData, m.StructuredData) {
			t.Fatalf("%q: body %q, want structured data %v and text %q (%v)", value, line.Body, *m.StructuredData, text, err)
		}
		want.Body = line.Body
	}
	if d := cmp.Diff(want, line); d != "" {
		t.Fatalf("%q (-oracle +codec):\n%s", value, d)
	}
}

// TestMutatedAgreesWithTheOracle changes bytes of messages of RFC 5424: what the oracle still reads is read the same.
func TestMutatedAgreesWithTheOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	parser, codec, table := ietf.NewParser(), newCodec(t, withIDs), pipeline.NewSeriesTable(nil, 0)
	const letters = " -:.\"\\][=<>+0129TZaz\t\xff\u00fc"
	compared := 0
	for range 10_000 {
		value := []byte("<165>1 2026-11-23T04:00:01.25+02:00 h app 99 ID47 [a@1 b=\"c\\\"d\" e=\"\"][f] \uFEFFtext of it")
		for range 1 + r.IntN(3) {
			switch at := r.IntN(len(value)); r.IntN(3) {
			case 0:
				value[at] = letters[r.IntN(len(letters))]
			case 1:
				value = append(value[:at], value[at+1:]...)
			default:
				value = append(value[:at+1], value[at:]...)
			}
		}
		if read, err := parser.Parse(value); err == nil && read.Valid() && value[0] == '<' {
			compare(t, parser, value, codectest.Decode(t, codec, table, codectest.Record(value)))
			compared++
		}
	}
	if compared < 1000 {
		t.Fatalf("only %d messages were compared", compared)
	}
}

// TestPlainAgreesWithTheOracle makes messages of RFC 3164 of a generator of its own.
func TestPlainAgreesWithTheOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	parser := bsd.NewParser(bsd.WithYear(bsd.Year{YYYY: 2026}), bsd.WithLocaleTimezone(berlin), bsd.WithRFC3339(), bsd.WithSecondFractions())
	codec := newCodec(t, pipeline.Settings{"zone": "Europe/Berlin", "labels": withIDs["labels"]})
	table := pipeline.NewSeriesTable(nil, 0)
	start := time.Date(2026, 6, 1, 0, 0, 0, 0, berlin)
	for range 5_000 {
		when := start.Add(time.Duration(r.Int64N(int64(200 * 24 * time.Hour))))
		stamp := when.Format([]string{time.Stamp, time.StampMilli, time.RFC3339}[r.IntN(3)])
		value := fmt.Sprintf("<%d>%s ", r.IntN(192), stamp)
		if r.IntN(4) > 0 {
			value += pick(r, "abcxyz019.-", 1, 20) + " "
		}
		value += "t" + pick(r, "abcxyzABC019._-/()@%", 0, 20)
		if r.IntN(2) == 0 {
			value += "[" + pick(r, "019abc.", 1, 8) + "]"
		}
		value += ": " + pick(r, textLetters, 1, 60)
		read, err := parser.Parse([]byte(value))
		if err != nil {
			t.Fatalf("%q: the oracle says %v", value, err)
		}
		want := line(read.(*bsd.SyslogMessage).Base)
		got := codectest.Decode(t, codec, table, codectest.Record([]byte(value)))
		if d := cmp.Diff([]codectest.Line{want}, got.Lines); d != "" || got.Code != "" {
			t.Fatalf("%q: %s (-oracle +codec):\n%s", value, got.Code, d)
		}
	}
}

// BenchmarkParse parses messages as those of the codec's benchmark into the library's own structs.
func BenchmarkParse(b *testing.B) {
	structured, plain := ietf.NewParser(), bsd.NewParser(bsd.WithYear(bsd.CurrentYear{}))
	for _, s := range []struct {
		name, message string
		parser        oracle.Machine
	}{
		{"3164", "<131>Nov 23 04:00:01 web-1 app-1[812]: payment for order 17 failed: card declined by the issuing bank, not retried", plain},
		{"5424", "<131>1 2026-11-23T04:00:01.123456Z web-1 app-1 812 ID47 - payment for order 17 failed: card declined by the issuing bank", structured},
		{"5424data", "<131>1 2026-11-23T04:00:01.123456Z web-1 app-1 812 ID47 [origin ip=\"10.0.0.1\" env=\"prod\"] payment for order 17 failed", structured},
	} {
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.parser.Parse([]byte(s.message)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

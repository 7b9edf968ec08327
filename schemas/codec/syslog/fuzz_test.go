package syslog_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
	"github.com/homeostat/homeostat/schemas/codec/syslog"
)

// FuzzDecode checks that hostile bytes never panic and leave nothing behind, that a codec that has seen other records decodes as a new
// one, that bodies are parts of the record, and that nothing is left out with body: line.
func FuzzDecode(f *testing.F) {
	for _, topic := range []string{"rsyslog", "rsyslog-5424", "syslogng"} {
		for _, value := range samples(f, topic) {
			f.Add(value)
			f.Add(value[:len(value)/2])
		}
	}
	for _, value := range []string{
		"<34>Nov 23 04:00:01 mymachine su[1]: 'su root' failed", "<189>45: 000312: sw1: .Nov 23 04:00:01.123 UTC: %SYS-5-CONFIG_I: x",
		"<165>Aug 24 05:34:00 CST 1987 mymachine myproc[10]: x", "22 <131>1 - h c - - - zmor18 <34>Nov 23 04:00:0", "Nov 23 04:00:01 h a: x\n\tat y\n\nNov 24 04:00:01 h b: z\n",
	} {
		f.Add([]byte(value))
	}
	checkerOf := func(settings pipeline.Settings) *codectest.Checker {
		return codectest.NewChecker(func() pipeline.Codec {
			codec, err := syslog.New(settings)
			if err != nil {
				panic(err)
			}
			return codec
		})
	}
	checker, whole := checkerOf(withIDs), checkerOf(pipeline.Settings{"body": "line", "multiline": "off"})
	f.Fuzz(func(t *testing.T, value []byte) {
		rec := codectest.Record(value)
		got := checker.Check(t, rec)
		for _, l := range got.Lines {
			if body := []byte(l.Body); !bytes.Contains(value, body) && !bytes.Contains(bytes.ReplaceAll(value, []byte("\uFEFF"), nil), bytes.ReplaceAll(body, []byte("\uFEFF"), nil)) {
				t.Fatalf("%q has the body %q", value, l.Body)
			}
			if l.Time <= 0 {
				t.Fatal(l)
			}
		}
		if lines := whole.Check(t, rec); lines.Code == "" && got.Code == "" && (len(value) < 2 || value[0] < '1' || value[0] > '9') {
			left := strings.TrimPrefix(string(value), "\uFEFF")
			for _, l := range lines.Lines {
				before, after, ok := strings.Cut(left, l.Body)
				if !ok || strings.Trim(before, "\r\n\x00 \t") != "" {
					t.Fatalf("%q: %q is left out before %q", value, before, l.Body)
				}
				left = after
			}
			if strings.Trim(left, "\r\n\x00 \t") != "" {
				t.Fatalf("%q: %q is left out", value, left)
			}
		}
	})
}

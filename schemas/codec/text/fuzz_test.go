package text_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
	"github.com/homeostat/homeostat/schemas/codec/text"
)

// FuzzDecode checks that hostile bytes never panic and leave nothing behind, that a codec that has seen other records decodes as a new one, and
// that nothing but line ends, blank lines and what a container runtime put there is left out: lines joined and not joined are the same text.
func FuzzDecode(f *testing.F) {
	for _, value := range []string{
		"2026-11-23T04:00:01Z ERROR a\n" + java, python + "\n" + python, golang + "\nx", php, net, "\x1b[31mERROR\x1b[0m a\r\n\tb\n\n",
		"2026-11-23T04:00:01Z stdout P a\n2026-11-23T04:00:02Z stdout F b\n2026-11-23T04:00:02Z stdout F \n2026-11-23T04:00:02Z stdout F \tat c",
		`time="2026-11-23 04:00:01" level=info msg="x"`, "[Mon Nov 23 04:00:01 2026] [core:error] x", "E1123 04:00:01.123456   12 a.go:1] x", "\uFEFF1795408201.5 WARN: x",
	} {
		f.Add([]byte(value))
		f.Add([]byte(value[:len(value)/2]))
	}
	checkerOf := func(settings pipeline.Settings) *codectest.Checker {
		return codectest.NewChecker(func() pipeline.Codec {
			codec, err := text.New(settings)
			if err != nil {
				panic(err)
			}
			return codec
		})
	}
	checker := checkerOf(nil)
	kept, split := checkerOf(pipeline.Settings{"ansi": "keep"}), checkerOf(pipeline.Settings{"ansi": "keep", "multiline": "off"})
	f.Fuzz(func(t *testing.T, value []byte) {
		rec := codectest.Record(value)
		stripped, joined, lines := checker.Check(t, rec), kept.Check(t, rec), split.Check(t, rec)
		if !bytes.Contains(value, []byte("\x1b")) && (len(stripped.Lines) != len(joined.Lines) || stripped.Code != joined.Code) {
			t.Fatalf("%q: %+v, with sequences kept %+v", value, stripped, joined)
		}
		if joined.Code != "" || lines.Code != "" || bytes.Contains(value, []byte(" F")) || bytes.Contains(value, []byte(" P")) {
			return
		}
		for _, got := range []codectest.Result{joined, lines} {
			left := strings.TrimPrefix(string(value), "\uFEFF")
			for _, l := range got.Lines {
				before, after, ok := strings.Cut(left, l.Body)
				if !ok || strings.Trim(before, "\r\n \t") != "" || l.Time <= 0 {
					t.Fatalf("%q: %q is left out before %q", value, before, l.Body)
				}
				left = after
			}
			if strings.Trim(left, "\r\n \t") != "" {
				t.Fatalf("%q: %q is left out", value, left)
			}
		}
	})
}

package text_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
)

// TestRandomRecords writes records of random entries, whose time, level and extent are known as they are made, with colours, either line
// end, and blank lines, as they are and as a container runtime wraps them.
func TestRandomRecords(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	codec, table := newCodec(t, nil), pipeline.NewSeriesTable(nil, 0)
	levels := map[string]uint8{"TRACE": 1, "DEBUG": 5, "INFO": 9, "WARN": 13, "WARNING": 13, "ERROR": 17, "CRITICAL": 18, "FATAL": 21}
	var names []string
	for name := range levels {
		names = append(names, name)
	}
	traces := []string{"", "", "", "\n  indented\n\n\tmore", "\n" + java, "\n" + python, "\n" + golang[strings.Index(golang, "goroutine"):]}
	colour := func(s string) string {
		if r.IntN(3) > 0 {
			return s
		}
		return fmt.Sprintf("\x1b[%d;1m%s\x1b[0m", 30+r.IntN(8), s)
	}
	for range 1_000 {
		var value strings.Builder
		var want []codectest.Line
		wrapped, end := r.IntN(3) == 0, []string{"\n", "\r\n"}[r.IntN(2)]
		for range 1 + r.IntN(5) {
			when := time.Unix(1_795_000_000+r.Int64N(1e6), r.Int64N(1e6)*1000).UTC()
			level := names[r.IntN(len(names))]
			stamp, word, sep := when.Format([]string{"2006-01-02 15:04:05,000000", time.RFC3339Nano, "2006/01/02 15:04:05.000000", "2 Jan 2006 15:04:05.000000", "[2006-01-02T15:04:05.000000]"}[r.IntN(5)]), level, " "
			switch r.IntN(4) {
			case 0:
				word = "[" + level + "]"
			case 1:
				sep = " [main] "
			case 2:
				word = strings.ToLower(level)
			}
			if sep != " " {
				word = level
			}
			body := stamp + sep + word + " order " + fmt.Sprint(r.IntN(1000)) + " failed: ERROR in prose" + traces[r.IntN(len(traces))]
			l := codectest.Line{Stream: `:stream{topic="t"}`, Time: when.UnixNano(), Severity: levels[level], Body: strings.ReplaceAll(body, "\n", end)}
			if !wrapped {
				for _, line := range strings.Split(body, "\n") {
					value.WriteString(colour(line) + end)
				}
				if r.IntN(4) == 0 {
					value.WriteString(end)
				}
				want = append(want, l)
				continue
			}
			l.Stream = `:stream{stream="stderr",topic="t"}`
			l.Time = when.Add(time.Second).UnixNano()
			for _, line := range strings.Split(body, "\n") {
				stamp := when.Add(time.Second).Format(time.RFC3339Nano)
				for n := r.IntN(3); n > 0 && len(line) > 8; n-- { // runtimes cut at 16 kB
					cut := 8 + r.IntN(len(line)-8)
					value.WriteString(stamp + " stderr P " + colour(line[:cut]) + "\n")
					line = line[cut:]
				}
				if line += strings.TrimSuffix(end, "\n"); r.IntN(8) == 0 && strings.TrimSpace(line) != "" {
					line = colour(line)
				}
				value.WriteString(stamp + " stderr F " + line + "\n")
			}
			want = append(want, l)
		}
		got := codectest.Decode(t, codec, table, codectest.Record([]byte(value.String())))
		if d := cmp.Diff(want, got.Lines); d != "" || got.Code != "" || len(got.Lost) != 0 {
			t.Fatalf("%q: %q, lost %v (-want +got):\n%s", value.String(), got.Code, got.Lost, d)
		}
	}
}

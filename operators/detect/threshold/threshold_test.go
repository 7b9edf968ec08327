package threshold

import (
	"testing"

	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/pipeline"
)

func made(changes ...any) func() (pipeline.Detector, error) {
	return func() (pipeline.Detector, error) { return New(operatortest.Settings(Spec(), changes...)) }
}

func rules(entries ...pipeline.Settings) []any {
	list := make([]any, len(entries))
	for i, e := range entries {
		list[i] = e
	}
	return []any{"series", list, "clear", int64(1), "history", int64(3)}
}

func TestFindings(t *testing.T) {
	for _, c := range []struct {
		fact, input, want string
		settings          []any
	}{{
		fact:     "a limit, with what was compared",
		settings: rules(pipeline.Settings{"metric": "disk", "when": "value * 100 > 90", "severity": "critical"}),
		input:    `windows disk{host="a"} at 0s every 10s: 0.5 0.95 0.96 0.5`,
		want: `
			[10s,20s) disk{host="a"} open rev=0 onset=10s score=1 value=95 expect=90..90 up critical p=1 evidence{value=0.95 previous=0.5 usual=0.5}
			[30s,40s) disk{host="a"} closed rev=1 onset=10s score=0 value=50 expect=90..90 up critical evidence{value=0.5 previous=0.96 usual=0.5}`,
	}, {
		fact:     "a rate, across a window without points; the first window has none",
		settings: rules(pipeline.Settings{"metric": "queue", "when": "rate < -1 and value < 50"}),
		input:    `windows queue{} at 0s every 10s: 20 10 _ -30`,
		want:     `[30s,40s) queue{} open rev=0 onset=30s score=1 value=-30 expect=-30..-30 p=1 evidence{value=-30 previous=10 usual=15}`,
	}, {
		fact:     "what is usual is not what is abnormal, and the first entry that fits counts",
		settings: rules(pipeline.Settings{"metric": "lat.*", "when": "ratio >= 3"}, pipeline.Settings{"metric": "lat.b", "when": "true"}),
		input:    "windows lat.a{} at 0s every 10s: 10 10 30 30 29\nwindows lat.b{} at 0s every 10s: 1 1 1 1 1",
		want: `
			[20s,30s) lat.a{} open rev=0 onset=20s score=1 value=3 expect=3..3 up p=1 evidence{value=30 previous=10 usual=10}
			[40s,50s) lat.a{} closed rev=1 onset=20s score=0 value=2.9 expect=3..3 up evidence{value=29 previous=30 usual=10}`,
	}, {
		fact:     "labels are part of the language; one rule for all series",
		settings: []any{"when", "value > float(labels.limit)"},
		input:    "windows a{limit=\"5\"} at 0s every 10s: 6\nwindows b{} at 0s every 10s: 6\nwindows c:stream{limit=\"1\"} at 0s every 10s: 6",
		want:     `[0s,10s) a{limit="5"} open rev=0 onset=0s score=1 value=6 expect=5..5 up p=1 evidence{value=6}`,
	}} {
		t.Run(c.fact, func(t *testing.T) {
			operatortest.RunDetector(t, operatortest.DetectorCase{New: made(c.settings...), Input: operatortest.Script(t, c.input), Want: c.want, Silent: c.want == ""})
		})
	}
}

func TestHostile(t *testing.T) {
	operatortest.Hostile(t, made("when", "ratio > 2 or rate * rate < -change"))
}

func TestSettings(t *testing.T) {
	for code, settings := range map[string][]any{
		"threshold.when": {}, "expr.syntax": {"when", "valu > 1"}, "series.pattern": rules(pipeline.Settings{"metric": "[", "when": "true"}),
	} {
		if _, err := made(settings...)(); pipeline.Code(err) != code {
			t.Errorf("%s: %v", code, err)
		}
	}
}

func BenchmarkQuiet(b *testing.B) { operatortest.Bench(b, made("when", "value > 1000 or rate > 100")) }

package robustz

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/pipeline"
)

func settings(changes pipeline.Settings) pipeline.Settings {
	s := operatortest.Settings(Spec())
	maps.Copy(s, changes)
	return s
}

func made(changes pipeline.Settings) func() (pipeline.Detector, error) {
	return func() (pipeline.Detector, error) { return New(settings(changes)) }
}

// quick warms up in 8 windows and needs 2 of 3.
var quick = pipeline.Settings{"history": int64(16), "warmup": int64(8), "adapt": int64(12), "hold": int64(2), "of": int64(3), "clear": int64(2), "rest": int64(2), "update": int64(5), "gone": int64(5)}

func with(changes ...any) pipeline.Settings {
	s := pipeline.Settings{}
	for k, v := range quick {
		s[k] = v
	}
	for i := 0; i < len(changes); i += 2 {
		s[changes[i].(string)] = changes[i+1]
	}
	return s
}

func TestFindings(t *testing.T) {
	for _, c := range []struct {
		fact, input string
		settings    pipeline.Settings
		want        string // empty: silent
	}{{
		fact:  "a jump is found in its second window and closed after two calm ones",
		input: `windows cpu{host="a"} at 0s every 10s: 10 11 9 10 11 9 10 11 30 30 30 10 10 10`,
		want: `
			[1m30s,1m40s) cpu{host="a"} open rev=0 onset=1m20s score=1.34009 value=30 expect=5.13648..24.9244 up p=0.991374 evidence{median=10 scale=1.86555 z=10.7207 history=9}
			[2m,2m10s) cpu{host="a"} closed rev=1 onset=1m20s score=0 value=10 expect=5.13648..24.086 up evidence{median=10 scale=1.76075 z=0 history=10}`,
	}, {
		fact:  "a single outlier is nothing",
		input: `windows cpu{} at 0s every 10s: 10 11 9 10 11 9 10 11 300 10 10 10 300 10 10`,
	}, {
		fact:  "nothing is said before the series is warm",
		input: `windows cpu{} at 0s every 10s: 10 11 9 300 300 300 300`,
	}, {
		fact:  "a constant series does not alarm on a wiggle",
		input: `windows cpu{} at 0s every 10s: 10x9 10.1x9`,
	}, {
		fact:  "nor on float noise around zero",
		input: `windows cpu{} at 0s every 10s: 0x9 1e-9x9`,
	}, {
		fact:  "counts that could be chance are nothing",
		input: `windows errors:delta{} at 0s every 10s: 0x9 3 4 3 2`,
	}, {
		fact:     "only up",
		input:    `windows cpu{} at 0s every 10s: 10 11 9 10 11 9 10 11 1 1 1`,
		settings: with("direction", "up"),
	}, {
		fact:     "excluded",
		input:    `windows cpu{} at 0s every 10s: 10 11 9 10 11 9 10 11 90 90 90`,
		settings: with("exclude", []any{pipeline.Settings{"metric": "c*"}}),
	}, {
		fact:     "not selected",
		input:    `windows cpu{} at 0s every 10s: 10 11 9 10 11 9 10 11 90 90 90`,
		settings: with("series", []any{pipeline.Settings{"metric": "cpu", "labels": map[string]any{"host": "a"}}}),
	}, {
		fact:     "a threshold of its own",
		input:    `windows cpu{} at 0s every 10s: 10 11 9 10 11 9 10 11 30 30 30`,
		settings: with("series", []any{pipeline.Settings{"metric": "cpu", "threshold": 50.0}}),
	}, {
		fact:     "scores are told of each window that is judged",
		input:    `windows cpu{host="a"} at 0s every 10s: 10 11 9 10 11 9 10 11 12`,
		settings: with("scores", true),
		want:     `[1m20s,1m30s) cpu{host="a"} score=0.168625 expect=10 (5.13648..21.8606)`,
	}, {
		fact:     "the scores of another detector are not for it",
		input:    `windows anomaly.score{} at 0s every 10s: 10 11 9 10 11 9 10 11 90 90 90`,
		settings: with("scores", true),
	}, {
		fact:  "log streams are not for it",
		input: `windows app:stream{} at 0s every 10s: 10 11 9 10 11 9 10 11 900 900 900`,
	}, {
		fact:  "the indicators of objectives are not for it",
		input: `windows slo.bad:delta{slo="a"} at 0s every 10s: 10 11 9 10 11 9 10 11 900 900 900`,
	}, {
		fact:  "absent windows do nothing",
		input: `windows cpu{} at 0s every 10s: 10 11 9 10 11 9 10 11 _x50 10 11 10`,
	}} {
		t.Run(c.fact, func(t *testing.T) {
			if c.settings == nil {
				c.settings = quick
			}
			operatortest.RunDetector(t, operatortest.DetectorCase{
				New: made(c.settings), Input: operatortest.Script(t, c.input), Want: c.want, Silent: c.want == "",
			})
		})
	}
}

func TestNewLevelBecomesNormal(t *testing.T) {
	operatortest.RunDetector(t, operatortest.DetectorCase{
		New: made(quick), Input: operatortest.Script(t, `windows cpu{} at 0s every 10s: 10 11 9 10 11 9 10 11 30 31 30 29 30 31 29 30 30 31 30 30 29 30 31 30 30 31 29`),
		Check: func(t testing.TB, out *operatortest.Output) {
			last := out.Findings[len(out.Findings)-1]
			if last.Open || last.Evidence[len(last.Evidence)-1].Name != "adapted" || last.End != 210e9 {
				t.Errorf("last finding: %+v; want it closed by adaption after 12 rejected windows", last)
			}
			if n := len(out.Findings); n != 4 { // opened, updated twice, closed
				t.Errorf("%d statements", n)
			}
		},
	})
}

func TestGoneSeries(t *testing.T) {
	operatortest.RunDetector(t, operatortest.DetectorCase{
		New: made(quick), Input: operatortest.Script(t, `
			windows cpu{} at 0s every 10s: 10 11 9 10 11 9 10 11 30 30
			windows other{} at 0s every 10s: 10x30`),
		Check: func(t testing.TB, out *operatortest.Output) {
			if n := len(out.Findings); n != 2 || out.Findings[1].Open || out.Findings[1].Evidence[0].Name != "absent_seconds" || out.Findings[1].End != 160e9 {
				t.Errorf("findings: %+v", out.Findings)
			}
		},
	})
}

// TestQuiet bounds false findings with the defaults.
func TestQuiet(t *testing.T) {
	for kind, n := range operatortest.Quiet(t, made(nil)) {
		if n > 0 {
			t.Errorf("%d false findings in 20 series and a day of %s", n, kind)
		}
	}
}

func TestHostile(t *testing.T) { operatortest.Hostile(t, made(nil)) }

// TestFaults wants a fault of an hour found within four windows, once, with the right onset, and closed within two minutes after.
func TestFaults(t *testing.T) {
	const from, to = 1000, 1350
	for kind, make := range operatortest.Noises {
		if kind == "lognormal" || kind == "daily" {
			continue // a shift by 60 is no fault there
		}
		t.Run(kind, func(t *testing.T) {
			found := scan(t, 20, 1500, func(s int) func(int) float64 {
				next := make(rand.New(rand.NewPCG(uint64(s), 5)))
				return func(k int) float64 {
					v := next()
					if k >= from && k < to {
						v += map[bool]float64{true: 1e4, false: 200}[kind == "ramp" || kind == "spikes"]
					}
					return v
				}
			})
			if n := operatortest.Opened(found); n != 20 {
				t.Errorf("%d findings, want 20", n)
			}
			for _, f := range found {
				if f.Open && f.Revision == 0 && (f.End > (from+4)*10e9 || f.Onset < (from-5)*10e9 || f.Onset > (from+1)*10e9) {
					t.Errorf("opened at window %d with onset %d", f.End/10e9, f.Onset/10e9)
				}
				if !f.Open && (f.End < to*10e9 || f.End > (to+12)*10e9) {
					t.Errorf("closed at window %d", f.End/10e9)
				}
			}
		})
	}
}

// scan runs the detector with its defaults.
func scan(t *testing.T, series, windows int, of func(s int) func(k int) float64) []pipeline.Finding {
	t.Helper()
	d, err := New(settings(nil))
	if err != nil {
		t.Fatal(err)
	}
	return operatortest.Scan(t, d, series, windows, of)
}

// TestScoresDontLookAhead (I12): what is found up to a window is the same whatever comes after.
func TestScoresDontLookAhead(t *testing.T) {
	run := func(future float64) []pipeline.Finding {
		return scan(t, 1, 400, func(int) func(int) float64 {
			rnd := rand.New(rand.NewPCG(1, 1))
			return func(k int) float64 {
				v := 100 + rnd.NormFloat64()
				switch {
				case k >= 300:
					v *= future
				case k >= 200 && k < 230:
					v *= 3
				}
				return v
			}
		})
	}
	upTo := func(found []pipeline.Finding) string {
		out := ""
		for _, f := range found {
			if f.End <= 3000e9 {
				out += fmt.Sprintf("%+v\n", f)
			}
		}
		return out
	}
	if a, b := upTo(run(1)), upTo(run(-1e6)); a != b || a == "" {
		t.Errorf("findings before the change differ:\n%s\n%s", a, b)
	}
}

func TestSettingsThatDontFit(t *testing.T) {
	for code, s := range map[string]pipeline.Settings{
		"alarm.hold.range":      with("hold", int64(9)),
		"baseline.warmup.range": with("warmup", int64(99)),
		"series.pattern":        with("series", []any{pipeline.Settings{"metric": "a["}}),
	} {
		if _, err := New(settings(s)); pipeline.Code(err) != code {
			t.Errorf("want %s, got %v", code, err)
		}
	}
}

// BenchmarkQuiet is the cost of a value of a quiet series.
func BenchmarkQuiet(b *testing.B) { operatortest.Bench(b, made(nil)) }

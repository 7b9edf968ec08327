package absence

import (
	"testing"

	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

func made(changes ...any) func() (pipeline.Detector, error) {
	return func() (pipeline.Detector, error) { return New(operatortest.Settings(Spec(), changes...)) }
}

func quick(metric string) func() (pipeline.Detector, error) {
	return made("series", []any{pipeline.Settings{"metric": metric}}, "history", int64(100), "warmup", int64(10), "adapt", int64(9), "threshold", 10.0)
}

func TestFindings(t *testing.T) {
	for _, c := range []struct{ fact, metric, input, want string }{{
		fact: "who is missing is missed after a few windows, and found again", metric: "up",
		input: `
			windows up{host="a"} at 0s every 10s: 1x12 _x5 1 1
			windows up{host="b"} at 0s every 10s: 1x30`,
		want: `
			[2m40s,2m50s) up{host="a"} open rev=0 onset=2m10s score=1.28954 value=0 expect=1..1 down p=0.999997 evidence{windows=4 present=0.960198}
			[3m,3m10s) up{host="a"} closed rev=1 onset=2m10s score=0 value=1 expect=1..1 down evidence{windows=0 present=0.960198}`,
	}, {
		fact: "who is missing is missed as soon as the window is over, also if it is the last one", metric: "up",
		input: `
			windows up{host="a"} at 0s every 10s: 1x12
			windows up{host="b"} at 0s every 10s: 1x16`,
		want: `
			[2m40s,2m50s) up{host="a"} open rev=0 onset=2m10s score=1.28954 value=0 expect=1..1 down p=0.999997 evidence{windows=4 present=0.960198}`,
	}, {
		fact: "who stays away is taken for gone", metric: "up",
		input: `
			windows up{host="a"} at 0s every 10s: 1x12 _x20
			windows other{} at 0s every 10s: 1x32`,
		want: `
			[2m40s,2m50s) up{host="a"} open rev=0 onset=2m10s score=1.28954 value=0 expect=1..1 down p=0.999997 evidence{windows=4 present=0.960198}
			[3m20s,3m30s) up{host="a"} open rev=1 onset=2m10s score=2.57907 value=0 expect=1..1 down p=1 evidence{windows=8 present=0.960198}
			[3m30s,3m40s) up{host="a"} closed rev=2 onset=2m10s score=2.90146 value=0 expect=1..1 down p=1 evidence{windows=9 present=0.960198 adapted=1}`,
	}, {
		fact: "who comes seldom is not missed soon, nor who is not expected", metric: "up",
		input: `
			windows up{host="a"} at 0s every 10s: 1 _ _ 1 _ _ 1 _ _ 1 _ _ 1 _ _ 1 _ _ _ _ _ _
			windows other{} at 0s every 10s: 1x21 _ _ _ _ _ 1
			windows x{} at 0s every 10s: 1x30`,
	}} {
		t.Run(c.fact, func(t *testing.T) {
			operatortest.RunDetector(t, operatortest.DetectorCase{New: quick(c.metric), Input: operatortest.Script(t, c.input), Want: c.want, Silent: c.want == ""})
		})
	}
}

func TestHostile(t *testing.T) { operatortest.Hostile(t, quick("*")) }

func TestSettings(t *testing.T) {
	if _, err := made()(); pipeline.Code(err) != "absence.series" {
		t.Errorf("no series: %v", err)
	}
	if _, err := quick("[")(); pipeline.Code(err) != "series.pattern" {
		t.Errorf("a bad pattern: %v", err)
	}
}

// A window that waited for the next one when an older program saved it is judged as soon as it is complete. What comes of it after that is late.
func TestWindowOfAnOlderSnapshot(t *testing.T) {
	made, err := made("series", []any{pipeline.Settings{"metric": "*"}})()
	if err != nil {
		t.Fatal(err)
	}
	d := made.(*Detector)
	older := laneTable
	older.Version, older.Fields = 1, older.Fields[:2]
	operatortest.OlderWindow(t, d, name, func(w *state.Writer) {
		w.Table(older).Int64(10e9).Int64(20e9)
		w.Table(cellTable)
		d.alarm.Freeze().Write(w)
	}, "up", pipeline.Gauge)
}

func BenchmarkQuiet(b *testing.B) {
	operatortest.Bench(b, made("series", []any{pipeline.Settings{"metric": "*"}}))
}

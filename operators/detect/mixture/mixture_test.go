package mixture

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

func made(changes pipeline.Settings) func() (pipeline.Detector, error) {
	s := operatortest.Settings(Spec())
	maps.Copy(s, changes)
	return func() (pipeline.Detector, error) { return New(s) }
}

var quick = pipeline.Settings{"memory": int64(20), "history": int64(12), "warmup": int64(6), "adapt": int64(8), "hold": int64(2), "of": int64(3), "clear": int64(2), "rest": int64(2), "gone": int64(4)}

func TestFindings(t *testing.T) {
	const a, b, c = `log.templates:delta{host="h",template="a",text="x"}`, `log.templates:delta{host="h",template="b",text="y"}`, `log.templates:delta{host="h",template="c",text="z"}`
	const stream = `:stream{host="h"}`
	for _, f := range []struct{ fact, input, want string }{{
		fact: "another mixture, and the usual one again",
		input: `
			windows ` + stream + ` at 0s every 10s: 100x19
			windows ` + a + ` at 0s every 10s: 80 82 79 80 81 80 78 80 81 80 20x3 80x6
			windows ` + b + ` at 0s every 10s: 20 18 21 20 19 20 22 20 19 20 80x3 20x6`,
		want: `
			[1m50s,2m) ` + stream + ` open rev=0 onset=1m40s score=1.99696 value=17.2277 expect=-0.676875..8.28905 up p=0.996097 evidence{records=100 kinds=2 z=15.9757 template_b=60.0799 template_a=-60.0799}
			[2m30s,2m40s) ` + stream + ` closed rev=1 onset=1m40s score=0 value=-0.971795 expect=-0.726239..7.88149 up evidence{records=100 kinds=2 z=-0.228219 template_b=0.0798941 template_a=-0.0798941}`,
	}, {
		fact: "another mixture in the last windows",
		input: `
			windows ` + stream + ` at 0s every 10s: 100x11
			windows ` + a + ` at 0s every 10s: 80 82 79 80 81 80 78 80 81 80 20 20
			windows ` + b + ` at 0s every 10s: 20 18 21 20 19 20 22 20 19 20 80 80`,
		want: `
			[1m50s,2m) ` + stream + ` open rev=0 onset=1m40s score=1.99696 value=17.2277 expect=-0.676875..8.28905 up p=0.996097 evidence{records=100 kinds=2 z=15.9757 template_b=60.0799 template_a=-60.0799}`,
	}, {
		fact: "a kind that is new, of a stream that has no series of its own; it is the new normal in the end",
		input: `
			windows ` + a + ` at 0s every 10s: 80x9 60x20
			windows ` + b + ` at 0s every 10s: 20x9 15x20
			windows ` + c + ` at 100s every 10s: 25x19`,
		want: `
			[1m50s,2m) ` + a + ` open rev=0 onset=1m40s score=2.07748 value=15.6714 expect=-1..7.0248 up p=0.996393 evidence{records=100 kinds=3 z=16.6198 template_c=25 template_a=-20 template_b=-5}
			[3m,3m10s) ` + a + ` closed rev=1 onset=1m40s score=2.07748 value=15.6714 expect=-1..7.0248 up p=0.996393 evidence{records=100 kinds=3 z=16.6198 template_c=25 template_a=-20 template_b=-5 adapted=1}`,
	}, {
		fact: "more of all",
		input: `
			windows ` + a + ` at 0s every 10s: 80x9 800x9
			windows ` + b + ` at 0s every 10s: 20x9 200x9`,
	}, {
		fact: "too few records",
		input: `
			windows ` + a + ` at 0s every 10s: 80x9 8x9
			windows ` + b + ` at 0s every 10s: 20x9 40x9`,
	}, {
		fact:  "a stream of one kind",
		input: `windows ` + a + ` at 0s every 10s: 80x9 800x9`,
	}} {
		t.Run(f.fact, func(t *testing.T) {
			operatortest.RunDetector(t, operatortest.DetectorCase{New: made(quick), Input: operatortest.Script(t, f.input), Want: f.want, Silent: f.want == ""})
		})
	}
}

// TestQuiet bounds false findings with the defaults: a day of streams whose kinds come by requests, in bursts, and with daily traffic.
func TestQuiet(t *testing.T) {
	operatortest.OneGoroutine(t)
	d, err := made(nil)()
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(5, 3))
	table := pipeline.NewSeriesTable(nil, 0)
	if err := d.Open(&pipeline.Env{Series: table}); err != nil {
		t.Fatal(err)
	}
	const streams, kinds = 10, 30
	var all []uint32
	for i := range streams * kinds {
		s, err := table.Intern(metric, "", pipeline.Delta, pipeline.NewLabels([]pipeline.Label{{Name: "pod", Value: fmt.Sprint(i / kinds)}, {Name: templateLabel, Value: fmt.Sprint(i % kinds)}}))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	var found []pipeline.Finding
	for k := range int64(8640) {
		w := pipeline.Window{Table: table, Start: k * 10e9, End: k*10e9 + 10e9}
		for s := range streams {
			counts := make([]float64, kinds)
			for range 40 + int(20*float64(k%4320)/4320) {
				request := rnd.IntN(1 + rnd.IntN(6))
				for line := range 3 + request {
					counts[(request*5+line)%kinds]++
				}
				if rnd.IntN(50) == 0 {
					counts[rnd.IntN(kinds)] += float64(rnd.IntN(8))
				}
			}
			for i, n := range counts {
				if n > 0 {
					w.Series, w.Count, w.Sum = append(w.Series, all[s*kinds+i]), append(w.Count, int64(n)), append(w.Sum, n)
				}
			}
		}
		if found, err = d.Detect(&w, found); err != nil {
			t.Fatal(err)
		}
	}
	if len(found) > 0 {
		t.Errorf("%d statements about a quiet day, such as %+v", len(found), found[0])
	}
}

// A window that waited for the next one when an older program saved it is judged as soon as it is complete. What comes of it after that is late.
func TestWindowOfAnOlderSnapshot(t *testing.T) {
	made, err := made(nil)()
	if err != nil {
		t.Fatal(err)
	}
	d := made.(*Detector)
	older := laneTable
	older.Version, older.Fields = 1, older.Fields[:3]
	operatortest.OlderWindow(t, d, name, func(w *state.Writer) {
		w.Table(older).Int64(10e9).Int64(20e9).Bool(true)
		w.Table(seriesTable)
		d.alarm.Freeze().Write(w)
		d.past.Freeze().Write(w, "past")
	}, metric, pipeline.Delta)
}

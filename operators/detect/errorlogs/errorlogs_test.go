package errorlogs

import (
	"fmt"
	"maps"
	"math"
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

var quick = pipeline.Settings{"history": int64(16), "warmup": int64(8), "adapt": int64(12), "hold": int64(2), "of": int64(3), "clear": int64(2), "rest": int64(2), "gone": int64(3)}

func TestFindings(t *testing.T) {
	for _, c := range []struct{ fact, input, want string }{{
		fact:  "errors where there were few",
		input: `windows app:stream{service="cart"} at 0s every 10s: 100/1 100/0 100/2 100/1 100/0 100/1 100/1 100/2 100/60 100/70 100/1 100/0`,
		want: `
			[1m30s,1m40s) app:stream{service="cart"} open rev=0 onset=1m20s score=1.88884 value=70 expect=0..24.5564 up p=0.992274 evidence{errors=70 records=100 expected=1 z=11.333}
			[1m50s,2m) app:stream{service="cart"} closed rev=1 onset=1m20s score=0 value=0 expect=0..22.5794 up evidence{errors=0 records=100 expected=1.0101 z=-0.937196}`,
	}, {
		fact:  "a burst of one window is nothing",
		input: `windows app:stream{} at 0s every 10s: 100/1 100/0 100/2 100/1 100/0 100/1 100/1 100/2 100/60 100/1 100/0 100/60 100/1`,
	}, {
		fact:  "fewer than the least number are nothing",
		input: `windows app:stream{} at 0s every 10s: 100/0x9 4/4x9`,
	}, {
		fact:  "errors as usual are nothing, however many",
		input: `windows app:stream{} at 0s every 10s: 900/900 950/950 910/910 900/900 950/950 910/910 900/900 950/950 910/910 1000/1000 1010/1010 1000/1000`,
	}, {
		fact:  "more errors of more traffic are nothing",
		input: `windows app:stream{} at 0s every 10s: 1000/10x9 5000/50x9`,
	}, {
		fact:  "series of numbers are not for it",
		input: `windows errors:delta{} at 0s every 10s: 100/1x9 100/90x9`,
	}, {
		fact: "errors of a stream that was never heard of before",
		input: `
			windows cpu{} at 0s every 10s: 1x20
			windows app:stream{} at 100s every 10s: 30/30 40/40 30/30`,
		want: `
			[1m50s,2m) app:stream{} open rev=0 onset=1m40s score=1.91392 value=40 expect=0..12.6742 up p=0.992474 evidence{errors=40 records=40 expected=0 z=11.4835}
			[2m40s,2m50s) app:stream{} closed rev=1 onset=1m40s score=0 value=40 expect=0..12.6742 up p=0.992474 evidence{absent_seconds=40}`,
	}, {
		fact:  "but not before the lane is warm",
		input: `windows app:stream{} at 0s every 10s: 30/30x5`,
	}} {
		t.Run(c.fact, func(t *testing.T) {
			operatortest.RunDetector(t, operatortest.DetectorCase{
				New:   func() (pipeline.Detector, error) { return New(settings(quick)) },
				Input: operatortest.Script(t, c.input), Want: c.want, Silent: c.want == "",
			})
		})
	}
}

// TestQuiet bounds false findings with the defaults: a day of fifty streams with Poisson errors of all rates.
func TestQuiet(t *testing.T) {
	d, err := New(settings(nil))
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(3, 3))
	const streams = 50
	table := pipeline.NewSeriesTable(nil, 0)
	w := pipeline.Window{Table: table, Count: make([]int64, streams), Sum: make([]float64, streams)}
	for i := range streams {
		s, _ := table.Intern(fmt.Sprintf("app%d", i), "", pipeline.Stream, nil)
		w.Series = append(w.Series, s)
	}
	var found []pipeline.Finding
	for k := range int64(8640) {
		w.Start, w.End = k*10e9, k*10e9+10e9
		for i := range streams {
			rate := math.Pow(2, float64(i%10)-3) * (1.5 + math.Sin(float64(k)/8640*2*math.Pi))
			w.Sum[i] = poisson(rnd, rate)
			w.Count[i] = int64(w.Sum[i] + poisson(rnd, 50))
		}
		if found, err = d.Detect(&w, found); err != nil {
			t.Fatal(err)
		}
	}
	if len(found) > 0 {
		t.Errorf("%d statements about quiet streams, such as %+v", len(found), found[0])
	}
}

func poisson(rnd *rand.Rand, mean float64) float64 {
	n := 0.0
	for left := mean - rnd.ExpFloat64(); left > 0; left -= rnd.ExpFloat64() {
		n++
	}
	return n
}

func TestSettingsThatDontFit(t *testing.T) {
	if _, err := New(settings(pipeline.Settings{"hold": int64(9)})); pipeline.Code(err) != "alarm.hold.range" {
		t.Errorf("got %v", err)
	}
}

package novelty

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/pipeline"
)

// settings returns the defaults with changes.
func settings(changes pipeline.Settings) pipeline.Settings {
	s := operatortest.Settings(Spec())
	maps.Copy(s, changes)
	return s
}

func made(changes pipeline.Settings) func() (pipeline.Detector, error) {
	return func() (pipeline.Detector, error) { return New(settings(changes)) }
}

// quick forgets soon and speaks soon.
var quick = pipeline.Settings{"memory": int64(480), "warmup": int64(60), "scores": true}

const minute = int64(time.Minute)

// judge gives a detector a series of values, a minute apart, and returns the scores, by value, and the findings.
func judge(t testing.TB, d pipeline.Detector, values []float64) (scores []float64, found []pipeline.Finding) {
	t.Helper()
	table := pipeline.NewSeriesTable(nil, 0)
	s, _ := table.Intern("m", "", pipeline.Gauge, nil)
	if err := d.Open(&pipeline.Env{Window: minute}); err != nil {
		t.Fatal(err)
	}
	w := pipeline.Window{Table: table, Series: []uint32{s}, Count: []int64{1}, Sum: []float64{0}}
	for i, v := range values {
		w.Start, w.End, w.Sum[0] = int64(i)*minute, int64(i+1)*minute, v
		var err error
		if found, err = d.Detect(&w, found); err != nil {
			t.Fatal(err)
		}
		score := 0.0
		for _, x := range d.(pipeline.Scorer).Scores() {
			if !(x.Score >= 0 && x.Score <= maxScore) || !(x.Low <= x.Expected && x.Expected <= x.High) {
				t.Fatalf("value %d, %g: %+v", i, v, x)
			}
			score = x.Score
		}
		scores = append(scores, score)
	}
	for _, f := range found {
		if !(f.Probability >= 0 && f.Probability <= 1) || !(f.Low <= f.High) || f.Onset > f.Start || slices.ContainsFunc(f.Evidence, func(e pipeline.Evidence) bool { return e.Value-e.Value != 0 }) {
			t.Fatalf("%+v", f)
		}
	}
	return scores, found
}

// daily is n values of a noisy day of 288.
func daily(n int) []float64 {
	r := rand.New(rand.NewPCG(3, 4))
	out := make([]float64, n)
	for i := range out {
		out[i] = 100 + 30*math.Sin(2*math.Pi*float64(i)/288) + 2*r.NormFloat64()
	}
	return out
}

func opened(found []pipeline.Finding) (out []pipeline.Finding) {
	for _, f := range found {
		if f.Revision == 0 {
			out = append(out, f)
		}
	}
	return out
}

// TestFaultsOfEachKindAreFoundOnce: what a day does not do is found soon after it began, as one finding.
func TestFaultsOfEachKindAreFoundOnce(t *testing.T) {
	const at, n = 2500, 3000
	for _, c := range []struct {
		name      string
		fault     func(i int, v float64) float64 // i counts from the fault's beginning
		within    int
		direction string
		most      int // findings: noise, and a day at another level, go on bringing new shapes
	}{
		{"a spike", func(i int, v float64) float64 {
			if i == 0 {
				return v + 80
			}
			return v
		}, 0, "up", 1},
		{"a drop", func(i int, v float64) float64 { return v - 60 }, 2, "down", 2},
		{"a dead sensor", func(_ int, _ float64) float64 { return 0 }, 0, "down", 1},
		{"noise", func(i int, v float64) float64 { return v + 25*math.Cos(2.5*float64(i)) }, 20, "", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			values := daily(n)
			for i := at; i < n; i++ {
				values[i] = c.fault(i-at, values[i])
			}
			d, _ := made(nil)()
			_, found := judge(t, d, values)
			var got []pipeline.Finding
			for _, f := range opened(found) {
				if f.End > at*minute {
					got = append(got, f)
				} else if f.End > 1000*minute {
					t.Errorf("%d: a finding before the fault: %+v", f.Start/minute, f)
				}
			}
			if len(got) == 0 || len(got) > c.most {
				t.Fatalf("%d findings: %+v", len(got), got)
			}
			f := got[0]
			if late := f.Start/minute - at; late < 0 || late > int64(c.within) || c.direction != "" && f.Direction != c.direction {
				t.Errorf("found %d values late: %+v", late, f)
			}
			if off := f.Onset/minute - at; off < -12 || off > int64(c.within) {
				t.Errorf("the onset is %d values off", off)
			}
		})
	}
}

// TestConformance: the kit's demands, among them snapshots at any border and no look-ahead.
func TestConformance(t *testing.T) {
	var b strings.Builder
	r := rand.New(rand.NewPCG(1, 2))
	for _, key := range []string{`cpu{host="a"}`, `requests:delta{host="b"}`} {
		fmt.Fprintf(&b, "windows %s at 0s every 10s:", key)
		for i := range 110 {
			v := 10 + math.Round(10*math.Sin(float64(i)/5)+3*r.Float64())
			if i > 80 && i < 84 {
				v += 60
			}
			if i == 70 {
				b.WriteString(" _x7")
			}
			fmt.Fprintf(&b, " %g", v)
		}
		b.WriteString("\n")
	}
	operatortest.RunDetector(t, operatortest.DetectorCase{
		New: made(quick), Input: operatortest.Script(t, b.String()),
		Check: func(t testing.TB, out *operatortest.Output) {
			if n := len(opened(out.Findings)); n != 2 {
				t.Errorf("%d findings, not one a series: %+v", n, opened(out.Findings))
			}
		},
	})
}

func TestWhatIsNotWatched(t *testing.T) {
	cpu := []pipeline.Label{{Name: "host", Value: "b"}}
	for _, c := range []struct {
		fact, metric string
		typ          pipeline.SeriesType
		changes      pipeline.Settings
		watched      bool
	}{
		{"all series of numbers", "cpu", pipeline.Gauge, nil, true},
		{"log streams", "app", pipeline.Stream, nil, false},
		{"indicators of objectives", pipeline.SLIMetric, pipeline.Delta, nil, false},
		{"scores", pipeline.ScoreMetric, pipeline.Gauge, nil, false},
		{"what is excluded", "cpu", pipeline.Gauge, pipeline.Settings{"exclude": []any{pipeline.Settings{"metric": "c*"}}}, false},
		{"what is selected", "cpu", pipeline.Gauge, pipeline.Settings{"series": []any{pipeline.Settings{"metric": "cpu", "labels": map[string]any{"host": "b"}}}}, true},
		{"what is not selected", "cpu", pipeline.Gauge, pipeline.Settings{"series": []any{pipeline.Settings{"metric": "cpu", "labels": map[string]any{"host": "a"}}}}, false},
	} {
		t.Run(c.fact, func(t *testing.T) {
			d, err := made(c.changes)()
			if err != nil {
				t.Fatal(err)
			}
			table := pipeline.NewSeriesTable(nil, 0)
			s, _ := table.Intern(c.metric, "", c.typ, cpu)
			w := pipeline.Window{Table: table, Series: []uint32{s}, Count: []int64{1}, Sum: []float64{0}}
			var found []pipeline.Finding
			for i := range int64(200) {
				w.Start, w.End, w.Sum[0], w.Count[0] = i*minute, (i+1)*minute, float64(i%4), 1+i%4
				if i == 199 {
					w.Sum[0], w.Count[0] = 900, 1
				}
				if found, err = d.Detect(&w, found); err != nil {
					t.Fatal(err)
				}
			}
			if got := len(found) > 0; got != c.watched {
				t.Errorf("watched: %v, not %v", got, c.watched)
			}
		})
	}
	if _, err := New(settings(pipeline.Settings{"series": []any{pipeline.Settings{"metric": "a["}}})); pipeline.Code(err) != "series.pattern" {
		t.Error(err)
	}
}

// TestBadInput: judge checks that scores and findings stay numbers.
func TestBadInput(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	noise := func(size, around float64) []float64 {
		out := make([]float64, 900)
		for i := range out {
			out[i] = around + size*r.NormFloat64()
		}
		return out
	}
	with := func(values []float64, at int, what ...float64) []float64 {
		copy(values[at:], what)
		return values
	}
	step := noise(1, 0)
	for i := 500; i < len(step); i++ {
		step[i] += 1e12
	}
	for name, values := range map[string][]float64{
		"empty":            nil,
		"one point":        {5},
		"constant":         make([]float64, 900),
		"large constant":   slices.Repeat([]float64{1e139}, 900),
		"denormals":        noise(5e-324, 0),
		"tiny":             noise(1e-300, 0),
		"step of 1e12":     step,
		"NaN and Inf":      with(noise(1, 5), 300, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, -math.MaxFloat64),
		"beyond all bound": with(noise(1, 5), 300, 9e139, -9e139, 9e139),
		"two values":       slices.Repeat([]float64{-1e139, 1e139}, 450),
		"negative zero":    with(make([]float64, 900), 400, math.Copysign(0, -1)),
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := made(quick)()
			scores, found := judge(t, d, values)
			if constant := !slices.ContainsFunc(values, func(v float64) bool { return v != values[0] }); constant && (len(found) > 0 || slices.ContainsFunc(scores, func(s float64) bool { return s != 0 })) {
				t.Errorf("a constant was found: %+v", found)
			}
			if name == "step of 1e12" && len(opened(found)) == 0 {
				t.Error("the step was not found")
			}
		})
	}
}

// TestGaps: long absence is nothing new; a finding whose series is gone is closed, with windows of one length and with irregular ones.
func TestGaps(t *testing.T) {
	for _, irregular := range []bool{false, true} {
		d, _ := made(nil)()
		table := pipeline.NewSeriesTable(nil, 0)
		a, _ := table.Intern("a", "", pipeline.Gauge, nil)
		other, _ := table.Intern("b", "", pipeline.Gauge, nil)
		env := &pipeline.Env{Window: minute}
		if irregular {
			env.Window = 0
		}
		if err := d.Open(env); err != nil {
			t.Fatal(err)
		}
		var found []pipeline.Finding
		feed := func(s uint32, i int64, v float64) {
			w := pipeline.Window{Table: table, Start: i * minute, End: (i + 1) * minute, Series: []uint32{s}, Count: []int64{1}, Sum: []float64{v}}
			if irregular {
				w.End = w.Start + 1
			}
			var err error
			if found, err = d.Detect(&w, found); err != nil {
				t.Fatal(err)
			}
		}
		for i := range int64(600) {
			feed(a, i, float64(i%3))
		}
		for i := range int64(100) {
			feed(a, 500_000+i, float64(i%3))
		}
		if len(found) > 0 {
			t.Errorf("a gap was found: %+v", found)
		}
		feed(a, 500_100, 50)
		if len(found) != 1 || !found[0].Open {
			t.Fatalf("a spike was not found: %+v", found)
		}
		for i := range int64(200) {
			feed(other, 500_101+i, 0)
		}
		if len(found) == 1 {
			// In irregular windows absence is measured by the distance of the series' last values, of which one is long.
			for i := range int64(100) {
				feed(other, 500_400+20_000*i, 0)
			}
		}
		if len(found) != 2 || found[1].Open || found[1].Evidence[0].Name != "absent_seconds" {
			t.Errorf("the finding was not closed: %+v", found)
		}
		held := 0
		d.(pipeline.Holder).Hold(func(uint32) { held++ })
		if held > 0 {
			t.Error("a series without an open finding is held")
		}
	}
}

// TestRestlessSeriesHaveToDoMore: each report raises the bar, and time lowers it again.
func TestRestlessSeriesHaveToDoMore(t *testing.T) {
	made, _ := made(nil)()
	d := made.(*Detector)
	values := daily(6000)
	for k := range 10 {
		values[1500+120*k] += 60 * math.Pow(1.35, float64(k))
	}
	judge(t, d, values[:2800])
	raised := d.heads.At(0).bar
	if raised < 2*raise {
		t.Errorf("the bar is at %g after a dozen spikes, each greater than the last", raised)
	}
	judge(t, d, values[2800:])
	if bar := d.heads.At(0).bar; bar >= raised {
		t.Errorf("the bar has not come down from %g: %g", raised, bar)
	}
}

func BenchmarkDetect(b *testing.B) {
	const series = 200
	made, _ := New(settings(nil))
	d := made.(*Detector)
	table := pipeline.NewSeriesTable(nil, 0)
	w := pipeline.Window{Table: table, Count: slices.Repeat([]int64{1}, series), Sum: make([]float64, series)}
	for s := range series {
		o, _ := table.Intern(fmt.Sprintf("m%d", s), "", pipeline.Gauge, nil)
		w.Series = append(w.Series, o)
	}
	_ = d.Open(&pipeline.Env{Window: minute})
	values := daily(3000)
	var found []pipeline.Finding
	next := func(i int) {
		w.Start, w.End = int64(i)*minute, int64(i+1)*minute
		for s := range w.Sum {
			w.Sum[s] = values[(i+13*s)%len(values)]
		}
		found, _ = d.Detect(&w, found[:0])
	}
	for i := range 1500 {
		next(i)
	}
	i := 1500
	b.ReportAllocs()
	for b.Loop() {
		next(i)
		i++
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/series, "ns/value")
}

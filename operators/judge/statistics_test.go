package judge

import (
	"log/slog"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	arrowmemory "github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// experiment is one run of a series with an action in it, judged.
type experiment struct {
	past   int // windows before the action
	series func(r *rand.Rand, n int) []float64
	// untreated are the windows at which earlier incidents opened; opened is that of the one that is judged.
	untreated []int
	opened    int
	effect    float64 // predicted minimum
	pre, post float64 // seconds
}

const metricKey = `x{}`

// judge returns the verdict on an action in window past.
func (x experiment) judge(t testing.TB, seed uint64) schemas.Judgement {
	t.Helper()
	const w = int64(10 * time.Second)
	j, err := New(filled(Spec().Settings, pipeline.Settings{"history": 30 * 24 * time.Hour}))
	if err != nil {
		t.Fatal(err)
	}
	env := &pipeline.Env{Pipeline: "test", Component: "judge", Allocator: arrowmemory.NewGoAllocator(), Logger: slog.New(slog.DiscardHandler),
		Lose: func(string, int) { t.Fatal("nothing may be lost") }}
	testEnv(env)
	env.Window = w
	if err := j.Open(env); err != nil {
		t.Fatal(err)
	}
	h := trialOf("now")
	h.Deduction.Metric, h.Deduction.Effect = metricKey, x.effect
	h.Windows = schemas.Windows{Pre: x.pre, Post: x.post}
	after := int(x.post) / 10
	values := x.series(rand.New(rand.NewPCG(seed, 1)), x.past+after)
	for i, v := range values {
		kept := j.state.Histories[historyKey("shop", metricKey)]
		if kept == nil {
			kept = &history{System: "shop", Metric: metricKey}
			j.state.Histories[historyKey("shop", metricKey)] = kept
		}
		kept.add(int64(i+1)*w, 1, v, j.keep)
	}
	tell := func(typ string, at int64, v any) {
		e, err := schemas.NewEvent(typ, typ, at, v)
		if err != nil {
			t.Fatal(err)
		}
		e.System = "shop"
		if err := j.event(&e, nil); err != nil {
			t.Fatal(err)
		}
	}
	for i, at := range append(x.untreated, x.opened) {
		inc := schemas.Incident{Incident: string(rune('A' + i)), Signature: "s"}
		if i == len(x.untreated) {
			inc.Incident = "now"
		}
		tell(schemas.TypeIncidentOpened, int64(at)*w, inc)
	}
	action := int64(x.past) * w
	tell(schemas.TypeHypothesisOpened, action-w, h)
	tell(schemas.TypeResult, action, schemas.Result{Hypothesis: h.Hypothesis, Phase: schemas.PhaseFinished, Execution: schemas.ExecutionSucceeded})
	trial := j.state.Trials[h.Hypothesis]
	return j.verdict(trial, trial.horizon(w))
}

// share returns how often a verdict comes in n runs.
func (x experiment) share(t testing.TB, n int, verdict string) float64 {
	t.Helper()
	operatortest.OneGoroutine(t)
	hits := 0
	for seed := range n {
		if x.judge(t, uint64(seed)).Verdict == verdict {
			hits++
		}
	}
	return float64(hits) / float64(n)
}

// wandering is AR(1) noise with mean 10, standard deviation 1 and that correlation from window to window.
func wandering(rho float64) func(r *rand.Rand, n int) []float64 {
	return func(r *rand.Rand, n int) []float64 {
		v := make([]float64, n)
		x := r.NormFloat64()
		for i := range v {
			x = rho*x + math.Sqrt(1-rho*rho)*r.NormFloat64()
			v[i] = 10 + x
		}
		return v
	}
}

// lowered takes an effect off a series from a window on.
func lowered(series func(r *rand.Rand, n int) []float64, from int, effect float64) func(r *rand.Rand, n int) []float64 {
	return func(r *rand.Rand, n int) []float64 {
		v := series(r, n)
		for i := from; i < n; i++ {
			v[i] -= effect
		}
		return v
	}
}

// With no action at all "it is better than before" is claimed about half of the time, and tests for independent samples
// claim it a third of the time where neighbours correlate; placebos must stay near their level.
func TestNoActionIsSeldomSupported(t *testing.T) {
	for _, c := range []struct {
		name      string
		past      int
		pre, post float64
		rho       float64
	}{
		{"a day, as long before as after", 8640, 300, 300, 0.8},
		{"six hours, a short before", 2160, 60, 330, 0.8},
		{"one hour: few independent placebos", 360, 120, 300, 0.8},
		{"25 minutes: hardly any", 150, 120, 300, 0.8},
		{"six hours of independent noise", 2160, 120, 300, 0},
		{"six hours that wander far", 2160, 120, 300, 0.95},
	} {
		x := experiment{past: c.past, pre: c.pre, post: c.post, series: wandering(c.rho), effect: 1e-6}
		n := 300
		got := x.share(t, n, schemas.Supported)
		t.Logf("%s: %.3f", c.name, got)
		if got > 0.07 {
			t.Errorf("%s: supported in %.3f of %d runs without any effect, want at most 0.07", c.name, got, n)
		}
	}
}

func TestTrueEffectIsSupported(t *testing.T) {
	for _, c := range []struct {
		name string
		past int
	}{{"a day", 8640}, {"six hours", 2160}, {"one hour", 360}} {
		x := experiment{past: c.past, pre: 120, post: 300, series: lowered(wandering(0.8), c.past, 3), effect: 1}
		n := 100
		got := x.share(t, n, schemas.Supported)
		t.Logf("%s: %.3f", c.name, got)
		if got < 0.8 {
			t.Errorf("%s: an effect of three standard deviations is supported in %.3f of %d runs, want at least 0.8", c.name, got, n)
		}
	}
}

func TestTrueHarmIsHarmful(t *testing.T) {
	x := experiment{past: 2160, pre: 120, post: 300, series: lowered(wandering(0.8), 2160, -3), effect: 1}
	if got := x.share(t, 100, schemas.Harmful); got < 0.8 {
		t.Errorf("a rise by three standard deviations is harmful in %.3f of 100 runs, want at least 0.8", got)
	}
	x.series, x.effect = wandering(0.8), 1e-6
	if got := x.share(t, 300, schemas.Harmful); got > 0.07 {
		t.Errorf("nothing at all is harmful in %.3f of 300 runs, want at most 0.07", got)
	}
}

// An effect that is there but small is seldom proved, and to take that for a refutation would unlearn what works.
func TestSmallEffectIsSeldomRefuted(t *testing.T) {
	for _, effect := range []float64{1.5, 2} {
		x := experiment{past: 2160, pre: 120, post: 300, series: lowered(wandering(0.8), 2160, effect), effect: 0.3}
		supported, refuted := x.share(t, 100, schemas.Supported), x.share(t, 100, schemas.Refuted)
		t.Logf("an effect of %v standard deviations: supported %.2f, refuted %.2f", effect, supported, refuted)
		if refuted > 0.1 {
			t.Errorf("an effect of %v standard deviations is refuted in %.2f of 100 runs, want at most 0.1", effect, refuted)
		}
	}
}

// healing is noise with bad phases of about two minutes that end by themselves, opening at those windows.
func healing(openings []int) func(r *rand.Rand, n int) []float64 {
	return func(r *rand.Rand, n int) []float64 {
		v := wandering(0.8)(r, n)
		for _, at := range openings {
			for i := at; i < min(n, at+10+r.IntN(5)); i++ {
				v[i] += 20
			}
		}
		return v
	}
}

// An action in the middle of a phase that ends by itself is followed by recovery, always. It must not be believed.
func TestSelfHealingIsNotOurs(t *testing.T) {
	for _, c := range []struct {
		name     string
		episodes int
		refuted  float64
	}{{"one earlier episode", 1, 0}, {"five earlier episodes", 5, 0}, {"thirty earlier episodes", 30, 0.9}} {
		past := 200 + c.episodes*100
		var openings []int
		for i := range c.episodes {
			openings = append(openings, 150+100*i)
		}
		x := experiment{past: past, pre: 60, post: 300, effect: 5, untreated: openings, opened: past - 7, series: healing(append(openings, past-7))}
		if got := x.share(t, 100, schemas.Supported); got > 0.1 {
			t.Errorf("%s: a self-healing is ascribed to the action in %.3f of 100 runs, want at most 0.1", c.name, got)
		}
		if got := x.share(t, 50, schemas.Refuted); got < c.refuted {
			t.Errorf("%s: refuted in %.3f of 50 runs, want at least %v", c.name, got, c.refuted)
		}
	}
}

// lasting is noise with bad phases that last for twenty minutes, and one that ends with the action.
func TestEarlierEpisodesThatLastedMakeTheCase(t *testing.T) {
	const episodes = 25
	past := 200 + episodes*250
	var openings []int
	for i := range episodes {
		openings = append(openings, 150+250*i)
	}
	x := experiment{past: past, pre: 60, post: 300, effect: 5, untreated: openings, opened: past - 7, series: func(r *rand.Rand, n int) []float64 {
		v := wandering(0.8)(r, n)
		for _, at := range openings {
			for i := at; i < at+120; i++ {
				v[i] += 20
			}
		}
		for i := past - 7; i < past; i++ {
			v[i] += 20
		}
		return v
	}}
	v := x.judge(t, 1)
	if v.Verdict != schemas.Supported || v.Attribution.Design != designMatched || v.Attribution.Placebos != episodes {
		t.Errorf("want supported against %d matched placebos, got %+v", episodes, v)
	}
}

// Critical values of Student's t: Abramowitz and Stegun, table 26.10.
func TestStudentTail(t *testing.T) {
	for _, c := range []struct{ t, freedom, p float64 }{
		{6.314, 1, 0.05}, {2.920, 2, 0.05}, {2.015, 5, 0.05}, {1.812, 10, 0.05}, {3.169, 10, 0.005}, {1.699, 29, 0.05}, {0, 3, 0.5}, {-2.920, 2, 0.95},
	} {
		if got := studentTail(c.t, c.freedom); math.Abs(got-c.p) > 5e-5 {
			t.Errorf("P(t > %v) with %v degrees of freedom: want %v, got %v", c.t, c.freedom, c.p, got)
		}
	}
}

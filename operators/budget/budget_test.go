package budget

import (
	"math"
	"testing"
	"time"

	"github.com/homeostat/homeostat/operators/gather"
	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/pipeline"
)

// One in ten events may be bad; ten windows of 24 s are the objective's.
var objectives = []pipeline.SLO{{Name: "web", Objective: 0.9, Window: int64(240 * time.Second)}}

func TestBudget(t *testing.T) {
	for _, c := range []struct {
		fact, input, want string
		silent            bool
	}{{
		fact: "what is bad uses up its share of the window, each system by itself",
		input: `
			windows slo.bad:delta{slo="web",system="mall"} at 0s every 24s: 100/0 100/10 300/90
			windows slo.bad:delta{slo="web",system="shop"} at 0s every 24s: 100/50 _ 100/0
			windows cpu{} at 0s every 24s: 1 2 3`,
		want: `
			[0s,24s) slo.budget{slo="web",system="mall"} count=1 sum=1 min=1 max=1 last=1
			[0s,24s) slo.budget{slo="web",system="shop"} count=1 sum=0.5 min=0.5 max=0.5 last=0.5
			[24s,48s) slo.budget{slo="web",system="mall"} count=1 sum=0.9 min=0.9 max=0.9 last=0.9
			[48s,1m12s) slo.budget{slo="web",system="mall"} count=1 sum=0.4 min=0.4 max=0.4 last=0.4
			[48s,1m12s) slo.budget{slo="web",system="shop"} count=1 sum=0.25 min=0.25 max=0.25 last=0.25`,
	}, {
		fact:  "a full window slides, and what was bad comes back",
		input: `windows slo.bad:delta{slo="web",system="shop"} at 0s every 24s: 100/50 100/0x11`,
		want: `
			[0s,24s) slo.budget{slo="web",system="shop"} count=1 sum=0.5 min=0.5 max=0.5 last=0.5
			[24s,48s) slo.budget{slo="web",system="shop"} count=1 sum=0.5 min=0.5 max=0.5 last=0.5
			[48s,1m12s) slo.budget{slo="web",system="shop"} count=1 sum=0.5 min=0.5 max=0.5 last=0.5
			[1m12s,1m36s) slo.budget{slo="web",system="shop"} count=1 sum=0.5 min=0.5 max=0.5 last=0.5
			[1m36s,2m) slo.budget{slo="web",system="shop"} count=1 sum=0.5 min=0.5 max=0.5 last=0.5
			[2m,2m24s) slo.budget{slo="web",system="shop"} count=1 sum=0.5 min=0.5 max=0.5 last=0.5
			[2m24s,2m48s) slo.budget{slo="web",system="shop"} count=1 sum=0.5 min=0.5 max=0.5 last=0.5
			[2m48s,3m12s) slo.budget{slo="web",system="shop"} count=1 sum=0.5 min=0.5 max=0.5 last=0.5
			[3m12s,3m36s) slo.budget{slo="web",system="shop"} count=1 sum=0.5 min=0.5 max=0.5 last=0.5
			[3m36s,4m) slo.budget{slo="web",system="shop"} count=1 sum=0.5 min=0.5 max=0.5 last=0.5
			[4m,4m24s) slo.budget{slo="web",system="shop"} count=1 sum=1 min=1 max=1 last=1
			[4m24s,4m48s) slo.budget{slo="web",system="shop"} count=1 sum=1 min=1 max=1 last=1
			[4m48s,5m12s) slo.budget{slo="web",system="shop"} count=1 sum=1 min=1 max=1 last=1`,
	}, {
		fact:   "an objective that is none any more",
		input:  `windows slo.bad:delta{slo="old",system="shop"} at 0s every 24s: 100/50`,
		silent: true,
	}} {
		t.Run(c.fact, func(t *testing.T) {
			operatortest.Run(t, operatortest.Case{
				New:   func() (pipeline.Operator, error) { return New(nil) },
				Env:   func(env *pipeline.Env) { env.SLOs = objectives },
				Input: operatortest.Script(t, c.input), Want: c.want, Silent: c.silent,
			})
		})
	}
}

// TestSums: the sums of the parts are those of what is in the window, whatever comes and however long nothing does.
func TestSums(t *testing.T) {
	a := account{slo: &objectives[0]}
	second := int64(time.Second)
	end := int64(0)
	for i := range int64(2000) {
		end += []int64{1, 7, 24, 100, 1000}[i%5] * second
		bad := float64(i%3) * []float64{1, 1e12, math.MaxFloat64 / 10}[i%7%3]
		a.add(gather.Span{Start: end - second, End: end}, []float64{1, 1e3, 1e15, 1e300}[i%4], bad)
		var sum events
		for _, p := range a.parts {
			sum.total += p.total
			sum.bad += p.bad
		}
		if sum.total != a.total || sum.bad != a.bad || sum.bad > sum.total || sum.bad < 0 || sum.total <= 0 {
			t.Fatalf("window %d: parts have %+v, the sums %d %d", i, sum, a.total, a.bad)
		}
		if left := a.left(end); left > 1 || left < -9.001 {
			t.Fatalf("window %d: %g left", i, left)
		}
	}
}

// FuzzRestore: no bytes make Restore panic, or what comes after a Restore that went well.
func FuzzRestore(f *testing.F) {
	opened := func(t testing.TB) (pipeline.Snapshotter, func(int)) {
		table := pipeline.NewSeriesTable(nil, 0)
		for _, system := range []string{"mall", "shop"} {
			if _, err := table.Intern(pipeline.SLIMetric, "", pipeline.Delta, objectives[0].IndicatorLabels(system)); err != nil {
				t.Fatal(err)
			}
		}
		o := &Budget{}
		_ = o.Open(&pipeline.Env{Series: table, SLOs: objectives})
		return o, func(windows int) {
			o.grow()
			of := gather.Span{End: 1e18}
			for i := range windows {
				of.Start, of.End = of.End, of.End+int64(i%5)*1e9
				a := o.accounts[i%2]
				if a.add(of, 10, 1); math.IsNaN(a.left(of.End)) {
					t.Errorf("what is left is no number after %d windows", i)
				}
			}
		}
	}
	operatortest.FuzzSnapshots(f, opened, 0, 1, 20)
}

func BenchmarkAdd(b *testing.B) {
	a := account{slo: &pipeline.SLO{Objective: 0.999, Window: int64(30 * 24 * time.Hour)}}
	end, left := int64(0), 0.0
	for b.Loop() {
		end += int64(10 * time.Second)
		a.add(gather.Span{Start: end - int64(10*time.Second), End: end}, 1000, 1)
		left += a.left(end)
	}
	if left == 0 {
		b.Fatal("nothing left")
	}
}

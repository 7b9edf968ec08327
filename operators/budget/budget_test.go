package budget

import (
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/homeostat/homeostat/operators/gather"
	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/operators/state"
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

// TestManyEvents: what is left does not depend on how many events there are, up to the most that a window can tell of.
func TestManyEvents(t *testing.T) {
	at := func(scale int64) (left []float64) {
		in := operatortest.NewInput()
		for k, w := range [][2]int64{{100, 0}, {3, 3}, {100, 40}, {1, 0}, {127, 64}, {100, 0}, {9, 1}, {100, 0}, {100, 1}, {1, 1}, {50, 0}, {100, 7}} {
			in.Window(`slo.bad:delta{slo="web",system="shop"}`, int64(k)*24e9, int64(k+1)*24e9, w[0]*scale, float64(w[1]*scale), 0, 0, 0)
		}
		operatortest.Run(t, operatortest.Case{
			New:   func() (pipeline.Operator, error) { return New(nil) },
			Env:   func(env *pipeline.Env) { env.SLOs = objectives },
			Input: in, Check: func(_ testing.TB, out *operatortest.Output) {
				for _, b := range out.Batches {
					left = append(left, b.Record.Column(pipeline.WindowLast).(*array.Float64).Float64Values()...)
				}
			},
		})
		return left
	}
	want := at(1)
	if len(want) != 12 || want[1] == want[2] {
		t.Fatalf("left are %g", want)
	}
	for _, bits := range []int{20, 33, 40, 56} {
		if got := at(1 << bits); !slices.Equal(got, want) {
			t.Errorf("of 2^%d times as many events: %g are left, want %g", bits, got, want)
		}
	}
}

// TestSums: the sums of the parts are those of what is in the window, whatever comes and however long nothing does.
func TestSums(t *testing.T) {
	a := account{slo: &objectives[0]}
	second := int64(time.Second)
	end := int64(0)
	for i := range int64(2000) {
		end += []int64{1, 7, 24, 100, 1000}[i%5] * second
		bad := float64(i%3) * []float64{1, 1e12, math.MaxFloat64 / 10}[i%7%3] / 7
		a.add(gather.Span{Start: end - second, End: end}, []float64{1, 1e3, 1e15, 1e300}[i%4], bad)
		var totals, bads big.Float // with room for all bits
		totals.SetPrec(2200)
		bads.SetPrec(2200)
		for _, p := range a.parts {
			totals.Add(&totals, big.NewFloat(p.total))
			bads.Add(&bads, big.NewFloat(p.bad))
		}
		wantTotal, _ := totals.Float64()
		wantBad, _ := bads.Float64()
		sum := a.sum()
		if math.Abs(sum.total-wantTotal) > 1e-13*wantTotal || math.Abs(sum.bad-wantBad) > 1e-13*wantBad || sum.bad > sum.total || sum.total <= 0 {
			t.Fatalf("window %d: parts have %g of %g, the sums are %+v", i, wantBad, wantTotal, sum)
		}
		if left := a.left(end); left > 1 || left < -9.001 {
			t.Fatalf("window %d: %g left", i, left)
		}
	}
}

// What a snapshot has in thousandths of events goes on as it was.
func TestOldSnapshotInThousandths(t *testing.T) {
	table := pipeline.NewSeriesTable(nil, 0)
	if _, err := table.Intern(pipeline.SLIMetric, "", pipeline.Delta, objectives[0].IndicatorLabels("shop")); err != nil {
		t.Fatal(err)
	}
	want, o := account{slo: &objectives[0]}, &Budget{}
	for k := range int64(300) {
		want.add(gather.Span{Start: k * 1e9, End: (k + 1) * 1e9}, float64(100+k), float64(k)/8)
	}
	var total, bad [parts]int64
	for k, p := range want.parts {
		total[k], bad[k] = int64(math.Round(p.total*1e3)), int64(math.Round(p.bad*1e3))
	}
	var b strings.Builder
	w := state.NewWriter(&b, name)
	w.Table(state.Table{Name: "accounts", Version: 1, Fields: []state.Field{
		{Name: "indicator", Type: state.Uint32, Role: state.Ordinal}, {Name: "series", Type: state.Int64, Role: state.Ordinal}, {Name: "slo", Type: state.Text},
		{Name: "window", Type: state.Int64}, {Name: "begun", Type: state.Int64}, {Name: "part", Type: state.Int64}, {Name: "total", Type: state.Ints}, {Name: "bad", Type: state.Ints},
	}}).Uint32(0).Int64(-1).Text("web").Int64(objectives[0].Window).Int64(want.begun).Int64(want.part).Ints(total[:]).Ints(bad[:])
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := o.Open(&pipeline.Env{Series: table, SLOs: objectives}); err != nil {
		t.Fatal(err)
	}
	if err := o.Restore(strings.NewReader(b.String())); err != nil {
		t.Fatal(err)
	}
	if got := o.accounts[0]; got.parts != want.parts || got.left(300e9) != want.left(300e9) || got.left(300e9) > 0.5 {
		t.Errorf("%g of the budget is left, want %g", got.left(300e9), want.left(300e9))
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

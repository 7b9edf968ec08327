package cohort

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/pipeline"
)

// world is four metrics of hosts of two sizes that share their load: CPU, latency, errors, and memory that grows and is collected.
// fault changes values.
func world(s int, fault func(s, k int, v float64) float64) func(k int) float64 {
	rnd := rand.New(rand.NewPCG(uint64(s), 11))
	big, memory := 1.0, rnd.Float64()*100
	if s/4%3 == 0 {
		big = 1.6
	}
	return func(k int) float64 {
		l := load(k)
		var v float64
		switch s % 4 {
		case 0:
			v = 40 * l * big * (1 + 0.05*rnd.NormFloat64())
		case 1:
			v = 20 * (1 + l*l) * math.Exp(0.2*rnd.NormFloat64()) / big
		case 2:
			v = poisson(rnd, 0.5*l)
		case 3:
			if memory += rnd.Float64(); memory > 100 {
				memory = 0
			}
			v = 200 + memory
		}
		return fault(s, k, v)
	}
}

func poisson(rnd *rand.Rand, mean float64) float64 {
	n, p := 0.0, rnd.Float64()
	for limit := math.Exp(-mean); p > limit; p *= rnd.Float64() {
		n++
	}
	return n
}

// load is that of a day with a rush and an outage.
func load(k int) float64 {
	l := 1 + 0.9*math.Sin(float64(k)/operatortest.Day*2*math.Pi)
	if k >= 3000 && k < 3030 {
		l *= 4
	}
	if k >= 5000 && k < 5020 {
		l = 0
	}
	return l
}

// TestQuietWorld: nothing in a day of hosts that do the same, however many they are.
func TestQuietWorld(t *testing.T) {
	operatortest.OneGoroutine(t)
	operatortest.OneGoroutine(t)
	for _, hosts := range []int{5, 7, 20, 60} {
		d, err := made()()
		if err != nil {
			t.Fatal(err)
		}
		found := operatortest.Scan(t, d, 4*hosts, operatortest.Day, func(s int) func(int) float64 {
			return world(s, func(_, _ int, v float64) float64 { return v })
		})
		if n := operatortest.Opened(found); n > 0 {
			t.Errorf("%d findings in a quiet day of %d hosts, such as %+v", n, hosts, found[0])
		}
	}
}

// TestGreyFailure: the CPU of one host of twenty takes 20 % more than its peers', beside noise of 5 %, its latency doubles, and it has four times
// as many errors and two more; its memory does what it does.
func TestGreyFailure(t *testing.T) {
	operatortest.OneGoroutine(t)
	operatortest.OneGoroutine(t)
	const ill, since = 2, 2500
	d, err := made()()
	if err != nil {
		t.Fatal(err)
	}
	found := operatortest.Scan(t, d, 80, 3000, func(s int) func(int) float64 {
		return world(s, func(s, k int, v float64) float64 {
			switch {
			case s/4 != ill || k < since:
			case s%4 == 0:
				return v * 1.2
			case s%4 == 1:
				return v * 2
			case s%4 == 2:
				return v*4 + 2
			}
			return v
		})
	})
	opened := map[uint32]int64{}
	for _, f := range found {
		if f.Open && f.Revision == 0 {
			opened[f.Series] = f.Start/10e9 - since
			if onset := f.Onset/10e9 - since; f.Direction != "up" || onset < -3 || onset > 20 {
				t.Errorf("onset %d windows after the fault: %+v", onset, f)
			}
		}
	}
	for s := range uint32(3) {
		if late, ok := opened[ill*4+s]; !ok || late > 25 {
			t.Errorf("metric %d was found %v after %d windows", s, ok, late)
		}
		delete(opened, ill*4+s)
	}
	if len(opened) > 0 {
		t.Errorf("found others: %v", opened)
	}
}

// TestMembersByTheThousand: a thousand members, of which some end and others begin in each window: nothing but the one that is ill.
func TestMembersByTheThousand(t *testing.T) {
	operatortest.OneGoroutine(t)
	operatortest.OneGoroutine(t)
	d, err := made("warmup", int64(20))()
	if err != nil {
		t.Fatal(err)
	}
	table := pipeline.NewSeriesTable(nil, 0)
	if err := d.Open(&pipeline.Env{Series: table, Lose: func(string, int) {}}); err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	var found []pipeline.Finding
	for k := range 300 {
		w := pipeline.Window{Table: table, Start: int64(k) * 10e9, End: int64(k)*10e9 + 10e9}
		for pod := range 1000 {
			s, err := table.Intern("lat", "", pipeline.Gauge, []pipeline.Label{{Name: "pod", Value: fmt.Sprint(pod + (k+pod%50)/50*1000)}})
			if err != nil {
				t.Fatal(err)
			}
			v := 100 * (1 + float64(k%7)) * (1 + 0.05*rnd.NormFloat64())
			if pod == 50 && k > 280 {
				v *= 1.5
			}
			w.Series, w.Count, w.Sum = append(w.Series, s), append(w.Count, 1), append(w.Sum, v)
		}
		if found, err = d.Detect(&w, found); err == nil {
			found, err = d.(pipeline.Concluder).Conclude(w.End, found)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := operatortest.Opened(found); n != 1 {
		t.Errorf("%d findings", n)
	}
}

// BenchmarkQuiet says what a window of a series costs in cohorts of 2,500.
func BenchmarkQuiet(b *testing.B) { operatortest.Bench(b, made()) }

// BenchmarkTwenty does in 500 cohorts of twenty.
func BenchmarkTwenty(b *testing.B) {
	operatortest.Bench(b, made(), func(s int) (string, []pipeline.Label) {
		return fmt.Sprintf("m%d", s/20), []pipeline.Label{{Name: "host", Value: fmt.Sprint(s % 20)}}
	})
}

func TestMedian(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for n := range 300 {
		v := make([]float64, n)
		for i := range v {
			switch v[i] = rnd.NormFloat64(); n % 3 {
			case 0:
				v[i] = math.Floor(v[i]) // many are equal
			case 1:
				v[i] = float64(i)
			}
		}
		sorted, want := slices.Sorted(slices.Values(v)), 0.0
		if n > 0 {
			want = sorted[n/2]/2 + sorted[(n-1)/2]/2
		}
		if got := median(v); math.Abs(got-want) > 1e-12 {
			t.Fatalf("the median of %v is %v, not %v", sorted, got, want)
		}
	}
}

// BenchmarkMedian compares the selection with a sort of everything.
func BenchmarkMedian(b *testing.B) {
	for _, n := range []int{5, 20, 100, 2500} {
		rnd := rand.New(rand.NewPCG(1, 1))
		values, v := make([]float64, 1<<14), make([]float64, n)
		for i := range values {
			values[i] = rnd.NormFloat64()
		}
		at := 0
		next := func() {
			at = (at + 7) % (len(values) - n)
			copy(v, values[at:])
		}
		b.Run(fmt.Sprintf("selected/%d", n), func(b *testing.B) {
			for b.Loop() {
				next()
				median(v)
			}
		})
		b.Run(fmt.Sprintf("sorted/%d", n), func(b *testing.B) {
			for b.Loop() {
				next()
				slices.Sort(v)
			}
		})
	}
}

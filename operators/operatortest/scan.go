package operatortest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/homeostat/homeostat/pipeline"
)

// metricsOfHost is how many metrics each host of a lane has.
const metricsOfHost = 4

// lane is gauges in windows of 10 s, a point each: the first four are the metrics m0 to m3 of host h0, the next four those of h1.
type lane struct{ pipeline.Window }

func newLane(t testing.TB, series int, named ...func(s int) (metric string, labels []pipeline.Label)) *lane {
	t.Helper()
	name := func(s int) (string, []pipeline.Label) {
		return fmt.Sprintf("m%d", s%metricsOfHost), []pipeline.Label{{Name: "host", Value: fmt.Sprintf("h%d", s/metricsOfHost)}}
	}
	if len(named) > 0 {
		name = named[0]
	}
	l := &lane{pipeline.Window{Table: pipeline.NewSeriesTable(scopeOf, 0)}}
	for s := range series {
		metric, labels := name(s)
		o, err := l.Table.Intern(metric, "", pipeline.Gauge, labels)
		if err != nil {
			t.Fatal(err)
		}
		l.Series, l.Count, l.Sum = append(l.Series, o), append(l.Count, 1), append(l.Sum, 0)
	}
	l.Min, l.Max, l.Last = l.Sum, l.Sum, l.Sum
	return l
}

// open opens a detector on the lane.
func (l *lane) open(t testing.TB, d pipeline.Detector) {
	t.Helper()
	env := &pipeline.Env{Pipeline: "test", Component: "op", Lane: "0", Series: l.Table, Lose: func(string, int) {}, Metrics: &pipeline.Metrics{}, Window: 10e9, Scope: scopeOf}
	if err := d.Open(env); err != nil {
		t.Fatal(err)
	}
}

// detect gives a detector a window, and says that it is complete.
func detect(d pipeline.Detector, w *pipeline.Window, found []pipeline.Finding) ([]pipeline.Finding, error) {
	found, err := d.Detect(w, found)
	if c, ok := d.(pipeline.Concluder); ok && err == nil {
		found, err = c.Conclude(w.End, found)
	}
	return found, err
}

// next goes on to the next window.
func (l *lane) next(value func(s int) float64) {
	l.Start, l.End = l.End, l.End+int64(10*time.Second)
	for s := range l.Sum {
		l.Sum[s] = value(s)
	}
}

// Scan gives a detector windows of 10 s of gauges and returns all findings. of makes a series, whose value in window k the function
// that it returns tells, called for one window after the other.
func Scan(t testing.TB, d pipeline.Detector, series, windows int, of func(s int) func(k int) float64) []pipeline.Finding {
	t.Helper()
	OneGoroutine(t)
	l := newLane(t, series)
	l.open(t, d)
	next := make([]func(int) float64, series)
	for s := range next {
		next[s] = of(s)
	}
	var found []pipeline.Finding
	for k := range windows {
		l.next(func(s int) float64 { return next[s](k) })
		var err error
		if found, err = detect(d, &l.Window, found); err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// Quiet gives a detector a day of twenty series of each kind of Noises, but of those that it is not made for, and returns the number of
// findings that opened of each.
func Quiet(t *testing.T, made func() (pipeline.Detector, error), but ...string) map[string]int {
	t.Helper()
	OneGoroutine(t)
	opened := map[string]int{}
	for kind, noise := range Noises {
		d, err := made()
		if err != nil {
			t.Fatal(err)
		}
		opened[kind] = Opened(Scan(t, d, 20, Day, func(s int) func(int) float64 {
			next := noise(rand.New(rand.NewPCG(uint64(s), 5)))
			return func(int) float64 { return next() }
		}))
	}
	for _, kind := range but {
		if _, known := opened[kind]; !known {
			t.Fatalf("there is no noise called %s", kind)
		}
		delete(opened, kind)
	}
	return opened
}

// Opened counts the findings that opened.
func Opened(found []pipeline.Finding) int {
	n := 0
	for _, f := range found {
		if f.Open && f.Revision == 0 {
			n++
		}
	}
	return n
}

// Hostile gives a detector what no series should be, and demands findings that keep their contract: no panic, no number that is none. Values
// are not finite, huge, denormal, constant, alternating; windows leap far ahead and have few of the series, which come and go.
func Hostile(t *testing.T, made func() (pipeline.Detector, error)) {
	t.Helper()
	OneGoroutine(t)
	odd := []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, -math.MaxFloat64, 5e-324, -5e-324, 0, math.Copysign(0, -1), 1e12, -1e12, 1e139, -1e139, 1, 100}
	rnd := rand.New(rand.NewPCG(7, 7))
	const series = 40
	l := newLane(t, series)
	d, err := made()
	if err != nil {
		t.Fatal(err)
	}
	l.open(t, d)
	all := l.Window
	var found []pipeline.Finding
	for k := range 3000 {
		l.next(func(s int) float64 { return hostile(s, k, odd, rnd) })
		if k%500 == 499 {
			l.Start, l.End = l.Start+int64(1000*time.Hour), l.End+int64(1000*time.Hour)
		}
		w := l.Window
		from := rnd.IntN(series)
		to := from + rnd.IntN(series-from+1) // no series at all, now and then
		if k%3 == 0 {
			from, to = 0, series
		}
		w.Series, w.Count, w.Sum, w.Min, w.Max, w.Last = all.Series[from:to], all.Count[from:to], all.Sum[from:to], all.Min[from:to], all.Max[from:to], all.Last[from:to]
		if found, err = detect(d, &w, found[:0]); err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			if !keepsContract(&f) {
				t.Fatalf("window %d: a finding breaks its contract: %+v", k, f)
			}
		}
	}
}

// hostile is the value of series s in window k.
func hostile(s, k int, odd []float64, rnd *rand.Rand) float64 {
	switch s % 5 {
	case 0:
		return odd[rnd.IntN(len(odd))]
	case 1:
		return odd[(s+k/200)%len(odd)] // constant, then another
	case 2:
		return float64(k%2) * 1e12
	case 3:
		if k > 1500 {
			return 1e12 + rnd.Float64()
		}
	}
	return rnd.NormFloat64()
}

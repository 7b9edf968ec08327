package operatortest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/homeostat/homeostat/pipeline"
)

// lane is gauges in windows of 10 s, a point each.
type lane struct{ pipeline.Window }

func newLane(t testing.TB, series int) *lane {
	t.Helper()
	l := &lane{pipeline.Window{Table: pipeline.NewSeriesTable(nil, 0)}}
	for s := range series {
		o, err := l.Table.Intern(fmt.Sprintf("m%d", s), "", pipeline.Gauge, nil)
		if err != nil {
			t.Fatal(err)
		}
		l.Series, l.Count, l.Sum = append(l.Series, o), append(l.Count, 1), append(l.Sum, 0)
	}
	l.Min, l.Max, l.Last = l.Sum, l.Sum, l.Sum
	return l
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
	l := newLane(t, series)
	next := make([]func(int) float64, series)
	for s := range next {
		next[s] = of(s)
	}
	var found []pipeline.Finding
	for k := range windows {
		l.next(func(s int) float64 { return next[s](k) })
		var err error
		if found, err = d.Detect(&l.Window, found); err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// Quiet gives a detector a day of twenty series of each kind of Noises, but of those that it is not made for, and returns the number of
// findings that opened of each.
func Quiet(t *testing.T, made func() (pipeline.Detector, error), but ...string) map[string]int {
	t.Helper()
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
	odd := []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, -math.MaxFloat64, 5e-324, -5e-324, 0, math.Copysign(0, -1), 1e12, -1e12, 1e139, -1e139, 1, 100}
	rnd := rand.New(rand.NewPCG(7, 7))
	const series = 40
	l := newLane(t, series)
	d, err := made()
	if err != nil {
		t.Fatal(err)
	}
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
		if found, err = d.Detect(&w, found[:0]); err != nil {
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

package plant

import (
	"testing"
	"time"
)

const step = 5 * time.Second

var epoch = time.Date(2024, 3, 5, 8, 0, 0, 0, time.UTC)

func build(t testing.TB, scenario string, seed uint64) *System {
	t.Helper()
	sc, err := Lookup(scenario)
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Default(), sc, seed, epoch)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// record plays to a time and returns the observations of each step.
func record(s *System, to time.Duration) []Observation {
	var all []Observation
	for s.Now() < to {
		s.Advance(min(s.Now()+step, to))
		all = append(all, s.Observe())
	}
	return all
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// window returns the observations that lie in a time.
func window(all []Observation, from, to time.Duration) []Observation {
	var in []Observation
	for _, o := range all {
		if o.From >= from && o.To <= to {
			in = append(in, o)
		}
	}
	return in
}

// badShare is the share of bad requests, 0..1.
func badShare(t testing.TB, all []Observation) float64 {
	t.Helper()
	var bad, total int64
	for _, o := range all {
		bad += o.Web.Bad
		total += o.Web.Total
	}
	if total == 0 {
		t.Fatal("no requests in the window")
	}
	return float64(bad) / float64(total)
}

// average of a number over observations of equal length.
func average(all []Observation, f func(o *Observation) float64) float64 {
	sum := 0.0
	for i := range all {
		sum += f(&all[i])
	}
	return sum / float64(len(all))
}

func connections(o *Observation) float64 { return o.Database.Connections }
func contention(o *Observation) float64  { return o.Database.Contention }
func queries(o *Observation) float64 {
	return float64(o.Database.Done) / (o.To - o.From).Seconds()
}
func attempts(o *Observation) float64 {
	return float64(o.Web.Started) / (o.To - o.From).Seconds()
}
func users(o *Observation) float64 {
	return float64(o.Web.Arrived) / (o.To - o.From).Seconds()
}

// busiestCPU is the highest processor use of an instance.
func busiestCPU(o *Observation) float64 {
	most := 0.0
	for _, in := range o.Instances {
		most = max(most, in.CPU)
	}
	return most
}

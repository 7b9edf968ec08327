package group

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/pipeline"
)

// world gives a detector entities of ten series that have a load in common, of which the second follows the first closely. fault changes values
// in units of their standard deviation; apart is one that the second could have if it did not follow.
func world(t testing.TB, d pipeline.Detector, entities, windows int, fault func(series, k int, v, apart float64) float64) []pipeline.Finding {
	t.Helper()
	const each = 10
	table := pipeline.NewSeriesTable(func(_ string, ls pipeline.Labels) pipeline.Scope {
		return pipeline.Scope{Entity: ls.Get("host"), System: "shop", Domain: ls.Get("host")}
	}, 0)
	if err := d.Open(&pipeline.Env{Series: table, Lose: func(string, int) {}}); err != nil {
		t.Fatal(err)
	}
	w := pipeline.Window{Table: table, Count: make([]int64, entities*each), Sum: make([]float64, entities*each)}
	rnds, loads := make([]*rand.Rand, entities), make([]float64, entities)
	for i := range entities * each {
		s, err := table.Intern(fmt.Sprintf("m%d", i%each), "", pipeline.Gauge, []pipeline.Label{{Name: "host", Value: fmt.Sprint(i / each)}})
		if err != nil {
			t.Fatal(err)
		}
		w.Series, w.Count[i] = append(w.Series, s), 1
		rnds[i/each] = rand.New(rand.NewPCG(uint64(i/each), 3))
	}
	var found []pipeline.Finding
	for k := range windows {
		w.Start, w.End = w.End, w.End+10e9
		for e, rnd := range rnds {
			loads[e] = 0.8*loads[e] + 0.6*rnd.NormFloat64()
			own := func() float64 { return 0.7*loads[e] + 0.7*rnd.NormFloat64() }
			apart := own()
			for j := range each {
				v := own()
				if j == 1 {
					v = 0.97*(w.Sum[e*each]-100)/10 + 0.25*rnd.NormFloat64()
				}
				w.Sum[e*each+j] = 100 + 10*fault(j, k, v, apart)
			}
		}
		var err error
		if found, err = d.Detect(&w, found); err == nil {
			found, err = d.(pipeline.Concluder).Conclude(w.End, found)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// TestPower: of forty entities, in twenty minutes of a fault of which no series shows anything by itself.
func TestPower(t *testing.T) {
	operatortest.OneGoroutine(t)
	operatortest.OneGoroutine(t)
	const entities, since, until = 40, 1800, 1920
	for _, c := range []struct {
		fault       string
		at          func(series int, v, apart float64) float64
		least, late int
	}{
		{"none", func(_ int, v, _ float64) float64 { return v }, 0, 0},
		{"six series are two deviations higher", func(s int, v, _ float64) float64 {
			if s > 3 {
				v += 2
			}
			return v
		}, 36, 12},
		{"a series does not follow another any more", func(s int, v, apart float64) float64 {
			if s == 1 {
				return apart
			}
			return v
		}, 18, 60},
	} {
		d, err := made()()
		if err != nil {
			t.Fatal(err)
		}
		found := world(t, d, entities, 2000, func(s, k int, v, apart float64) float64 {
			if k < since || k >= until {
				return v
			}
			return c.at(s, v, apart)
		})
		in, late := 0, 0
		for _, f := range found {
			if !f.Open || f.Revision > 0 {
				continue
			}
			k := int(f.Start / 10e9)
			if c.least == 0 || k < since {
				t.Errorf("%s: found %+v", c.fault, f)
			}
			if k >= until { // that it is over may be told of too
				continue
			}
			in++
			late += k - since
			if onset := int(f.Onset/10e9) - since; onset < -10 || onset > 100 || len(f.Evidence) != 2+named {
				t.Errorf("%s: onset after %d windows: %+v", c.fault, onset, f)
			}
		}
		if in < c.least || late > in*c.late {
			t.Errorf("%s: %d entities found, after %.1f windows", c.fault, in, float64(late)/float64(max(1, in)))
		}
	}
}

package doctor

import (
	"context"
	"fmt"

	"github.com/homeostat/homeostat/pipeline/config"
)

// bytesPerSeries is what a series of a lane takes, with what a usual chain learns of it and the work of a snapshot; see
// docs/performance.md.
const bytesPerSeries = 4700

// cardinality estimates how many series there are, compares that with the limit, and names the label that makes them many.
func cardinality(ctx context.Context, e *examination) {
	for _, i := range e.there() {
		s := e.sampled(ctx, i)
		n := len(s.series)
		if s.err != nil || n == 0 {
			continue
		}
		subject, limit := "source "+s.source.Name, e.plan.Limits.Series
		all, once := s.estimate()
		text := fmt.Sprintf("%d series in the sample", n)
		switch {
		case 2*once > n:
			text += ", and probably more in all: most were met once"
		case all > n:
			text += fmt.Sprintf(", an estimate of %d in all", all)
		}
		if need := int64(all) * bytesPerSeries; need >= 1<<20 {
			text += ", which take " + config.FormatSize(need>>20<<20)
		}
		label, values := s.widest()
		remedy := fmt.Sprintf("label %s has %d values in the sample: leave it out in the codec's settings or at the producers, or raise limits.series (%d a lane)", label, values, limit)
		switch {
		case n > limit || all > limit:
			e.fault(subject, remedy, "%s, more than limits.series, %d a lane: new ones are refused beyond it", text, limit)
		case 10*all > 8*limit:
			e.warn(subject, remedy, "%s, near limits.series, %d a lane", text, limit)
		case n >= 100 && 10*once > 9*n && 10*values > 8*n && s.decoded > 1:
			e.warn(subject, remedy, "%s: nine in ten were met once only, so nearly each record makes new ones", text)
		default:
			e.ok(subject, "%s; limits.series is %d a lane", text, limit)
		}
	}
}

// estimate estimates the number of series from how many were met once and twice (A. Chao, Nonparametric Estimation of the Number of
// Classes in a Population, 1984); once is how many were met once. It is a lower bound. Where most were met once a sample says
// nothing of how many there are besides.
func (s *sample) estimate() (all, once int) {
	twice := 0
	for _, t := range s.series {
		switch t.rows {
		case 1:
			once++
		case 2:
			twice++
		}
	}
	if 2*once > len(s.series) {
		return len(s.series), once
	}
	return len(s.series) + once*(once-1)/(2*(twice+1)), once
}

// widest returns the label with the most values.
func (s *sample) widest() (label string, values int) {
	seen := map[string]map[string]bool{}
	for _, t := range s.series {
		for _, l := range t.Labels {
			if seen[l.Name] == nil {
				seen[l.Name] = map[string]bool{}
			}
			seen[l.Name][l.Value] = true
		}
	}
	counts := map[string]int{}
	for name, of := range seen {
		counts[name] = len(of)
	}
	return most(counts)
}

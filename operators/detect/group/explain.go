package group

import (
	"cmp"
	"math"
	"slices"

	"github.com/homeostat/homeostat/operators/detect/alarm"
	"github.com/homeostat/homeostat/pipeline"
)

// named is how many series a finding names.
const named = 4

// explain says which series an entity is abnormal by, and gives the finding the one that is by the most, when it opens: later ones are
// of the same. That series' value is told beside what the others of the entity make one expect of it.
func (d *Detector) explain(f *pipeline.Finding, e *entity, change alarm.Change, far float64) {
	l := &d.look
	shown := l.deviation[:l.n]
	if beyond(&e.drift, d.length(l.drift[:l.n])) > beyond(&e.spread, math.Cbrt(e.level)) {
		shown = l.drift[:l.n]
	}
	var g, share [most]float64
	copy(g[:], shown)
	l.whiten(g[:l.n])
	l.back(g[:l.n])
	order := make([]int, l.n)
	for i := range order {
		order[i], share[i] = i, shown[i]*g[i]
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(share[b], share[a]) })
	if change == alarm.Opened {
		e.lead = int64(l.series[order[0]])
	}
	if far > 0 {
		f.Probability = 1 / (1 + 1/(far*far))
	}
	f.Evidence = []pipeline.Evidence{{Name: "distance", Value: far}, {Name: "series", Value: float64(l.n)}}
	for _, i := range order[:min(named, l.n)] {
		f.Evidence = append(f.Evidence, pipeline.Evidence{Name: "z " + d.Members.Series(l.series[i]).Key(), Value: shown[i]})
	}
	if i := slices.Index(l.series[:l.n], uint32(e.lead)); i >= 0 {
		d.beside(f, i)
		f.Direction = "up"
		if g[i] < 0 {
			f.Direction = "down"
		}
	} else {
		said := d.Alarm.Said(f.Series)
		f.Value, f.Low, f.High, f.Direction = said.Value, said.Low, said.High, said.Direction
	}
}

// length is the distance of deviations.
func (d *Detector) length(u []float64) float64 {
	l := &d.look
	w := l.scratch[:l.n]
	copy(w, u)
	return math.Cbrt(min(l.whiten(w)/float64(l.n), far*far))
}

// beside gives a finding the value of the series it is told of, and what the others make one expect of it.
func (d *Detector) beside(f *pipeline.Finding, i int) {
	l := &d.look
	precision := l.precision(i, l.scratch[:])
	u := l.scratch[:l.n]
	copy(u, l.deviation[:l.n])
	l.whiten(u)
	l.back(u)
	s := d.series.At(l.series[i])
	unit := l.unit[i] * s.Deviation
	expected := s.Mean + (l.deviation[i]-u[i]/precision)*unit
	width := learnCut * unit / math.Sqrt(precision)
	f.Value, f.Low, f.High = l.value[i], expected-width, expected+width
}

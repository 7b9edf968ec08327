package group

import (
	"math"
	"strings"

	"github.com/homeostat/homeostat/operators/detect/alarm"
	"github.com/homeostat/homeostat/operators/detect/ewma"
	"github.com/homeostat/homeostat/operators/detect/members"
	"github.com/homeostat/homeostat/operators/gather"
	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

const (
	// maxScore keeps scores readable when a scale is next to nothing.
	maxScore = 1000
	// cut is how many deviations a value is looked at to be off at most, and learned to be.
	cut = 4
	// learnCut is how many deviations a value is learned to be off at most.
	learnCut = 3
	// narrow is the least variance of a series in units of its scale: one that moves less than that is taken to move so much.
	narrow = 0.25
	// far is how many times the usual square of the distance a window moves its average at most.
	far = 10
	// sharp is the least deviation of a distance, in which one is about usual.
	sharp = 0.02
	// shrink is by how much correlations are taken to be less than they look, as a share of what chance does to them.
	shrink = 0.3
	// few is the least number of series that are looked at together.
	few = 2
)

// Detector is the detector. Its state is columns by ordinal and by entity. Its alarm is by the series that stand for entities, their first
// ones.
type Detector struct {
	members.Part
	kind          []string   // labels that make a group; nil: the entity
	scale, usual  ewma.Scale // of values, and of distances
	threshold     float64
	alpha, slow   float64 // by which averages of windows and what is usual move
	phase, enough uint32
	adapt         uint32
	gone          int64

	series   state.Column[learned]
	products state.Column[float64] // of deviations, averaged: from base of a series on those with each series of its entity up to itself
	entities state.Column[entity]  // by the id of package members

	// What follows from the lane's table.
	places []place    // by ordinal
	parts  [][]uint32 // by entity: its series
	room   uint32     // products that places have

	look look // in the window that is judged
}

// learned is what is kept of a series.
type learned struct {
	ewma.Average
	drift  float64 // average of the last deviations
	paired uint32  // windows in which its products were learned, as far as they matter
}

// place is where a series is among those of its entity.
type place struct {
	entity, index uint32
	base          uint32 // in products
	in            bool   // one of the first of its entity
}

// entity is what is kept of an entity.
type entity struct {
	spread, drift ewma.Average // of the two distances
	level         float64      // average of the last squared distances
	seen          int64        // end of the last window with a series of it
	lead          int64        // series that the open finding is told of; none
	rejected      uint32
}

const none = -1

// look is an entity in the window that is judged.
type look struct {
	solver
	series    [most]uint32
	index     [most]uint32
	value     [most]float64
	deviation [most]float64 // in units of its usual deviation
	drift     [most]float64
	unit      [most]float64 // the usual deviation, in scales of the series
	scratch   [most]float64
}

// Describe implements pipeline.Describer.
func (d *Detector) Describe() string {
	if len(d.kind) > 0 {
		return "series with equal " + strings.Join(d.kind, ", ") + ", together"
	}
	return "the series of each entity, together"
}

// Grow implements members.Judge.
func (d *Detector) Grow(n int) {
	d.Alarm.Grow(n)
	for i := d.series.Len(); i < n; i++ {
		d.series.Append(learned{Average: ewma.Begin(d.Members.Series(uint32(i)))})
	}
	d.settle(n)
}

// settle gives new series their places: the first ones of an entity are looked at.
func (d *Detector) settle(n int) {
	for i := len(d.places); i < n; i++ {
		d.places = append(d.places, d.place(uint32(i)))
	}
	d.entities.Grow(len(d.parts), entity{lead: none})
	d.products.Grow(int(d.room), 0)
}

func (d *Detector) place(series uint32) (p place) {
	id, ok := d.Members.Of(series)
	if !ok {
		return p
	}
	for len(d.parts) <= int(id) {
		d.parts = append(d.parts, nil)
	}
	if k := len(d.parts[id]); k < most {
		p = place{entity: id, index: uint32(k), base: d.room, in: true}
		d.room += uint32(k) + 1
		d.parts[id] = append(d.parts[id], series)
	}
	return p
}

// Begin implements members.Judge.
func (d *Detector) Begin(of gather.Span, found []pipeline.Finding) []pipeline.Finding {
	before := len(found)
	found = d.Part.Begin(of, found)
	for i := before; i < len(found); i++ {
		e := d.entities.Edit(d.places[found[i].Series].entity)
		found[i].Series, e.lead = uint32(e.lead), none
	}
	return found
}

// Group implements members.Judge.
func (d *Detector) Group(id uint32, ms []members.Member, found []pipeline.Finding) []pipeline.Finding {
	e := d.entities.Edit(id)
	e.seen = d.Now.End
	stands := d.parts[id][0]
	d.gather(ms)
	l := &d.look
	if l.n < few {
		d.learn(ms, 1)
		return found
	}
	spread, drift := d.distances(e)
	if e.spread.N < d.enough {
		d.learn(ms, 1)
		d.usual.Learn(&e.spread, spread)
		d.usual.Learn(&e.drift, drift)
		return found
	}
	far := max(beyond(&e.spread, spread), beyond(&e.drift, drift))
	score := min(max(0, far/d.threshold), maxScore)
	if d.Tells {
		width := d.threshold * max(e.spread.Deviation, sharp)
		d.Told = append(d.Told, pipeline.Score{Series: stands, Score: score, Low: 0, Expected: max(0, e.spread.Mean), High: max(0, e.spread.Mean+width)})
	}
	change := d.Alarm.Step(stands, d.Now.Start, d.Now.End, score, score < d.Release)
	if change == alarm.Opened {
		e.rejected = 0
	}
	abnormal := d.Alarm.Open(stands) && score >= d.Release
	if abnormal {
		e.rejected++
	}
	adapted := abnormal && e.rejected >= d.adapt
	if adapted {
		change = alarm.Closed
	}
	if change != alarm.None {
		found = d.say(stands, e, change, score, far, adapted, found)
	}
	switch {
	case adapted:
		d.begin(id, e)
	case !abnormal:
		d.learn(ms, min(1, learnCut/max(far, learnCut)))
		d.usual.Learn(&e.spread, d.cutOff(&e.spread, spread))
		d.usual.Learn(&e.drift, d.cutOff(&e.drift, drift))
	}
	return found
}

// say makes a finding of what package alarm says of the series that stands for an entity, on the one that it is told of.
func (d *Detector) say(stands uint32, e *entity, change alarm.Change, score, far float64, adapted bool, found []pipeline.Finding) []pipeline.Finding {
	f := pipeline.Finding{Series: stands, Start: d.Now.Start, End: d.Now.End, Score: score}
	d.explain(&f, e, change, far)
	if adapted {
		f.Evidence = append(f.Evidence, pipeline.Evidence{Name: "adapted", Value: 1})
	}
	found = d.Alarm.Append(found, f, change)
	found[len(found)-1].Series = uint32(e.lead)
	if change == alarm.Closed {
		e.lead = none
	}
	return found
}

// gather takes in the deviations of an entity's series, of which enough is known.
func (d *Detector) gather(ms []members.Member) {
	l := &d.look
	l.n = 0
	for i := range ms {
		p := &d.places[ms[i].Series]
		if !p.in {
			continue
		}
		s := d.series.Edit(ms[i].Series)
		if s.N < d.phase {
			continue
		}
		z := min(max(s.Z(ms[i].Value), -cut), cut)
		s.drift += d.alpha * (z - s.drift)
		if s.paired < d.enough {
			continue
		}
		unit := math.Sqrt(max(d.products.At(p.base+p.index), narrow))
		l.series[l.n], l.index[l.n], l.value[l.n] = ms[i].Series, p.index, ms[i].Value
		l.unit[l.n] = unit
		l.deviation[l.n] = min(max(z/unit, -cut), cut)
		l.drift[l.n] = s.drift / unit * math.Sqrt((2-d.alpha)/d.alpha)
		l.n++
	}
}

// distances returns how far the window, and the average of the last ones, are from what is usual: the roots of squares that are one
// on average, cubic ones, which make them about normal (Wilson and Hilferty).
func (d *Detector) distances(e *entity) (spread, drift float64) {
	l := &d.look
	for i := range l.n {
		row, s := l.row(i), d.series.At(l.series[i])
		base := d.places[l.series[i]].base
		for j := range i {
			known := float64(min(s.paired, d.series.At(l.series[j]).paired))
			keep := 1 - shrink*float64(l.n)/(float64(l.n)+known)
			row[j] = keep * min(max(d.products.At(base+l.index[j])/(l.unit[i]*l.unit[j]), -1), 1)
		}
		row[i] = 1
	}
	l.factor()
	n := float64(l.n)
	u := l.scratch[:l.n]
	copy(u, l.deviation[:l.n])
	e.level += d.alpha * (min(l.whiten(u)/n, far) - e.level)
	copy(u, l.drift[:l.n])
	return math.Cbrt(e.level), math.Cbrt(min(l.whiten(u)/n, far*far))
}

// beyond is how many deviations a distance is above what it usually is.
func beyond(usual *ewma.Average, x float64) float64 {
	return (x - usual.Mean) / max(usual.Deviation, sharp)
}

// cutOff limits a distance that is learned.
func (d *Detector) cutOff(usual *ewma.Average, x float64) float64 {
	return min(x, usual.Mean+d.threshold*max(usual.Deviation, sharp))
}

// learn takes in the values of an entity's series, and with a weight how they go together.
func (d *Detector) learn(ms []members.Member, weight float64) {
	for i := range ms {
		p := &d.places[ms[i].Series]
		if !p.in {
			continue
		}
		s := d.series.Edit(ms[i].Series)
		v := ms[i].Value
		if s.N >= d.phase {
			s.paired = min(s.paired+1, uint32(1/d.slow))
			d.together(ms[:i+1], p, min(max(s.Z(v), -cut), cut), weight)
			v = s.Cut(v, learnCut)
		}
		d.scale.Learn(&s.Average, v)
	}
}

// together learns the products of a series' deviation with its own and with those of the series before it. Those have been learned by
// now, but their deviations hardly move by that.
func (d *Detector) together(ms []members.Member, p *place, z, weight float64) {
	paired := d.series.At(ms[len(ms)-1].Series).paired
	for i := range ms {
		q := &d.places[ms[i].Series]
		s := d.series.At(ms[i].Series)
		if !q.in || s.N < d.phase || s.paired == 0 {
			continue
		}
		other := z
		if q.index != p.index {
			other = min(max(s.Z(ms[i].Value), -cut), cut)
		}
		x := d.products.Edit(p.base + q.index)
		*x += max(d.slow, 1/float64(min(paired, s.paired))) * weight * (z*other - *x)
	}
}

// begin forgets all of an entity.
func (d *Detector) begin(id uint32, e *entity) {
	for _, s := range d.parts[id] {
		*d.series.Edit(s) = learned{Average: ewma.Begin(d.Members.Series(s))}
		p := d.places[s]
		for i := range p.index + 1 {
			*d.products.Edit(p.base + i) = 0
		}
	}
	*e = entity{seen: e.seen, lead: e.lead}
}

// Hold implements pipeline.Holder: a window has to be judged, a finding that is open has to be closed, and what is learned of an entity
// is with its first series.
func (d *Detector) Hold(hold func(uint32)) {
	d.Part.Hold(hold)
	for id := range uint32(d.entities.Len()) {
		e := d.entities.At(id)
		if e.lead != none {
			hold(uint32(e.lead))
		}
		if d.Now.End-e.seen <= d.gone*(d.Now.End-d.Now.Start) && e.seen > 0 {
			hold(d.parts[id][0])
		}
	}
}

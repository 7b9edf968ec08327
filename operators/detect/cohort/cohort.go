package cohort

import (
	"math"

	"github.com/homeostat/homeostat/operators/detect/alarm"
	"github.com/homeostat/homeostat/operators/detect/ewma"
	"github.com/homeostat/homeostat/operators/detect/members"
	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

const (
	// maxScore keeps scores readable when a scale is next to nothing.
	maxScore = 1000
	// maxZ does that for z.
	maxZ = 1e9
	// maxPlace bounds places, so that sums of them are finite and exact enough.
	maxPlace = 1e9
	// small is the share of its members' usual values that a cohort's size is at least.
	small = 1.0 / 8
	// fewCounts are so few that their median leaps from one window to the next by much of what it is. The size of a cohort is what is usual then.
	fewCounts = 16
	// cut is how many scales a value is learned to be off at most.
	cut = 3
	// once is how far beyond the threshold a single window moves a drift at most, as a share of it.
	once = 0.6
	// least is what it is moved towards at least, in thresholds, where an average is of so few windows that one moves it beyond.
	least = 2
	// normal makes the standard deviation of a mean absolute deviation where values are normal, normalMedian of a median one.
	normal       = 1.2533141373155
	normalMedian = 1.4826
)

// Detector is the detector. Its state is columns by ordinal.
type Detector struct {
	members.Part
	kind               string // what a cohort is
	rules              []rule
	scale              ewma.Scale
	alpha              float64 // by which drifts move
	relative, absolute float64
	peers              int

	cells  state.Column[cell]
	cohort // in the window that is judged
}

// cell is what is kept of a series.
type cell struct {
	ewma.Average         // of its place among its peers
	usual        float64 // absolute value
	drift        float64 // average of its last residuals
	whole        bool    // its values have all been whole numbers
}

// cohort is one cohort in the window that is judged.
type cohort struct {
	places     []place
	scratch    []float64
	deviations []float64
	median     float64
	size       float64 // S
	doubt      float64 // the share of S that is a floor: so much of what is usual is not certain
	shift      float64 // median of the residuals
	spread     float64 // of drifts, in sizes
}

// Describe implements pipeline.Describer.
func (d *Detector) Describe() string {
	return "series " + d.kind + ", each with its peers"
}

// Grow implements members.Judge.
func (d *Detector) Grow(n int) {
	d.Alarm.Grow(n)
	d.cells.Grow(n, cell{whole: true})
}

// Group implements members.Judge.
func (d *Detector) Group(_ uint32, ms []members.Member, found []pipeline.Finding) []pipeline.Finding {
	if len(ms) <= d.peers {
		return found
	}
	d.look(ms)
	abnormal := 0
	for i := range ms {
		c := d.cells.Edit(ms[i].Series)
		if d.scale.Ready(&c.Average) {
			p := &d.places[i]
			p.drift, p.expected, p.z = c.drift, d.expected(c), c.drift*d.size/d.width(c)
			if math.Abs(p.z) >= d.rules[d.Members.Rule(ms[i].Series)].threshold {
				abnormal++
			}
		}
	}
	withheld := 2*abnormal >= len(ms)
	for i := range ms {
		found = d.member(ms, i, withheld, found)
	}
	return found
}

// look takes in the values of a cohort.
func (d *Detector) look(ms []members.Member) {
	c := &d.cohort
	c.places, c.scratch, c.deviations = c.places[:0], c.scratch[:0], c.deviations[:0]
	usual, first, whole := 0.0, 0.0, true
	for i := range ms {
		x := d.cells.Edit(ms[i].Series)
		c.scratch = append(c.scratch, ms[i].Value)
		usual += x.usual / float64(len(ms))
		first += math.Abs(ms[i].Value) / float64(len(ms))
		if x.N > 0 {
			c.deviations = append(c.deviations, x.Dev)
		}
		x.whole = x.whole && ms[i].Value == math.Trunc(ms[i].Value)
		whole = whole && x.whole
		c.places = append(c.places, place{usual: x.Mean})
	}
	if usual == 0 {
		usual = first
	}
	c.spread = normal * median(c.deviations)
	floor := max(small*usual, d.absolute)
	if whole {
		floor = max(floor, min(usual, fewCounts))
	}
	c.level(ms, floor)
	c.scratch = c.scratch[:0]
	for i := range c.places {
		p := &c.places[i]
		p.residual = min(max((ms[i].Value-c.median)/c.size, -maxPlace), maxPlace) - p.usual
		if d.cells.At(ms[i].Series).N > 0 {
			c.scratch = append(c.scratch, p.residual)
		}
	}
	c.shift = median(c.scratch)
	d.follow(ms)
}

// level finds the median and the size of a cohort. The median of the values as they are would be another one as soon as a single member
// moves from one half of unlike members to the other, so what is usual of each is taken from it, and the median taken anew.
func (c *cohort) level(ms []members.Member, floor float64) {
	c.median = median(c.scratch)
	for i := range ms {
		c.scratch[i] = math.Abs(ms[i].Value - c.median)
	}
	apart := median(c.scratch)
	size := max(math.Abs(c.median), apart, floor)
	for i := range ms {
		c.scratch[i] = ms[i].Value - c.places[i].usual*size
	}
	c.median = median(c.scratch)
	seen := max(math.Abs(c.median), apart)
	c.size = max(seen, floor)
	c.doubt = (c.size - seen) / c.size
}

// follow moves what members have drifted to.
func (d *Detector) follow(ms []members.Member) {
	c := &d.cohort
	c.scratch = c.scratch[:0]
	for i := range ms {
		x, p := d.cells.Edit(ms[i].Series), &c.places[i]
		p.residual -= c.shift
		if x.N == 0 {
			continue
		}
		r := beyond(p.residual, math.Abs(p.usual)*c.doubt)
		if d.scale.Ready(&x.Average) {
			most := max(once/d.alpha, least) * d.rules[d.Members.Rule(ms[i].Series)].threshold * d.width(x) / c.size
			r = min(max(r, -most), most)
		}
		x.drift += d.alpha * (r - x.drift)
		c.scratch = append(c.scratch, math.Abs(x.drift))
	}
	c.spread = max(c.spread, normalMedian*median(c.scratch))
}

// beyond is how far a number is beyond a distance from zero.
func beyond(v, distance float64) float64 {
	return math.Copysign(max(0, math.Abs(v)-distance), v)
}

// place is where a member is among its peers.
type place struct {
	usual    float64
	residual float64 // in sizes
	drift    float64
	expected float64 // in the metric's unit
	z        float64 // of the drift
}

// expected is what a member's value should be.
func (d *Detector) expected(c *cell) float64 { return d.median + (c.Mean+d.shift)*d.size }

// width is the scale of a member's drift, in the metric's unit.
func (d *Detector) width(c *cell) float64 {
	expected := math.Abs(d.expected(c))
	w := max(max(d.spread, normal*c.Dev)*d.size, d.relative*expected, d.absolute)
	if c.whole {
		w = max(w, math.Sqrt((expected+1)*d.alpha/(2-d.alpha)))
	}
	return w
}

// member judges one member, and learns it. withheld says that nobody can tell who is ill.
func (d *Detector) member(ms []members.Member, i int, withheld bool, found []pipeline.Finding) []pipeline.Finding {
	s, p := ms[i].Series, &d.places[i]
	c := d.cells.Edit(s)
	if !d.scale.Ready(&c.Average) {
		if c.N == 0 {
			c.Mean = p.residual
		}
		d.learn(c, ms[i].Value, c.drift)
		return found
	}
	r, width := &d.rules[d.Members.Rule(s)], d.width(c)
	score := math.Abs(p.z) / r.threshold
	if now := p.residual * d.size / width; score >= 1 && math.Abs(now) > math.Abs(p.z) && (now > 0) == (p.z > 0) {
		p.z = min(max(now, -maxZ), maxZ)
		score = min(math.Abs(p.z)/r.threshold, maxScore)
	}
	if withheld || !r.up && p.z > 0 || !r.down && p.z < 0 {
		score = 0
	}
	if d.Tells {
		d.Told = append(d.Told, pipeline.Score{Series: s, Score: score, Low: p.expected - r.threshold*width, Expected: p.expected, High: p.expected + r.threshold*width})
	}
	change := d.Alarm.Step(s, d.Now.Start, d.Now.End, score, score < d.Release && !withheld)
	adapted := false
	if !d.Alarm.Open(s) || score < d.Release && !withheld {
		most := cut * width / d.size
		d.learn(c, ms[i].Value, min(max(c.drift, -most), most))
	} else {
		adapted = d.scale.Reject(&c.Average, c.Mean+p.residual)
	}
	if adapted {
		change, c.drift = alarm.Closed, 0
	}
	if change == alarm.None {
		return found
	}
	f := pipeline.Finding{Series: s, Start: d.Now.Start, End: d.Now.End, Score: score, Value: ms[i].Value}
	d.explain(&f, p, r, width, ms)
	if adapted {
		f.Evidence = append(f.Evidence, pipeline.Evidence{Name: "adapted", Value: 1})
	}
	return d.Alarm.Append(found, f, change)
}

// learn takes in that a member of the value v has drifted so far from its usual place.
func (d *Detector) learn(c *cell, v, drift float64) {
	place := c.Mean + drift
	d.scale.Learn(&c.Average, place)
	usual := min(math.Abs(d.median+place*d.size), math.Abs(v))
	if c.usual == 0 { // of what was never there nobody knows how seldom it is
		c.usual = usual
	}
	c.usual += (usual - c.usual) / float64(c.N)
}

// explain adds to a finding what is expected, and how a member stands among its peers.
func (d *Detector) explain(f *pipeline.Finding, p *place, r *rule, width float64, ms []members.Member) {
	e := p.expected
	f.Low, f.High = e-r.threshold*width, e+r.threshold*width
	f.Direction, f.Probability = "up", 1/(1+1/(p.z*p.z))
	if p.z < 0 {
		f.Direction = "down"
	}
	rank, peers := 1, d.scratch[:0]
	for _, m := range ms {
		if m.Value > f.Value {
			rank++
		}
		if m.Series != f.Series {
			peers = append(peers, m.Value)
		}
	}
	f.Evidence = []pipeline.Evidence{
		{Name: "peers_median", Value: median(peers)}, {Name: "usual_offset", Value: e - d.median}, {Name: "average", Value: e + p.drift*d.size}, {Name: "scale", Value: width}, {Name: "z", Value: p.z},
		{Name: "rank", Value: float64(rank)}, {Name: "peers", Value: float64(len(peers))},
	}
}

package tail

import (
	"math"
	"slices"

	"github.com/homeostat/homeostat/operators/state"
)

const (
	// Peaks is how many peaks of a tail are remembered: the length of its ring.
	Peaks = 128
	// share is the share of values that are beyond the bar.
	share = 0.02
	// The bar begins at begin and moves by step at most, by first/√n in the beginning.
	begin, step, first = 2.0, 0.01, 1.2
	// The prior: a tail of priorShape and priorScale, worth so many peaks.
	prior, priorShape, priorScale = 20.0, 0.2, 0.5
	// lift is how many standard errors the shape is taken larger than estimated.
	lift = 1.0
	// lowest is the least bar, leastScale the least scale.
	lowest, leastScale = 1e-9, 1e-9
	// The bounds of the shape that is estimated.
	leastShape, mostShape = -0.2, 0.8
	// nearZero stands for a shape of 0, which is the exponential distribution.
	nearZero = 1e-6
	// farthest is how rare a peak counts at most, as a logarithm: of 400 one is as far. So an outlier is one more peak and no other law.
	farthest = 6.0
	// forget is over how many peaks the distance between them is averaged at most.
	forget = 64
	// rarest is the least logarithm of a probability that is told.
	rarest = -700.0
	// refit is after how many peaks the fit is made anew, when there are many.
	refit = 4
)

// Side is what is known of one tail.
type Side struct {
	// Bar is the value beyond which a value belongs to the tail.
	Bar float64
	// Shape and Scale are those of the generalised Pareto distribution of excesses over it.
	Shape, Scale float64
	// LogRate is the logarithm of the number of clusters a value.
	LogRate float64
	peak    float64 // the highest excess of the cluster that is open
	between float64 // values from one cluster to the next, on average
	seen    uint32  // values
	found   uint32  // clusters
	since   uint32  // values since the last one beyond the bar
	apart   uint32  // values since the last cluster began
}

// Begin returns what is known of a tail that nothing was seen of.
func Begin() Side {
	s := Side{Bar: begin, between: 1 / share, since: math.MaxUint32, Shape: priorShape, Scale: priorScale}
	s.LogRate = -math.Log(s.between)
	return s
}

// LogChance returns the logarithm of the probability that at one value a cluster begins whose peak is beyond x. It is 0 up to the middle, falls
// evenly to the bar, and is −700 at least.
func (s *Side) LogChance(x float64) float64 {
	if x <= 0 {
		return 0
	}
	if x <= s.Bar {
		return s.LogRate * x / s.Bar
	}
	u := 1 + s.Shape*(x-s.Bar)/s.Scale
	if u <= 0 {
		return rarest
	}
	return max(rarest, s.LogRate-math.Log(u)/s.Shape)
}

// Level returns the value of which LogChance is that, the inverse.
func (s *Side) Level(logChance float64) float64 {
	if logChance >= s.LogRate {
		return s.Bar * logChance / s.LogRate
	}
	return s.Bar + s.Scale/s.Shape*(math.Exp(-s.Shape*(logChance-s.LogRate))-1)
}

// Learn takes a value. ring are the last Peaks peaks, all of them 0 at first, which the caller keeps; gap is after how many values that are not
// beyond the bar a cluster ends.
func (s *Side) Learn(ring []float64, x float64, gap uint32) {
	if s.seen < math.MaxUint32 {
		s.seen++
	}
	if s.apart < math.MaxUint32 {
		s.apart++
	}
	by := step
	if s.seen < first*first/step/step {
		by = first / math.Sqrt(float64(s.seen))
	}
	beyond := x > s.Bar
	if beyond {
		x = min(x, s.Level(s.LogRate-farthest))
	}
	switch {
	case beyond && s.since >= gap:
		s.begin(ring)
		s.peak = x - s.Bar
	case beyond:
		s.since, s.peak = 0, max(s.peak, x-s.Bar)
	case s.since < math.MaxUint32:
		s.since++
	}
	if beyond {
		s.Bar += by * (1 - share)
	} else {
		s.Bar = max(s.Bar-by*share, lowest)
	}
}

// begin begins a cluster, and remembers the peak of the last one.
func (s *Side) begin(ring []float64) {
	if s.found > 0 {
		ring[(s.found-1)%Peaks] = s.peak
		s.between += (float64(s.apart) - s.between) / min(float64(s.found), forget)
		if s.found <= refit*2 || s.found%refit == 0 {
			s.fit(ring[:min(s.found, Peaks)])
		}
	}
	s.found++
	s.LogRate = -math.Log(max(1, s.between))
	s.apart, s.since = 0, 0
}

// fit estimates shape and scale by probability-weighted moments, drawn to the prior.
func (s *Side) fit(peaks []float64) {
	var room [Peaks]float64
	x := room[:copy(room[:], peaks)]
	slices.Sort(x)
	a0, a1 := 0.0, 0.0
	count := float64(len(x))
	for i, v := range x {
		a0 += v
		a1 += v * (1 - (float64(i)+0.65)/count)
	}
	a0, a1 = a0/count, a1/count
	shape, scale := priorShape, a0
	if d := a0 - 2*a1; d > 1e-3*a0 && count > 4 {
		shape, scale = 2-a0/d, 2*a0*a1/d
	}
	weight := count / (count + prior)
	shape = priorShape + weight*(max(leastShape, min(mostShape, shape))-priorShape)
	s.Shape = shape + lift*(1+shape)/math.Sqrt(count+prior)
	if math.Abs(s.Shape) < nearZero {
		s.Shape = nearZero
	}
	s.Scale = max(leastScale, priorScale+weight*(scale-priorScale))
}

// Fields are the columns of a tail in a snapshot.
func Fields(name string) []state.Field {
	var out []state.Field
	for _, f := range []string{"bar", "shape", "scale", "log_rate", "peak", "between"} {
		out = append(out, state.Field{Name: name + f, Type: state.Float64})
	}
	for _, f := range []string{"seen", "found", "since", "apart"} {
		out = append(out, state.Field{Name: name + f, Type: state.Uint32})
	}
	return out
}

// Write writes them, Read reads them.
func (s *Side) Write(t *state.TableWriter) {
	t.Float64(s.Bar).Float64(s.Shape).Float64(s.Scale).Float64(s.LogRate).Float64(s.peak).Float64(s.between)
	t.Uint32(s.seen).Uint32(s.found).Uint32(s.since).Uint32(s.apart)
}

// Read reads what Write wrote under the same name.
func Read(t *state.TableReader, name string) Side {
	return Side{t.Float64(name + "bar"), t.Float64(name + "shape"), t.Float64(name + "scale"), t.Float64(name + "log_rate"), t.Float64(name + "peak"),
		t.Float64(name + "between"), t.Uint32(name + "seen"), t.Uint32(name + "found"), t.Uint32(name + "since"), t.Uint32(name + "apart")}
}

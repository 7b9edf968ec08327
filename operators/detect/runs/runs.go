// Package runs tells whether something that uses to happen has not happened for too long. It is a library for detectors, not one of
// them: package flatline looks at moves of a value with it, package absence at windows of a series.
//
// The share p of windows in which it happened is learned. If windows were independent, a run of n windows without would be seen with the
// probability (1 − p)ⁿ, so
//
//	score = −n·log(1 − p) / threshold
//
// with p = (happened + ½) / (windows + 1), the estimate of Jeffreys, over the last windows by weights of 2/(history + 1). A threshold of
// 25 is a probability of e⁻²⁵, 10⁻¹¹. What seldom happens has to be missing long; what never happened is never missed.
//
// Windows are not independent: what counts rare things, or rests every night, has long runs. So a run must also be three times as long as
// the longest before it, of the last hundred histories or so by weights; the score is the lower of both. The first night of a series is
// found, the second is not.
//
// A run is learned when it has ended; what of it was a finding only as a length, so that a fault does not change how often the
// thing is said to happen. After adapt windows of a finding its absence is taken for normal.
package runs

import (
	"math"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

const (
	// margin is how many times longer than any before a run must be.
	margin = 3
	// memory is for how many histories the longest run is remembered.
	memory = 100
)

// Pace is how often a thing happens, and for how long it has not.
type Pace struct {
	happened, windows float64 // weighted
	longest           float64 // run
	// Since is the start of the first window of the run, and Length the number of its windows; 0 is no run.
	Since  int64
	Length uint32
}

// Rule says from when on a run is too long.
type Rule struct {
	threshold, keep, warmup float64
	adapt                   uint32
}

// Threshold is the setting threshold, Settings are the others.
func Threshold() pipeline.Setting {
	return pipeline.Setting{Name: "threshold", Type: pipeline.Float, Default: 25.0, Min: pipeline.Bound(1), Max: pipeline.Bound(1e6),
		Doc: "How improbable a run has to be: minus the logarithm of its probability."}
}

// Settings returns the settings of what is learned.
func Settings() []pipeline.Setting {
	return []pipeline.Setting{
		pipeline.Whole("history", 1000, 16, 1_000_000, "Over how many windows it is learned how often it happens."),
		pipeline.Whole("warmup", 240, 8, 1_000_000, "The number of windows of a series before anything is said about it."),
		pipeline.Whole("adapt", 2000, 8, 1_000_000, "After so many windows of one finding it is taken for normal."),
	}
}

// ReadRule reads the settings.
func ReadRule(s pipeline.Settings) Rule {
	keep := 1 - 2/(float64(s.Int("history"))+1)
	// What is weighted is never more than 1/(1 − keep) windows.
	return Rule{s.Float("threshold"), keep, min(float64(s.Int("warmup")), 0.8/(1-keep)), uint32(s.Int("adapt"))}
}

// Share is the estimated probability of a window in which it happens.
func (p *Pace) Share() float64 { return (p.happened + 0.5) / (p.windows + 1) }

// Probability is how sure it is that a run of so many windows is none of chance.
func (p *Pace) Probability(length uint32) float64 { return -math.Expm1(-p.surprise(length)) }

// surprise is minus the logarithm of the probability of a run.
func (p *Pace) surprise(length uint32) float64 { return -float64(length) * math.Log1p(-p.Share()) }

// Known tells whether enough was learned to say anything.
func (r *Rule) Known(p *Pace) bool { return p.windows+float64(p.Length) >= r.warmup }

// Score is that of a run that goes on for one more window.
func (r *Rule) Score(p *Pace) float64 {
	if p.happened == 0 {
		return 0
	}
	run := p.Length + 1
	return min(p.surprise(run)/r.threshold, float64(run)/(margin*(p.longest+1)))
}

// Learn takes a window that began at start, and whether the thing happened in it; open says that there is a finding of the run. It
// returns true if the finding is taken for normal.
func (r *Rule) Learn(p *Pace, start int64, happened, open bool) (adapted bool) {
	if happened {
		if !open {
			r.count(p, p.Length, 0)
		}
		r.count(p, 1, 1)
		r.end(p)
		return false
	}
	if p.Length == 0 {
		p.Since = start
	}
	if p.Length++; !open || p.Length < r.adapt {
		return false
	}
	r.count(p, p.Length, 0)
	r.end(p)
	return true
}

// end ends a run.
func (r *Rule) end(p *Pace) {
	p.longest = max(float64(p.Length), p.longest*(1-(1-r.keep)/memory))
	p.Length = 0
}

// count takes n windows with as many happenings each.
func (r *Rule) count(p *Pace, n uint32, happened float64) {
	if n == 0 {
		return
	}
	keep := r.keep
	if n > 1 {
		keep = math.Pow(keep, float64(n))
	}
	weight := (1 - keep) / (1 - r.keep)
	p.happened, p.windows = p.happened*keep+happened*weight, p.windows*keep+weight
}

// Fields are the columns of a pace in a snapshot.
func Fields() []state.Field {
	return []state.Field{{Name: "happened", Type: state.Float64}, {Name: "windows", Type: state.Float64}, {Name: "longest", Type: state.Float64},
		{Name: "since", Type: state.Int64}, {Name: "length", Type: state.Uint32}}
}

// Write writes them.
func (p *Pace) Write(t *state.TableWriter) {
	t.Float64(p.happened).Float64(p.windows).Float64(p.longest).Int64(p.Since).Uint32(p.Length)
}

// Read reads what Write wrote.
func Read(t *state.TableReader) Pace {
	return Pace{t.Float64("happened"), t.Float64("windows"), t.Float64("longest"), t.Int64("since"), t.Uint32("length")}
}

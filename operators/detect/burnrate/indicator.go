package burnrate

import (
	"cmp"
	"math"
	"slices"

	"github.com/homeostat/homeostat/operators/gather"
	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// indicator is the past of one objective, as far as its longest rule looks back, with the sums of each rule's windows.
type indicator struct {
	slo    *pipeline.SLO
	budget float64 // the share of bad events that the objective allows
	rules  []rule
	past   []sample // in order of time; the oldest at first
	first  int
	begun  int64 // start of the first window ever
}

// sample is the events of one window.
type sample struct {
	start, end int64
	total, bad float64
}

// most is the number of events in a window from which on more make no difference: what a window can count.
const most = math.MaxInt64

func sampleOf(start, end int64, events, bads float64) sample {
	return sample{start, end, min(max(0, events), most), min(max(0, bads), most)}
}

type rule struct {
	pipeline.BurnRule
	long, short sum
}

// sum is the events of the last length nanoseconds. The sums are exact, so that what slid out leaves nothing behind and sums that are taken
// anew are the same.
type sum struct {
	length     int64
	total, bad gather.Sum
	from       int // index in past of the first sample inside
}

func (s *sum) share() float64 {
	total := s.total.Value()
	if total <= 0 {
		return 0
	}
	return s.bad.Value() / total
}

func newIndicator(slo *pipeline.SLO) *indicator {
	x := &indicator{slo: slo, budget: max(1-slo.Objective, 1e-9)}
	rules := slo.Burn
	if len(rules) == 0 {
		rules = defaultRules()
	}
	for _, r := range rules {
		x.rules = append(x.rules, rule{BurnRule: r, long: sum{length: r.Long}, short: sum{length: r.Short}})
	}
	return x
}

// add takes a window's events in. Windows come in order.
func (x *indicator) add(start, end int64, events, bads float64) {
	if len(x.past) == 0 {
		x.begun = start
	}
	now := sampleOf(start, end, events, bads)
	x.past = append(x.past, now)
	oldest := len(x.past)
	for i := range x.rules {
		for _, s := range []*sum{&x.rules[i].long, &x.rules[i].short} {
			s.total.Add(now.total)
			s.bad.Add(now.bad)
			for x.past[s.from].end <= end-s.length {
				s.total.Add(-x.past[s.from].total)
				s.bad.Add(-x.past[s.from].bad)
				s.from++
			}
			oldest = min(oldest, s.from)
		}
	}
	x.first = oldest
	if x.first > 64 && x.first > len(x.past)/2 {
		x.compact()
	}
}

// revise puts a window that was opened again in the place of what was known of it. The rules look at that when the next
// window is added: nothing is said about the past.
func (x *indicator) revise(start, end int64, events, bads float64) {
	if len(x.past) == 0 {
		return
	}
	i, found := slices.BinarySearchFunc(x.past, end, func(p sample, end int64) int { return cmp.Compare(p.end, end) })
	now := x.past[len(x.past)-1].end
	if end > now || !found && i <= x.first {
		return
	}
	revised := sampleOf(start, end, events, bads)
	if found {
		x.past[i] = revised
	} else {
		x.past = slices.Insert(x.past, i, revised)
	}
	for r := range x.rules {
		for _, s := range []*sum{&x.rules[r].long, &x.rules[r].short} {
			s.from = slices.IndexFunc(x.past, func(p sample) bool { return p.end > now-s.length })
			s.take(x.past)
		}
	}
}

// compact drops what no rule looks at.
func (x *indicator) compact() {
	x.past = append(x.past[:0], x.past[x.first:]...)
	for i := range x.rules {
		x.rules[i].long.from -= x.first
		x.rules[i].short.from -= x.first
	}
	x.first = 0
}

// take adds the samples from s.from on up anew.
func (s *sum) take(past []sample) {
	s.total.Empty()
	s.bad.Empty()
	for _, p := range past[s.from:] {
		s.total.Add(p.total)
		s.bad.Add(p.bad)
	}
}

// verdict is what the rules say of the present.
type verdict struct {
	score    float64
	rule     int // the one with the highest score
	severity string
	now      float64 // burn rate over the shortest window
}

func (x *indicator) verdict(minBad float64) verdict {
	now := &x.rules[0].short
	for i := range x.rules {
		if x.rules[i].Short < now.length {
			now = &x.rules[i].short
		}
	}
	v := verdict{now: now.share() / x.budget, score: -1}
	elapsed := x.past[len(x.past)-1].end - x.begun
	for i := range x.rules {
		r := &x.rules[i]
		score := min(r.long.share(), r.short.share()) / x.budget / r.Factor
		if elapsed < r.Short || r.long.bad.Value() < minBad {
			score = 0
		}
		if v.now < 1 {
			score = min(score, v.now/2) // what is over does not fire again
		}
		if score > v.score {
			v.score, v.rule = score, i
		}
		if score >= 1 && rank(r.Severity) > rank(v.severity) {
			v.severity = r.Severity
		}
	}
	return v
}

// onset is the start of the present stretch in which the budget burnt.
func (x *indicator) onset() int64 {
	const pause = 2
	onset, calm := x.past[len(x.past)-1].start, 0
	for i := len(x.past) - 1; i >= x.first && calm <= pause; i-- {
		p := x.past[i]
		if p.total > 0 && p.bad/p.total > x.budget {
			onset, calm = p.start, 0
		} else {
			calm++
		}
	}
	return onset
}

// keptIndicator is what a snapshot keeps of an indicator.
type keptIndicator struct {
	series uint32
	slo    string
	begun  int64
	past   []sample
}

func (k *keptIndicator) write(t *state.TableWriter) {
	n := len(k.past)
	starts, ends, totals, bads := make([]int64, n), make([]int64, n), make([]float64, n), make([]float64, n)
	for i, p := range k.past {
		starts[i], ends[i], totals[i], bads[i] = p.start, p.end, p.total, p.bad
	}
	t.Uint32(k.series).Text(k.slo).Int64(k.begun).Ints(starts).Ints(ends).Floats(totals).Floats(bads)
}

// readSamples reads the windows of the present row. It returns false when they can't be.
func readSamples(t *state.TableReader) (past []sample, ok bool) {
	starts, ends := t.Ints("start"), t.Ints("end")
	const unit = 1e6 // before version 3
	totals, bads := t.FloatsOf("events", "total", unit), t.FloatsOf("bads", "bad", unit)
	if len(starts) != len(ends) || len(totals) != len(ends) || len(bads) != len(ends) {
		return nil, false
	}
	past = make([]sample, len(ends))
	for i := range past {
		if !(totals[i] >= 0 && totals[i] <= most && bads[i] >= 0 && bads[i] <= most) {
			return nil, false
		}
		past[i] = sample{starts[i], ends[i], totals[i], bads[i]}
	}
	return past, true
}

// read takes an indicator's past from the present row. It returns false when that can't be.
func (x *indicator) read(t *state.TableReader) bool {
	x.begun = t.Int64("begun")
	var ok bool
	if x.past, ok = readSamples(t); !ok || len(x.past) == 0 {
		return ok
	}
	end := x.past[len(x.past)-1].end
	for i := range x.rules {
		for _, s := range []*sum{&x.rules[i].long, &x.rules[i].short} {
			s.from = slices.IndexFunc(x.past, func(p sample) bool { return p.end > end-s.length })
			if s.from < 0 {
				return false
			}
			s.take(x.past)
		}
	}
	return true
}

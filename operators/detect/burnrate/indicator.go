package burnrate

import (
	"cmp"
	"math"
	"slices"

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

// sample is one window. Events are counted in millionths, so that sums are exact and don't depend on their order.
type sample struct{ start, end, total, bad int64 }

const (
	millionths = 1e6
	most       = 1e12 // events in a window
)

func inMillionths(events float64) int64 {
	return int64(math.Round(min(max(0, events), most) * millionths))
}

type rule struct {
	pipeline.BurnRule
	long, short sum
}

// sum is the events of the last length nanoseconds.
type sum struct {
	length     int64
	total, bad int64
	from       int // index in past of the first sample inside
}

func (s *sum) share() float64 {
	if s.total <= 0 {
		return 0
	}
	return float64(s.bad) / float64(s.total)
}

func newIndicator(slo *pipeline.SLO) *indicator {
	x := &indicator{slo: slo, budget: max(1-slo.Objective, 1e-9)}
	rules := slo.Burn
	if len(rules) == 0 {
		rules = defaultRules()
	}
	for _, r := range rules {
		x.rules = append(x.rules, rule{r, sum{length: r.Long}, sum{length: r.Short}})
	}
	return x
}

// add takes a window's events in. Windows come in order.
func (x *indicator) add(start, end int64, events, bads float64) {
	total, bad := inMillionths(events), inMillionths(bads)
	if len(x.past) == 0 {
		x.begun = start
	}
	x.past = append(x.past, sample{start, end, total, bad})
	oldest := len(x.past)
	for i := range x.rules {
		for _, s := range []*sum{&x.rules[i].long, &x.rules[i].short} {
			s.total += total
			s.bad += bad
			for x.past[s.from].end <= end-s.length {
				s.total -= x.past[s.from].total
				s.bad -= x.past[s.from].bad
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
	revised := sample{start, end, inMillionths(events), inMillionths(bads)}
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
	s.total, s.bad = 0, 0
	for _, p := range past[s.from:] {
		s.total += p.total
		s.bad += p.bad
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
		if elapsed < r.Short || float64(r.long.bad) < minBad*millionths {
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
		if p.total > 0 && float64(p.bad)/float64(p.total) > x.budget {
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
	t.Uint32(k.series).Text(k.slo).Int64(k.begun)
	column := make([]int64, len(k.past))
	for _, of := range sampleColumns {
		for i := range k.past {
			column[i] = *of.value(&k.past[i])
		}
		t.Ints(column)
	}
}

var sampleColumns = [...]struct {
	name  string
	value func(*sample) *int64
}{
	{"start", func(p *sample) *int64 { return &p.start }}, {"end", func(p *sample) *int64 { return &p.end }},
	{"total", func(p *sample) *int64 { return &p.total }}, {"bad", func(p *sample) *int64 { return &p.bad }},
}

// read takes an indicator's past from the present row. It returns false when that can't be.
func (x *indicator) read(t *state.TableReader) bool {
	x.begun = t.Int64("begun")
	x.past = make([]sample, len(t.Ints("end")))
	for _, of := range sampleColumns {
		column := t.Ints(of.name)
		if len(column) != len(x.past) {
			return false
		}
		for i, v := range column {
			*of.value(&x.past[i]) = v
		}
	}
	if len(x.past) == 0 {
		return true
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

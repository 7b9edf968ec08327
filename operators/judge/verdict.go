package judge

import (
	"fmt"
	"math"
	"time"

	"github.com/homeostat/homeostat/schemas"
)

// Designs, as they stand in the judgement.
const (
	designMatched  = "trigger-matched placebo"
	designTime     = "placebo in time"
	designRecovery = "recovery only"
)

// comparison is what a metric and its placebos say.
type comparison struct {
	known      bool // pre and post could be measured
	shift      shift
	size       float64
	attributed bool // there were placebos enough to say whether it was us
	many       bool // and enough independent ones to say that it was not
	p, worse   float64
	spread     float64
	placebos   int
	matched    int
	alike      bool // most placebos did as well
	vetoed     bool // most matched ones did, though they are few
	design     string
}

// compare measures the effect of a trial on a metric and what placebos say of it. direction is +1 up, -1 down.
func (j *Judge) compare(t *trial, metric string, direction float64) comparison {
	c := comparison{p: 1, worse: 1, design: designRecovery}
	h := j.state.Histories[historyKey(t.System, metric)]
	if h == nil {
		return c
	}
	moment, sp := t.spans(j.window)
	s := h.totals(moment-j.keep, moment+sp.gap+sp.post)
	c.shift, c.known = s.at(moment, sp, j.window)
	if !c.known {
		return c
	}
	c.size = c.shift.size(direction)
	treated := j.treatedTimes(t.System)
	minimum := max(1, t.Hypothesis.Test.MinPlacebos)
	matched := j.matched(t, &s, sp, moment, c.shift, direction, treated)
	placebos, disjoint := s.inTime(moment, sp, j.window, direction, treated)
	c.matched = len(matched)
	// As well means enough for the prediction, and at least half as much.
	enough := max(t.Hypothesis.Deduction.Effect, c.size/2)
	if len(matched) >= minimum {
		c.design, c.placebos, c.attributed, c.many = designMatched, len(matched), true, true
		c.p, c.worse, c.spread = rankP(c.size, matched), rankP(-c.size, negated(matched)), spread(matched)
		c.alike = rankP(enough, matched) > 0.5
		return c
	}
	c.placebos, c.spread = len(placebos), spread(placebos)
	if len(placebos) < minimum || disjoint < 2 {
		return c
	}
	c.design, c.attributed, c.many = designTime, true, disjoint >= minimum
	c.p, c.worse = rankP(c.size, placebos), rankP(-c.size, negated(placebos))
	if !c.many {
		c.p = max(c.p, spreadP(c.size, placebos, disjoint))
		c.worse = max(c.worse, spreadP(-c.size, negated(placebos), disjoint))
	}
	c.alike = rankP(enough, placebos) > 0.5
	c.vetoed = len(matched) > 0 && rankP(enough, matched) > 0.5
	return c
}

// matched returns what happened in earlier untreated incidents of the signature (if there are none, of the system) as
// long after their opening as the action was after its own, when the metric was about as bad: at least half
// as far from where this one ended.
func (j *Judge) matched(t *trial, s *sums, sp spans, moment int64, sh shift, direction float64, treated []int64) []float64 {
	own := j.state.Episodes[t.Hypothesis.Incident]
	if own == nil {
		return nil
	}
	delay := moment - floor(own.Opened, j.window)
	var same, other []float64
	for _, id := range j.episodes {
		e := j.state.Episodes[id]
		at := floor(e.Opened, j.window) + delay
		if e == own || e.System != t.System || at+sp.gap+sp.post > moment || touched(treated, e.Opened-1, at+sp.gap+sp.post) {
			continue
		}
		got, ok := s.at(at, sp, j.window)
		if !ok || direction*(sh.post-got.pre) < 0.5*direction*(sh.post-sh.pre) {
			continue
		}
		if e.Signature == own.Signature {
			same = append(same, got.size(direction))
		} else {
			other = append(other, got.size(direction))
		}
	}
	if len(same) > 0 {
		return same
	}
	return other
}

// verdict judges an action at its horizon.
func (j *Judge) verdict(t *trial, at int64) schemas.Judgement {
	v := j.judgement(t)
	recovered, measured := j.recovered(t, at)
	v.Recovered = recovered
	moment, sp := t.spans(j.window)
	v.Contamination = j.contamination(t, moment-sp.pre, at)
	direction := -1.0
	if t.Hypothesis.Deduction.Direction == "up" {
		direction = 1
	}
	c := j.compare(t, t.Hypothesis.Deduction.Metric, direction)
	minimum := t.Hypothesis.Deduction.Effect
	if c.known {
		v.Effect = schemas.Effect{Pre: round(c.shift.pre), Post: round(c.shift.post), Size: round(c.size), Interval: schemas.Band{Low: round(c.size - c.spread), High: round(c.size + c.spread)}}
	}
	v.Attribution = schemas.Attribution{Design: c.design, Placebos: c.placebos, PValue: round(c.p)}
	var unseen []string
	v.SideEffects, unseen = j.sideEffects(t)
	alpha := t.Hypothesis.Test.Alpha
	moved := fmt.Sprintf("%s went from %.4g to %.4g (predicted: %s by at least %.4g)", t.Hypothesis.Deduction.Metric, c.shift.pre, c.shift.post, t.Hypothesis.Deduction.Direction, minimum)
	against := fmt.Sprintf("%d placebos (%s): p = %.3g", c.placebos, c.design, c.p)
	set := func(verdict, format string, args ...any) { v.Verdict, v.Reason = verdict, fmt.Sprintf(format, args...) }
	switch {
	case len(v.Contamination) > 0:
		set(schemas.Void, "something else was changed in the windows: %s", v.Contamination[0])
	case !c.known:
		set(schemas.Void, "%s has too few data before or after the action", t.Hypothesis.Deduction.Metric)
	case len(v.SideEffects) > 0:
		set(schemas.Harmful, "a metric that must not get worse did: %s", v.SideEffects[0])
	case c.size < 0 && -c.size >= minimum && c.attributed && c.worse <= alpha:
		set(schemas.Harmful, "%s: the other way, and further than placebos do (p = %.3g)", moved, c.worse)
	case c.size >= minimum && c.attributed && c.p <= alpha && !c.vetoed && len(unseen) > 0:
		set(schemas.Inconclusive, "%s; %s; but %s, which must not get worse, has too few data", moved, against, unseen[0])
	case c.size >= minimum && c.attributed && c.p <= alpha && !c.vetoed:
		set(schemas.Supported, "%s; %s", moved, against)
	case c.size < minimum && !measured:
		set(schemas.Inconclusive, "%s and there are too few data to say whether the objective holds", moved)
	case c.size < minimum && !v.Recovered:
		set(schemas.Refuted, "%s and the objective does not hold", moved)
	case c.attributed && c.many && c.p > alpha && c.alike:
		set(schemas.Refuted, "%s, but as much mostly happens with nothing done; %s", moved, against)
	case c.vetoed:
		set(schemas.Inconclusive, "%s, but most of %d untreated incidents like it did as well", moved, c.matched)
	case !c.attributed:
		set(schemas.Inconclusive, "%s; the past is too short to say whether it was the action", moved)
	default:
		set(schemas.Inconclusive, "%s; %s", moved, against)
	}
	if v.Verdict == schemas.Supported && c.design == designTime {
		v.Reason += fmt.Sprintf("; %d untreated incidents to compare with are too few to exclude that it healed by itself", c.matched)
	}
	if t.Partly {
		v.Reason += "; only part of it was carried out"
	}
	return j.believe(t, v)
}

// sideEffects lists the refuter metrics that rose beyond what placebos do, and those that could not be measured.
func (j *Judge) sideEffects(t *trial) (rose, unseen []string) {
	for _, metric := range t.Hypothesis.Refuters {
		switch c := j.compare(t, metric, 1); {
		case !c.known:
			unseen = append(unseen, metric)
		case c.attributed && c.size > 0 && c.p <= t.Hypothesis.Test.Alpha:
			rose = append(rose, fmt.Sprintf("%s rose from %.4g to %.4g", metric, c.shift.pre, c.shift.post))
		}
	}
	return rose, unseen
}

// verdictWait judges waiting; ok is false while it is too early to say.
func (j *Judge) verdictWait(t *trial, at int64) (v schemas.Judgement, ok bool) {
	v = j.judgement(t)
	end := t.Opened + nanos(t.Hypothesis.Deduction.Horizon)
	recovered, measured := j.recovered(t, at)
	v.Recovered = recovered && at-t.Opened >= j.hold
	v.Attribution = schemas.Attribution{Design: designRecovery, PValue: 1}
	v.Contamination = j.contamination(t, t.Opened, at)
	waited := time.Duration(at - t.Opened).Round(time.Second)
	switch {
	case len(v.Contamination) > 0:
		v.Verdict, v.Reason = schemas.Void, "not left alone: "+v.Contamination[0]
	case v.Recovered:
		v.Verdict, v.Reason = schemas.Supported, fmt.Sprintf("the objective has held for %s, %s after nothing was done", time.Duration(j.hold), waited)
	case at < end:
		return v, false
	case !measured:
		v.Verdict, v.Reason = schemas.Void, "the objective has too few data to say whether it holds"
	default:
		v.Verdict, v.Reason = schemas.Refuted, fmt.Sprintf("the objective does not hold after %s of waiting", waited)
	}
	return j.believe(t, v), true
}

// judgement is what all verdicts have in common.
func (j *Judge) judgement(t *trial) schemas.Judgement {
	h := &t.Hypothesis
	return schemas.Judgement{Hypothesis: h.Hypothesis, Incident: h.Incident, Signature: h.Signature, Action: h.Decision.Chosen}
}

// void judges what was not carried out.
func (j *Judge) void(t *trial, at int64, reason string) schemas.Judgement {
	v := j.judgement(t)
	v.Verdict, v.Reason = schemas.Void, reason
	v.Recovered, _ = j.recovered(t, at)
	v.Attribution = schemas.Attribution{Design: designRecovery, PValue: 1}
	return j.believe(t, v)
}

// believe puts in what the verdict teaches: one observation of a Beta-Bernoulli.
func (j *Judge) believe(t *trial, v schemas.Judgement) schemas.Judgement {
	success, weight := t.belief()
	v.Prior, v.Posterior = round(success), round(success)
	switch v.Verdict {
	case schemas.Supported:
		v.Posterior = round((success*weight + 1) / (weight + 1))
	case schemas.Refuted, schemas.Harmful:
		v.Posterior = round(success * weight / (weight + 1))
	}
	return v
}

// round keeps nine digits behind the point.
func round(v float64) float64 { return math.Round(v*1e9) / 1e9 }

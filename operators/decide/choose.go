package decide

import (
	"fmt"
	"sort"
	"time"

	"github.com/homeostat/homeostat/schemas"
)

// option is one candidate with all that a hypothesis about it needs.
type option struct {
	schemas.Candidate
	action *action // nil: wait
	wait   wait
	target schemas.Target
	domain string
	metric string
	effect float64
	params map[string]any
	// later tells that it is excluded for now only.
	later bool
}

// candidates lists what could be done for an incident, the best first. Waiting is always among them.
func (d *Decide) candidates(e *episode, now int64) []option {
	b := d.runbook(e.Incident.Signature)
	w := d.unknown
	if b != nil {
		w = b.wait
	}
	list := []option{d.waiting(e, w)}
	if b != nil {
		for i := range b.actions {
			list = append(list, d.acting(e, &b.actions[i], now))
		}
	}
	sort.SliceStable(list, func(i, j int) bool {
		if out := list[i].Excluded != ""; out != (list[j].Excluded != "") {
			return !out
		}
		if list[i].Score != list[j].Score {
			return list[i].Score > list[j].Score
		}
		return list[i].Action < list[j].Action
	})
	return list
}

func (d *Decide) waiting(e *episode, w wait) option {
	o := option{wait: w, domain: e.suspect().Domain, metric: sloMetric + e.impact().SLO}
	o.Action = schemas.VerbWait
	o.Success, o.Weight = d.state.Experience[key(e.Incident.Signature, o.Action)].belief(w.success, w.weight)
	o.Score = o.Success*e.benefit() - w.cost
	o.effect = max(0, e.impact().BadShare-d.budget(e.impact().SLO))
	if e.impact().SLO == "" {
		o.metric = "incident:" + e.Incident.Incident
	}
	if e.Vain {
		o.Excluded = "it did not heal by itself in this incident before"
	} else if e.Waited+w.horizon > d.waitBudget {
		o.Excluded = fmt.Sprintf("%s of %s of waiting are used up", time.Duration(e.Waited), time.Duration(d.waitBudget))
	}
	return o
}

func (d *Decide) acting(e *episode, a *action, now int64) option {
	o := option{action: a}
	o.Action = a.name
	o.Success, o.Weight = d.state.Experience[key(e.Incident.Signature, a.name)].belief(a.success, a.weight)
	o.Score = o.Success*e.benefit() - a.cost - a.risk
	named := d.fillIn(&o, e)
	level := e.impact().BadShare
	o.effect = a.prediction.effect
	if o.effect == 0 {
		o.effect = a.prediction.relative * level
	}
	holder, held := d.holder(o.domain, e)
	cool := d.state.Cooling[o.domain]
	switch {
	case a.level == 0:
		o.Excluded = "no authority"
	case len(a.bottleneck) > 0 && !matchAny(a.bottleneck, e.suspect().Entity, e.role()):
		o.Excluded = "the bottleneck is " + e.suspect().Entity + ", not what this would grow"
	case contains(e.Ran, a.name):
		o.Excluded = "it ran in this incident already"
	case e.Attempts >= d.maxAttempts:
		o.Excluded = fmt.Sprintf("%d actions were tried", e.Attempts)
	case !named:
		o.Excluded = "its target or its metric has no name here"
	case a.prediction.direction == "down" && o.metric == sloMetric+e.impact().SLO && o.effect > level:
		o.Excluded = fmt.Sprintf("its prediction can't come true: a share of %.3g can't fall by %.3g", level, o.effect)
	case o.effect <= 0:
		o.Excluded = "there is nothing to predict: no SLO suffers"
	case held:
		o.Excluded, o.later = "lock domain "+o.domain+" is taken by hypothesis "+holder, true
	case now < cool:
		o.Excluded, o.later = "lock domain "+o.domain+" cools down until "+schemas.FormatTime(cool), true
	case o.Score <= 0:
		o.Excluded = "it costs more than it promises"
	}
	return o
}

// fillIn names target, lock domain, metric and parameters; false if one can't be named.
func (d *Decide) fillIn(o *option, e *episode) bool {
	values, a := e.places(d.env.SLOs), o.action
	id, ok := fill(a.id, values)
	uid := id
	if a.uid != "" {
		u, known := fill(a.uid, values)
		uid, ok = u, ok && known
	}
	domain := id
	if s := e.suspect(); a.domain == "" && s.Domain != "" { // then the target is the suspect
		domain = s.Domain
	}
	if a.domain != "" {
		dom, known := fill(a.domain, values)
		domain, ok = dom, ok && known
	}
	metric, known := fill(a.prediction.metric, values)
	ok = ok && known
	o.params = make(map[string]any, len(a.params))
	for name, text := range a.params {
		v, known := fill(text, values)
		o.params[name], ok = value(v), ok && known
	}
	o.target = schemas.Target{Kind: a.kind, ID: id, UID: uid}
	o.domain, o.metric = domain, metric
	return ok && id != ""
}

// holder returns the hypothesis of another incident that has the lock domain.
func (d *Decide) holder(domain string, e *episode) (hypothesis string, held bool) {
	for _, id := range d.order {
		other := d.state.Episodes[id]
		if t := other.Current; other != e && t != nil && !t.Wait && t.Domain == domain {
			return t.ID, true
		}
	}
	return "", false
}

func (d *Decide) budget(slo string) float64 {
	for _, s := range d.env.SLOs {
		if s.Name == slo {
			return 1 - s.Objective
		}
	}
	return 0
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

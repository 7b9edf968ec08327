package correlate

import (
	"fmt"
	"math"
	"sort"
	"time"

	"github.com/homeostat/homeostat/schemas"
)

const (
	// latest is what an entity that became abnormal long after the first still weighs.
	latest = 0.25
	// symptom is what the entity whose SLO burns weighs: it is where the fault is felt.
	symptom = 0.2
	// changed is how much more suspect a change just before the onset makes.
	changed = 1.5
)

// suspicion is the evidence against one entity.
type suspicion struct {
	entity, domain string
	metrics        map[string]*finding // the worst of each metric
	classes        map[string]float64
	strongest      float64 // evidence of the worst metric
	own            float64 // evidence of all metrics, weighed by time
	pull           float64 // the part of own that explains a caller's trouble
	score          float64
	metric         string
	onset          int64
	reasons        []string
}

// rank orders the entities of the findings, the likeliest cause first.
func (o *options) rank(s *system, findings []*finding) []*suspicion {
	byEntity := map[string]*suspicion{}
	felt := map[string]bool{}
	for _, f := range findings {
		if f.SLO != "" {
			felt[f.Entity] = true
			continue
		}
		sus := byEntity[f.Entity]
		if sus == nil {
			sus = &suspicion{entity: f.Entity, domain: f.Domain, onset: f.Onset, metrics: map[string]*finding{}, classes: map[string]float64{}}
			byEntity[f.Entity] = sus
		}
		sus.onset = min(sus.onset, f.Onset)
		if worst := sus.metrics[f.Metric]; worst == nil || f.Score > worst.Score {
			sus.metrics[f.Metric] = f
		}
	}
	if len(byEntity) == 0 {
		return alone(findings)
	}
	all := make([]*suspicion, 0, len(byEntity))
	first := int64(math.MaxInt64)
	for _, sus := range byEntity {
		all = append(all, sus)
		first = min(first, sus.onset)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].entity < all[j].entity })
	for _, sus := range all {
		o.weigh(sus, first)
	}
	o.discountCallers(s, all)
	for _, sus := range all {
		if felt[sus.entity] && len(all) > 1 {
			sus.score *= symptom
			sus.reasons = append(sus.reasons, "its SLO burns: where the fault is felt")
		}
		o.blameChanges(s, sus)
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].score > all[j].score })
	return all
}

// alone makes the entity whose SLO burns the suspect when nothing else is known.
func alone(findings []*finding) []*suspicion {
	var all []*suspicion
	seen := map[string]bool{}
	for _, f := range findings {
		if seen[f.Entity] {
			continue
		}
		seen[f.Entity] = true
		all = append(all, &suspicion{
			entity: f.Entity, domain: f.Domain, onset: f.Onset, score: evidence(f.Score, f.Score), metric: f.Metric, strongest: 1,
			classes: map[string]float64{f.Class: 1}, reasons: []string{"its SLO " + f.SLO + " burns and nothing else is abnormal"},
		})
	}
	sort.Slice(all, func(i, j int) bool { return all[i].entity < all[j].entity })
	return all
}

// evidence is a score on a log scale, so that one series without spread does not outweigh the rest.
func evidence(score, limit float64) float64 { return math.Log2(1 + max(0, min(score, limit))) }

// weigh adds up an entity's metrics, the worst in full, each further one half of the one before.
func (o *options) weigh(sus *suspicion, first int64) {
	worst := make([]*finding, 0, len(sus.metrics))
	for _, f := range sus.metrics {
		worst = append(worst, f)
	}
	sort.Slice(worst, func(i, j int) bool {
		if worst[i].Score != worst[j].Score {
			return worst[i].Score > worst[j].Score
		}
		return worst[i].Metric < worst[j].Metric
	})
	share, pullShare := 1.0, 1.0
	for _, f := range worst {
		e := evidence(f.Score, o.cap)
		sus.own += share * e
		share /= 2
		if f.Class != traffic {
			sus.pull += pullShare * e
			pullShare /= 2
		}
		sus.classes[f.Class] = max(sus.classes[f.Class], e)
	}
	sus.metric, sus.strongest = worst[0].Metric, evidence(worst[0].Score, o.cap)
	late := float64(sus.onset-first) / float64(o.halflife)
	weight := latest + (1-latest)*math.Exp2(-late)
	sus.own *= weight
	sus.pull *= weight
	sus.score = sus.own
	for _, f := range worst[:min(2, len(worst))] {
		sus.reasons = append(sus.reasons, fmt.Sprintf("%s %.1f times its threshold since %s", f.Metric, f.Score, clock(f.Onset)))
	}
	if n := len(worst) - 2; n > 0 {
		sus.reasons = append(sus.reasons, fmt.Sprintf("and %d more metrics", n))
	}
}

func clock(t int64) string { return time.Unix(0, t).UTC().Format("15:04:05") }

// discountCallers takes from each entity what its worst anomalous callee explains.
func (o *options) discountCallers(s *system, all []*suspicion) {
	at := map[string][]*suspicion{}
	for _, sus := range all {
		if node := s.graph.node(sus.entity); node != "" {
			at[node] = append(at[node], sus)
		}
	}
	for _, sus := range all {
		node := s.graph.node(sus.entity)
		if node == "" || sus.own == 0 {
			continue
		}
		var worst *suspicion
		for _, callee := range s.graph.below(node, func(n string) bool { return len(at[n]) > 0 }) {
			for _, c := range at[callee] {
				if worst == nil || c.pull > worst.pull || c.pull == worst.pull && c.entity < worst.entity {
					worst = c
				}
			}
		}
		if worst == nil || worst.pull == 0 {
			continue
		}
		sus.score = sus.own * (1 - o.discount*min(1, worst.pull/sus.own))
		sus.reasons = append(sus.reasons, "calls "+worst.entity+", which is abnormal too")
	}
}

// blameChanges makes an entity more suspect that was changed just before it became abnormal.
func (o *options) blameChanges(s *system, sus *suspicion) {
	for i := len(s.Changes) - 1; i >= 0; i-- {
		c := &s.Changes[i]
		if c.Time > sus.onset || sus.onset-c.Time > o.changeWindow {
			continue
		}
		for _, entity := range c.Entities {
			if entity == sus.entity || entity == s.graph.node(sus.entity) {
				sus.score *= changed
				sus.reasons = append(sus.reasons, fmt.Sprintf("%s change %ds before", c.Kind, (sus.onset-c.Time)/int64(time.Second)))
				return
			}
		}
	}
}

// certainty is how far the first suspect stands out: 1 if it is alone, 0.5 if the second is as likely.
func certainty(ranked []*suspicion) float64 {
	switch {
	case len(ranked) == 0 || ranked[0].score <= 0:
		return 0
	case len(ranked) == 1:
		return 1
	}
	return ranked[0].score / (ranked[0].score + ranked[1].score)
}

func (o *options) name(ranked []*suspicion) []schemas.Suspect {
	out := []schemas.Suspect{}
	for _, sus := range ranked[:min(len(ranked), o.maxSuspects)] {
		out = append(out, schemas.Suspect{Entity: sus.entity, Domain: sus.domain, Score: round(sus.score), Metric: sus.metric, Reasons: sus.reasons})
	}
	return out
}

// round keeps six digits: enough to compare, and equal on all machines.
func round(v float64) float64 { return math.Round(v*1e6) / 1e6 }

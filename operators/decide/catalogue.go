package decide

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

type options struct {
	mode                             string
	catalogue                        []runbook
	unknown                          wait
	maxAttempts, minPlacebos         int
	waitBudget                       int64
	cooldownSuccess, cooldownFailure int64
	startBy                          int64
	alpha                            float64
	escalate                         escalation
	policy, policyVersion            string
}

type runbook struct {
	name       string
	signatures []string
	wait       wait
	actions    []action
}

type wait struct {
	success, weight, cost float64
	horizon               int64
}

type escalation struct{ kind, id, actuator string }

type action struct {
	name, verb, actuator  string
	params                map[string]string
	kind, id, uid, domain string
	population            string
	success, weight       float64
	cost, risk            float64
	reversible            bool
	level                 int
	bottleneck            []string
	prediction            prediction
	refuters              []string
	guards                []schemas.Guard
	limits                schemas.Limits
	undo                  string
	maxDuration, ttl      int64
	blackout              int64
}

type prediction struct {
	metric, direction      string
	effect, relative       float64
	onsetLag, horizon, pre int64
}

func parse(s pipeline.Settings) (options, error) {
	o := options{
		mode: s.Text("mode"), unknown: parseWait(s, "unknown"), maxAttempts: int(s.Int("max_attempts")), minPlacebos: int(s.Int("min_placebos")),
		waitBudget: ns(s, "wait_budget"), cooldownSuccess: ns(s, "cooldown_success"), cooldownFailure: ns(s, "cooldown_failure"),
		startBy: ns(s, "start_by"), alpha: s.Float("alpha"), policy: s.Text("policy"), policyVersion: s.Text("policy_version"),
		escalate: escalation{"person", "on-call", "notify"},
	}
	if s.Has("escalate") {
		e := s.Object("escalate")
		o.escalate = escalation{e.Text("kind"), e.Text("id"), e.Text("actuator")}
	}
	var faults []error
	if 1/float64(o.minPlacebos+1) > o.alpha {
		faults = append(faults, fault("min_placebos", "decide.placebos.few", "%d placebos can't tell an effect from chance at alpha %v, so that no action could be found to work: set at least %d", o.minPlacebos, o.alpha, int(math.Ceil(1/o.alpha))-1))
	}
	for i, r := range s.Objects("catalogue") {
		at := "catalogue[" + strconv.Itoa(i) + "]"
		b := runbook{name: r.Text("name"), signatures: r.Texts("signatures"), wait: parseWait(r, "wait")}
		faults = append(faults, checkPatterns(at+".signatures", b.signatures)...)
		seen := map[string]bool{schemas.VerbWait: true}
		for k, a := range r.Objects("actions") {
			at := at + ".actions[" + strconv.Itoa(k) + "]"
			act := parseAction(a)
			faults = append(faults, act.check(at)...)
			if seen[act.name] {
				faults = append(faults, fault(at+".name", "decide.action.name", "action %q is there already, or is the name of waiting: experience is kept by name, so choose another", act.name))
			}
			seen[act.name] = true
			b.actions = append(b.actions, act)
		}
		o.catalogue = append(o.catalogue, b)
	}
	return o, errors.Join(faults...)
}

func ns(s pipeline.Settings, name string) int64 { return int64(s.Duration(name)) }

func parseWait(s pipeline.Settings, name string) wait {
	if !s.Has(name) {
		return wait{success: 0.3, weight: 5, horizon: int64(5 * time.Minute)}
	}
	w := s.Object(name)
	return wait{success: w.Float("success"), weight: w.Float("weight"), cost: w.Float("cost"), horizon: ns(w, "horizon")}
}

func parseAction(s pipeline.Settings) action {
	t, p := s.Object("target"), s.Object("prediction")
	a := action{
		name: s.Text("name"), verb: s.Text("verb"), actuator: s.Text("actuator"), params: s.TextMap("params"),
		kind: t.Text("kind"), id: t.Text("id"), uid: t.Text("uid"), domain: t.Text("domain"), population: s.Text("population"),
		success: s.Float("success"), weight: s.Float("weight"), cost: s.Float("cost"), risk: s.Float("risk"),
		reversible: s.Bool("reversible"), level: int(s.Int("level")), bottleneck: s.Texts("requires_bottleneck"),
		prediction: prediction{
			metric: p.Text("metric"), direction: p.Text("direction"), effect: p.Float("effect"), relative: p.Float("relative"),
			onsetLag: ns(p, "onset_lag"), horizon: ns(p, "horizon"), pre: ns(p, "pre"),
		},
		refuters: s.Texts("refuters"), limits: schemas.Limits{MaxTargets: 1, MaxPercent: 100, MaxConcurrent: 1}, undo: s.Text("undo"),
		maxDuration: ns(s, "max_duration"), ttl: ns(s, "effect_ttl"), blackout: ns(s, "blackout"),
	}
	if s.Has("limits") {
		l := s.Object("limits")
		a.limits = schemas.Limits{MaxTargets: int(l.Int("max_targets")), MaxPercent: int(l.Int("max_percent")), MaxConcurrent: int(l.Int("max_concurrent"))}
	}
	for _, g := range s.Objects("guards") {
		a.guards = append(a.guards, schemas.Guard{Name: g.Text("name"), Metric: g.Text("metric"), Op: g.Text("op"), Value: g.Float("value"), MaxAge: g.Duration("max_age").Seconds()})
	}
	return a
}

func fault(at, code, format string, args ...any) error {
	return &pipeline.SettingFault{Path: at, Err: pipeline.Errorf(code, format, args...)}
}

// grows tells whether an action adds capacity somewhere: the kind of action that makes things worse where it is not
// the bottleneck.
func (a *action) grows() bool {
	switch a.verb {
	case "start", "create":
		return true
	}
	for name := range a.params {
		switch strings.ToLower(name) {
		case "replicas", "instances", "nodes", "shards", "workers", "pool", "connections":
			return true
		}
	}
	return false
}

// gap is what is not compared after the action: while it causes symptoms itself, and before its effect has begun.
func (a *action) gap() int64 { return max(a.blackout, a.prediction.onsetLag) }

func (a *action) check(at string) []error {
	faults := checkPatterns(at+".requires_bottleneck", a.bottleneck)
	if a.population != "" {
		faults = append(faults, checkPatterns(at+".population", []string{a.population})...)
	}
	switch a.verb {
	case "query", "notify", schemas.VerbWait:
		faults = append(faults, fault(at+".verb", "decide.action.verb", "action %s does %s, which changes nothing that could be judged: leave it out; waiting is always a candidate (wait), and a person is called when nothing is left to try (escalate)", a.name, a.verb))
	}
	if a.grows() && len(a.bottleneck) == 0 {
		faults = append(faults, fault(at+".requires_bottleneck", "decide.action.gate", "action %s adds capacity and does not say what must be the bottleneck: scaling what is not the bottleneck makes things worse; name the entity or role", a.name))
	}
	if a.prediction.horizon <= a.gap() {
		faults = append(faults, fault(at+".prediction.horizon", "decide.action.horizon", "horizon %s of action %s is over before its blackout and onset lag of %s: nothing is left to judge; make it longer", time.Duration(a.prediction.horizon), a.name, time.Duration(a.gap())))
	}
	if a.prediction.effect == 0 && (a.prediction.relative == 0 || !strings.HasPrefix(a.prediction.metric, sloMetric)) {
		faults = append(faults, fault(at+".prediction.effect", "decide.action.effect", "action %s predicts no effect that could fail to come: give the smallest change that counts", a.name))
	}
	if a.domain == "" && a.id != suspectPlace {
		faults = append(faults, fault(at+".target.domain", "decide.action.domain", "target %s of action %s has no lock domain, and only the suspect's own is known: set domain to what scope.lock_domain gives for it, so that nothing else is done there at the same time", a.id, a.name))
	}
	texts := append([]string{a.id, a.uid, a.domain, a.prediction.metric}, a.refuters...)
	for _, name := range slices.Sorted(maps.Keys(a.params)) {
		text := a.params[name]
		texts = append(texts, text)
		if strings.HasPrefix(text, "+") {
			faults = append(faults, fault(at+".params."+name, "decide.action.relative", "parameter %s of action %s is %q, which looks like a step and would be taken as the value itself: give the absolute value that is to hold", name, a.name, text))
		}
	}
	for _, text := range texts {
		if unknown := unknownPlace(text); unknown != "" {
			faults = append(faults, fault(at, "decide.action.place", "%s in %q of action %s is not known: use %s", unknown, text, a.name, strings.Join(places(), ", ")))
		}
	}
	return faults
}

func checkPatterns(at string, patterns []string) (faults []error) {
	for i, p := range patterns {
		if _, err := path.Match(p, ""); err != nil {
			faults = append(faults, fault(at+"["+strconv.Itoa(i)+"]", "decide.pattern", "pattern %q can't be read: close its brackets or escape them with \\", p))
		}
	}
	return faults
}

// match is path.Match in which * also matches a slash.
func match(pattern, s string) bool {
	ok, err := path.Match(strings.ReplaceAll(pattern, "/", "\x01"), strings.ReplaceAll(s, "/", "\x01"))
	return ok && err == nil
}

func matchAny(patterns []string, texts ...string) bool {
	for _, p := range patterns {
		for _, s := range texts {
			if match(p, s) {
				return true
			}
		}
	}
	return false
}

// runbook returns the first runbook for a signature, nil if none knows it.
func (o *options) runbook(signature string) *runbook {
	for i := range o.catalogue {
		if matchAny(o.catalogue[i].signatures, signature) {
			return &o.catalogue[i]
		}
	}
	return nil
}

var place = regexp.MustCompile(`\{[a-z.]+\}`)

const suspectPlace = "{suspect}"

func places() []string { return []string{suspectPlace, "{slo}", "{slo.entity}", "{system}"} }

func unknownPlace(text string) string {
	for _, found := range place.FindAllString(text, -1) {
		known := false
		for _, p := range places() {
			known = known || p == found
		}
		if !known {
			return found
		}
	}
	return ""
}

// fill replaces the places of a text; ok is false if one has no value.
func fill(text string, values map[string]string) (filled string, ok bool) {
	ok = true
	filled = place.ReplaceAllStringFunc(text, func(p string) string {
		v := values[p]
		ok = ok && v != ""
		return v
	})
	return filled, ok
}

// value gives a parameter its type.
func value(text string) any {
	if v, err := strconv.ParseInt(text, 10, 64); err == nil && fmt.Sprint(v) == text {
		return v
	}
	if v, err := strconv.ParseFloat(text, 64); err == nil && !strings.ContainsAny(text, "xXpPnNiI") {
		return v
	}
	switch text {
	case "true":
		return true
	case "false":
		return false
	}
	return text
}

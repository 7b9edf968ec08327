package schemas

import (
	"math"
	"slices"

	"github.com/homeostat/homeostat/pipeline"
)

// Check says what a command lacks to be understood by everyone who is to obey it: the first fault found, nil if none. It
// looks at the data alone; headers, clocks and circumstances are the actuator's business.
func (r *Remediation) Check() error {
	bad := func(format string, args ...any) error {
		return pipeline.Errorf("remediation.invalid", format, args...)
	}
	for _, required := range []struct{ name, value string }{
		{"remediation", r.Remediation}, {"incident.id", r.Incident.ID}, {"hypothesis", r.Hypothesis},
		{"action.actuator", r.Action.Actuator}, {"timing.startby", r.Timing.StartBy},
	} {
		if required.value == "" {
			return bad("%s is missing", required.name)
		}
	}
	if !slices.Contains(Verbs(), r.Action.Verb) {
		return bad("action.verb %q is not in the closed list of verbs", r.Action.Verb)
	}
	if err := r.checkTargets(); err != nil {
		return bad("%w", err)
	}
	if r.Attempt < 0 || r.Population.Size < 0 || r.Limits.MaxTargets < 0 || r.Limits.MaxPercent < 0 || r.Limits.MaxPercent > 100 || r.Limits.MaxConcurrent < 0 {
		return bad("attempt, population and limits must not be negative and maxpercent not above 100")
	}
	if !slices.Contains([]string{"auto", "manual", "none"}, r.Undo) {
		return bad("undo %q is none of auto, manual, none", r.Undo)
	}
	for i, g := range r.Guards {
		if g.Metric == "" || !slices.Contains([]string{"<", "<=", ">", ">=", "=="}, g.Op) || !finite(g.Value) || !(g.MaxAge > 0) {
			return bad("guards[%d] (%s) must have a metric, one of < <= > >= == as op, a value and a maxage above 0", i, g.Name)
		}
	}
	return r.Timing.check()
}

func (r *Remediation) checkTargets() error {
	if len(r.Action.Targets) == 0 {
		return pipeline.Errorf("remediation.targets", "action.targets is empty, and empty never means all")
	}
	seen := make(map[string]bool, len(r.Action.Targets))
	for i, t := range r.Action.Targets {
		if t.Kind == "" || t.ID == "" || t.UID == "" {
			return pipeline.Errorf("remediation.targets", "action.targets[%d] must have kind, id and uid", i)
		}
		if seen[t.UID] {
			return pipeline.Errorf("remediation.targets", "action.targets[%d] names uid %s a second time", i, t.UID)
		}
		seen[t.UID] = true
	}
	return nil
}

func (t *Timing) check() error {
	for _, at := range []struct{ name, value string }{{"notbefore", t.NotBefore}, {"startby", t.StartBy}, {"verifyby", t.VerifyBy}} {
		if at.value == "" {
			continue
		}
		if _, err := ParseTime(at.value); err != nil {
			return pipeline.Errorf("remediation.timing", "timing.%s %q is no RFC 3339 time", at.name, at.value)
		}
	}
	for _, d := range []struct {
		name  string
		value float64
	}{{"maxduration", t.MaxDuration}, {"effectttl", t.EffectTTL}, {"blackout", t.Blackout}} {
		if !finite(d.value) || d.value < 0 {
			return pipeline.Errorf("remediation.timing", "timing.%s is no number of seconds", d.name)
		}
	}
	return nil
}

func finite(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }

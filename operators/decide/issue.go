package decide

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

const (
	placeboInTime = "placebo in time"
	recoveryOnly  = "recovery only"
	// epoch of all lock domains: no control event that raises it is read yet.
	epoch = 0
)

// rivals explain a recovery otherwise.
func rivals() []string {
	return []string{"it heals by itself", "upstream changed", "the sensor lies"}
}

// open registers the hypothesis about the chosen candidate and, unless it is to wait, gives the command.
func (d *Decide) open(e *episode, chosen option, all []option, now int64, out pipeline.Emitter) error {
	e.Trials++
	h := schemas.Hypothesis{
		Hypothesis: d.env.ID("hypothesis", e.Incident.Incident, strconv.Itoa(e.Trials)), Incident: e.Incident.Incident,
		Signature: e.Incident.Signature, Attempt: e.Trials, Rivals: rivals(), Mode: effective(d.mode, chosen.action),
		Decision: schemas.Decision{Chosen: chosen.Action, Propensity: 1},
	}
	for _, o := range all {
		h.Decision.Candidates = append(h.Decision.Candidates, o.Candidate)
	}
	t := &trial{ID: h.Hypothesis, Action: chosen.Action, Domain: chosen.domain, Signature: h.Signature, Severity: e.Incident.Severity, Mode: h.Mode, Opened: now}
	if chosen.action == nil {
		d.predictWait(e, &h, chosen)
		t.Wait = true
		t.Until = d.border(now + chosen.wait.horizon + slack + 2*d.window)
	} else {
		d.predict(e, &h, chosen, now)
		a := chosen.action
		t.Until = d.border(now + d.startBy + a.maxDuration + a.prediction.horizon + slack + 2*d.window)
		e.Attempts++
	}
	e.Current, e.Settled, e.Retry = t, false, never
	ev, err := d.event(schemas.TypeHypothesisOpened, h.Hypothesis, e, now, h)
	if err != nil {
		return err
	}
	ev.Subject, ev.Key, ev.Causation, ev.Mode = chosen.domain, e.Incident.Incident, e.Event, h.Mode
	events := []schemas.Event{ev}
	if chosen.action != nil {
		command, err := d.command(e, &h, chosen, now)
		if err != nil {
			return err
		}
		events = append(events, command)
	} else if d.runbook(e.Incident.Signature) == nil && !e.Told {
		e.Told = true
		notice, err := d.notice(e, h.Hypothesis, "no runbook knows signature "+e.Incident.Signature, h.Decision, now)
		if err != nil {
			return err
		}
		events = append(events, notice)
	}
	return out.Emit(schemas.NewEvents(d.env.Allocator, events))
}

// slack is how long after its horizon a judgement may come before the hypothesis counts as void.
const slack = int64(2 * time.Minute)

// authority is the level that an action has in effect, and why that is below the one it was given; "" if it is not.
func (a *action) authority() (level int, why string) {
	switch {
	case a.level <= levelPropose:
		return a.level, ""
	case !a.reversible || a.undo == "none":
		return levelPropose, "it can't be undone"
	// A live command must not promise what nobody keeps.
	case a.undo == "auto":
		return levelPropose, "nobody undoes it by itself yet: undo is auto"
	case a.ttl > 0:
		return levelPropose, "nobody reverts it by itself yet: effect_ttl is set"
	}
	return a.level, ""
}

const levelPropose = 2

// effective is the lower of the run's mode and what the action may.
func effective(run string, a *action) string {
	limit := schemas.ModeLive
	if a != nil {
		switch level, _ := a.authority(); {
		case level < levelPropose:
			limit = schemas.ModeShadow
		case level == levelPropose:
			limit = schemas.ModePropose
		}
	}
	for _, m := range modes {
		if m == run || m == limit {
			return m
		}
	}
	return schemas.ModeReplay
}

func (d *Decide) predictWait(e *episode, h *schemas.Hypothesis, o option) {
	level := e.impact().BadShare
	h.Claim = fmt.Sprintf("%s heals by itself within %s", h.Signature, time.Duration(o.wait.horizon))
	h.Action = schemas.Action{Verb: schemas.VerbWait}
	h.Deduction = schemas.Deduction{
		Metric: o.metric, Direction: "down", Effect: o.effect, Horizon: seconds(o.wait.horizon),
		Interval: schemas.Band{Low: o.effect, High: max(o.effect, level)}, Model: "the objective holds again",
	}
	h.Design = recoveryOnly
	h.Windows = schemas.Windows{Post: seconds(o.wait.horizon)}
	h.Test = schemas.Test{Method: recoveryOnly, Alpha: d.alpha}
}

func (d *Decide) predict(e *episode, h *schemas.Hypothesis, o option, now int64) {
	a, level := o.action, e.impact().BadShare
	h.Action = schemas.Action{Verb: a.verb, Actuator: a.actuator, Params: o.params, Targets: []schemas.Target{o.target}}
	h.Claim = fmt.Sprintf("%s is caused by %s; %s on %s %s helps", h.Signature, e.suspect().Entity, a.name, o.target.Kind, o.target.ID)
	h.Deduction = schemas.Deduction{
		Metric: o.metric, Direction: a.prediction.direction, Effect: o.effect, OnsetLag: seconds(a.prediction.onsetLag), Horizon: seconds(a.prediction.horizon),
		Interval: schemas.Band{Low: o.effect, High: max(o.effect, level)}, Model: "runbook",
	}
	for _, r := range a.refuters {
		if metric, ok := fill(r, e.places(d.env.SLOs)); ok {
			h.Refuters = append(h.Refuters, metric)
		}
	}
	h.Design = placeboInTime
	h.Windows = schemas.Windows{Pre: seconds(d.pre(e, a, now)), Blackout: seconds(a.gap()), Post: seconds(a.prediction.horizon - a.gap())}
	h.Test = schemas.Test{Method: placeboInTime, Alpha: d.alpha, MinPlacebos: d.minPlacebos}
}

// pre is the span before the action that is compared: by default that over which the present level was measured, from
// which the predicted effect was taken. It is cut at the onset: the time before the trouble would hide the effect.
func (d *Decide) pre(e *episode, a *action, now int64) int64 {
	span := a.prediction.pre
	if span == 0 {
		span = int64(defaultPre)
		for _, slo := range d.env.SLOs {
			for i, rule := range slo.Burn {
				if slo.Name == e.impact().SLO && (i == 0 || rule.Short < span) {
					span = rule.Short
				}
			}
		}
	}
	if onset, err := schemas.ParseTime(e.Incident.Onset); err == nil && now-onset < span {
		span = now - onset
	}
	span -= span % d.window
	return max(span, 2*d.window)
}

const defaultPre = time.Minute

func seconds(ns int64) float64 { return time.Duration(ns).Seconds() }

// command makes the remediation event.
func (d *Decide) command(e *episode, h *schemas.Hypothesis, o option, now int64) (schemas.Event, error) {
	a := o.action
	level, _ := a.authority()
	startBy := now + d.startBy
	r := schemas.Remediation{
		Remediation: d.env.ID("remediation", h.Hypothesis), Incident: d.summary(e), Hypothesis: h.Hypothesis, Attempt: h.Attempt,
		Action: h.Action, Population: d.population(e, o), Limits: a.limits, Guards: a.guards,
		Timing: schemas.Timing{
			NotBefore: schemas.FormatTime(now), StartBy: schemas.FormatTime(startBy), MaxDuration: seconds(a.maxDuration), EffectTTL: seconds(a.ttl),
			Blackout: seconds(a.blackout), VerifyBy: schemas.FormatTime(startBy + a.maxDuration + a.prediction.horizon),
		},
		Undo: a.undo, Authority: schemas.Authority{Level: level, Policy: d.policy, Version: d.policyVersion}, Decision: h.Decision,
	}
	typ := schemas.TypeRemediationProposed
	if h.Mode == schemas.ModeLive {
		typ = schemas.TypeRemediationRequested
	}
	return d.remediation(typ, e, &r, o.domain, h.Mode, now, startBy)
}

// notice makes the proposal that a person is told.
func (d *Decide) notice(e *episode, hypothesis, why string, decision schemas.Decision, now int64) (schemas.Event, error) {
	mode := schemas.ModePropose
	if d.mode == schemas.ModeReplay || d.mode == schemas.ModeShadow {
		mode = d.mode
	}
	startBy := now + d.startBy
	text := fmt.Sprintf("%s: incident of signature %s, first suspect %s", why, e.Incident.Signature, e.suspect().Entity)
	if i := e.impact(); i.SLO != "" {
		text += fmt.Sprintf(", SLO %s burns %.1f times as fast as its budget allows", i.SLO, i.Burn)
	}
	r := schemas.Remediation{
		Remediation: d.env.ID("notice", e.Incident.Incident, strconv.Itoa(e.Trials), why), Incident: d.summary(e), Hypothesis: hypothesis, Attempt: e.Trials,
		Action: schemas.Action{
			Verb: "notify", Actuator: d.escalate.actuator, Params: map[string]any{"text": text},
			Targets: []schemas.Target{{Kind: d.escalate.kind, ID: d.escalate.id, UID: d.escalate.id}},
		},
		Population: schemas.Population{Kind: d.escalate.kind, Size: 1}, Limits: schemas.Limits{MaxTargets: 1, MaxPercent: 100, MaxConcurrent: 1},
		Timing: schemas.Timing{NotBefore: schemas.FormatTime(now), StartBy: schemas.FormatTime(startBy), VerifyBy: schemas.FormatTime(startBy)},
		Undo:   "none", Authority: schemas.Authority{Level: levelPropose, Policy: d.policy, Version: d.policyVersion}, Decision: decision,
	}
	return d.remediation(schemas.TypeRemediationProposed, e, &r, d.escalate.kind+"/"+d.escalate.id, mode, now, startBy)
}

func (d *Decide) remediation(typ string, e *episode, r *schemas.Remediation, domain, mode string, now, startBy int64) (schemas.Event, error) {
	plan, err := r.PlanHash()
	if err != nil {
		return schemas.Event{}, err
	}
	idempotency, err := schemas.IdempotencyKey(e.Incident.Incident, r.Action, r.Attempt)
	if err != nil {
		return schemas.Event{}, err
	}
	ev, err := d.event(typ, r.Remediation, e, now, r)
	if err != nil {
		return schemas.Event{}, err
	}
	ev.Subject, ev.Key, ev.Causation = domain, domain, r.Hypothesis
	ev.Expiry, ev.Idempotency, ev.Epoch, ev.Mode, ev.Plan = startBy, idempotency, epoch, mode, plan
	return ev, nil
}

func (d *Decide) event(typ, id string, e *episode, now int64, data any) (schemas.Event, error) {
	ev, err := schemas.NewEvent(typ, id, now, data)
	ev.Source, ev.System, ev.Correlation = schemas.Source(d.env), e.System, e.Incident.Incident
	return ev, err
}

const maxEvidence = 20

func (d *Decide) summary(e *episode) schemas.IncidentSummary {
	i := e.impact()
	return schemas.IncidentSummary{
		ID: e.Incident.Incident, Signature: e.Incident.Signature, Urgency: urgency(i.Burn), Severity: e.Incident.Severity, Certainty: e.Incident.Certainty,
		SLO: i.SLO, Burn: i.Burn, Evidence: append([]string{}, e.Incident.Findings[:min(len(e.Incident.Findings), maxEvidence)]...),
	}
}

// population counts what the target is one of.
func (d *Decide) population(e *episode, o option) schemas.Population {
	p := schemas.Population{Kind: o.target.Kind, Size: 1}
	if o.action.population == "" {
		return p
	}
	seen := map[string]bool{}
	for _, edge := range d.edges(e.System) {
		for _, entity := range []string{edge.From, edge.To} {
			if match(o.action.population, strings.TrimSpace(entity)) {
				seen[entity] = true
			}
		}
	}
	p.Size = max(1, len(seen))
	return p
}

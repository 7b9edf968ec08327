package actuator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// read reads a command. mine is false when it names another actuator. fault says what is wrong with it, "" for nothing.
func (a *Actuator) read(e schemas.Event, rec *pipeline.Record) (c *Command, fault string, mine bool) {
	c = &Command{Event: e, Domain: e.Key}
	var name struct {
		Action struct {
			Actuator string `json:"actuator"`
		} `json:"action"`
	}
	unreadable := e.Into(&name)
	if unreadable == nil {
		// Nobody can tell whose a command without a name is: every actuator says so.
		if name.Action.Actuator != "" && name.Action.Actuator != a.cfg.Name {
			return nil, "", false
		}
		unreadable = e.Into(&c.Remediation)
	}
	c.Event.Data = append([]byte(nil), e.Data...) // the record is borrowed
	switch {
	case unreadable != nil:
		return c, "the command can't be read: " + message(unreadable), true
	case e.Mode != schemas.ModeLive:
		return c, fmt.Sprintf("mode is %q, which is none", e.Mode), true
	case c.Domain == "":
		return c, "header " + schemas.HeaderKey + " is missing, so there is no lock domain", true
	case len(rec.Key) > 0 && string(rec.Key) != c.Domain:
		return c, "the record's key is not header " + schemas.HeaderKey + ", so commands of the lock domain are not in order", true
	}
	if err := c.Remediation.Check(); err != nil {
		return c, message(err), true
	}
	if a.cfg.Verbs[c.Remediation.Action.Verb] == nil {
		return c, fmt.Sprintf("verb %s is not one that actuator %s has", c.Remediation.Action.Verb, a.cfg.Name), true
	}
	return c, hashes(c), true
}

// hashes says whether plan and key are what the headers promise.
func hashes(c *Command) (fault string) {
	r := &c.Remediation
	plan, err := r.PlanHash()
	if err != nil {
		return message(err)
	}
	if plan != c.Event.Plan {
		return "the plan does not hash to header " + schemas.HeaderPlan + ": what was decided is not what arrived"
	}
	key, err := schemas.IdempotencyKey(r.Incident.ID, r.Action, r.Attempt)
	if err != nil {
		return message(err)
	}
	if key != c.Event.Idempotency {
		return "header " + schemas.HeaderIdempotency + " is not the key of this incident, action and attempt"
	}
	return ""
}

// deadline is the earlier of the header's expiry and startby, which Check has read before; 0 without expiry.
func (c *Command) deadline() int64 {
	startBy, err := schemas.ParseTime(c.Remediation.Timing.StartBy)
	if err != nil || c.Event.Expiry == 0 {
		return 0
	}
	return min(startBy, c.Event.Expiry)
}

// refusal is why a command is not carried out.
type refusal struct{ reason, detail string }

// result is what a refusal is told as. A command that may have been carried out in part before is not rejected: how far it came is unknown.
func (r *refusal) result(redriven bool) schemas.Result {
	if redriven {
		return schemas.Result{Phase: schemas.PhaseFinished, Execution: schemas.ExecutionUnknown, Reason: r.reason,
			Detail: "it was begun before a crash and can't be driven again: " + r.detail}
	}
	return schemas.Result{Phase: schemas.PhaseRejected, Reason: r.reason, Detail: r.detail}
}

// circumstances says whether a well-formed command must not be carried out here and now.
func (a *Actuator) circumstances(ctx context.Context, c *Command) *refusal {
	if no := a.limits(ctx, c); no != nil {
		return no
	}
	if no := a.expired(c); no != nil {
		return no
	}
	r := &c.Remediation
	if before, err := schemas.ParseTime(r.Timing.NotBefore); err == nil && a.cfg.Clock().UnixNano() < before {
		return &refusal{schemas.ReasonPrecondition, "it must not start before " + r.Timing.NotBefore}
	}
	if no := a.epoch(c); no != nil {
		return no
	}
	if r.Authority.Level < 3 && r.Authority.Approval == "" {
		return &refusal{schemas.ReasonNoApproval, fmt.Sprintf("authority level %d is below 3 and nobody approved", r.Authority.Level)}
	}
	if no := a.inhibited(c); no != nil {
		return no
	}
	if a.domains.busy(c.Domain) {
		return &refusal{schemas.ReasonBusy, "an earlier command of the lock domain overran its time and has not returned"}
	}
	for _, g := range r.Guards {
		if no := a.guard(ctx, g); no != nil {
			return no
		}
	}
	return nil
}

// last are the checks between claim and act.
func (a *Actuator) last(c *Command) *refusal {
	if no := a.expired(c); no != nil {
		return no
	}
	return a.inhibited(c)
}

func (a *Actuator) limits(ctx context.Context, c *Command) *refusal {
	r := &c.Remediation
	targets, size := len(r.Action.Targets), r.Population.Size
	if a.cfg.Population != nil {
		err := safely(func() (err error) {
			size, err = a.cfg.Population(ctx, r.Population, r.Action.Targets)
			return err
		})
		if err != nil {
			return &refusal{schemas.ReasonOverLimit, "the population can't be counted: " + message(err)}
		}
	}
	share := int(int64(min(max(size, 0), 1<<40)) * int64(r.Limits.MaxPercent) / 100)
	switch {
	case targets > r.Limits.MaxTargets:
		return &refusal{schemas.ReasonOverLimit, fmt.Sprintf("%d targets are more than maxtargets %d", targets, r.Limits.MaxTargets)}
	case targets > share:
		return &refusal{schemas.ReasonOverLimit, fmt.Sprintf("%d targets are more than maxpercent %d of a population of %d, which is %d", targets, r.Limits.MaxPercent, size, share)}
	}
	return nil
}

func (a *Actuator) expired(c *Command) *refusal {
	deadline, now := c.deadline(), a.cfg.Clock()
	switch {
	case deadline == 0:
		return &refusal{schemas.ReasonExpired, "header " + schemas.HeaderExpiry + " is missing, so it may not start at all"}
	case now.UnixNano() >= deadline:
		return &refusal{schemas.ReasonExpired, "it had to start before " + schemas.FormatTime(deadline) + " and it is " + schemas.FormatTime(now.UnixNano())}
	}
	return nil
}

func (a *Actuator) epoch(c *Command) *refusal {
	var known bool
	var current int64
	err := safely(func() error { current, known = a.cfg.Epoch(c.Domain); return nil })
	switch {
	case c.Event.Epoch < 0:
		return &refusal{schemas.ReasonStaleEpoch, "header " + schemas.HeaderEpoch + " is missing"}
	case err != nil || !known:
		return &refusal{schemas.ReasonStaleEpoch, "the epoch of lock domain " + c.Domain + " is not known here"}
	case c.Event.Epoch < current:
		return &refusal{schemas.ReasonStaleEpoch, fmt.Sprintf("epoch %d is older than %d", c.Event.Epoch, current)}
	}
	return nil
}

func (a *Actuator) inhibited(c *Command) *refusal {
	on, why := true, ""
	if err := safely(func() error { on, why = a.cfg.Inhibited(c.Domain); return nil }); err != nil {
		on, why = true, message(err)
	}
	if on {
		return &refusal{schemas.ReasonInhibited, "inhibited: " + why}
	}
	return nil
}

func (a *Actuator) guard(ctx context.Context, g schemas.Guard) *refusal {
	if a.cfg.Guards == nil {
		return &refusal{schemas.ReasonPrecondition, "guard " + g.Name + " can't be checked here"}
	}
	var holds, fresh bool
	err := safely(func() (err error) { holds, fresh, err = a.cfg.Guards(ctx, g); return err })
	switch {
	case err != nil:
		return &refusal{schemas.ReasonPrecondition, "guard " + g.Name + " can't be read: " + message(err)}
	case !fresh:
		return &refusal{schemas.ReasonPrecondition, fmt.Sprintf("guard %s has no reading younger than %v s", g.Name, g.MaxAge)}
	case !holds:
		return &refusal{schemas.ReasonPrecondition, fmt.Sprintf("guard %s fails: %s is not %s %v", g.Name, g.Metric, g.Op, g.Value)}
	}
	return nil
}

// safely makes an error of a hook's panic.
func safely(hook func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return hook()
}

// message is an error's text for a result: without its code.
func message(err error) string {
	var e *pipeline.Error
	if errors.As(err, &e) {
		return e.Message()
	}
	return err.Error()
}

// plain returns a copy of what a function reports, made of JSON values only.
func plain(targets []schemas.TargetResult) (out []schemas.TargetResult, err error) {
	raw, err := json.Marshal(targets)
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	return out, err
}

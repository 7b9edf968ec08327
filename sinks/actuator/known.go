package actuator

import (
	"context"
	"fmt"
	"slices"

	"github.com/homeostat/homeostat/schemas"
)

// claim makes the note of a command.
func (a *Actuator) claim(c *Command) Claim {
	now := a.cfg.Clock().UnixNano()
	return Claim{
		Key: c.Event.Idempotency, Command: c.Event.ID, Plan: c.Event.Plan, Domain: c.Domain, Owner: a.cfg.Instance,
		At: now, Until: now + int64(a.duration(c)+a.cfg.Grace), Expiry: c.deadline(),
	}
}

// redrives tells whether an open claim may be taken over.
func (a *Actuator) redrives(c *Command, e Entry) bool {
	return e.Final == nil && a.crashed(e) && !differs(c, e) && slices.Contains(a.cfg.Redrivable, c.Remediation.Action.Verb)
}

// crashed tells whether the owner of an open claim can't be at work on it: it is this instance, which is in the domain and
// at work on nothing else there, or its time is up.
func (a *Actuator) crashed(e Entry) bool {
	return e.Claim.Owner == a.cfg.Instance || a.cfg.Clock().UnixNano() >= e.Claim.Until
}

// differs tells whether the key was claimed for another plan or domain. The key does not cover guards and limits.
func differs(c *Command, e Entry) bool {
	return e.Claim.Plan != c.Event.Plan || e.Claim.Domain != c.Domain
}

// known answers a command whose key was claimed before.
func (a *Actuator) known(ctx context.Context, c *Command, e Entry) ([]schemas.Event, error) {
	switch {
	case differs(c, e):
		return []schemas.Event{a.answer(c, schemas.Result{Phase: schemas.PhaseRejected, Reason: schemas.ReasonBadSchema,
			Detail: "the idempotency key was used before for another plan or lock domain"}, c.Event.ID)}, nil
	case e.Final != nil:
		return a.duplicate(c, e), nil
	case a.crashed(e):
		c.Token = e.Token
		return a.end(ctx, c, schemas.Result{Phase: schemas.PhaseFinished, Execution: schemas.ExecutionUnknown,
			Reason: schemas.ReasonActuatorError, Detail: "it was claimed by " + e.Claim.Owner + ", which did not say how it ended: find out by hand"})
	}
	return []schemas.Event{a.answer(c, schemas.Result{Phase: schemas.PhaseAccepted, Execution: schemas.ExecutionDuplicate,
		Reason: schemas.ReasonBusy, Detail: "it was claimed by " + e.Claim.Owner + " and may be under way"}, c.Event.Idempotency)}, nil
}

// duplicate repeats the final result, whose first writing a crash may have prevented (its id is the same), and says that
// nothing was done this time.
func (a *Actuator) duplicate(c *Command, e Entry) []schemas.Event {
	var stored schemas.Result
	if err := e.Final.Into(&stored); err != nil {
		a.cfg.Logger.Error("stored result can't be read", "key", c.Event.Idempotency, "err", err)
	}
	again := schemas.Result{Phase: stored.Phase, Execution: schemas.ExecutionDuplicate, Reason: stored.Reason,
		Detail: fmt.Sprintf("answered before: %s", outcomeOf(stored)), Targets: stored.Targets}
	if again.Phase == "" {
		again.Phase = schemas.PhaseFinished
	}
	return []schemas.Event{*e.Final, a.answer(c, again, c.Event.Idempotency)}
}

func outcomeOf(r schemas.Result) string {
	text := r.Phase
	for _, s := range []string{r.Execution, r.Reason, r.Detail} {
		if s != "" {
			text += ", " + s
		}
	}
	return text
}

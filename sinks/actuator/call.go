package actuator

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// returned is what came of a call: what the function said, or how it broke.
type returned struct {
	result schemas.Result
	failed bool
}

// call calls the function and waits for it, for as long as it may take.
func (a *Actuator) call(ctx context.Context, c *Command) schemas.Result {
	limited, cancel := context.WithTimeout(ctx, a.duration(c))
	defer cancel()
	done := make(chan returned, 1)
	given := *c
	f := a.cfg.Verbs[given.Remediation.Action.Verb]
	given.Event.Data = append([]byte(nil), c.Event.Data...)
	go perform(limited, f, given, done)
	select {
	case r := <-done:
		return conclude(ctx, limited, r)
	case <-limited.Done():
	}
	grace := time.NewTimer(a.cfg.Grace)
	defer grace.Stop()
	select {
	case r := <-done:
		return conclude(ctx, limited, r)
	case <-grace.C:
	}
	a.stray(c.Domain, c.Event.Idempotency, done)
	return interrupted(ctx, "the function did not return within its time and was given up")
}

// stray waits for a function that was given up.
func (a *Actuator) stray(domain, key string, done <-chan returned) {
	a.domains.abandon(domain)
	go func() {
		r := <-done
		a.domains.returned(domain)
		a.cfg.Logger.Warn("a function that was given up has returned", "key", key, "execution", r.result.Execution, "detail", r.result.Detail)
	}()
}

// duration is how long the command may take: its own bound, and at most the actuator's.
func (a *Actuator) duration(c *Command) time.Duration {
	seconds := c.Remediation.Timing.MaxDuration
	if seconds <= 0 || seconds >= a.cfg.MaxDuration.Seconds() {
		return a.cfg.MaxDuration
	}
	return max(time.Duration(seconds*float64(time.Second)), 1)
}

// perform calls the function and sends what came of it. A panic is a failure, and so is a function that ends its goroutine.
func perform(ctx context.Context, f Func, c Command, done chan<- returned) {
	r := failure("the function ended its goroutine")
	defer func() {
		if p := recover(); p != nil {
			r = failure(fmt.Sprint("panic: ", p))
		}
		done <- r
	}()
	out, err := f(ctx, c)
	if err != nil {
		r = failure(message(err))
	} else {
		r = said(out)
	}
}

func failure(detail string) returned {
	return returned{failed: true, result: schemas.Result{Phase: schemas.PhaseFinished, Execution: schemas.ExecutionFailed,
		Reason: schemas.ReasonActuatorError, Detail: detail}}
}

// said makes a result of what a function reported.
func said(out Outcome) returned {
	r := schemas.Result{Phase: schemas.PhaseFinished, Execution: out.Execution, Detail: out.Detail, Cost: out.Cost}
	switch out.Execution {
	case "":
		r.Execution = schemas.ExecutionSucceeded
	case schemas.ExecutionSucceeded, schemas.ExecutionPartial:
	default:
		r.Execution, r.Reason = schemas.ExecutionUnknown, schemas.ReasonActuatorError
		r.Detail = fmt.Sprintf("the function reports execution %q, which it can't; %s", out.Execution, out.Detail)
	}
	if math.IsNaN(r.Cost) || math.IsInf(r.Cost, 0) {
		r.Cost = 0
	}
	targets, err := plain(out.Targets)
	if err != nil {
		r.Detail = strings.TrimSpace(r.Detail + " (what the targets were before and after can't be written: " + message(err) + ")")
	}
	r.Targets = targets
	return returned{result: r}
}

// conclude tells a failure from running out of time. What says that it is done is done, however late.
func conclude(ctx, limited context.Context, r returned) schemas.Result {
	if r.failed && limited.Err() != nil {
		return interrupted(ctx, r.result.Detail)
	}
	return r.result
}

func interrupted(ctx context.Context, detail string) schemas.Result {
	r := schemas.Result{Phase: schemas.PhaseFinished, Execution: schemas.ExecutionTimedOut, Reason: schemas.ReasonActuatorError, Detail: detail}
	if ctx.Err() != nil {
		r.Execution, r.Detail = schemas.ExecutionUnknown, "the actuator was stopped meanwhile: "+detail
	}
	return r
}

// detailBytes bounds the text of a result.
const detailBytes = 2000

// answer makes the event of a result. identity is the idempotency key, or the command's event id when the key can't be trusted.
func (a *Actuator) answer(c *Command, r schemas.Result, identity string) schemas.Event {
	if len(r.Detail) > detailBytes {
		r.Detail = r.Detail[:detailBytes] + "…"
	}
	r.Detail = strings.ToValidUTF8(r.Detail, "")
	r.Remediation, r.Key, r.Actuator = c.Remediation.Remediation, c.Event.Idempotency, a.cfg.Name
	r.Incident, r.Hypothesis = c.Remediation.Incident.ID, c.Remediation.Hypothesis
	id := pipeline.ID("result", a.cfg.Name, identity, r.Phase, r.Execution)
	e, err := schemas.NewEvent(schemas.TypeResult, id, a.cfg.Clock().UnixNano(), r)
	if err != nil {
		a.cfg.Logger.Error("BUG: result can't be written, although perform made it of JSON values", "key", r.Key, "err", err)
	}
	e.Source, e.Subject, e.System, e.Key = "/homeostat/actuators/"+a.cfg.Name, c.Event.Subject, c.Event.System, c.Event.Key
	e.Correlation, e.Causation, e.Trace = c.Event.Correlation, c.Event.ID, c.Event.Trace
	return e
}

package judge

import (
	"fmt"
	"testing"
	"time"

	arrowmemory "github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

const (
	sec    = time.Second
	mnt    = time.Minute
	window = 30 * time.Second
)

// world writes the input of a case as a list of facts.
type world struct {
	t        testing.TB
	in       *operatortest.Input
	settings pipeline.Settings
	lost     map[string]int
	events   int
	now      time.Duration
	noise    uint64
}

func newWorld(t testing.TB) *world {
	return &world{t: t, in: operatortest.NewInput(), settings: pipeline.Settings{}, noise: 1}
}

func (w *world) event(typ string, at time.Duration, data any) schemas.Event {
	w.t.Helper()
	w.events++
	e, err := schemas.NewEvent(typ, fmt.Sprintf("event-%d", w.events), int64(at), data)
	if err != nil {
		w.t.Fatal(err)
	}
	e.Source, e.System, e.Mode = "test", "shop", schemas.ModeLive
	return e
}

func (w *world) tell(events ...schemas.Event) {
	w.in.Batch(schemas.NewEvents(arrowmemory.NewGoAllocator(), events))
}

// bad adds windows up to a time with that share of bad requests, and a little noise.
func (w *world) bad(to time.Duration, share float64) {
	w.metric(to, share, `slo.bad{slo="shop",system="shop"}`)
}

func (w *world) metric(to time.Duration, share float64, keys ...string) {
	for at := w.now + window; at <= to; at += window {
		w.noise = w.noise*6364136223846793005 + 1442695040888963407
		bad := 1000*share + float64(w.noise>>60)/4
		for _, key := range keys {
			w.in.Window(key, int64(at-window), int64(at), 1000, bad, 0, 0, 0)
		}
		w.now = at
	}
}

// both adds windows of the SLI and of a gauge at once.
func (w *world) both(to time.Duration, share, load float64) {
	for at := w.now + window; at <= to; at += window {
		w.noise = w.noise*6364136223846793005 + 1442695040888963407
		jitter := float64(w.noise>>60) / 4
		w.in.Window(`slo.bad{slo="shop",system="shop"}`, int64(at-window), int64(at), 1000, 1000*share+jitter, 0, 0, 0)
		w.in.Window(`load{system="shop"}`, int64(at-window), int64(at), 1, load+jitter/100, 0, 0, 0)
		w.now = at
	}
}

func (w *world) incident(at time.Duration, inc, kind string) {
	w.tell(w.event(schemas.TypePrefix+"incident."+kind+".v1", at, schemas.Incident{Incident: inc, Signature: "saturation:db", Impact: []schemas.Impact{{SLO: "shop", Burn: 20, BadShare: 0.2}}}))
}

// trialOf is a hypothesis about an action that is to take the share of bad requests down by 0.1 within 6 minutes.
func trialOf(inc string) schemas.Hypothesis {
	return schemas.Hypothesis{
		Hypothesis: "h-" + inc, Incident: inc, Signature: "saturation:db", Action: schemas.Action{Verb: "set"}, Mode: schemas.ModeLive,
		Deduction: schemas.Deduction{Metric: "slo:shop", Direction: "down", Effect: 0.1, Horizon: 360},
		Windows:   schemas.Windows{Pre: 60, Blackout: 30, Post: 330}, Test: schemas.Test{Alpha: 0.05, MinPlacebos: 19},
		Decision: schemas.Decision{Chosen: "limit", Candidates: []schemas.Candidate{{Action: "limit", Success: 0.8, Weight: 10}}},
	}
}

func waitOf(inc string) schemas.Hypothesis {
	h := trialOf(inc)
	h.Action, h.Deduction.Horizon = schemas.Action{Verb: schemas.VerbWait}, 300
	h.Decision = schemas.Decision{Chosen: "wait", Candidates: []schemas.Candidate{{Action: "wait", Success: 0.5, Weight: 4}}}
	return h
}

// tries registers a hypothesis and gives its command.
func (w *world) tries(at time.Duration, h schemas.Hypothesis) {
	w.t.Helper()
	typ := schemas.TypeRemediationRequested
	if h.Mode != schemas.ModeLive {
		typ = schemas.TypeRemediationProposed
	}
	opened := w.event(schemas.TypeHypothesisOpened, at, h)
	if h.Action.Verb == schemas.VerbWait {
		w.tell(opened)
		return
	}
	command := w.event(typ, at, schemas.Remediation{Remediation: "r-" + h.Incident, Hypothesis: h.Hypothesis, Action: h.Action,
		Timing: schemas.Timing{StartBy: schemas.FormatTime(int64(at + 2*mnt)), MaxDuration: 60}})
	command.Mode = h.Mode
	w.tell(opened, command)
}

func (w *world) result(at time.Duration, inc, phase, execution string) {
	w.tell(w.event(schemas.TypeResult, at, schemas.Result{Remediation: "r-" + inc, Hypothesis: "h-" + inc, Incident: inc, Actuator: "plant", Phase: phase, Execution: execution}))
}

func (w *world) ran(at time.Duration, inc string) {
	w.result(at, inc, schemas.PhaseFinished, schemas.ExecutionSucceeded)
}

func (w *world) until(at time.Duration) { w.in.Watermark(int64(at)) }

func testEnv(env *pipeline.Env) {
	env.Window = int64(window)
	env.SLOs = []pipeline.SLO{{Name: "shop", Entity: "web", Objective: 0.99}}
}

func (w *world) told(check func(events []schemas.Event, verdicts []schemas.Judgement)) {
	w.t.Helper()
	operatortest.Run(w.t, operatortest.Case{
		New: func() (pipeline.Operator, error) { return New(filled(Spec().Settings, w.settings)) },
		Env: testEnv, Input: w.in, Lost: w.lost,
		Check: func(t testing.TB, out *operatortest.Output) {
			var events []schemas.Event
			var verdicts []schemas.Judgement
			for _, b := range out.Batches {
				if err := schemas.EachEvent(b, func(e schemas.Event) error {
					var v schemas.Judgement
					events = append(events, e)
					err := e.Into(&v)
					verdicts = append(verdicts, v)
					return err
				}); err != nil {
					t.Fatal(err)
				}
			}
			check(events, verdicts)
		},
	})
}

// filled puts in the defaults of the settings.
func filled(spec []pipeline.Setting, given pipeline.Settings) pipeline.Settings {
	out := pipeline.Settings{}
	for _, s := range spec {
		if v, ok := given[s.Name]; ok {
			out[s.Name] = v
		} else if s.Default != nil {
			out[s.Name] = s.Default
		}
	}
	return out
}

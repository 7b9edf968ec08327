package decide

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

const (
	sec    = time.Second
	mnt    = time.Minute
	window = 10 * time.Second
)

// world writes the input of a case as a list of facts.
type world struct {
	t        testing.TB
	in       *operatortest.Input
	settings pipeline.Settings
	lost     map[string]int
	events   int
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, in: operatortest.NewInput(), settings: pipeline.Settings{}}
	return w.set("mode", schemas.ModeLive).set("catalogue", []any{jammed(), slow()})
}

func (w *world) set(name string, v any) *world { w.settings[name] = v; return w }

// jammed is a runbook with one good action, one that needs its bottleneck, and little hope that it heals by itself.
func jammed() pipeline.Settings {
	return pipeline.Settings{
		"name": "jammed", "signatures": []any{"saturation:db*"}, "wait": pipeline.Settings{"success": 0.1, "weight": 10.0},
		"actions": []any{
			act("limit", "set", "lb", 0.8, pipeline.Settings{"params": map[string]any{"limit": "40", "why": "{suspect}"}}),
			act("scale", "set", "app", 0.9, pipeline.Settings{"params": map[string]any{"replicas": "8"}, "requires_bottleneck": []any{"app*"}}),
			act("restart", "restart", "{suspect}", 0.4, nil),
		},
	}
}

// slow is a runbook for what mostly heals by itself.
func slow() pipeline.Settings {
	return pipeline.Settings{
		"name": "slow", "signatures": []any{"latency:*"}, "wait": pipeline.Settings{"success": 0.8, "weight": 10.0},
		"actions": []any{act("restart", "restart", "{suspect}", 0.6, nil)},
	}
}

func act(name, verb, target string, success float64, more pipeline.Settings) pipeline.Settings {
	on := pipeline.Settings{"kind": "service", "id": target}
	if target != suspectPlace {
		on["domain"] = target
	}
	a := pipeline.Settings{
		"name": name, "verb": verb, "actuator": "plant", "target": on,
		"success": success, "level": int64(4), "reversible": true, "prediction": pipeline.Settings{},
	}
	for k, v := range more {
		a[k] = v
	}
	return a
}

func (w *world) event(typ string, at time.Duration, data any) {
	w.t.Helper()
	w.events++
	e, err := schemas.NewEvent(typ, fmt.Sprintf("event-%d", w.events), int64(at), data)
	if err != nil {
		w.t.Fatal(err)
	}
	e.Source, e.System = "test", "shop"
	w.in.Batch(schemas.NewEvents(memory.NewGoAllocator(), []schemas.Event{e}))
}

// incident tells of incident inc: kind is opened, updated or closed; suspects are the first ones.
func (w *world) incident(at time.Duration, inc, kind, signature string, burn float64, suspects ...string) {
	w.t.Helper()
	data := schemas.Incident{Incident: inc, State: schemas.Open, System: "shop", Signature: signature, Onset: schemas.FormatTime(int64(at - mnt)),
		Detected: schemas.FormatTime(int64(at)), Severity: "critical", Certainty: 0.8, Findings: []string{"f1", "f2"}}
	if burn > 0 {
		data.Impact = []schemas.Impact{{SLO: "shop", Burn: burn, BadShare: burn / 100}}
	}
	for _, s := range suspects {
		data.Suspects = append(data.Suspects, schemas.Suspect{Entity: s, Domain: "shop/" + s, Score: 1})
	}
	w.event(schemas.TypePrefix+"incident."+kind+".v1", at, data)
}

func hypothesisID(inc string, n int) string {
	return pipeline.ID("test", "op", "hypothesis", inc, strconv.Itoa(n))
}

// ran tells that the command of an incident's n-th hypothesis was carried out.
func (w *world) ran(at time.Duration, inc string, n int) {
	w.t.Helper()
	w.result(at, inc, n, schemas.ExecutionSucceeded)
}

// result tells how the command of an incident's n-th hypothesis ended.
func (w *world) result(at time.Duration, inc string, n int, execution string) {
	w.t.Helper()
	w.event(schemas.TypeResult, at, schemas.Result{Incident: inc, Hypothesis: hypothesisID(inc, n), Phase: schemas.PhaseFinished, Execution: execution})
}

// judged gives the verdict on an incident's n-th hypothesis.
func (w *world) judged(at time.Duration, inc string, n int, signature, action, verdict string, recovered bool) {
	w.t.Helper()
	w.event(schemas.TypeHypothesisJudged, at, schemas.Judgement{Hypothesis: hypothesisID(inc, n), Incident: inc, Signature: signature, Action: action, Verdict: verdict, Recovered: recovered})
}

func (w *world) until(at time.Duration) { w.in.Watermark(int64(at)) }

// outcome is what came out.
type outcome struct {
	events       []schemas.Event
	hypotheses   []schemas.Hypothesis
	remediations []schemas.Remediation
}

// story tells the events in short.
func (o *outcome) story() string {
	var b strings.Builder
	h, r := 0, 0
	for _, e := range o.events {
		at := time.Duration(e.Time)
		if e.Type == schemas.TypeHypothesisOpened {
			fmt.Fprintf(&b, "%v %s: %s\n", at, e.Correlation, o.hypotheses[h].Decision.Chosen)
			h++
			continue
		}
		kind := strings.TrimSuffix(strings.TrimPrefix(e.Type, schemas.TypePrefix+"remediation."), ".v1")
		a := o.remediations[r].Action
		fmt.Fprintf(&b, "%v %s: %s %s %s %s\n", at, e.Correlation, kind, e.Mode, a.Verb, a.Targets[0].ID)
		r++
	}
	return b.String()
}

func (w *world) told(check func(o *outcome)) {
	w.t.Helper()
	operatortest.Run(w.t, operatortest.Case{
		New: func() (pipeline.Operator, error) { return New(filled(Spec().Settings, w.settings)) },
		Env: func(env *pipeline.Env) {
			env.Window = int64(window)
			env.SLOs = []pipeline.SLO{{Name: "shop", Entity: "web", Objective: 0.99}}
			env.Topology = &pipeline.Topology{Edges: []pipeline.Edge{{From: "lb", To: "app-1"}, {From: "lb", To: "app-2"}, {From: "app-1", To: "db-main"}, {From: "app-2", To: "db-main"}}}
		},
		Input: w.in, Lost: w.lost,
		Check: func(t testing.TB, out *operatortest.Output) {
			o := &outcome{}
			for _, b := range out.Batches {
				if err := schemas.EachEvent(b, o.take); err != nil {
					t.Fatal(err)
				}
			}
			check(o)
		},
	})
}

func (o *outcome) take(e schemas.Event) error {
	o.events = append(o.events, e)
	if e.Type == schemas.TypeHypothesisOpened {
		var h schemas.Hypothesis
		err := e.Into(&h)
		o.hypotheses = append(o.hypotheses, h)
		return err
	}
	var r schemas.Remediation
	err := e.Into(&r)
	o.remediations = append(o.remediations, r)
	return err
}

// filled puts in the defaults of the settings.
func filled(spec []pipeline.Setting, given pipeline.Settings) pipeline.Settings {
	out := pipeline.Settings{}
	for _, s := range spec {
		v, ok := given[s.Name]
		if !ok {
			v = s.Default
		}
		switch {
		case v == nil:
			continue
		case s.Type == pipeline.Object:
			v = filled(s.Fields, v.(pipeline.Settings))
		case s.Type == pipeline.List && s.Fields[0].Type == pipeline.Object:
			var list []any
			for _, e := range v.([]any) {
				list = append(list, filled(s.Fields[0].Fields, e.(pipeline.Settings)))
			}
			v = list
		}
		out[s.Name] = v
	}
	return out
}

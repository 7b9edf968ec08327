package correlate

import (
	"fmt"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// world writes the input of a case as a list of facts. Events lie a millisecond before the window border that they
// are told at, windows end on it.
type world struct {
	t        testing.TB
	in       *operatortest.Input
	settings pipeline.Settings
	topology *pipeline.Topology
	lost     map[string]int
	rev      map[string]int
}

func newWorld(t testing.TB) *world {
	return &world{t: t, in: operatortest.NewInput(), settings: pipeline.Settings{}, rev: map[string]int{}}
}

const (
	window = 10 * time.Second
	early  = int64(time.Millisecond)
)

func (w *world) set(name string, v any) *world { w.settings[name] = v; return w }

// calls gives the system a call graph: "web lb", "lb app-1".
func (w *world) calls(edges ...string) *world {
	w.topology = &pipeline.Topology{Edges: edgesOf(edges)}
	return w
}

func edgesOf(texts []string) []pipeline.Edge {
	var out []pipeline.Edge
	for _, text := range texts {
		var e pipeline.Edge
		fmt.Sscan(text, &e.From, &e.To)
		out = append(out, e)
	}
	return out
}

func (w *world) event(typ string, at time.Duration, data any) {
	w.t.Helper()
	e, err := schemas.NewEvent(typ, fmt.Sprintf("%s@%v#%d", typ, at, len(w.rev)), int64(at)-early, data)
	if err != nil {
		w.t.Fatal(err)
	}
	e.Source, e.System = "test", "shop"
	w.rev[e.ID]++
	w.in.Batch(schemas.NewEvents(memory.NewGoAllocator(), []schemas.Event{e}))
}

type seen struct {
	entity, metric, detector, severity, typ string
	labels                                  map[string]string
	onset                                   time.Duration
	score                                   float64
	closed                                  bool
}

func (w *world) found(at time.Duration, s seen) {
	w.t.Helper()
	if s.severity == "" {
		s.severity = "warning"
	}
	if s.typ == "" {
		s.typ = "gauge"
	}
	if s.onset == 0 {
		s.onset = at
	}
	name := fmt.Sprintf("%s/%s/%v", s.entity, s.metric, s.labels)
	state := schemas.Open
	if s.closed {
		state = schemas.Closed
	}
	w.event(schemas.TypeFinding, at, schemas.Finding{
		Finding: name, Revision: w.rev[name], State: state, Detector: s.detector, Score: s.score, Severity: s.severity,
		Onset: schemas.FormatTime(int64(s.onset)), Start: schemas.FormatTime(int64(at - window)), End: schemas.FormatTime(int64(at)),
		Series: schemas.Series{Metric: s.metric, Type: s.typ, Labels: s.labels, Entity: s.entity, Domain: "shop/" + s.entity},
	})
	w.rev[name]++
}

// abnormal opens a finding, well closes it.
func (w *world) abnormal(at time.Duration, entity, metric string, score float64) {
	w.t.Helper()
	w.found(at, seen{entity: entity, metric: metric, score: score})
}

func (w *world) well(at time.Duration, entity, metric string) {
	w.t.Helper()
	w.found(at, seen{entity: entity, metric: metric, closed: true})
}

// burning opens the finding of the SLO of web, and rested closes it.
func (w *world) burning(at time.Duration, severity string) {
	w.t.Helper()
	w.found(at, seen{entity: "web", metric: pipeline.SLIMetric, severity: severity, score: 2, labels: map[string]string{"slo": "shop"}})
}

func (w *world) rested(at time.Duration) {
	w.t.Helper()
	w.found(at, seen{entity: "web", metric: pipeline.SLIMetric, severity: "critical", closed: true, labels: map[string]string{"slo": "shop"}})
}

// sli adds windows of 100 requests up to a time, bad of them bad in each.
func (w *world) sli(from, to time.Duration, bad float64) {
	for at := from + window; at <= to; at += window {
		w.in.Window(`slo.bad{slo="shop",system="shop"}`, int64(at-window), int64(at), 100, bad, 0, 0, 0)
	}
}

func (w *world) until(at time.Duration) { w.in.Watermark(int64(at)) }

// told runs the case through the conformance kit and returns the incidents that came out.
func (w *world) told(check func(events []schemas.Event, incidents []schemas.Incident)) {
	w.t.Helper()
	operatortest.Run(w.t, operatortest.Case{
		New: func() (pipeline.Operator, error) { return New(filled(Spec().Settings, w.settings)) },
		Env: func(env *pipeline.Env) {
			env.Window, env.Topology = int64(window), w.topology
			env.SLOs = []pipeline.SLO{{Name: "shop", Entity: "web", Objective: 0.99, Burn: []pipeline.BurnRule{{Long: int64(10 * time.Minute), Short: int64(time.Minute), Factor: 6, Severity: "critical"}}}}
		},
		Input: w.in, Lost: w.lost,
		Check: func(t testing.TB, out *operatortest.Output) {
			var events []schemas.Event
			var incidents []schemas.Incident
			for _, b := range out.Batches {
				if err := schemas.EachEvent(b, func(e schemas.Event) error {
					var inc schemas.Incident
					events = append(events, e)
					err := e.Into(&inc)
					incidents = append(incidents, inc)
					return err
				}); err != nil {
					t.Fatal(err)
				}
			}
			check(events, incidents)
		},
	})
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

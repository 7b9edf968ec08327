package schemas_test

import (
	"testing"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// sample is one event of each type with its typed data; together they are one episode. Every field of the data that may be
// set is set.
type sample struct {
	event schemas.Event
	data  any // nil when it is not JSON
}

const (
	t0       = 1_700_000_000_000_000_000
	second   = int64(1e9)
	system   = "prod/shop"
	domain   = "prod/shop/balancer"
	incident = "5d41402abc4b2a76b9719d911017c592"
)

func sampleSeries() pipeline.Series {
	return pipeline.Series{Quantity: &pipeline.Quantity{Metric: "db.client.connections.wait_time", Unit: "s", Type: pipeline.Delta},
		Labels: pipeline.Labels{{Name: "env", Value: "prod"}, {Name: "service", Value: "database"}},
		Scope:  &pipeline.Scope{Entity: "prod/shop/database", System: system, Domain: "prod/shop/database"}}
}

func sampleAction() schemas.Action {
	return schemas.Action{Verb: "set", Actuator: "plant", Params: map[string]any{"admission_limit": 40.0},
		Targets: []schemas.Target{{Kind: "service", ID: "balancer", UID: "balancer-1", Version: "7"}}}
}

func sampleDecision() schemas.Decision {
	return schemas.Decision{Candidates: []schemas.Candidate{
		{Action: "limit-admission", Score: 0.62, Success: 0.7, Weight: 12}, {Action: "wait", Score: 0.2, Success: 0.2, Weight: 5},
		{Action: "scale-out", Score: 0, Success: 0.1, Weight: 4, Excluded: "the application is not the bottleneck"},
	}, Chosen: "limit-admission", Propensity: 0.9, Seed: 42, Explored: true}
}

func sampleIncident() schemas.Incident {
	return schemas.Incident{Incident: incident, Revision: 1, State: schemas.Open, System: system, Signature: "saturation:database",
		Onset: schemas.FormatTime(t0), Detected: schemas.FormatTime(t0 + 120*second), Severity: "critical", Certainty: 0.8,
		Impact:   []schemas.Impact{{SLO: "web", Burn: 21.5, BadShare: 0.215}},
		Suspects: []schemas.Suspect{{Entity: "prod/shop/database", Domain: "prod/shop/database", Score: 0.9, Metric: "db.client.connections.wait_time", Reasons: []string{"first of all findings"}}},
		Findings: []string{"f1"}, Reason: "SLO web burns its budget 21.5 times too fast"}
}

func sampleRemediation() schemas.Remediation {
	return schemas.Remediation{Remediation: "rem-1", Hypothesis: "hyp-1", Attempt: 1,
		Incident: schemas.IncidentSummary{ID: incident, Signature: "saturation:database", Urgency: "immediate", Severity: "critical", Certainty: 0.8,
			SLO: "web", Burn: 21.5, Evidence: []string{"f1"}},
		Action: sampleAction(), Population: schemas.Population{Kind: "service", Size: 1},
		Limits: schemas.Limits{MaxTargets: 1, MaxPercent: 100, MaxConcurrent: 1},
		Guards: []schemas.Guard{{Name: "there is traffic", Metric: "slo:web", Op: "<", Value: 1, MaxAge: 60}},
		Timing: schemas.Timing{NotBefore: schemas.FormatTime(t0 + 121*second), StartBy: schemas.FormatTime(t0 + 181*second), MaxDuration: 30, EffectTTL: 3600,
			Blackout: 20, VerifyBy: schemas.FormatTime(t0 + 600*second)},
		Undo: "auto", Authority: schemas.Authority{Level: 3, Policy: "default", Version: "1", Approval: "appr-1"}, Decision: sampleDecision()}
}

func samples(t testing.TB) []sample {
	t.Helper()
	var out []sample
	add := func(typ string, at int64, data any, change func(*schemas.Event)) {
		e, err := schemas.NewEvent(typ, pipeline.ID("sample", typ), t0+at*second, data)
		if err != nil {
			t.Fatal(err)
		}
		e.Source, e.Subject, e.System, e.Key, e.Correlation = "/homeostat/shop/operate", system, system, incident, incident
		e.Trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
		change(&e)
		out = append(out, sample{e, data})
	}
	keep := func(*schemas.Event) {}
	bySystem := func(e *schemas.Event) { e.Key, e.Correlation, e.Source = system, "", "/homeostat/shop/robustz" }
	series := sampleSeries()
	add(schemas.TypeFinding, 60, schemas.Finding{Finding: "f1", Revision: 2, State: schemas.Open, Detector: "robustz", Series: schemas.NewSeries(&series),
		Onset: schemas.FormatTime(t0), Start: schemas.FormatTime(t0 + 50*second), End: schemas.FormatTime(t0 + 60*second), Score: 3.5, Probability: 0.99,
		Value: 1.25, Expected: schemas.Band{Low: 0.01, High: 0.2}, Direction: "up", Severity: "warning",
		Evidence: []pipeline.Evidence{{Name: "median", Value: 0.05}}}, bySystem)
	out = append(out, sampleWindow(t))
	add(schemas.TypeTopology, 0, schemas.Topology{Edges: []pipeline.Edge{{From: "prod/shop/balancer", To: "prod/shop/app-1"}}}, bySystem)
	add(schemas.TypeChange, 10, schemas.Change{Change: "v2.3", Kind: "deploy", Entities: []string{"prod/shop/app-1"}, By: "ci", Detail: "new cache"}, bySystem)
	opened := sampleIncident()
	add(schemas.TypeIncidentOpened, 120, opened, keep)
	updated := opened
	updated.Revision = 2
	add(schemas.TypeIncidentUpdated, 150, updated, keep)
	closed := updated
	closed.Revision, closed.State, closed.Closed = 3, schemas.Closed, schemas.FormatTime(t0+900*second)
	add(schemas.TypeIncidentClosed, 900, closed, keep)
	add(schemas.TypeHypothesisOpened, 121, schemas.Hypothesis{Hypothesis: "hyp-1", Incident: incident, Signature: "saturation:database", Attempt: 1,
		Claim: "the database is saturated; limiting admission helps", Action: sampleAction(), Rivals: []string{"it heals by itself"},
		Deduction: schemas.Deduction{Metric: "slo:web", Direction: "down", Effect: 0.1, OnsetLag: 30, Horizon: 360, Interval: schemas.Band{Low: 0.1, High: 0.2}, Model: "runbook"},
		Refuters:  []string{"web.refused"}, Design: "placebo in time", Windows: schemas.Windows{Pre: 120, Blackout: 20, Post: 340},
		Test: schemas.Test{Method: "placebo in time", Alpha: 0.05, MinPlacebos: 19}, Mode: schemas.ModeLive, Decision: sampleDecision()},
		func(e *schemas.Event) { e.Mode = schemas.ModeLive })
	add(schemas.TypeHypothesisJudged, 600, schemas.Judgement{Hypothesis: "hyp-1", Incident: incident, Signature: "saturation:database", Action: "limit-admission",
		Verdict: schemas.Supported, Reason: "moved as predicted", Recovered: true, Effect: schemas.Effect{Pre: 0.21, Post: 0.01, Size: 0.2, Interval: schemas.Band{Low: 0.15, High: 0.25}},
		Attribution: schemas.Attribution{Design: "placebo in time", Placebos: 40, PValue: 0.024}, SideEffects: []string{"refusals"}, Contamination: []string{"deploy v2.3"},
		Prior: 0.5, Posterior: 0.6}, keep)
	for _, typ := range []string{schemas.TypeRemediationProposed, schemas.TypeRemediationRequested} {
		r := sampleRemediation()
		add(typ, 121, r, func(e *schemas.Event) {
			e.Mode = map[string]string{schemas.TypeRemediationProposed: schemas.ModePropose, schemas.TypeRemediationRequested: schemas.ModeLive}[typ]
			command(t, e, &r)
		})
	}
	r := sampleRemediation()
	add(schemas.TypeRemediationCancelled, 130, schemas.Cancellation{Remediation: "rem-1", Key: key(t, &r), Incident: incident, Hypothesis: "hyp-1", Reason: "it healed by itself"},
		func(e *schemas.Event) { e.Mode = schemas.ModeLive; command(t, e, &r) })
	add(schemas.TypeResult, 125, schemas.Result{Remediation: "rem-1", Key: key(t, &r), Incident: incident, Hypothesis: "hyp-1", Actuator: "plant",
		Phase: schemas.PhaseFinished, Execution: schemas.ExecutionPartial, Reason: schemas.ReasonActuatorError, Detail: "1 of 2",
		Targets: []schemas.TargetResult{{ID: "balancer", Before: map[string]any{"admission_limit": 0.0}, After: map[string]any{"admission_limit": 40.0}}}, Cost: 1.5},
		func(e *schemas.Event) { e.Source, e.Causation = "/homeostat/actuators/plant", "cmd" })
	return out
}

func command(t testing.TB, e *schemas.Event, r *schemas.Remediation) {
	t.Helper()
	plan, err := r.PlanHash()
	if err != nil {
		t.Fatal(err)
	}
	e.Subject, e.Key, e.Causation, e.Plan, e.Idempotency, e.Epoch, e.Expiry = domain, domain, "hyp-event", plan, key(t, r), 3, t0+181*second
}

func key(t testing.TB, r *schemas.Remediation) string {
	t.Helper()
	k, err := schemas.IdempotencyKey(r.Incident.ID, r.Action, r.Attempt)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// windowBatch makes closed windows of as many series; the caller releases it.
func windowBatch(t testing.TB, mem memory.Allocator, series int) pipeline.Batch {
	t.Helper()
	table := pipeline.NewSeriesTable(nil, 0)
	rb := array.NewRecordBuilder(mem, pipeline.Windows.Schema())
	defer rb.Release()
	for i := range series {
		s := sampleSeries()
		labels := pipeline.NewLabels(append(s.Labels.List(), pipeline.Label{Name: "instance", Value: string(rune('a' + i%26))}, pipeline.Label{Name: "n", Value: string(rune('0' + i/26))}))
		ord, err := table.InternScoped(s.Metric, s.Unit, pipeline.SeriesType(i%4), labels, *s.Scope)
		if err != nil {
			t.Fatal(err)
		}
		rb.Field(pipeline.WindowSeries).(*array.Uint32Builder).Append(ord)
		for col, v := range []int64{t0, t0 + 10*second, int64(i)} {
			rb.Field(pipeline.WindowStart + col).(*array.Int64Builder).Append(v)
		}
		for col, v := range []float64{float64(i) * 1.5, -1, float64(i), 0.25} {
			rb.Field(pipeline.WindowSum + col).(*array.Float64Builder).Append(v)
		}
	}
	return pipeline.Batch{Kind: pipeline.Windows, Record: rb.NewRecord(), Series: table}
}

func rows(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func sampleWindow(t testing.TB) sample {
	t.Helper()
	b := windowBatch(t, memory.DefaultAllocator, 2)
	defer b.Release()
	body, err := schemas.EncodeWindows(memory.DefaultAllocator, b, rows(2))
	if err != nil {
		t.Fatal(err)
	}
	return sample{event: schemas.Event{ID: pipeline.ID("sample", schemas.TypeWindow), Source: "/homeostat/shop/publish", Type: schemas.TypeWindow,
		Time: t0 + 10*second, Subject: system, System: system, Key: system, Epoch: schemas.NoEpoch, Content: schemas.ContentArrow, Data: body}}
}

package plant

import (
	"context"
	"testing"
	"time"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

func rigOf(t *testing.T) *Rig {
	t.Helper()
	sc, err := Lookup("quiet")
	must(t, err)
	r, err := NewRig(RigConfig{Scenario: sc, Seed: 1, Start: epoch, Interval: step, InboxTopic: "inbox"})
	must(t, err)
	return r
}

// order gives the rig a live command and returns the last result.
func order(t *testing.T, r *Rig, attempt int, a schemas.Action, guards ...schemas.Guard) schemas.Result {
	t.Helper()
	a.Actuator = ActuatorName
	end := r.Now().Add(time.Minute).UnixNano()
	cmd := schemas.Remediation{
		Remediation: "r", Incident: schemas.IncidentSummary{ID: "i"}, Hypothesis: "h", Attempt: attempt, Action: a, Guards: guards,
		Population: schemas.Population{Kind: a.Targets[0].Kind, Size: 4}, Limits: schemas.Limits{MaxTargets: 4, MaxPercent: 100, MaxConcurrent: 1},
		Timing: schemas.Timing{StartBy: schemas.FormatTime(end), MaxDuration: 30}, Undo: "manual", Authority: schemas.Authority{Level: 3},
	}
	plan, err := cmd.PlanHash()
	must(t, err)
	key, err := schemas.IdempotencyKey("i", a, attempt)
	must(t, err)
	e, err := schemas.NewEvent(schemas.TypeRemediationRequested, "e", r.Now().UnixNano(), cmd)
	must(t, err)
	e.Source, e.Key, e.Mode, e.Plan, e.Idempotency, e.Expiry = "test", "shop", schemas.ModeLive, plan, key, end
	out, err := r.Handle(context.Background(), pipeline.Record{Key: []byte(e.Key), Value: e.Data, Headers: e.Headers(0)})
	must(t, err)
	if len(out) == 0 || out[len(out)-1].Topic != "inbox" {
		t.Fatalf("no result for the inbox: %v", out)
	}
	back, err := schemas.ReadEvent(&out[len(out)-1])
	must(t, err)
	var res schemas.Result
	must(t, back.Into(&res))
	return res
}

func instances(names ...string) (targets []schemas.Target) {
	for _, n := range names {
		targets = append(targets, schemas.Target{Kind: "instance", ID: n, UID: n})
	}
	return targets
}

func TestRigObeys(t *testing.T) {
	balancer := []schemas.Target{{Kind: "service", ID: entityBalancer, UID: entityBalancer}}
	low := schemas.Guard{Name: "calm", Metric: "lb.inflight", Op: "<", Value: 1e6, MaxAge: 60}
	limit := schemas.Action{Verb: "set", Params: map[string]any{"admission_limit": 32}, Targets: balancer}
	for i, f := range []struct {
		what   string
		action schemas.Action
		guards []schemas.Guard
		steps  int
		want   string
		limit  int
	}{
		{"a limit is set", limit, nil, 1, "finished/succeeded/", 32},
		{"a guard that holds lets pass", limit, []schemas.Guard{low}, 1, "finished/succeeded/", 32},
		{"a guard that was never read does not", limit, []schemas.Guard{low}, 0, "rejected//precondition", 0},
		{"half a request is no limit", schemas.Action{Verb: "set", Params: map[string]any{"admission_limit": 1.5}, Targets: balancer}, nil, 1, "finished/failed/actuatorerror", 0},
		{"instances are restarted", schemas.Action{Verb: "restart", Targets: instances("app-1", "app-2")}, nil, 1, "finished/succeeded/", 0},
		{"one of two is there", schemas.Action{Verb: "restart", Targets: instances("app-1", "app-99")}, nil, 1, "finished/partial/", 0},
		{"none is there", schemas.Action{Verb: "restart", Targets: instances("app-99")}, nil, 1, "finished/failed/actuatorerror", 0},
	} {
		r := rigOf(t)
		for range f.steps {
			_, err := r.Step()
			must(t, err)
		}
		got := order(t, r, i, f.action, f.guards...)
		if text := got.Phase + "/" + got.Execution + "/" + got.Reason; text != f.want || r.system.State().AdmissionLimit != f.limit {
			t.Errorf("%s: %s (%s), limit %d", f.what, text, got.Detail, r.system.State().AdmissionLimit)
		}
	}
}

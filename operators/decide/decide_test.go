package decide

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

const (
	jam  = "saturation:db-main"
	lazy = "latency:app"
)

func TestDecisions(t *testing.T) {
	for _, c := range []struct {
		name  string
		facts func(w *world)
		want  string
	}{
		{"the best action goes out after its prediction", func(w *world) {
			w.incident(mnt, "a", "opened", jam, 20, "db-main")
		}, `
			1m0s a: limit
			1m0s a: requested live set lb`},
		{"what mostly heals by itself is waited for", func(w *world) {
			w.incident(mnt, "a", "opened", lazy, 20, "app-1")
		}, `1m0s a: wait`},
		{"what nobody knows is waited for, and a person is told", func(w *world) {
			w.incident(mnt, "a", "opened", "errors:moon", 20, "moon")
		}, `
			1m0s a: wait
			1m0s a: proposed propose notify on-call`},
		{"an incident that costs nobody anything is waited for", func(w *world) {
			w.incident(mnt, "a", "opened", jam, 0, "db-main")
		}, `1m0s a: wait`},
		{"something grows only where the bottleneck is", func(w *world) {
			w.set("catalogue", []any{pipeline.Settings{"name": "any", "signatures": []any{"*"}, "wait": pipeline.Settings{"success": 0.1}, "actions": jammed()["actions"]}})
			w.incident(mnt, "a", "opened", "saturation:app", 20, "app-1")
			w.incident(mnt, "b", "opened", "saturation:db-main", 20, "db-main")
		}, `
			1m0s a: scale
			1m0s a: requested live set app
			1m0s b: limit
			1m0s b: requested live set lb`},
		{"shadow proposes what it would do", func(w *world) {
			w.set("mode", schemas.ModeShadow)
			w.incident(mnt, "a", "opened", jam, 20, "db-main")
		}, `
			1m0s a: limit
			1m0s a: proposed shadow set lb`},
		{"an action's level limits its mode", func(w *world) {
			w.set("catalogue", []any{pipeline.Settings{"name": "any", "signatures": []any{"*"}, "wait": pipeline.Settings{"success": 0.1}, "actions": []any{
				act("limit", "set", "lb", 0.9, pipeline.Settings{"level": int64(2)}), act("forbidden", "set", "lb", 0.95, pipeline.Settings{"level": int64(0)})}}})
			w.incident(mnt, "a", "opened", jam, 20, "db-main")
		}, `
			1m0s a: limit
			1m0s a: proposed propose set lb`},
		{"what can't be undone is proposed at most", func(w *world) {
			w.set("catalogue", []any{pipeline.Settings{"name": "any", "signatures": []any{"*"}, "wait": pipeline.Settings{"success": 0.1}, "actions": []any{
				act("drop", "delete", "lb", 0.9, pipeline.Settings{"reversible": false})}}})
			w.incident(mnt, "a", "opened", jam, 20, "db-main")
		}, `
			1m0s a: drop
			1m0s a: proposed propose delete lb`},
		{"what promises to undo itself is proposed at most, as nobody keeps the promise", func(w *world) {
			w.set("catalogue", []any{pipeline.Settings{"name": "any", "signatures": []any{"*"}, "wait": pipeline.Settings{"success": 0.1}, "actions": []any{
				act("limit", "set", "lb", 0.9, pipeline.Settings{"undo": "auto"})}}})
			w.incident(mnt, "a", "opened", jam, 20, "db-main")
		}, `
			1m0s a: limit
			1m0s a: proposed propose set lb`},
		{"what promises to revert after a time is proposed at most, too", func(w *world) {
			w.set("catalogue", []any{pipeline.Settings{"name": "any", "signatures": []any{"*"}, "wait": pipeline.Settings{"success": 0.1}, "actions": []any{
				act("limit", "set", "lb", 0.9, pipeline.Settings{"effect_ttl": time.Minute})}}})
			w.incident(mnt, "a", "opened", jam, 20, "db-main")
		}, `
			1m0s a: limit
			1m0s a: proposed propose set lb`},
		{"one hypothesis at a time: updates change nothing while one is open", func(w *world) {
			w.incident(mnt, "a", "opened", jam, 20, "db-main")
			w.incident(2*mnt, "a", "updated", jam, 40, "db-main")
			w.incident(3*mnt, "a", "updated", "saturation:db-2", 40, "db-2")
		}, `
			1m0s a: limit
			1m0s a: requested live set lb`},
		{"after a refuted action the next one is tried when the domain has rested, then a person is called", func(w *world) {
			w.incident(mnt, "a", "opened", jam, 20, "db-main")
			w.ran(mnt+sec, "a", 1)
			w.judged(7*mnt, "a", 1, jam, "limit", schemas.Refuted, false)
			w.until(8 * mnt)
			w.until(9 * mnt)
			w.ran(9*mnt+sec, "a", 2)
			w.judged(16*mnt, "a", 2, jam, "restart", schemas.Harmful, false)
			w.until(18 * mnt)
			w.judged(23*mnt, "a", 3, jam, "wait", schemas.Refuted, false)
			w.incident(34*mnt, "a", "updated", jam, 40, "db-main")
		}, `
			1m0s a: limit
			1m0s a: requested live set lb
			9m0s a: restart
			9m0s a: requested live restart db-main
			18m0s a: wait
			23m0s a: proposed propose notify on-call`},
		{"who waited in vain acts, and does not wait again", func(w *world) {
			w.set("max_attempts", int64(1))
			w.incident(mnt, "a", "opened", lazy, 20, "app-1")
			w.judged(6*mnt, "a", 1, lazy, "wait", schemas.Refuted, false)
			w.ran(6*mnt+sec, "a", 2)
			w.judged(12*mnt, "a", 2, lazy, "restart", schemas.Inconclusive, false)
			w.until(14 * mnt)
		}, `
			1m0s a: wait
			6m0s a: restart
			6m0s a: requested live restart app-1
			14m0s a: proposed propose notify on-call`},
		{"what was refused is void and may be tried again, up to the maximum", func(w *world) {
			w.set("max_attempts", int64(2)).set("wait_budget", time.Duration(0))
			w.incident(mnt, "a", "opened", jam, 20, "db-main")
			w.judged(mnt+sec, "a", 1, jam, "limit", schemas.Void, false)
			w.until(4 * mnt)
			w.judged(4*mnt+sec, "a", 2, jam, "limit", schemas.Void, false)
			w.until(8 * mnt)
		}, `
			1m0s a: limit
			1m0s a: requested live set lb
			3m10s a: limit
			3m10s a: requested live set lb
			6m10s a: proposed propose notify on-call`},
		{"what was only written down is not rested after", func(w *world) {
			w.set("mode", schemas.ModeShadow).set("max_attempts", int64(2)).set("wait_budget", time.Duration(0))
			w.incident(mnt, "a", "opened", jam, 20, "db-main")
			w.judged(7*mnt, "a", 1, jam, "limit", schemas.Void, false)
			w.judged(13*mnt, "a", 2, jam, "limit", schemas.Void, false)
		}, `
			1m0s a: limit
			1m0s a: proposed shadow set lb
			7m0s a: limit
			7m0s a: proposed shadow set lb
			13m0s a: proposed shadow notify on-call`},
		{"recovery ends it; trouble after that begins anew", func(w *world) {
			w.incident(mnt, "a", "opened", jam, 20, "db-main")
			w.ran(mnt+sec, "a", 1)
			w.judged(7*mnt, "a", 1, jam, "limit", schemas.Supported, true)
			w.incident(8*mnt, "a", "updated", jam, 0.5, "db-main")
			w.until(20 * mnt)
			w.incident(21*mnt, "a", "updated", jam, 30, "db-main")
		}, `
			1m0s a: limit
			1m0s a: requested live set lb
			21m0s a: restart
			21m0s a: requested live restart db-main`},
		{"a closed incident is left alone, an incident that opens again is not", func(w *world) {
			w.incident(mnt, "a", "opened", lazy, 20, "app-1")
			w.incident(2*mnt, "a", "closed", lazy, 0.1, "app-1")
			w.judged(3*mnt, "a", 1, lazy, "wait", schemas.Refuted, false)
			w.until(10 * mnt)
			w.incident(11*mnt, "a", "updated", lazy, 20, "app-1")
		}, `
			1m0s a: wait
			11m0s a: wait`},
		{"waiting is given up when the incident turns out to be another", func(w *world) {
			w.incident(mnt, "a", "opened", lazy, 20, "app-1")
			w.incident(2*mnt, "a", "updated", lazy, 60, "app-1")
			w.incident(3*mnt, "a", "updated", jam, 60, "db-main")
			w.judged(3*mnt, "a", 1, lazy, "wait", schemas.Void, false)
		}, `
			1m0s a: wait
			3m0s a: limit
			3m0s a: requested live set lb`},
		{"a lock domain takes one action at a time, over all incidents", func(w *world) {
			w.set("wait_budget", time.Duration(0))
			w.incident(mnt, "a", "opened", jam, 20, "db-main")
			w.incident(2*mnt, "b", "opened", jam, 20, "db-2")
			w.ran(2*mnt+sec, "b", 1)
			w.judged(3*mnt, "b", 1, jam, "restart", schemas.Refuted, false)
			w.until(7 * mnt)
			w.ran(7*mnt, "a", 1)
			w.judged(7*mnt+sec, "a", 1, jam, "limit", schemas.Supported, true)
			w.until(9 * mnt)
		}, `
			1m0s a: limit
			1m0s a: requested live set lb
			2m0s b: restart
			2m0s b: requested live restart db-2
			8m10s b: limit
			8m10s b: requested live set lb`},
		{"a hypothesis that nobody judges does not block for ever", func(w *world) {
			w.incident(mnt, "a", "opened", lazy, 20, "app-1")
			w.until(time.Hour)
		}, `
			1m0s a: wait
			8m20s a: wait
			15m40s a: restart
			15m40s a: requested live restart app-1
			27m0s a: proposed propose notify on-call`},
		{"what was only written down and nobody judges is gone on from", func(w *world) {
			w.set("mode", schemas.ModeShadow).set("max_attempts", int64(1)).set("wait_budget", time.Duration(0))
			w.incident(mnt, "a", "opened", jam, 20, "db-main")
			w.until(time.Hour)
		}, `
			1m0s a: limit
			1m0s a: proposed shadow set lb
			12m20s a: proposed shadow notify on-call`},
		{"when an actuator doesn't know how far an action came, a person is called and nothing more is tried", func(w *world) {
			w.incident(mnt, "a", "opened", jam, 20, "db-main")
			w.result(mnt+sec, "a", 1, schemas.ExecutionUnknown)
			w.judged(mnt+sec, "a", 1, jam, "limit", schemas.Void, false)
			w.incident(2*mnt, "a", "updated", jam, 40, "db-main")
			w.until(time.Hour)
		}, `
			1m0s a: limit
			1m0s a: requested live set lb
			1m1s a: proposed propose notify on-call`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			c.facts(w)
			w.told(func(o *outcome) {
				want := strings.ReplaceAll(strings.TrimSpace(c.want), "\t", "")
				if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(strings.TrimSpace(o.story()), "\n")); diff != "" {
					t.Errorf("decisions (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestPredictionIsOnRecordBeforeTheCommand(t *testing.T) {
	w := newWorld(t)
	book := jammed()
	book["actions"].([]any)[0].(pipeline.Settings)["target"].(pipeline.Settings)["domain"] = "{system}/lb"
	w.set("catalogue", []any{book})
	w.incident(10*mnt, "a", "opened", jam, 20, "db-main", "app-1")
	w.told(func(o *outcome) {
		if len(o.events) != 2 {
			t.Fatalf("want a hypothesis and a command, got %d events", len(o.events))
		}
		h, r, hev, rev := o.hypotheses[0], o.remediations[0], o.events[0], o.events[1]
		plan, _ := r.PlanHash()
		idempotency, _ := schemas.IdempotencyKey("a", r.Action, 1)
		now := int64(10 * mnt)
		for _, f := range []struct {
			what      string
			want, got any
		}{
			{"hypothesis key", "a", hev.Key}, {"hypothesis cause", "event-1", hev.Causation}, {"hypothesis correlation", "a", hev.Correlation},
			{"rivals", []string{"it heals by itself", "upstream changed", "the sensor lies"}, h.Rivals},
			{"deduction", schemas.Deduction{Metric: "slo:shop", Direction: "down", Effect: 0.1, OnsetLag: 30, Horizon: 360, Interval: schemas.Band{Low: 0.1, High: 0.2}, Model: "runbook"}, h.Deduction},
			{"windows: pre is cut at the onset", schemas.Windows{Pre: 60, Blackout: 30, Post: 330}, h.Windows},
			{"test", schemas.Test{Method: "placebo in time", Alpha: 0.05, MinPlacebos: 19}, h.Test},
			{"mode", schemas.ModeLive, h.Mode},
			{"params are absolute and typed", map[string]any{"limit": 40.0, "why": "db-main"}, h.Action.Params},
			{"targets", []schemas.Target{{Kind: "service", ID: "lb", UID: "lb"}}, r.Action.Targets},
			{"command names its hypothesis", h.Hypothesis, r.Hypothesis}, {"cause", h.Hypothesis, rev.Causation}, {"correlation", "a", rev.Correlation},
			{"key", "shop/lb", rev.Key}, {"subject", "shop/lb", rev.Subject}, {"system", "shop", rev.System}, {"mode header", schemas.ModeLive, rev.Mode},
			{"expiry", now + int64(2*mnt), rev.Expiry}, {"plan", plan, rev.Plan}, {"idempotency", idempotency, rev.Idempotency}, {"epoch", int64(0), rev.Epoch},
			{"start by", schemas.FormatTime(now + int64(2*mnt)), r.Timing.StartBy}, {"verify by", schemas.FormatTime(now + int64(9*mnt)), r.Timing.VerifyBy},
			{"incident", schemas.IncidentSummary{ID: "a", Signature: jam, Urgency: "immediate", Severity: "critical", Certainty: 0.8, SLO: "shop", Burn: 20, Evidence: []string{"f1", "f2"}}, r.Incident},
			{"limits", schemas.Limits{MaxTargets: 1, MaxPercent: 100, MaxConcurrent: 1}, r.Limits},
			{"chosen", "limit", r.Decision.Chosen}, {"propensity", 1.0, r.Decision.Propensity},
		} {
			if diff := cmp.Diff(f.want, f.got); diff != "" {
				t.Errorf("%s: %s", f.what, diff)
			}
		}
		var got []string
		for _, cand := range r.Decision.Candidates {
			got = append(got, cand.Action+": "+cand.Excluded)
		}
		want := []string{"limit: ", "restart: ", "wait: ", "scale: the bottleneck is db-main, not what this would grow"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("candidates (-want +got):\n%s", diff)
		}
	})
}

func TestExperienceMovesTheChoice(t *testing.T) {
	w := newWorld(t)
	at := mnt
	for i, verdict := range []string{schemas.Refuted, schemas.Inconclusive, schemas.Void, schemas.Refuted, schemas.Harmful, schemas.Refuted} {
		inc := string(rune('a' + i))
		w.incident(at, inc, "opened", jam, 20, "db-main")
		w.ran(at+sec, inc, 1)
		w.judged(at+7*mnt, inc, 1, jam, "limit", verdict, true)
		w.incident(at+8*mnt, inc, "closed", jam, 0.1, "db-main")
		at += time.Hour
	}
	for _, verdict := range []string{schemas.Refuted, schemas.Refuted, schemas.Refuted, schemas.Refuted, schemas.Refuted, schemas.Supported} {
		w.judged(at, "gone", 1, jam, "limit", verdict, true)
	}
	w.incident(at, "z", "opened", jam, 20, "db-main")
	w.told(func(o *outcome) {
		var limit []float64
		for _, h := range o.hypotheses {
			for _, c := range h.Decision.Candidates {
				if c.Action == "limit" {
					limit = append(limit, c.Success)
				}
			}
		}
		want := []float64{0.8, 8. / 11, 8. / 11, 8. / 11, 8. / 12, 8. / 13, 9. / 20}
		if diff := cmp.Diff(want, limit); diff != "" {
			t.Errorf("belief in limit (-want +got):\n%s", diff)
		}
		if last := o.hypotheses[len(o.hypotheses)-1].Decision; last.Chosen != "limit" || last.Candidates[0].Weight != 20 {
			t.Errorf("0.45 with a weight of 20 is still better than 0.4, got %+v", last)
		}
	})
}

func TestBlastRadiusIsCountedInTheCallGraph(t *testing.T) {
	w := newWorld(t).set("catalogue", []any{pipeline.Settings{"name": "any", "signatures": []any{"*"}, "wait": pipeline.Settings{"success": 0.1},
		"actions": []any{act("restart", "restart", "{suspect}", 0.9, pipeline.Settings{"population": "app-*"})}}})
	w.incident(mnt, "a", "opened", "saturation:app", 20, "app-1")
	w.event(schemas.TypeTopology, 2*mnt, schemas.Topology{Edges: []pipeline.Edge{{From: "lb", To: "app-1"}, {From: "lb", To: "app-2"}, {From: "lb", To: "app-3"}}})
	w.incident(3*mnt, "b", "opened", "saturation:app", 20, "app-2")
	w.told(func(o *outcome) {
		if len(o.remediations) != 2 {
			t.Fatalf("want two commands, got %d", len(o.remediations))
		}
		for i, want := range []int{2, 3} {
			if got := o.remediations[i].Population.Size; got != want {
				t.Errorf("population of command %d: want %d, got %d", i, want, got)
			}
		}
		if got := o.events[1].Key; got != "shop/app-1" {
			t.Errorf("the suspect's lock domain is the key, got %s", got)
		}
	})
}

func TestUnreadableEventsAreLost(t *testing.T) {
	w := newWorld(t)
	w.lost = map[string]int{"unreadable": 5}
	w.event(schemas.TypeTopology, mnt, map[string]any{})
	for _, typ := range []string{schemas.TypeIncidentOpened, schemas.TypeHypothesisJudged, schemas.TypeResult, schemas.TypeTopology} {
		w.event(typ, mnt, "no object")
	}
	w.told(func(*outcome) {})
}

func TestCatalogueThatDoesNotFit(t *testing.T) {
	book := func(actions ...any) pipeline.Settings {
		return pipeline.Settings{"catalogue": []any{pipeline.Settings{"name": "x", "signatures": []any{"*"}, "actions": actions}}}
	}
	for _, c := range []struct {
		name, code string
		set        pipeline.Settings
	}{
		{"growth without a bottleneck", "decide.action.gate", book(act("scale", "set", "app", 0.5, pipeline.Settings{"params": map[string]any{"replicas": "8"}}))},
		{"start without a bottleneck", "decide.action.gate", book(act("more", "start", "app", 0.5, nil))},
		{"two of one name", "decide.action.name", book(act("a", "set", "app", 0.5, nil), act("a", "restart", "app", 0.5, nil))},
		{"an action called wait", "decide.action.name", book(act("wait", "set", "app", 0.5, nil))},
		{"horizon inside the blackout", "decide.action.horizon", book(act("a", "set", "app", 0.5, pipeline.Settings{"blackout": time.Hour}))},
		{"no effect that could fail", "decide.action.effect", book(act("a", "set", "app", 0.5, pipeline.Settings{"prediction": pipeline.Settings{"metric": "cpu{}"}}))},
		{"unknown place", "decide.action.place", book(act("a", "set", "{culprit}", 0.5, nil))},
		{"unknown place in a parameter", "decide.action.place", book(act("a", "set", "app", 0.5, pipeline.Settings{"params": map[string]any{"note": "{culprit}"}}))},
		{"unknown place in a refuter", "decide.action.place", book(act("a", "set", "app", 0.5, pipeline.Settings{"refuters": []any{"slo:{culprit}"}}))},
		{"a target without a lock domain", "decide.action.domain", book(act("a", "set", "app", 0.5, pipeline.Settings{"target": pipeline.Settings{"kind": "service", "id": "app"}}))},
		{"an instance of the suspect without a lock domain", "decide.action.domain", book(act("a", "set", "app", 0.5, pipeline.Settings{"target": pipeline.Settings{"kind": "service", "id": "{suspect}-1"}}))},
		{"an action that only asks", "decide.action.verb", book(act("a", "query", "app", 0.5, nil))},
		{"an action that only tells somebody", "decide.action.verb", book(act("a", "notify", "app", 0.5, nil))},
		{"an action that waits", "decide.action.verb", book(act("a", "wait", "app", 0.5, nil))},
		{"a step instead of a value", "decide.action.relative", book(act("a", "set", "app", 0.5, pipeline.Settings{"params": map[string]any{"limit": "+1"}}))},
		{"horizon inside the onset lag", "decide.action.horizon", book(act("a", "set", "app", 0.5, pipeline.Settings{"prediction": pipeline.Settings{"onset_lag": time.Hour}}))},
		{"too few placebos for the level", "decide.placebos.few", pipeline.Settings{"alpha": 0.01}},
		{"bad pattern", "decide.pattern", pipeline.Settings{"catalogue": []any{pipeline.Settings{"name": "x", "signatures": []any{"[a"}}}}},
	} {
		_, err := New(filled(Spec().Settings, c.set))
		if err == nil || !strings.Contains(err.Error(), "("+c.code+")") {
			t.Errorf("%s: want code %s, got %v", c.name, c.code, err)
		}
	}
}

func TestAuthorityIsLoweredWithAReason(t *testing.T) {
	for _, c := range []struct {
		name  string
		more  pipeline.Settings
		level int
		why   string
	}{
		{"as given", nil, 4, ""},
		{"lower already", pipeline.Settings{"level": int64(1), "undo": "auto"}, 1, ""},
		{"irreversible", pipeline.Settings{"reversible": false}, 2, "it can't be undone"},
		{"undo auto", pipeline.Settings{"undo": "auto"}, 2, "nobody undoes it by itself yet: undo is auto"},
		{"effect_ttl", pipeline.Settings{"effect_ttl": time.Minute}, 2, "nobody reverts it by itself yet: effect_ttl is set"},
	} {
		w := newWorld(t).set("catalogue", []any{pipeline.Settings{"name": "any", "signatures": []any{"*"}, "wait": pipeline.Settings{"success": 0.1},
			"actions": []any{act("limit", "set", "lb", 0.9, c.more)}}})
		d, err := New(filled(Spec().Settings, w.settings))
		if err != nil {
			t.Fatal(err)
		}
		want := "mode live, 1 runbooks with 1 actions"
		if c.why != "" {
			want += "; any.limit is proposed at most: " + c.why
		}
		if got := d.Describe(); got != want {
			t.Errorf("%s: want %q, got %q", c.name, want, got)
		}
		w.incident(mnt, "a", "opened", jam, 20, "db-main")
		w.told(func(o *outcome) {
			if len(o.remediations) != 1 || o.remediations[0].Authority.Level != c.level {
				t.Errorf("%s: want one command of level %d, got %+v", c.name, c.level, o.remediations)
			}
		})
	}
}

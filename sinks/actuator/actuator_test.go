package actuator_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
	"github.com/homeostat/homeostat/sinks/actuator"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const domain = "prod/shop/app"

var start = time.Date(2024, 1, 1, 12, 0, 0, 0, time.UTC)

// rig is an actuator whose function counts its calls, and what surrounds it.
type rig struct {
	t    *testing.T
	cfg  actuator.Config
	now  time.Time
	made *actuator.Actuator

	mu    sync.Mutex // functions that were given up run beside the test
	do    actuator.Func
	calls int
	last  actuator.Command
}

func (r *rig) call(ctx context.Context, c actuator.Command) (actuator.Outcome, error) {
	r.mu.Lock()
	r.calls++
	r.last = c
	do := r.do
	r.mu.Unlock()
	return do(ctx, c)
}

// does sets what the function does from now on.
func (r *rig) does(f actuator.Func) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.do = f
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, now: start}
	r.do = func(context.Context, actuator.Command) (actuator.Outcome, error) {
		return actuator.Outcome{Detail: "ok"}, nil
	}
	r.cfg = actuator.Config{
		Name: "plant", Instance: "plant-1", Verbs: map[string]actuator.Func{"set": r.call, "restart": r.call}, Claims: &actuator.Memory{},
		Epoch:     func(string) (int64, bool) { return 3, true },
		Inhibited: func(string) (bool, string) { return false, "" },
		Guards:    func(context.Context, schemas.Guard) (bool, bool, error) { return true, true, nil },
		Clock:     func() time.Time { return r.now },
	}
	return r
}

// restart makes the actuator anew, as after a crash: only the claims stay.
func (r *rig) restart() { r.made = nil }

func (r *rig) handle(rec pipeline.Record) []schemas.Event {
	r.t.Helper()
	events, err := r.try(rec)
	if err != nil {
		r.t.Fatal(err)
	}
	return events
}

func (r *rig) try(rec pipeline.Record) ([]schemas.Event, error) {
	r.t.Helper()
	if r.made == nil {
		var err error
		if r.made, err = actuator.New(r.cfg); err != nil {
			r.t.Fatal(err)
		}
	}
	return r.made.Handle(context.Background(), rec)
}

// command is a command in the making.
type command struct {
	schemas.Event
	schemas.Remediation
}

func valid() *command {
	return &command{
		Event: schemas.Event{
			ID: "cmd-1", Source: "/homeostat/shop/decide", Type: schemas.TypeRemediationRequested, Time: start.UnixNano(),
			Subject: domain, System: "prod/shop", Key: domain, Correlation: "inc-1", Causation: "hyp-event",
			Expiry: start.Add(time.Minute).UnixNano(), Epoch: 3, Mode: schemas.ModeLive, Content: schemas.ContentJSON,
		},
		Remediation: schemas.Remediation{
			Remediation: "rem-1", Hypothesis: "hyp-1", Attempt: 1,
			Incident: schemas.IncidentSummary{ID: "inc-1", Signature: "saturation:database", Urgency: "now", Severity: "critical", Certainty: 0.9},
			Action: schemas.Action{Verb: "set", Actuator: "plant", Params: map[string]any{"limit": 40},
				Targets: []schemas.Target{{Kind: "service", ID: "lb", UID: "lb", Version: "1"}}},
			Population: schemas.Population{Kind: "service", Size: 4},
			Limits:     schemas.Limits{MaxTargets: 1, MaxPercent: 25, MaxConcurrent: 1},
			Guards:     []schemas.Guard{{Name: "alive", Metric: "slo:web", Op: "<", Value: 1, MaxAge: 60}},
			Timing:     schemas.Timing{StartBy: schemas.FormatTime(start.Add(time.Minute).UnixNano()), MaxDuration: 30},
			Undo:       "auto", Authority: schemas.Authority{Level: 3, Policy: "default", Version: "1"},
		},
	}
}

// record seals the command: plan and key are hashed unless they were set by hand.
func (c *command) record(t testing.TB) pipeline.Record {
	t.Helper()
	var err error
	if c.Event.Plan == "" {
		if c.Event.Plan, err = c.Remediation.PlanHash(); err != nil {
			t.Fatal(err)
		}
	}
	if c.Event.Idempotency == "" {
		if c.Event.Idempotency, err = schemas.IdempotencyKey(c.Remediation.Incident.ID, c.Remediation.Action, c.Remediation.Attempt); err != nil {
			t.Fatal(err)
		}
	}
	if c.Event.Data == nil {
		if c.Event.Data, err = json.Marshal(c.Remediation); err != nil {
			t.Fatal(err)
		}
	}
	return pipeline.Record{Topic: "remediations", Key: []byte(c.Event.Key), Value: c.Event.Data, Headers: c.Event.Headers(1)}
}

func withValid(t testing.TB, change func(*command)) pipeline.Record {
	c := valid()
	change(c)
	return c.record(t)
}

func result(t testing.TB, e schemas.Event) schemas.Result {
	t.Helper()
	var r schemas.Result
	if err := e.Into(&r); err != nil {
		t.Fatal(err)
	}
	return r
}

// story is what results say, in short: "accepted started finished/succeeded".
func story(t testing.TB, events []schemas.Event) string {
	t.Helper()
	var words []string
	for _, e := range events {
		r := result(t, e)
		word := r.Phase
		for _, s := range []string{r.Execution, r.Reason} {
			if s != "" {
				word += "/" + s
			}
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

const succeeded = "accepted started finished/succeeded"

func TestCarriesOutAndTells(t *testing.T) {
	r := newRig(t)
	r.do = func(context.Context, actuator.Command) (actuator.Outcome, error) {
		return actuator.Outcome{Detail: "set", Cost: 2, Targets: []schemas.TargetResult{{ID: "lb", Before: map[string]any{"limit": 0}, After: map[string]any{"limit": 40}}}}, nil
	}
	c := valid()
	c.Event.Trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	events := r.handle(c.record(t))
	if got := story(t, events); got != succeeded {
		t.Fatalf("results are %s", got)
	}
	if r.last.Domain != domain || r.last.Token != 1 || r.last.Remediation.Action.Params["limit"] != 40.0 || r.last.Event.ID != "cmd-1" {
		t.Errorf("the function got %+v", r.last)
	}
	ids := map[string]bool{}
	for _, e := range events {
		ids[e.ID] = true
		if e.Type != schemas.TypeResult || e.Time != start.UnixNano() || e.System != "prod/shop" || e.Correlation != "inc-1" ||
			e.Causation != "cmd-1" || e.Subject != domain || e.Key != domain || e.Trace != c.Event.Trace || e.Mode != "" {
			t.Errorf("result has attributes %+v", e)
		}
	}
	if len(ids) != 3 {
		t.Errorf("3 results have ids %v", ids)
	}
	last := result(t, events[2])
	if last.Remediation != "rem-1" || last.Key != c.Event.Idempotency || last.Incident != "inc-1" || last.Hypothesis != "hyp-1" || last.Actuator != "plant" ||
		last.Cost != 2 || last.Targets[0].After["limit"] != 40.0 {
		t.Errorf("final result is %+v", last)
	}
}

func TestResultsDependOnTheCommandAlone(t *testing.T) {
	var first []schemas.Event
	for range 2 {
		got := newRig(t).handle(valid().record(t))
		for i := range first {
			if string(schemas.AppendJSON(nil, first[i])) != string(schemas.AppendJSON(nil, got[i])) {
				t.Errorf("result %d differs: %s and %s", i, first[i].Data, got[i].Data)
			}
		}
		first = got
	}
}

func TestIgnores(t *testing.T) {
	for name, change := range map[string]func(*command){
		"proposed":       func(c *command) { c.Event.Type = schemas.TypeRemediationProposed },
		"cancelled":      func(c *command) { c.Event.Type = schemas.TypeRemediationCancelled },
		"another type":   func(c *command) { c.Event.Type = schemas.TypeFinding },
		"replay":         func(c *command) { c.Event.Mode = schemas.ModeReplay },
		"shadow":         func(c *command) { c.Event.Mode = schemas.ModeShadow },
		"propose":        func(c *command) { c.Event.Mode = schemas.ModePropose },
		"other actuator": func(c *command) { c.Remediation.Action.Actuator = "kubernetes" },
		"other's fault": func(c *command) {
			c.Remediation.Action.Actuator, c.Remediation.Action.Targets = "kubernetes", nil
		},
	} {
		r := newRig(t)
		if events := r.handle(withValid(t, change)); events != nil || r.calls != 0 {
			t.Errorf("%s: %d calls, results %s", name, r.calls, story(t, events))
		}
	}
}

func TestRefuses(t *testing.T) {
	type hook = func(*actuator.Config)
	none := func(*command) {}
	for _, f := range []struct {
		fact   string
		change func(*command)
		hook   hook
		reason string
		detail string
	}{
		{"mode absent", func(c *command) { c.Event.Mode = "" }, nil, schemas.ReasonBadSchema, "mode"},
		{"mode unknown", func(c *command) { c.Event.Mode = "Live" }, nil, schemas.ReasonBadSchema, "mode"},
		{"data is no JSON", func(c *command) { c.Event.Data = []byte("{") }, nil, schemas.ReasonBadSchema, "can't be read"},
		{"data is null", func(c *command) { c.Event.Data = []byte("null") }, nil, schemas.ReasonBadSchema, "missing"},
		{"data of another kind", func(c *command) { c.Event.Content = "text/plain" }, nil, schemas.ReasonBadSchema, "can't be read"},
		{"a number for a text", func(c *command) { c.Event.Data = []byte(`{"action":{"actuator":"plant","verb":5}}`) }, nil, schemas.ReasonBadSchema, "can't be read"},
		{"no actuator", func(c *command) { c.Remediation.Action.Actuator = "" }, nil, schemas.ReasonBadSchema, "action.actuator is missing"},
		{"no domain", func(c *command) { c.Event.Key = "" }, nil, schemas.ReasonBadSchema, "lock domain"},
		{"no id", func(c *command) { c.Remediation.Remediation = "" }, nil, schemas.ReasonBadSchema, "remediation is missing"},
		{"no incident", func(c *command) { c.Remediation.Incident.ID = "" }, nil, schemas.ReasonBadSchema, "incident.id"},
		{"no hypothesis", func(c *command) { c.Remediation.Hypothesis = "" }, nil, schemas.ReasonBadSchema, "hypothesis"},
		{"verb outside the list", func(c *command) { c.Remediation.Action.Verb = "rm" }, nil, schemas.ReasonBadSchema, "closed list"},
		{"verb the actuator lacks", func(c *command) { c.Remediation.Action.Verb = "delete" }, nil, schemas.ReasonBadSchema, "verb delete"},
		{"no targets", func(c *command) { c.Remediation.Action.Targets = nil }, nil, schemas.ReasonBadSchema, "never means all"},
		{"target without uid", func(c *command) { c.Remediation.Action.Targets[0].UID = "" }, nil, schemas.ReasonBadSchema, "uid"},
		{"target twice", func(c *command) {
			c.Remediation.Action.Targets = append(c.Remediation.Action.Targets, c.Remediation.Action.Targets[0])
		}, nil, schemas.ReasonBadSchema, "second time"},
		{"negative limit", func(c *command) { c.Remediation.Limits.MaxTargets = -1 }, nil, schemas.ReasonBadSchema, "negative"},
		{"undo unknown", func(c *command) { c.Remediation.Undo = "" }, nil, schemas.ReasonBadSchema, "undo"},
		{"guard without maxage", func(c *command) { c.Remediation.Guards[0].MaxAge = 0 }, nil, schemas.ReasonBadSchema, "maxage"},
		{"no startby", func(c *command) { c.Remediation.Timing.StartBy = "" }, nil, schemas.ReasonBadSchema, "startby"},
		{"startby is no time", func(c *command) { c.Remediation.Timing.StartBy = "soon" }, nil, schemas.ReasonBadSchema, "startby"},
		{"notbefore is no time", func(c *command) { c.Remediation.Timing.NotBefore = "now" }, nil, schemas.ReasonBadSchema, "notbefore"},
		{"another plan", func(c *command) { c.Event.Plan = strings.Repeat("0", 64) }, nil, schemas.ReasonBadSchema, schemas.HeaderPlan},
		{"another key", func(c *command) { c.Event.Idempotency = strings.Repeat("0", 32) }, nil, schemas.ReasonBadSchema, schemas.HeaderIdempotency},

		{"one target, none allowed", func(c *command) { c.Remediation.Limits.MaxTargets = 0 }, nil, schemas.ReasonOverLimit, "maxtargets 0"},
		{"one of three is more than 25 %", func(c *command) { c.Remediation.Population.Size = 3 }, nil, schemas.ReasonOverLimit, "maxpercent 25"},
		{"the population shrank", none, func(c *actuator.Config) {
			c.Population = func(context.Context, schemas.Population, []schemas.Target) (int, error) { return 3, nil }
		}, schemas.ReasonOverLimit, "population of 3"},
		{"the population is unknown", none, func(c *actuator.Config) {
			c.Population = func(context.Context, schemas.Population, []schemas.Target) (int, error) {
				return 100, errors.New("no answer")
			}
		}, schemas.ReasonOverLimit, "no answer"},

		{"no expiry", func(c *command) { c.Event.Expiry = 0 }, nil, schemas.ReasonExpired, schemas.HeaderExpiry},
		{"at the expiry", func(c *command) { c.Event.Expiry = start.UnixNano() }, nil, schemas.ReasonExpired, "start before"},
		{"startby is earlier than the expiry", func(c *command) { c.Remediation.Timing.StartBy = schemas.FormatTime(start.UnixNano()) }, nil, schemas.ReasonExpired, "start before"},
		{"not yet", func(c *command) { c.Remediation.Timing.NotBefore = schemas.FormatTime(start.UnixNano() + 1) }, nil, schemas.ReasonPrecondition, "before"},

		{"no epoch", func(c *command) { c.Event.Epoch = schemas.NoEpoch }, nil, schemas.ReasonStaleEpoch, "missing"},
		{"an older epoch", func(c *command) { c.Event.Epoch = 2 }, nil, schemas.ReasonStaleEpoch, "older"},
		{"epoch unknown here", none, func(c *actuator.Config) { c.Epoch = func(string) (int64, bool) { return 0, false } }, schemas.ReasonStaleEpoch, "not known"},
		{"the epoch hook panics", none, func(c *actuator.Config) { c.Epoch = func(string) (int64, bool) { panic("x") } }, schemas.ReasonStaleEpoch, "not known"},

		{"level 2, no approval", func(c *command) { c.Remediation.Authority.Level = 2 }, nil, schemas.ReasonNoApproval, "level 2"},

		{"kill switch", none, func(c *actuator.Config) { c.Inhibited = func(string) (bool, string) { return true, "ops said stop" } }, schemas.ReasonInhibited, "ops said stop"},
		{"the kill switch hook panics", none, func(c *actuator.Config) { c.Inhibited = func(string) (bool, string) { panic("lost") } }, schemas.ReasonInhibited, "lost"},

		{"a guard fails", none, func(c *actuator.Config) {
			c.Guards = func(context.Context, schemas.Guard) (bool, bool, error) { return false, true, nil }
		}, schemas.ReasonPrecondition, "fails"},
		{"a guard is stale", none, func(c *actuator.Config) {
			c.Guards = func(context.Context, schemas.Guard) (bool, bool, error) { return true, false, nil }
		}, schemas.ReasonPrecondition, "younger"},
		{"a guard can't be read", none, func(c *actuator.Config) {
			c.Guards = func(context.Context, schemas.Guard) (bool, bool, error) { return true, true, errors.New("gone") }
		}, schemas.ReasonPrecondition, "gone"},
		{"a guard panics", none, func(c *actuator.Config) {
			c.Guards = func(context.Context, schemas.Guard) (bool, bool, error) { panic("guard") }
		}, schemas.ReasonPrecondition, "panic"},
		{"nobody can check guards", none, func(c *actuator.Config) { c.Guards = nil }, schemas.ReasonPrecondition, "can't be checked"},
	} {
		r := newRig(t)
		if f.hook != nil {
			f.hook(&r.cfg)
		}
		rec := withValid(t, f.change)
		for range 2 { // also when it comes again
			events := r.handle(rec)
			if r.calls != 0 {
				t.Errorf("%s: the function was called", f.fact)
			}
			if len(events) == 0 {
				t.Errorf("%s: nobody is told", f.fact)
				continue
			}
			res := result(t, events[0])
			if res.Phase != schemas.PhaseRejected || res.Execution != "" || res.Reason != f.reason || !strings.Contains(res.Detail, f.detail) {
				t.Errorf("%s: result is %+v, want %s with %q", f.fact, res, f.reason, f.detail)
			}
		}
	}
}

func TestAllows(t *testing.T) {
	for fact, change := range map[string]func(*command){
		"as it is":     func(*command) {},
		"no guards":    func(c *command) { c.Remediation.Guards = nil },
		"empty guards": func(c *command) { c.Remediation.Guards = []schemas.Guard{} },
		"no params":    func(c *command) { c.Remediation.Action.Params = nil },
		"empty params": func(c *command) { c.Remediation.Action.Params = map[string]any{} },
		"params of all kinds": func(c *command) {
			c.Remediation.Action.Params = map[string]any{"a": 1.5, "b": "x<y", "c": []any{1, true}, "d": nil}
		},
		"a newer epoch":                 func(c *command) { c.Event.Epoch = 4 },
		"the last moment":               func(c *command) { c.Event.Expiry = start.UnixNano() + 1 },
		"notbefore is now":              func(c *command) { c.Remediation.Timing.NotBefore = schemas.FormatTime(start.UnixNano()) },
		"level 2, approved":             func(c *command) { c.Remediation.Authority = schemas.Authority{Level: 2, Approval: "alice"} },
		"all of one":                    func(c *command) { c.Remediation.Population.Size, c.Remediation.Limits.MaxPercent = 1, 100 },
		"a record without key":          func(*command) {},
		"fields of a later version":     func(c *command) { c.Event.Data = later(t, c) },
		"no bound on its duration":      func(c *command) { c.Remediation.Timing.MaxDuration = 0 },
		"an absurd bound on a duration": func(c *command) { c.Remediation.Timing.MaxDuration = 1e300 },
	} {
		r := newRig(t)
		rec := withValid(t, change)
		if fact == "a record without key" {
			rec.Key = nil
		}
		if got := story(t, r.handle(rec)); got != succeeded || r.calls != 1 {
			t.Errorf("%s: %d calls, results %s", fact, r.calls, got)
		}
	}
}

// later adds a field that this version does not know.
func later(t testing.TB, c *command) []byte {
	raw, err := json.Marshal(c.Remediation)
	if err != nil {
		t.Fatal(err)
	}
	return append([]byte(`{"colour":"red",`), raw[1:]...)
}

func TestRecordKeyMustBeTheDomain(t *testing.T) {
	r := newRig(t)
	rec := valid().record(t)
	rec.Key = []byte("prod/shop/other")
	if got := story(t, r.handle(rec)); got != "rejected/badschema" || r.calls != 0 {
		t.Errorf("%d calls, results %s", r.calls, got)
	}
}

func TestNoCloudEvent(t *testing.T) {
	r := newRig(t)
	events, err := r.try(pipeline.Record{Topic: "remediations", Value: []byte("hello")})
	if events != nil || pipeline.Code(err) != "actuator.record" || r.calls != 0 {
		t.Errorf("results %v, error %v", events, err)
	}
}

// The clock moves while guards are read and the claim is written: the deadline is looked at again before acting.
func TestDeadlinePassesDuringTheChecks(t *testing.T) {
	r := newRig(t)
	r.cfg.Guards = func(context.Context, schemas.Guard) (bool, bool, error) {
		r.now = start.Add(time.Minute)
		return true, true, nil
	}
	if got := story(t, r.handle(valid().record(t))); got != "rejected/expired" || r.calls != 0 {
		t.Errorf("%d calls, results %s", r.calls, got)
	}
}

func TestKillSwitchIsTheLastCheck(t *testing.T) {
	r := newRig(t)
	guarded := false
	r.cfg.Guards = func(context.Context, schemas.Guard) (bool, bool, error) { guarded = true; return true, true, nil }
	r.cfg.Inhibited = func(string) (bool, string) { return guarded, "pulled meanwhile" }
	if got := story(t, r.handle(valid().record(t))); got != "rejected/inhibited" || r.calls != 0 {
		t.Errorf("%d calls, results %s", r.calls, got)
	}
}

// What was refused once is refused when it comes again, whatever has changed: operate has gone on meanwhile.
func TestRefusalIsFinal(t *testing.T) {
	r := newRig(t)
	inhibited := true
	r.cfg.Inhibited = func(string) (bool, string) { return inhibited, "stop" }
	rec := valid().record(t)
	first := r.handle(rec)
	inhibited = false
	again := r.handle(rec)
	if got := story(t, again); got != "rejected/inhibited rejected/duplicate/inhibited" || r.calls != 0 || again[0].ID != first[0].ID {
		t.Errorf("%d calls, results %s", r.calls, got)
	}
}

func TestNew(t *testing.T) {
	for code, change := range map[string]func(*actuator.Config){
		"actuator.name.missing":       func(c *actuator.Config) { c.Name = "" },
		"actuator.claims.missing":     func(c *actuator.Config) { c.Claims = nil },
		"actuator.instance.missing":   func(c *actuator.Config) { c.Claims, c.Instance = &crashing{Claims: c.Claims}, "" },
		"actuator.epoch.missing":      func(c *actuator.Config) { c.Epoch = nil },
		"actuator.inhibited.missing":  func(c *actuator.Config) { c.Inhibited = nil },
		"actuator.verbs.missing":      func(c *actuator.Config) { c.Verbs = nil },
		"actuator.verbs.unknown":      func(c *actuator.Config) { c.Verbs = map[string]actuator.Func{"explode": c.Verbs["set"]} },
		"actuator.redrivable.unknown": func(c *actuator.Config) { c.Redrivable = []string{"start"} },
	} {
		cfg := newRig(t).cfg
		change(&cfg)
		if _, err := actuator.New(cfg); pipeline.Code(err) != code {
			t.Errorf("error is %v, want code %s", err, code)
		}
	}
}

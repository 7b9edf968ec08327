package plant

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
	"github.com/homeostat/homeostat/sinks/actuator"
)

// ActuatorName is what commands to the plant call its actuator.
const ActuatorName = "plant"

// RigConfig says which system is simulated and what it is connected to.
type RigConfig struct {
	Scenario Scenario
	Seed     uint64
	// Start is the simulation's first moment as a time of day.
	Start time.Time
	// Interval is the simulated time between two exports of telemetry.
	Interval time.Duration
	// The topics that its telemetry and its actuator's results go to.
	MetricsTopic, LogsTopic, InboxTopic string
	// Logger gets what no result can tell. Default: nothing is logged.
	Logger *slog.Logger
}

// Rig is a simulated system with what connects it to a pipeline: collectors that export its telemetry, and an actuator
// that obeys remediations through the SDK. Its methods may be called by any goroutine; each waits for the others.
type Rig struct {
	cfg       RigConfig
	telemetry *Telemetry
	actuator  *actuator.Actuator

	mu     sync.Mutex
	system *System
	last   Observation
	score  Score
}

// Score counts the requests from the end of the scenario's calm on, when the system is put to the test; all of them if it
// is calm to the end.
type Score struct {
	Total, Bad int64
}

// BadShare returns the share of bad requests, 0..1.
func (s Score) BadShare() float64 {
	if s.Total == 0 {
		return 0
	}
	return float64(s.Bad) / float64(s.Total)
}

// NewRig makes a rig at its scenario's first moment.
func NewRig(cfg RigConfig) (*Rig, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	system, err := New(Default(), cfg.Scenario, cfg.Seed, cfg.Start)
	if err != nil {
		return nil, err
	}
	r := &Rig{cfg: cfg, system: system, telemetry: NewTelemetry(cfg.MetricsTopic, cfg.LogsTopic)}
	r.actuator, err = actuator.New(actuator.Config{
		Name:   ActuatorName,
		Verbs:  map[string]actuator.Func{"set": r.set, "restart": r.restart},
		Claims: &actuator.Memory{},
		// The simulated world has one policy, and it never fails over.
		Epoch:      func(string) (int64, bool) { return 0, true },
		Inhibited:  func(string) (bool, string) { return false, "" }, // nobody is there who could pull a switch
		Guards:     r.guard,
		Population: r.population,
		Clock:      r.Now,
		Logger:     cfg.Logger,
	})
	return r, err
}

// Step advances by one interval and returns the telemetry of it. The caller owns the records.
func (r *Rig) Step() ([]pipeline.Record, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.system.Advance(r.system.Now() + r.cfg.Interval)
	r.last = r.system.Observe()
	if calm := r.cfg.Scenario.Calm; r.last.To > calm || calm >= r.cfg.Scenario.Duration {
		r.score.Total += r.last.Web.Total
		r.score.Bad += r.last.Web.Bad
	}
	return r.telemetry.Records(&r.last)
}

// Done tells whether the scenario is over.
func (r *Rig) Done() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.system.Now() >= r.cfg.Scenario.Duration
}

// Now returns the simulated time of day.
func (r *Rig) Now() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cfg.Start.Add(r.system.Now())
}

// Score returns the count so far.
func (r *Rig) Score() Score {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.score
}

// Bad returns what the last interval's requests came to.
func (r *Rig) Bad() Score {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Score{Total: r.last.Web.Total, Bad: r.last.Web.Bad}
}

// Handle gives the actuator one record of the remediations topic and returns the records for the inbox. It borrows rec.
func (r *Rig) Handle(ctx context.Context, rec pipeline.Record) ([]pipeline.Record, error) {
	results, err := r.actuator.Handle(ctx, rec)
	if pipeline.Code(err) == "actuator.record" {
		r.cfg.Logger.Warn("a record of the topic of commands was passed over", "error", err)
		return nil, nil
	}
	out := make([]pipeline.Record, 0, len(results))
	for i := range results {
		e := &results[i]
		out = append(out, pipeline.Record{Topic: r.cfg.InboxTopic, Key: []byte(e.Key), Value: e.Data, Headers: e.Headers(0), Timestamp: r.Now().UnixMilli()})
	}
	return out, err
}

// set carries out `set replicas` of the application and `set admission_limit` of the balancer.
func (r *Rig) set(_ context.Context, c actuator.Command) (actuator.Outcome, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	params, target := c.Remediation.Action.Params, c.Remediation.Action.Targets[0]
	if len(params) != 1 || len(c.Remediation.Action.Targets) != 1 {
		return actuator.Outcome{}, pipeline.Errorf("plant.set.params", "set takes one parameter of one target: replicas of %s, or admission_limit of %s", entityApp, entityBalancer)
	}
	before := r.system.State()
	for name, v := range params {
		value, ok := v.(float64)
		if !ok || value != math.Trunc(value) {
			return actuator.Outcome{}, pipeline.Errorf("plant.set.value", "%s is %v, which is no whole number", name, v)
		}
		var err error
		switch {
		case name == "replicas" && target.ID == entityApp:
			err = r.system.Scale(int(value))
		case name == "admission_limit" && target.ID == entityBalancer:
			err = r.system.SetAdmissionLimit(int(value))
		default:
			err = pipeline.Errorf("plant.set.unknown", "%s has no parameter %s: set replicas of %s, or admission_limit of %s", target.ID, name, entityApp, entityBalancer)
		}
		if err != nil {
			return actuator.Outcome{}, err
		}
	}
	return changed(target.ID, before, r.system.State()), nil
}

// restart restarts the named instances, one after the other.
func (r *Rig) restart(_ context.Context, c actuator.Command) (actuator.Outcome, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.system.State()
	for i, t := range c.Remediation.Action.Targets {
		err := r.system.Restart(t.ID)
		switch {
		case err != nil && i == 0:
			return actuator.Outcome{}, err
		case err != nil:
			done := changed(c.Remediation.Action.Targets[0].ID, before, r.system.State())
			done.Execution, done.Detail = schemas.ExecutionPartial, err.Error()
			return done, nil
		}
	}
	return changed(c.Remediation.Action.Targets[0].ID, before, r.system.State()), nil
}

func changed(target string, before, after State) actuator.Outcome {
	describe := func(s State) map[string]any {
		return map[string]any{"version": float64(s.Version), "replicas": float64(s.Replicas), "admission_limit": float64(s.AdmissionLimit)}
	}
	return actuator.Outcome{
		Execution: schemas.ExecutionSucceeded,
		Detail:    fmt.Sprintf("replicas %d, admission limit %d", after.Replicas, after.AdmissionLimit),
		Targets:   []schemas.TargetResult{{ID: target, Before: describe(before), After: describe(after)}},
	}
}

// guard reads a gauge of the last export; it is fresh if there was one and it is not older than the guard allows.
func (r *Rig) guard(_ context.Context, g schemas.Guard) (holds, fresh bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	value, ok := map[string]float64{
		"lb.inflight": r.last.Balancer.MeanInFlight, "lb.limit": float64(r.last.Balancer.Limit),
		"db.connections": r.last.Database.Connections, "db.contention": r.last.Database.Contention, "db.utilization": r.last.Database.Utilization,
	}[g.Metric]
	if !ok {
		return false, false, pipeline.Errorf("plant.guard.metric", "metric %s of guard %s is none of the plant's: use one that its balancer or database exports", g.Metric, g.Name)
	}
	age := r.system.Now() - r.last.To
	return compare(value, g.Op, g.Value), !r.last.Time.IsZero() && age.Seconds() <= g.MaxAge, nil
}

func compare(a float64, op string, b float64) bool {
	switch op {
	case "<":
		return a < b
	case "<=":
		return a <= b
	case ">":
		return a > b
	case ">=":
		return a >= b
	case "==":
		return a == b
	}
	return false
}

// population counts what a command's targets are part of.
func (r *Rig) population(_ context.Context, p schemas.Population, _ []schemas.Target) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.Kind == "instance" {
		return len(r.system.State().Instances), nil
	}
	return 1, nil
}

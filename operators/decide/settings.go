package decide

import (
	"time"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

const (
	name    = "decide"
	version = 1
)

var modes = []string{schemas.ModeReplay, schemas.ModeShadow, schemas.ModePropose, schemas.ModeLive}

// Spec describes the operator.
func Spec() pipeline.Spec {
	zero, one := pipeline.Bound(0), pipeline.Bound(1)
	return pipeline.Spec{
		Name:     name,
		Doc:      "Chooses a remediation, or to wait, for each incident from a catalogue of runbooks, and registers its prediction before the command.",
		Stage:    pipeline.Operate,
		Consumes: []pipeline.Kind{pipeline.Events},
		Emits:    []pipeline.Kind{pipeline.Events},
		Version:  version,
		Settings: []pipeline.Setting{
			{Name: "mode", Type: pipeline.String, Default: schemas.ModeShadow, Enum: append([]string(nil), modes...),
				Doc: "How much commands may do at most: live is carried out, the others are written down only.", Example: schemas.ModeShadow},
			{Name: "catalogue", Type: pipeline.List, File: true, Doc: "The runbooks, or the path of a YAML file with them. The first whose signatures match counts.", Example: "runbooks.yaml",
				Fields: []pipeline.Setting{{Type: pipeline.Object, Fields: runbookSettings()}}},
			{Name: "unknown", Type: pipeline.Object, Doc: "Waiting for what no runbook knows; a person is told besides.", Fields: waitSettings()},
			{Name: "max_attempts", Type: pipeline.Int, Default: int64(3), Min: zero, Doc: "Actions tried in one incident before a person is called."},
			{Name: "wait_budget", Type: pipeline.Duration, Default: 15 * time.Minute, Min: zero, Doc: "Time that may pass in one incident with waiting, all in all.", Example: "15m"},
			{Name: "cooldown_success", Type: pipeline.Duration, Default: time.Minute, Min: zero, Doc: "Rest of a lock domain after an action whose hypothesis was supported.", Example: "1m"},
			{Name: "cooldown_failure", Type: pipeline.Duration, Default: 2 * time.Minute, Min: zero, Doc: "Rest of a lock domain, and of the incident, after an action that did not help.", Example: "2m"},
			{Name: "start_by", Type: pipeline.Duration, Default: 2 * time.Minute, Min: pipeline.Bound(float64(time.Second)), Doc: "How long after the decision a command may be started.", Example: "2m"},
			{Name: "alpha", Type: pipeline.Float, Default: 0.05, Min: pipeline.Bound(0.001), Max: pipeline.Bound(0.5), Doc: "Level of the test: how often chance alone may look like an effect."},
			{Name: "min_placebos", Type: pipeline.Int, Default: int64(19), Min: one, Doc: "Placebos that a verdict on an effect needs; 1/(n+1) must not be above alpha, else nothing could be found to work."},
			{Name: "escalate", Type: pipeline.Object, Doc: "Who is told when nothing is left to try, or nothing is known.", Fields: []pipeline.Setting{
				{Name: "kind", Type: pipeline.String, Default: "person", Doc: "Kind of the target."},
				{Name: "id", Type: pipeline.String, Default: "on-call", Doc: "The target.", Example: "on-call"},
				{Name: "actuator", Type: pipeline.String, Default: "notify", Doc: "The actuator that tells them."},
			}},
			{Name: "policy", Type: pipeline.String, Default: "catalogue", Doc: "Name of the policy, for the record."},
			{Name: "policy_version", Type: pipeline.String, Default: "1", Doc: "Version of the policy, for the record."},
		},
	}
}

func waitSettings() []pipeline.Setting {
	zero, one := pipeline.Bound(0), pipeline.Bound(1)
	return []pipeline.Setting{
		{Name: "success", Type: pipeline.Float, Default: 0.3, Min: zero, Max: one, Doc: "Believed probability that it heals by itself within the horizon."},
		{Name: "weight", Type: pipeline.Float, Default: 5.0, Min: zero, Doc: "Observations that this belief is worth."},
		{Name: "horizon", Type: pipeline.Duration, Default: 5 * time.Minute, Min: pipeline.Bound(float64(time.Second)), Doc: "How long to wait."},
		{Name: "cost", Type: pipeline.Float, Default: 0.0, Min: zero, Doc: "Price of the time, in the unit of benefit (0 to 1)."},
	}
}

func runbookSettings() []pipeline.Setting {
	text := []pipeline.Setting{{Type: pipeline.String}}
	return []pipeline.Setting{
		{Name: "name", Type: pipeline.String, Required: true, Example: "database-jammed"},
		{Name: "signatures", Type: pipeline.List, Required: true, Fields: text, Doc: "Patterns of signatures; * is any text.", Example: "['saturation:db*']"},
		{Name: "wait", Type: pipeline.Object, Doc: "The candidate that is always there.", Fields: waitSettings()},
		{Name: "actions", Type: pipeline.List, Doc: "The other candidates.", Fields: []pipeline.Setting{{Type: pipeline.Object, Fields: actionSettings()}}},
	}
}

func actionSettings() []pipeline.Setting {
	zero, one := pipeline.Bound(0), pipeline.Bound(1)
	second := pipeline.Bound(float64(time.Second))
	text := []pipeline.Setting{{Type: pipeline.String}}
	templates := " {suspect}, {slo}, {slo.entity} and {system} are filled in."
	return []pipeline.Setting{
		{Name: "name", Type: pipeline.String, Required: true, Doc: "Experience is kept by it.", Example: "limit-admission"},
		{Name: "verb", Type: pipeline.String, Required: true, Enum: schemas.Verbs(), Doc: "What it does. query, notify and wait are no actions of a catalogue: nobody could judge their effect.", Example: "set"},
		{Name: "actuator", Type: pipeline.String, Required: true, Doc: "Who carries it out.", Example: "plant"},
		{Name: "params", Type: pipeline.Map, Fields: text, Doc: "Absolute values; numbers and true or false are recognised." + templates, Example: "{limit: 40}"},
		{Name: "target", Type: pipeline.Object, Required: true, Doc: "The one thing it acts on.", Fields: []pipeline.Setting{
			{Name: "kind", Type: pipeline.String, Required: true, Example: "service"},
			{Name: "id", Type: pipeline.String, Default: suspectPlace, Doc: "The target." + templates},
			{Name: "uid", Type: pipeline.String, Doc: "What tells it from an earlier one of that name; by default its id."},
			{Name: "domain", Type: pipeline.String, Doc: "Its lock domain, which is what scope.lock_domain gives for it; by default the suspect's if id is {suspect}, else it must be set." + templates, Example: "lb"},
		}},
		{Name: "population", Type: pipeline.String, Doc: "Pattern of the entities of the call graph among which the target is counted; none counts the target alone.", Example: "'app-*'"},
		{Name: "success", Type: pipeline.Float, Required: true, Min: zero, Max: one, Doc: "Believed probability that it works.", Example: "0.7"},
		{Name: "weight", Type: pipeline.Float, Default: 10.0, Min: zero, Doc: "Observations that this belief is worth."},
		{Name: "cost", Type: pipeline.Float, Default: 0.05, Min: zero, Doc: "Price, in the unit of benefit (0 to 1)."},
		{Name: "risk", Type: pipeline.Float, Default: 0.05, Min: zero, Doc: "What may go wrong times how bad it is, in the unit of benefit."},
		{Name: "reversible", Type: pipeline.Bool, Default: false, Doc: "Whether it can be undone. What can't be is proposed at most."},
		{Name: "level", Type: pipeline.Int, Default: int64(1), Min: zero, Max: pipeline.Bound(5), Doc: "Authority: 0 none, 1 shadow, 2 propose, 3 to 5 live."},
		{Name: "requires_bottleneck", Type: pipeline.List, Fields: text, Doc: "Patterns of the entity or role that must be the first suspect. Required where something grows.", Example: "['app*']"},
		{Name: "prediction", Type: pipeline.Object, Required: true, Doc: "What will be seen if it works.", Fields: []pipeline.Setting{
			{Name: "metric", Type: pipeline.String, Default: "slo:{slo}", Doc: "slo:NAME (the share of bad events) or a series' canonical key." + templates},
			{Name: "direction", Type: pipeline.String, Default: "down", Enum: []string{"down", "up"}},
			{Name: "effect", Type: pipeline.Float, Min: zero, Doc: "Smallest change that counts, in the metric's unit. By default `relative` counts."},
			{Name: "relative", Type: pipeline.Float, Default: 0.5, Min: zero, Max: one, Doc: "Smallest change that counts as a share of the present share of bad events; for slo: metrics."},
			{Name: "onset_lag", Type: pipeline.Duration, Default: 30 * time.Second, Min: zero, Doc: "When the change begins at the latest; not compared before."},
			{Name: "horizon", Type: pipeline.Duration, Default: 6 * time.Minute, Min: second, Doc: "When it is judged, counted from the action."},
			{Name: "pre", Type: pipeline.Duration, Min: second, Doc: "Span before the action that is compared; cut at the incident's onset. By default the short window of the SLO's burn rule, over which its present level is measured."},
		}},
		{Name: "refuters", Type: pipeline.List, Fields: text, Doc: "Metrics that must not rise: slo:NAME or a series' canonical key."},
		{Name: "guards", Type: pipeline.List, Doc: "Conditions that the actuator checks again just before acting.", Fields: []pipeline.Setting{{Type: pipeline.Object, Fields: []pipeline.Setting{
			{Name: "name", Type: pipeline.String, Required: true},
			{Name: "metric", Type: pipeline.String, Required: true},
			{Name: "op", Type: pipeline.String, Required: true, Enum: []string{"<", "<=", ">", ">=", "=="}},
			{Name: "value", Type: pipeline.Float, Required: true},
			{Name: "max_age", Type: pipeline.Duration, Default: time.Minute, Min: second, Doc: "Age at which a reading is stale and refuses."},
		}}}},
		{Name: "limits", Type: pipeline.Object, Doc: "Bounds of the blast radius; all hold.", Fields: []pipeline.Setting{
			{Name: "max_targets", Type: pipeline.Int, Default: int64(1), Min: one},
			{Name: "max_percent", Type: pipeline.Int, Default: int64(100), Min: one, Max: pipeline.Bound(100)},
			{Name: "max_concurrent", Type: pipeline.Int, Default: int64(1), Min: one},
		}},
		{Name: "undo", Type: pipeline.String, Default: "manual", Enum: []string{"auto", "manual", "none"}, Doc: "How it is undone. What says auto is proposed at most, as nobody undoes by itself yet; so is none."},
		{Name: "max_duration", Type: pipeline.Duration, Default: time.Minute, Min: second, Doc: "How long it may take."},
		{Name: "effect_ttl", Type: pipeline.Duration, Default: time.Duration(0), Min: zero, Doc: "After how long its effect is to be reverted; 0 never. What says more is proposed at most, as nobody reverts by itself yet."},
		{Name: "blackout", Type: pipeline.Duration, Default: 30 * time.Second, Min: zero, Doc: "Span after the action whose symptoms it causes itself; not compared."},
	}
}

// Register adds the operator to the registry.
func Register(r *pipeline.Registry) {
	r.AddOperator(Spec(), func(s pipeline.Settings) (pipeline.Operator, error) { return New(s) })
}

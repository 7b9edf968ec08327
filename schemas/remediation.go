package schemas

import (
	"crypto/sha256"
	"encoding/hex"
	"sort"
	"strconv"

	"github.com/homeostat/homeostat/pipeline"
)

// Remediation is the data of remediation.proposed and requested.v1.
type Remediation struct {
	Remediation string          `json:"remediation"`
	Incident    IncidentSummary `json:"incident"`
	// Hypothesis must be on record before: no prediction, no action.
	Hypothesis string     `json:"hypothesis"`
	Attempt    int        `json:"attempt"`
	Action     Action     `json:"action"`
	Population Population `json:"population"`
	Limits     Limits     `json:"limits"`
	Guards     []Guard    `json:"guards,omitempty"`
	Timing     Timing     `json:"timing"`
	// Undo is "auto", "manual" or "none".
	Undo      string    `json:"undo"`
	Authority Authority `json:"authority"`
	Decision  Decision  `json:"decision"`
}

// IncidentSummary is what a command says of its incident.
type IncidentSummary struct {
	ID        string   `json:"id"`
	Signature string   `json:"signature"`
	Urgency   string   `json:"urgency"`
	Severity  string   `json:"severity"`
	Certainty float64  `json:"certainty"`
	SLO       string   `json:"slo,omitempty"`
	Burn      float64  `json:"burn"`
	Evidence  []string `json:"evidence"`
}

// Population is what the blast radius was computed against.
type Population struct {
	Kind string `json:"kind"`
	Size int    `json:"size"`
}

// Limits bound the blast radius; both hold. The percentage is of the population and rounded down, so that half of one
// is none: a limit that is to allow the only one says 100.
type Limits struct {
	MaxTargets    int `json:"maxtargets"`
	MaxPercent    int `json:"maxpercent"`
	MaxConcurrent int `json:"maxconcurrent"`
}

// Guard is a condition that the actuator checks again just before acting; failing or stale refuses.
type Guard struct {
	Name string `json:"name"`
	// Metric, Op (<, <=, >, >=, ==) and Value form the condition; MaxAge in seconds is when a reading is stale.
	Metric string  `json:"metric"`
	Op     string  `json:"op"`
	Value  float64 `json:"value"`
	MaxAge float64 `json:"maxage"`
}

// Timing of a command; times are RFC 3339, durations seconds.
type Timing struct {
	NotBefore   string  `json:"notbefore"`
	StartBy     string  `json:"startby"`
	MaxDuration float64 `json:"maxduration"`
	// EffectTTL is after how long the actuator reverts by itself unless renewed; 0 never.
	EffectTTL float64 `json:"effectttl"`
	Blackout  float64 `json:"blackout"`
	VerifyBy  string  `json:"verifyby"`
}

// Authority says by what right the command goes out: level 0 none, 1 shadow, 2 propose, 3 to 5 live.
type Authority struct {
	Level    int    `json:"level"`
	Policy   string `json:"policy"`
	Version  string `json:"version"`
	Approval string `json:"approval,omitempty"`
}

// PlanHash returns ce_hsplan: the SHA-256 of the canonical plan, which is verb, actuator, targets, params, guards, limits.
func (r *Remediation) PlanHash() (string, error) {
	// What is left out of the event when empty is left out here, so that the plan hashes alike before and after its journey.
	raw, err := pipeline.CanonicalJSON(struct {
		Action Action  `json:"action"`
		Guards []Guard `json:"guards,omitempty"`
		Limits Limits  `json:"limits"`
	}{r.Action, r.Guards, r.Limits})
	if err != nil {
		return "", pipeline.Errorf("remediation.plan", "plan of remediation %s can't be written canonically: %w", r.Remediation, err)
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:]), nil
}

// IdempotencyKey returns ce_hskey: a hash of incident, verb, actuator, sorted target uids, params and attempt.
func IdempotencyKey(incident string, a Action, attempt int) (string, error) {
	// No params and empty params are the same: neither is written.
	params, err := []byte("null"), error(nil)
	if len(a.Params) > 0 {
		params, err = pipeline.CanonicalJSON(a.Params)
	}
	if err != nil {
		return "", pipeline.Errorf("remediation.params", "params of verb %s can't be written canonically: %w", a.Verb, err)
	}
	uids := make([]string, len(a.Targets))
	for i, t := range a.Targets {
		uids[i] = t.UID
	}
	sort.Strings(uids)
	return pipeline.ID(append([]string{incident, a.Verb, a.Actuator, string(params), strconv.Itoa(attempt)}, uids...)...), nil
}

// Cancellation is the data of remediation.cancelled.v1: a command that has not been started shall not be.
type Cancellation struct {
	Remediation string `json:"remediation"`
	// Key is the idempotency key of the command.
	Key        string `json:"key"`
	Incident   string `json:"incident"`
	Hypothesis string `json:"hypothesis"`
	Reason     string `json:"reason"`
}

// Result is the data of result.v1: what the actuator says. It says that it ran, never that it worked.
type Result struct {
	// Remediation is the id of the command, Key its idempotency key.
	Remediation string `json:"remediation"`
	Key         string `json:"key"`
	Incident    string `json:"incident"`
	Hypothesis  string `json:"hypothesis"`
	Actuator    string `json:"actuator"`
	// Phase is accepted, rejected, started, progress, finished, reverting or reverted.
	Phase string `json:"phase"`
	// Execution is succeeded, failed, timedout, partial, unknown or duplicate; "" before it is known.
	Execution string `json:"execution,omitempty"`
	// Reason is expired, staleepoch, precondition, overlimit, inhibited, noapproval, busy, badschema, veto or actuatorerror.
	Reason  string         `json:"reason,omitempty"`
	Detail  string         `json:"detail,omitempty"`
	Targets []TargetResult `json:"targets,omitempty"`
	Cost    float64        `json:"cost,omitempty"`
}

// TargetResult is a target's state before and after.
type TargetResult struct {
	ID     string         `json:"id"`
	Before map[string]any `json:"before,omitempty"`
	After  map[string]any `json:"after,omitempty"`
}

// Phases, executions and reasons of results.
const (
	PhaseAccepted = "accepted"
	PhaseRejected = "rejected"
	PhaseStarted  = "started"
	PhaseFinished = "finished"
	PhaseReverted = "reverted"

	ExecutionSucceeded = "succeeded"
	ExecutionFailed    = "failed"
	ExecutionTimedOut  = "timedout"
	ExecutionPartial   = "partial"
	ExecutionUnknown   = "unknown"
	ExecutionDuplicate = "duplicate"

	ReasonExpired       = "expired"
	ReasonStaleEpoch    = "staleepoch"
	ReasonPrecondition  = "precondition"
	ReasonOverLimit     = "overlimit"
	ReasonInhibited     = "inhibited"
	ReasonNoApproval    = "noapproval"
	ReasonBusy          = "busy"
	ReasonBadSchema     = "badschema"
	ReasonVeto          = "veto"
	ReasonActuatorError = "actuatorerror"
)

// Change is the data of change.v1: a deploy, config, scale or flag change from outside.
type Change struct {
	Change string `json:"change"`
	// Kind is deploy, config, scale or flag.
	Kind     string   `json:"kind"`
	Entities []string `json:"entities"`
	// By is who changed it; ByHomeostat is a platform's echo of what an actuator did.
	By     string `json:"by,omitempty"`
	Detail string `json:"detail,omitempty"`
}

// ByHomeostat stands in the changes that an actuator of this pipeline made: its result tells of them already.
const ByHomeostat = "homeostat"

// Topology is the data of topology.v1: the whole call graph of a system.
type Topology struct {
	Edges []pipeline.Edge `json:"edges"`
}

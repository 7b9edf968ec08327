package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// mode is which pipeline is disturbed.
type mode struct {
	name string
	// chain is the part of the configuration from slos on.
	chain func() string
	// operates says that there is a stage operate.
	operates bool
	// spread says that a system's records come by any partition, so that ingest is a stage of its own.
	spread bool
	// timed says that time is the same in each run, so that its records are compared and not only counted.
	timed bool
}

var modes = []mode{
	{name: "windows", chain: windowChain, operates: true, timed: true},
	{name: "columns", chain: windowChain, operates: true, spread: true},
	{name: "records", chain: recordChain},
}

// pipelineName is the same in both runs, since ids are made of it.
const pipelineName = "chaos"

// The pipeline's topics, as plan names them.
const (
	eventsTopic       = pipelineName + ".events"
	incidentsTopic    = pipelineName + ".incidents"
	remediationsTopic = pipelineName + ".remediations"
	deadTopic         = pipelineName + ".dead-letters"
	inboxTopic        = pipelineName + ".inbox"
	columnsTopic      = pipelineName + ".columns"
	inboxPartitions   = 4
)

func outputTopics() []string {
	return []string{eventsTopic, incidentsTopic, remediationsTopic, deadTopic}
}

// groups of the stages that a mode runs, in the order of the flow.
func (m *mode) groups() []string {
	var groups []string
	if m.spread {
		groups = append(groups, pipelineName+".ingest")
	}
	groups = append(groups, pipelineName+".detect")
	if m.operates {
		groups = append(groups, pipelineName+".operate")
	}
	return groups
}

// reads lists the topics that a group reads.
func (m *mode) reads(group string) []string {
	switch group {
	case pipelineName + ".operate":
		return []string{eventsTopic}
	case pipelineName + ".detect":
		if m.spread {
			return []string{columnsTopic}
		}
	}
	return []string{metricsIn, logsIn, inboxTopic}
}

// topics are those that must be there before the pipeline reads.
func (m *mode) topics() []string {
	topics := append(outputTopics(), metricsIn, logsIn, inboxTopic)
	if m.spread {
		topics = append(topics, columnsTopic)
	}
	return topics
}

// recordChain makes nothing of rows: what comes out depends on one record each, dead letters and what the inbox passes on.
func recordChain() string {
	return "detect:\n  - window: {size: 24h}\n"
}

// windowChain is the whole way, from windows to remediations.
func windowChain() string {
	var b strings.Builder
	b.WriteString("slos:\n")
	for s := range systems {
		of := fmt.Sprintf("service.namespace: %s", name(s))
		fmt.Fprintf(&b, "  - {name: slo-%d, entity: svc-0, total: {metric: svc.requests, labels: {%s}}, good: {metric: svc.requests, labels: {%s, outcome: ok}}, objective: 99%%, window: 1h, burn: [{long: 2m, short: 30s, factor: 5, severity: critical}]}\n", s, of, of)
	}
	b.WriteString(`detect:
  - window: {size: 10s}
  - sli
  - burnrate
  - robustz: {warmup: 10}
  - errorlogs
declare:
  - {metric: "svc.*"}
topology:
  edges:
    - {from: svc-0, to: svc-1}
    - {from: svc-1, to: svc-2}
operate:
  - correlate: {hold: 1m, reopen: 1m}
  - decide: {mode: live, catalogue: runbooks.yaml}
  - judge
`)
	return b.String()
}

const runbooks = `- name: anything
  signatures: ["*"]
  wait: {success: 0.1, horizon: 1m}
  actions:
    - name: restart
      verb: restart
      actuator: nobody
      target: {kind: service, id: "{suspect}"}
      success: 0.8
      level: 3
      reversible: true
      prediction: {relative: 0.5, horizon: 2m}
`

// write writes the configuration of an instance and returns its path.
func (m *mode) write(dir, instance, bootstrap string, session time.Duration, transactions bool) (string, error) {
	text := fmt.Sprintf(`version: 1
name: %s
instance: %s
kafka: {bootstrap: [%q], session: %s, transactions: %t}
scope:
  entity: ["{{.service.name}}"]
  system: "{{.service.namespace}}"
sources:
  - {name: metrics, topic: %s, codec: otlp_metrics, keyed: %[10]t, disorder: %[7]s, late: dead_letter, max_future_skew: 0s}
  - name: logs
    topic: %[8]s
    codec:
      json_logs: {labels: [service.name, service.namespace]}
    keyed: %[10]t
    disorder: %[7]s
    late: dead_letter
    max_future_skew: 0s
admin: {listen: "off"}
%[9]s`, pipelineName, instance, bootstrap, session, transactions, metricsIn, time.Duration(disorder), logsIn, m.chain(), !m.spread)
	// Engines that run read it already.
	shared := filepath.Join(dir, "runbooks.yaml")
	if _, err := os.Stat(shared); errors.Is(err, os.ErrNotExist) {
		if err := os.WriteFile(shared, []byte(runbooks), 0o644); err != nil {
			return "", err
		}
	}
	path := filepath.Join(dir, instance+".yaml")
	return path, os.WriteFile(path, []byte(text), 0o644)
}

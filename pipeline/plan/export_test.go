package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/config"
)

const exporting = `version: 1
name: x
sources:
  - {name: metrics, topic: raw, codec: otlp_metrics, keyed: true, late: drop}
detect:
  - window
  - export: {topic: alerts}
  - {export: {topic: alerts}, as: more}
  - {export: {topic: other}, as: others}
`

// planned plans a configuration in whose registry there is an operator that writes to a topic of its own.
func planned(t *testing.T, text string) (*Plan, error) {
	t.Helper()
	r := registry(&published{})
	r.AddOperator(pipeline.Spec{Name: "export", Doc: "Writes windows.", Stage: pipeline.Detect, Topic: "topic", Consumes: []pipeline.Kind{pipeline.Windows}, Emits: []pipeline.Kind{pipeline.Events},
		Settings: []pipeline.Setting{{Name: "topic", Type: pipeline.String, Required: true}}},
		func(pipeline.Settings) (pipeline.Operator, error) { return component{}, nil })
	cfg, err := config.Parse("x.yaml", []byte(text), r, func(string) (string, bool) { return "", false }, nil)
	if err != nil {
		t.Fatal(err)
	}
	return New(cfg, r)
}

func TestTopicsThatOperatorsName(t *testing.T) {
	p, err := planned(t, exporting)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]string{"export": "alerts", "more": "alerts", "others": "other"}, p.Exports()); d != "" {
		t.Errorf("exports (-want +got):\n%s", d)
	}
	var own []string
	for _, topic := range p.OwnTopics() {
		own = append(own, topic.Name)
	}
	if want := []string{"alerts", "other"}; !cmp.Equal(own[len(own)-2:], want) || !cmp.Equal(p.Detect.Outputs[len(p.Detect.Outputs)-2:], want) {
		t.Errorf("own topics %v, written by detect %v; want %v at their ends", own, p.Detect.Outputs, want)
	}
	acls, err := p.ACLs(pipeline.Detect)
	if err != nil || !slices.Contains(acls, ACL{Resource: "topic", Name: "alerts", Operation: "Write"}) {
		t.Errorf("no right to write alerts: %v, %v", acls, err)
	}
	var b strings.Builder
	if err := p.Explain(&b); err != nil || !strings.Contains(b.String(), "raw → x.events, alerts, other: exactly once") || !strings.Contains(b.String(), "alerts              8 partitions\n") {
		t.Errorf("%v\n%s", err, b.String())
	}
	p.Redirect()
	if !slices.Contains(p.Act.Inputs, "alerts") {
		t.Errorf("a backtest's sinks read %v", p.Act.Inputs)
	}
}

func TestTopicsThatOperatorsMayNotName(t *testing.T) {
	for _, topic := range []string{"x.events", "x.state", "raw"} {
		if _, err := planned(t, strings.ReplaceAll(exporting, "topic: other", "topic: "+topic)); err == nil || !strings.HasPrefix(pipeline.Code(err), "plan.") {
			t.Errorf("%s: %v", topic, err)
		}
	}
}

package choose

import (
	"testing"

	"github.com/homeostat/homeostat/pipeline"
)

func TestOver(t *testing.T) {
	judgement := []pipeline.Setting{{Name: "threshold", Type: pipeline.Float, Default: 8.0}, {Name: "direction", Type: pipeline.String, Default: "both"}}
	s := pipeline.Settings{"threshold": 8.0, "direction": "both", "history": int64(120)}
	if rules := Over(s, nil, judgement); len(rules) != 1 || rules[0].Float("threshold") != 8 {
		t.Errorf("without entries: %v", rules)
	}
	rules := Over(s, []pipeline.Settings{{"metric": "cpu", "threshold": 12.0}, {"metric": "mem", "direction": "up", "history": int64(1)}}, judgement)
	if len(rules) != 2 || rules[0].Float("threshold") != 12 || rules[0].Text("direction") != "both" || rules[1].Float("threshold") != 8 || rules[1].Text("direction") != "up" {
		t.Errorf("rules: %v", rules)
	}
	if rules[1].Int("history") != 120 || rules[0].Has("metric") || s.Float("threshold") != 8 {
		t.Errorf("what is no judgement was taken over, or the component's settings were changed: %v, %v", rules, s)
	}
	if over := Overriding(judgement); over[0].Default != nil || over[0].Name != "threshold" || judgement[0].Default != 8.0 {
		t.Errorf("overriding: %+v of %+v", over, judgement)
	}
}

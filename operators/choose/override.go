package choose

import (
	"maps"
	"slices"

	"github.com/homeostat/homeostat/pipeline"
)

// Overriding returns settings as an entry of series may say them otherwise: without defaults.
func Overriding(judgement []pipeline.Setting) []pipeline.Setting {
	out := slices.Clone(judgement)
	for i := range out {
		out[i].Default = nil
	}
	return out
}

// Over returns the settings of each rule: the component's, with what the entry of series says otherwise of the judgement. Without entries there is
// one rule, which is the component's own.
func Over(s pipeline.Settings, entries []pipeline.Settings, judgement []pipeline.Setting) []pipeline.Settings {
	if len(entries) == 0 {
		return []pipeline.Settings{s}
	}
	var rules []pipeline.Settings
	for _, e := range entries {
		rule := maps.Clone(s)
		for _, j := range judgement {
			if e.Has(j.Name) {
				rule[j.Name] = e[j.Name]
			}
		}
		rules = append(rules, rule)
	}
	return rules
}

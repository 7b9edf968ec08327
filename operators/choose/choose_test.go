package choose

import (
	"testing"

	"github.com/homeostat/homeostat/pipeline"
)

func TestRules(t *testing.T) {
	entry := func(metric, host string) any {
		s := pipeline.Settings{"metric": metric}
		if host != "" {
			s["labels"] = map[string]any{"host": host}
		}
		return s
	}
	settings := pipeline.Settings{"series": []any{entry("cpu", "a*"), entry("c*", "")}, "exclude": []any{entry("cpu", "ab")}}
	chosen, rules, err := ReadRules(settings)
	if err != nil || chosen.Len() != 2 || len(rules) != 2 {
		t.Fatal(chosen, err)
	}
	all, rules, err := ReadRules(pipeline.Settings{})
	if err != nil || all.Len() != 0 || len(rules) != 0 {
		t.Fatal(all, err)
	}
	table := pipeline.NewSeriesTable(nil, 0)
	for _, c := range []struct {
		metric, host string
		typ          pipeline.SeriesType
		want, all    int
	}{
		{"cpu", "aa", pipeline.Gauge, 0, 0},
		{"cpu", "b", pipeline.Gauge, 1, 0},
		{"cpu", "ab", pipeline.Gauge, None, 0},
		{"count", "", pipeline.Delta, 1, 0},
		{"mem", "a", pipeline.Gauge, None, 0},
		{"cpu", "aa", pipeline.Stream, None, None},
		{pipeline.SLIMetric, "", pipeline.Delta, None, None},
		{pipeline.ScoreMetric, "aa", pipeline.Gauge, None, None},
		{pipeline.BudgetMetric, "aa", pipeline.Gauge, None, None},
	} {
		ordinal, err := table.Intern(c.metric, "", c.typ, []pipeline.Label{{Name: "host", Value: c.host}})
		if err != nil {
			t.Fatal(err)
		}
		s := table.At(ordinal)
		if got := chosen.Of(s); got != c.want {
			t.Errorf("%s on %q: entry %d, want %d", c.metric, c.host, got, c.want)
		}
		if got := all.Any(s); (got == None) != (c.typ == pipeline.Stream) {
			t.Errorf("%s on %q of any: %d", c.metric, c.host, got)
		}
		if got := all.Of(s); got != c.all {
			t.Errorf("%s on %q without entries: %d, want %d", c.metric, c.host, got, c.all)
		}
	}
	for _, bad := range []pipeline.Settings{{"series": []any{entry("a[", "")}}, {"exclude": []any{entry("a", "b[")}}} {
		if _, _, err := ReadRules(bad); pipeline.Code(err) != "series.pattern" {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

package main

import (
	"testing"

	"github.com/homeostat/homeostat/bench/stand"
)

// What makes a run fail: any output that is not as it should be, a violation, and time records where they are judged.
func TestFailed(t *testing.T) {
	with := func(what string, c stand.Count) *stand.Verdict {
		v := stand.Compare(stand.NewOutputs(deadTopic), stand.NewOutputs(deadTopic))
		*v.Of(what) = c
		return v
	}
	back := with("finding.v1", stand.Count{Want: 1, Got: 1})
	back.Regress = 1
	for name, f := range map[string]struct {
		report report
		want   bool
	}{
		"equal":                             {report{verdict: with("finding.v1", stand.Count{Want: 1, Got: 1})}, false},
		"an output is missing":              {report{verdict: with("finding.v1", stand.Count{Want: 1, Missing: 1})}, true},
		"a violation":                       {report{verdict: with("finding.v1", stand.Count{}), violations: []string{"x"}}, true},
		"no verdict":                        {report{}, true},
		"time records that are judged":      {report{verdict: with(stand.TimeRecords, stand.Count{Extra: 1}), judgesTime: true}, true},
		"time records that are not judged":  {report{verdict: with(stand.TimeRecords, stand.Count{Extra: 1})}, false},
		"time fell back where it is judged": {report{verdict: back, judgesTime: true}, true},
		"time fell back where it is not":    {report{verdict: back}, false},
	} {
		if got := f.report.failed(); got != f.want {
			t.Errorf("%s: failed %t", name, got)
		}
	}
}

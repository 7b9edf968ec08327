package sli

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/pipeline"
)

func metric(name string, labels ...string) pipeline.Selector {
	s := pipeline.Selector{Metric: name}
	for i := 0; i < len(labels); i += 2 {
		if s.Labels == nil {
			s.Labels = map[string]string{}
		}
		s.Labels[labels[i]] = labels[i+1]
	}
	return s
}

func bound(v float64) *float64 { return &v }

func TestSLI(t *testing.T) {
	for _, c := range []struct {
		fact, input, want string
		slos              []pipeline.SLO
		silent            bool
		lost              map[string]int
	}{{
		fact: "bad is total less good",
		slos: []pipeline.SLO{{Name: "web", Total: metric("requests"), Good: metric("good")}},
		input: `
			windows requests:delta{} at 0s every 10s: 100 200
			windows good:delta{} at 0s every 10s: 99 180`,
		want: `
			[0s,10s) slo.bad:delta{slo="web",system="default"} count=100 sum=1 min=0.01 max=0.01 last=0.01
			[10s,20s) slo.bad:delta{slo="web",system="default"} count=200 sum=20 min=0.1 max=0.1 last=0.1`,
	}, {
		fact: "bad may be counted, and series add up",
		slos: []pipeline.SLO{{Name: "web", Total: metric("requests"), Bad: metric("requests", "code", "5*")}},
		input: `
			windows requests:cumulative{code="200"} at 0s every 10s: 90
			windows requests:cumulative{code="404"} at 0s every 10s: 5
			windows requests:cumulative{code="500"} at 0s every 10s: 3
			windows requests:cumulative{code="503"} at 0s every 10s: 2`,
		want: `[0s,10s) slo.bad:delta{slo="web",system="default"} count=100 sum=5 min=0.05 max=0.05 last=0.05`,
	}, {
		fact: "who logs errors is bad",
		slos: []pipeline.SLO{{Name: "logs", Total: metric("app"), Bad: metric("app")}, {Name: "too", Total: metric("app"), Good: metric("app")}},
		input: `
			windows app:stream{service="a"} at 0s every 10s: 100/7
			windows app:stream{service="b"} at 0s every 10s: 100/3`,
		want: `
			[0s,10s) slo.bad:delta{slo="logs",system="default"} count=200 sum=10 min=0.05 max=0.05 last=0.05
			[0s,10s) slo.bad:delta{slo="too",system="default"} count=200 sum=10 min=0.05 max=0.05 last=0.05`,
	}, {
		fact: "more good than all is no bad",
		slos: []pipeline.SLO{{Name: "web", Total: metric("requests"), Good: metric("good")}},
		input: `
			windows requests:delta{} at 0s every 10s: 100
			windows good:delta{} at 0s every 10s: 101`,
		want: `[0s,10s) slo.bad:delta{slo="web",system="default"} count=100 sum=0 min=0 max=0 last=0`,
	}, {
		fact: "no good events at all is all bad",
		slos: []pipeline.SLO{{Name: "web", Total: metric("requests"), Good: metric("good")}},
		input: `
			windows requests:delta{} at 0s every 10s: 100`,
		want: `[0s,10s) slo.bad:delta{slo="web",system="default"} count=100 sum=100 min=1 max=1 last=1`,
	}, {
		fact: "no events, no row",
		slos: []pipeline.SLO{{Name: "web", Total: metric("requests"), Good: metric("good")}},
		input: `
			windows requests:delta{} at 0s every 10s: 0 _ 5
			windows good:delta{} at 0s every 10s: 0 5 5
			windows other{} at 0s every 10s: 1x3`,
		want: `[20s,30s) slo.bad:delta{slo="web",system="default"} count=5 sum=0 min=0 max=0 last=0`,
	}, {
		fact: "a threshold's windows are its events, the bound itself is bad",
		slos: []pipeline.SLO{{Name: "fast", Threshold: &pipeline.Threshold{Selector: metric("latency"), Below: bound(1)}}},
		input: `
			windows latency{host="a"} at 0s every 10s: 0.5 1 0.9
			windows latency{host="b"} at 0s every 10s: 2 0.3 0.9`,
		want: `
			[0s,10s) slo.bad:delta{slo="fast",system="default"} count=2 sum=1 min=0.5 max=0.5 last=0.5
			[10s,20s) slo.bad:delta{slo="fast",system="default"} count=2 sum=1 min=0.5 max=0.5 last=0.5
			[20s,30s) slo.bad:delta{slo="fast",system="default"} count=2 sum=0 min=0 max=0 last=0`,
	}, {
		fact: "a threshold from below and above",
		slos: []pipeline.SLO{{Name: "even", Threshold: &pipeline.Threshold{Selector: metric("success"), Above: bound(98), Below: bound(101)}}},
		input: `
			windows success{} at 0s every 10s: 100 98 101`,
		want: `
			[0s,10s) slo.bad:delta{slo="even",system="default"} count=1 sum=0 min=0 max=0 last=0
			[10s,20s) slo.bad:delta{slo="even",system="default"} count=1 sum=1 min=1 max=1 last=1
			[20s,30s) slo.bad:delta{slo="even",system="default"} count=1 sum=1 min=1 max=1 last=1`,
	}, {
		fact: "gauges that are no whole numbers are rounded, with their share",
		slos: []pipeline.SLO{{Name: "web", Total: metric("rate"), Bad: metric("bad")}},
		input: `
			windows rate{} at 0s every 10s: 0.25 9.6
			windows bad{} at 0s every 10s: 0.125 4.8`,
		want: `
			[0s,10s) slo.bad:delta{slo="web",system="default"} count=1 sum=0.5 min=0.5 max=0.5 last=0.5
			[10s,20s) slo.bad:delta{slo="web",system="default"} count=10 sum=5 min=0.5 max=0.5 last=0.5`,
	}, {
		fact:   "without objectives there is nothing",
		input:  `windows requests:delta{} at 0s every 10s: 100`,
		silent: true,
	}, {
		fact: "rows of a window that is done are lost, others are not missed",
		slos: []pipeline.SLO{{Name: "web", Total: metric("requests"), Bad: metric("bad")}},
		input: `
			windows requests:delta{} at 0s every 10s: 100
			watermark 10s
			windows requests:delta{} at 0s every 10s: 100
			windows other{} at 0s every 10s: 1`,
		want: `[0s,10s) slo.bad:delta{slo="web",system="default"} count=100 sum=0 min=0 max=0 last=0`,
		lost: map[string]int{"late": 1},
	}} {
		t.Run(c.fact, func(t *testing.T) {
			operatortest.Run(t, operatortest.Case{
				New:   func() (pipeline.Operator, error) { return New(nil) },
				Env:   func(env *pipeline.Env) { env.SLOs = c.slos },
				Input: operatortest.Script(t, c.input), Want: c.want, Silent: c.silent, Lost: c.lost,
			})
		})
	}
}

func TestScope(t *testing.T) {
	for entity, want := range map[string]pipeline.Scope{
		"":     {Entity: "web", System: "shop", Domain: "web"},
		"web":  {Entity: "web", System: "shop", Domain: "web"},
		"edge": {Entity: "edge", System: "shop", Domain: "edge"},
	} {
		operatortest.Run(t, operatortest.Case{
			New: func() (pipeline.Operator, error) { return New(nil) },
			Env: func(env *pipeline.Env) {
				env.SLOs = []pipeline.SLO{{Name: "a", Entity: entity, Total: metric("requests"), Bad: metric("bad")}}
			},
			Input: operatortest.Script(t, `windows requests:delta{service="web",system="shop"} at 0s every 10s: 100`),
			Check: func(t testing.TB, out *operatortest.Output) {
				w := operatortest.Windows(out)
				if s := out.Series.At(w[0].Series[0]); *s.Scope != want || s.Type != pipeline.Delta {
					t.Errorf("entity %q: %+v, want %+v", entity, *s.Scope, want)
				}
			},
		})
	}
}

// shops is a window of two systems, whose series come mixed.
const shops = `
	windows requests:delta{host="b",system="mall"} at 0s every 10s: 10 20
	windows requests:delta{host="a",system="shop"} at 0s every 10s: 100 _
	windows good:delta{host="b",system="mall"} at 0s every 10s: 10 15
	windows requests:delta{host="c",system="shop"} at 0s every 10s: 100 _
	windows good:delta{host="a",system="shop"} at 0s every 10s: 90 50
	windows good:delta{host="c",system="shop"} at 0s every 10s: 60 _
	windows latency{host="b",system="mall"} at 0s every 10s: 0.5 2`

var shopSLOs = []pipeline.SLO{
	{Name: "web", Total: metric("requests"), Good: metric("good")},
	{Name: "fast", Threshold: &pipeline.Threshold{Selector: metric("latency"), Below: bound(1)}},
}

// lines runs the operator and returns what comes out, sorted, with the scope of each series.
func lines(t *testing.T, input string) []string {
	var out []string
	operatortest.Run(t, operatortest.Case{
		New:   func() (pipeline.Operator, error) { return New(nil) },
		Env:   func(env *pipeline.Env) { env.SLOs = shopSLOs },
		Input: operatortest.Script(t, input), AnyOrder: true,
		Check: func(t testing.TB, o *operatortest.Output) {
			for _, w := range operatortest.Windows(o) {
				for i, s := range w.Series {
					series := o.Series.At(s)
					out = append(out, fmt.Sprintf("%d %s %+v: %d, %g", w.End/1e9, series.Key(), *series.Scope, w.Count[i], w.Sum[i]))
				}
			}
		},
	})
	slices.Sort(out)
	return out
}

// Each system has its own sums, and they are the same whether the systems share a lane or not.
func TestSystemsAreApart(t *testing.T) {
	want := []string{
		`10 slo.bad:delta{slo="fast",system="mall"} {Entity:b System:mall Domain:b}: 1, 0`,
		`10 slo.bad:delta{slo="web",system="mall"} {Entity:b System:mall Domain:b}: 10, 0`,
		`10 slo.bad:delta{slo="web",system="shop"} {Entity:a System:shop Domain:a}: 200, 50`,
		`20 slo.bad:delta{slo="fast",system="mall"} {Entity:b System:mall Domain:b}: 1, 1`,
		`20 slo.bad:delta{slo="web",system="mall"} {Entity:b System:mall Domain:b}: 20, 5`,
	}
	if got := lines(t, shops); !slices.Equal(got, want) {
		t.Errorf("one lane:\n%s", strings.Join(got, "\n"))
	}
	var apart []string
	for _, system := range []string{"mall", "shop"} {
		var own []string
		for line := range strings.SplitSeq(shops, "\n") {
			if strings.Contains(line, system) {
				own = append(own, line)
			}
		}
		slices.Reverse(own) // a lane meets its series in its own order
		apart = append(apart, lines(t, strings.Join(own, "\n"))...)
	}
	if slices.Sort(apart); !slices.Equal(apart, want) {
		t.Errorf("a lane each:\n%s", strings.Join(apart, "\n"))
	}
}

func TestRevisedWindowsAreDerivedAgain(t *testing.T) {
	in := operatortest.Script(t, `
		windows requests:delta{} at 0s every 10s: 100
		windows good:delta{} at 0s every 10s: 99`)
	in.Revised(1, "requests:delta{}", 0, 10e9, 2, 120, 0, 0, 0)
	in.Revised(1, "good:delta{}", 0, 10e9, 2, 90, 0, 0, 0)
	if err := in.Add("windows requests:delta{} at 10s every 10s: 50\nwindows good:delta{} at 10s every 10s: 50"); err != nil {
		t.Fatal(err)
	}
	operatortest.Run(t, operatortest.Case{
		New: func() (pipeline.Operator, error) { return New(nil) }, Input: in,
		Env: func(env *pipeline.Env) {
			env.SLOs = []pipeline.SLO{{Name: "web", Total: metric("requests"), Good: metric("good")}}
		},
		Want: `
			[0s,10s) slo.bad:delta{slo="web",system="default"} count=100 sum=1 min=0.01 max=0.01 last=0.01
			[0s,10s) slo.bad:delta{slo="web",system="default"} count=120 sum=30 min=0.25 max=0.25 last=0.25 rev=1
			[10s,20s) slo.bad:delta{slo="web",system="default"} count=50 sum=0 min=0 max=0 last=0`,
	})
}

package judge

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// calm is normal operation up to the time that the cases begin at.
func (w *world) calm() { w.bad(begin, 0.001) }

const begin = 30 * time.Minute

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		name  string
		facts func(w *world)
		want  string // time verdict recovered: part of the reason
	}{
		{"an action after which the objective holds, unlike at any other time, is supported at its horizon", func(w *world) {
			w.calm()
			w.bad(begin+2*mnt, 0.4)
			w.incident(begin+mnt, "a", "opened")
			w.tries(begin+mnt, trialOf("a"))
			w.ran(begin+2*mnt+3*sec, "a")
			w.bad(begin+12*mnt, 0.001)
		}, "38m30s supported true: too few to exclude that it healed by itself"},
		{"nothing moved: refuted", func(w *world) {
			w.calm()
			w.bad(begin+2*mnt, 0.4)
			w.tries(begin+mnt, trialOf("a"))
			w.ran(begin+2*mnt, "a")
			w.bad(begin+12*mnt, 0.4)
		}, "38m0s refuted false: the objective does not hold"},
		{"it got much worse: harmful", func(w *world) {
			w.calm()
			w.bad(begin+2*mnt, 0.2)
			w.tries(begin+mnt, trialOf("a"))
			w.ran(begin+2*mnt, "a")
			w.bad(begin+12*mnt, 0.6)
		}, "38m0s harmful false: the other way"},
		{"a little better, and not well: refuted", func(w *world) {
			w.calm()
			w.bad(begin+2*mnt, 0.4)
			w.tries(begin+mnt, trialOf("a"))
			w.ran(begin+2*mnt, "a")
			w.bad(begin+12*mnt, 0.35)
		}, "38m0s refuted false: predicted: down by at least 0.1"},
		{"recovered, but by less than predicted: inconclusive", func(w *world) {
			w.calm()
			w.bad(begin+2*mnt, 0.05)
			w.tries(begin+mnt, trialOf("a"))
			w.ran(begin+2*mnt, "a")
			w.bad(begin+12*mnt, 0.001)
		}, "38m0s inconclusive true: p = "},
		{"without a past nothing can be attributed", func(w *world) {
			w.bad(2*mnt, 0.4)
			w.tries(mnt, trialOf("a"))
			w.ran(2*mnt, "a")
			w.bad(12*mnt, 0.001)
		}, "8m0s inconclusive true: the past is too short"},
		{"another change in the windows: void", func(w *world) {
			w.calm()
			w.bad(begin+2*mnt, 0.4)
			w.tries(begin+mnt, trialOf("a"))
			w.ran(begin+2*mnt, "a")
			w.bad(begin+3*mnt, 0.001)
			w.tell(w.event(schemas.TypeChange, begin+3*mnt, schemas.Change{Change: "v2", Kind: "deploy", Entities: []string{"app"}}))
			w.bad(begin+12*mnt, 0.001)
		}, "38m0s void true: change v2 (deploy) of app"},
		{"our own report of the change does not count as another", func(w *world) {
			w.calm()
			w.bad(begin+2*mnt, 0.4)
			w.tries(begin+mnt, trialOf("a"))
			w.ran(begin+2*mnt, "a")
			w.tell(w.event(schemas.TypeChange, begin+2*mnt, schemas.Change{Change: "x", Kind: "config", By: schemas.ByHomeostat}))
			w.bad(begin+12*mnt, 0.001)
		}, "38m0s supported true: p = "},
		{"a change by somebody whose name only begins like ours does count", func(w *world) {
			w.calm()
			w.bad(begin+2*mnt, 0.4)
			w.tries(begin+mnt, trialOf("a"))
			w.ran(begin+2*mnt, "a")
			w.tell(w.event(schemas.TypeChange, begin+2*mnt, schemas.Change{Change: "x", Kind: "deploy", Entities: []string{"app"}, By: "homeostat-release"}))
			w.bad(begin+12*mnt, 0.001)
		}, "38m0s void true: change x (deploy) of app"},
		{"another incident's action in the windows: void for both", func(w *world) {
			w.calm()
			w.bad(begin+2*mnt, 0.4)
			w.tries(begin+mnt, trialOf("a"))
			w.tries(begin+mnt, trialOf("b"))
			w.ran(begin+2*mnt, "a")
			w.ran(begin+2*mnt+sec, "b")
			w.bad(begin+12*mnt, 0.001)
		}, `38m0s void true: command r-b of actuator plant
			38m30s void true: command r-a of actuator plant`},
		{"refused: void at once", func(w *world) {
			w.calm()
			w.tries(begin, trialOf("a"))
			w.result(begin+5*sec, "a", schemas.PhaseRejected, "")
		}, "30m5s void true: not carried out: rejected"},
		{"failed: void at once", func(w *world) {
			w.calm()
			w.tries(begin, trialOf("a"))
			w.result(begin+5*sec, "a", schemas.PhaseFinished, schemas.ExecutionFailed)
		}, "30m5s void true: not carried out: finished, failed"},
		{"unknown whether it was carried out: void at once; what follows changes nothing", func(w *world) {
			w.calm()
			w.tries(begin, trialOf("a"))
			w.result(begin+sec, "a", schemas.PhaseStarted, "")
			w.result(begin+5*sec, "a", schemas.PhaseFinished, schemas.ExecutionUnknown)
			w.ran(begin+6*sec, "a")
			w.bad(begin+12*mnt, 0.001)
		}, "30m5s void true: nobody knows whether it was carried out: finished, unknown"},
		{"what may have been carried out is a change in the windows of another", func(w *world) {
			w.calm()
			w.bad(begin+2*mnt, 0.4)
			w.tries(begin+mnt, trialOf("a"))
			w.tries(begin+mnt, trialOf("b"))
			w.ran(begin+2*mnt, "a")
			w.result(begin+2*mnt+sec, "b", schemas.PhaseFinished, schemas.ExecutionTimedOut)
			w.bad(begin+12*mnt, 0.001)
		}, `32m1s void false: nobody knows whether it was carried out: finished, timedout
			38m0s void true: command r-b of actuator plant`},
		{"a duplicate says nothing about what was carried out", func(w *world) {
			w.calm()
			w.bad(begin+2*mnt, 0.4)
			w.tries(begin+mnt, trialOf("a"))
			w.result(begin+2*mnt-sec, "a", schemas.PhaseFinished, schemas.ExecutionDuplicate)
			w.ran(begin+2*mnt, "a")
			w.result(begin+2*mnt+sec, "a", schemas.PhaseFinished, schemas.ExecutionDuplicate)
			w.bad(begin+12*mnt, 0.001)
		}, "38m0s supported true: p = "},
		{"a metric that must not rise and was not measured does not pass", func(w *world) {
			w.calm()
			w.bad(begin+2*mnt, 0.4)
			h := trialOf("a")
			h.Refuters = []string{`load{system="shop"}`}
			w.tries(begin+mnt, h)
			w.ran(begin+2*mnt, "a")
			w.bad(begin+12*mnt, 0.001)
		}, "38m0s inconclusive true: load{system=\"shop\"}, which must not get worse, has too few data"},
		{"nothing moved and nobody saw whether the objective holds: inconclusive", func(w *world) {
			w.both(begin+2*mnt, 0.2, 9)
			h := trialOf("a")
			h.Deduction.Metric, h.Deduction.Effect = `load{system="shop"}`, 5
			w.incident(begin+mnt, "a", "opened")
			w.tries(begin+mnt, h)
			w.ran(begin+2*mnt, "a")
			w.metric(begin+12*mnt, 9, `load{system="shop"}`)
		}, "38m0s inconclusive false: too few data to say whether the objective holds"},
		{"never heard of again: void at its deadline, also when nothing but time goes on", func(w *world) {
			w.calm()
			w.tries(begin, trialOf("a"))
			w.until(begin + time.Hour)
		}, "33m30s void false: nothing was heard"},
		{"carried out and then no data: void", func(w *world) {
			w.calm()
			w.tries(begin, trialOf("a"))
			w.ran(begin+5*sec, "a")
			w.until(begin + time.Hour)
		}, "36m30s void false: too few data"},
		{"in shadow: void at its horizon", func(w *world) {
			w.calm()
			h := trialOf("a")
			h.Mode = schemas.ModeShadow
			w.tries(begin, h)
			w.bad(begin+12*mnt, 0.4)
		}, "36m0s void false: not carried out: mode shadow"},
		{"a proposal that a person carries out is judged", func(w *world) {
			w.calm()
			h := trialOf("a")
			h.Mode = schemas.ModePropose
			w.bad(begin+2*mnt, 0.4)
			w.tries(begin+mnt, h)
			w.ran(begin+2*mnt, "a")
			w.bad(begin+12*mnt, 0.001)
		}, "38m0s supported true: p = "},
		{"partly carried out counts as carried out, and is told", func(w *world) {
			w.calm()
			w.bad(begin+2*mnt, 0.4)
			w.tries(begin+mnt, trialOf("a"))
			w.result(begin+2*mnt, "a", schemas.PhaseFinished, schemas.ExecutionPartial)
			w.bad(begin+12*mnt, 0.001)
		}, "38m0s supported true: only part of it was carried out"},
		{"telling a person is no change of the system", func(w *world) {
			w.bad(2*mnt, 0.4)
			w.tries(mnt, waitOf("a"))
			w.tell(w.event(schemas.TypeRemediationProposed, mnt+sec, schemas.Remediation{Remediation: "r-a", Hypothesis: "h-a", Action: schemas.Action{Verb: "notify"}}))
			w.ran(2*mnt, "a")
			w.bad(12*mnt, 0.001)
		}, "4m0s supported true: 3m0s after nothing was done"},
		{"a metric that must not rise did: harmful", func(w *world) {
			w.both(begin, 0.001, 1)
			h := trialOf("a")
			h.Refuters = []string{`load{system="shop"}`}
			w.both(begin+2*mnt, 0.4, 1)
			w.tries(begin+mnt, h)
			w.ran(begin+2*mnt, "a")
			w.both(begin+12*mnt, 0.001, 9)
		}, "38m0s harmful true: load{system=\"shop\"} rose from"},
		{"waiting is supported as soon as recovery has held", func(w *world) {
			w.bad(2*mnt, 0.4)
			w.tries(mnt, waitOf("a"))
			w.bad(12*mnt, 0.001)
		}, "4m0s supported true: 3m0s after nothing was done"},
		{"waiting in vain is refuted at its horizon", func(w *world) {
			w.bad(2*mnt, 0.4)
			w.tries(mnt, waitOf("a"))
			w.bad(12*mnt, 0.4)
		}, "6m0s refuted false: does not hold after 5m0s of waiting"},
		{"waiting without data is void", func(w *world) {
			w.bad(2*mnt, 0.4)
			w.tries(2*mnt, waitOf("a"))
			w.until(time.Hour)
		}, "7m0s void false: too few data"},
		{"waiting while somebody else acts is void", func(w *world) {
			w.bad(2*mnt, 0.4)
			w.tries(2*mnt, waitOf("a"))
			w.tell(w.event(schemas.TypeChange, 3*mnt, schemas.Change{Change: "v2", Kind: "deploy"}))
			w.bad(5*mnt, 0.001)
		}, "4m0s void true: not left alone: change v2"},
		{"waiting is void when something else is tried", func(w *world) {
			w.bad(2*mnt, 0.4)
			w.tries(2*mnt, waitOf("a"))
			h := trialOf("a")
			h.Hypothesis = "h2-a"
			w.tell(w.event(schemas.TypeHypothesisOpened, 3*mnt, h))
			w.bad(4*mnt, 0.4)
		}, "3m0s void false: given up: limit is tried instead"},
		{"an incident without an SLO has recovered when it is closed", func(w *world) {
			w.tell(w.event(schemas.TypeIncidentOpened, mnt, schemas.Incident{Incident: "a"}))
			h := waitOf("a")
			h.Deduction.Metric = "incident:a"
			w.tries(mnt, h)
			w.until(4 * mnt)
			w.tell(w.event(schemas.TypeIncidentClosed, 4*mnt+5*sec, schemas.Incident{Incident: "a"}))
			w.until(10 * mnt)
		}, "4m30s supported true: 3m30s after nothing was done"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			c.facts(w)
			w.told(func(events []schemas.Event, verdicts []schemas.Judgement) {
				want := strings.Split(strings.ReplaceAll(c.want, "\t", ""), "\n")
				if len(events) != len(want) {
					t.Fatalf("want %d verdicts, got %d: %+v", len(want), len(events), verdicts)
				}
				for i, v := range verdicts {
					head, reason, _ := strings.Cut(want[i], ": ")
					if got := fmt.Sprintf("%v %s %t", time.Duration(events[i].Time), v.Verdict, v.Recovered); got != head || !strings.Contains(v.Reason, reason) {
						t.Errorf("want %s: %s\n got %s: %s", head, reason, got, v.Reason)
					}
				}
			})
		})
	}
}

func TestJudgementCarriesItsNumbers(t *testing.T) {
	w := newWorld(t)
	w.calm()
	w.bad(begin+2*mnt, 0.4)
	w.incident(begin+mnt, "a", "opened")
	w.tries(begin+mnt, trialOf("a"))
	w.ran(begin+2*mnt, "a")
	w.bad(begin+12*mnt, 0.001)
	w.told(func(events []schemas.Event, verdicts []schemas.Judgement) {
		if len(events) != 1 {
			t.Fatalf("want one verdict, got %d", len(events))
		}
		e, v := events[0], verdicts[0]
		for _, f := range []struct {
			what      string
			want, got any
		}{
			{"key", "a", e.Key}, {"correlation", "a", e.Correlation}, {"system", "shop", e.System}, {"type", schemas.TypeHypothesisJudged, e.Type},
			{"action", "limit", v.Action}, {"signature", "saturation:db", v.Signature}, {"prior", 0.8, v.Prior}, {"posterior", round(9. / 11), v.Posterior},
			{"design", "placebo in time", v.Attribution.Design}, {"effect is large", true, v.Effect.Size > 0.39 && v.Effect.Size < 0.41},
			{"interval holds it", true, v.Effect.Interval.Low < v.Effect.Size && v.Effect.Size < v.Effect.Interval.High && v.Effect.Interval.Low > 0.3},
			{"p", true, v.Attribution.PValue < 0.02}, {"placebos", true, v.Attribution.Placebos == 50},
		} {
			if diff := cmp.Diff(f.want, f.got); diff != "" {
				t.Errorf("%s: %s (%+v)", f.what, diff, v)
			}
		}
	})
}

func TestSeriesAreBounded(t *testing.T) {
	w := newWorld(t)
	w.settings["max_series"] = int64(2)
	w.lost = map[string]int{"limit": 2, "unreadable": 1}
	for _, key := range []string{`a{system="shop"}`, `b{system="shop"}`, `c{system="shop"}`, `d{system="shop"}`, `slo.bad{slo="shop",system="shop"}`} {
		w.in.Window(key, 0, int64(window), 1, 1, 1, 1, 1)
	}
	w.tell(w.event(schemas.TypeHypothesisOpened, mnt, "no object"))
	w.told(func(_ []schemas.Event, v []schemas.Judgement) {
		if len(v) != 0 {
			t.Errorf("nothing to judge, got %+v", v)
		}
	})
}

func TestHistoryOfCountersAndStreams(t *testing.T) {
	for _, c := range []struct {
		what        string
		typ         pipeline.SeriesType
		slo         bool
		weight, sum float64
	}{
		{"a gauge's mean weighs its points", pipeline.Gauge, false, 4, 20},
		{"a counter counts its increase a window", pipeline.Cumulative, false, 1, 20},
		{"a stream counts its records", pipeline.Stream, false, 1, 4},
		{"an SLI is a share", pipeline.Delta, true, 4, 20},
	} {
		if weight, sum := measure(c.typ, c.slo, 4, 20); weight != c.weight || sum != c.sum {
			t.Errorf("%s: want %v of %v, got %v of %v", c.what, c.sum, c.weight, sum, weight)
		}
	}
}

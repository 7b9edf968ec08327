package correlate

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

const (
	sec = time.Second
	mnt = time.Minute
)

// shop is the call graph of the cases.
var shop = []string{"web lb", "lb app-1", "lb app-2", "app-1 db-main", "app-2 db-main"}

// story tells events in short: time, kind, signature, suspects. It leaves out updates of the impact.
func story(events []schemas.Event, incidents []schemas.Incident) string {
	var b strings.Builder
	for i, e := range events {
		if incidents[i].Reason == "the impact changed" {
			continue
		}
		kind := strings.TrimSuffix(strings.TrimPrefix(e.Type, schemas.TypePrefix+"incident."), ".v1")
		names := []string{}
		for _, s := range incidents[i].Suspects {
			names = append(names, s.Entity)
		}
		fmt.Fprintf(&b, "%v %s %s %s: %s\n", time.Duration(e.Time), kind, incidents[i].Severity, incidents[i].Signature, strings.Join(names, " "))
	}
	return b.String()
}

func TestIncidents(t *testing.T) {
	for _, c := range []struct {
		name  string
		facts func(w *world)
		want  string
	}{
		{"nothing abnormal opens nothing", func(w *world) {
			w.sli(0, 10*mnt, 0)
		}, ""},
		{"findings without a burning SLO open nothing by default", func(w *world) {
			for _, e := range []string{"app-1", "app-2", "db-main", "lb"} {
				w.abnormal(mnt, e, "cpu", 9)
			}
			w.until(10 * mnt)
		}, ""},
		{"a burning SLO opens after the delay, names the deepest cause and closes after the hold", func(w *world) {
			w.sli(0, mnt, 0)
			w.sli(mnt, 2*mnt, 40)
			w.abnormal(2*mnt, "app-1", "latency", 9)
			w.abnormal(2*mnt, "app-2", "latency", 9)
			w.abnormal(2*mnt, "db-main", "db.contention", 8)
			w.abnormal(2*mnt, "web", "latency", 12)
			w.burning(2*mnt, "critical")
			w.sli(2*mnt, 4*mnt, 50)
			for _, e := range []string{"app-1", "app-2", "web"} {
				w.well(4*mnt, e, "latency")
			}
			w.well(4*mnt, "db-main", "db.contention")
			w.rested(4 * mnt)
			w.sli(4*mnt, 14*mnt, 0)
		}, `
			2m20s opened critical saturation:db-main: db-main app-1 app-2 web
			10m0s closed critical saturation:db-main: db-main app-1 app-2 web`},
		{"what is over before the delay opens nothing", func(w *world) {
			w.burning(mnt, "critical")
			w.rested(mnt + window)
			w.until(20 * mnt)
		}, ""},
		{"an SLO that is only informed of opens nothing", func(w *world) {
			w.burning(mnt, "info")
			w.until(20 * mnt)
		}, ""},
		{"the SLO's own entity is the suspect when nothing else is abnormal", func(w *world) {
			w.burning(mnt, "warning")
			w.until(3 * mnt)
		}, `1m20s opened warning errors:web: web`},
		{"another trigger joins the open incident; one soon after it closed opens it again; a late one is a new one", func(w *world) {
			w.burning(mnt, "critical")
			w.sli(mnt, 2*mnt, 50)
			w.abnormal(2*mnt, "db-main", "cpu", 5)
			w.rested(2 * mnt)
			w.well(3*mnt, "db-main", "cpu")
			w.sli(2*mnt, 9*mnt, 0)
			w.found(9*mnt, seen{entity: "web", metric: pipeline.SLIMetric, score: 1, labels: map[string]string{"slo": "shop", "again": "1"}})
			w.sli(9*mnt, 10*mnt, 50)
			w.found(10*mnt, seen{entity: "web", metric: pipeline.SLIMetric, closed: true, labels: map[string]string{"slo": "shop", "again": "1"}})
			w.sli(10*mnt, 30*mnt, 0)
			w.found(30*mnt, seen{entity: "web", metric: pipeline.SLIMetric, score: 1, labels: map[string]string{"slo": "shop", "again": "2"}})
			w.sli(30*mnt, 31*mnt, 50)
		}, `
			1m20s opened critical errors:web: web
			2m0s updated critical saturation:db-main: db-main
			8m0s closed critical saturation:db-main: db-main
			9m20s updated critical saturation:db-main: db-main
			16m0s closed critical saturation:db-main: db-main
			30m20s opened warning errors:web: web`},
		{"findings that stay open don't keep an incident open when its SLO holds and nothing new comes", func(w *world) {
			w.abnormal(mnt, "db-main", "cpu", 5)
			w.burning(mnt, "critical")
			w.sli(mnt, 2*mnt, 50)
			w.rested(2 * mnt)
			w.sli(2*mnt, 20*mnt, 0)
		}, `
			1m20s opened critical saturation:db-main: db-main
			16m20s closed critical saturation:db-main: db-main`},
		{"an SLO whose finding stays open closes when it burns below 1, and opens again when it burns again", func(w *world) {
			w.burning(mnt, "critical")
			w.sli(mnt, 2*mnt, 50)
			w.sli(2*mnt, 12*mnt, 0)
			w.sli(12*mnt, 13*mnt, 50)
		}, `
			1m20s opened critical errors:web: web
			8m0s closed critical errors:web: web
			12m30s updated critical errors:web: web`},
		{"an incident whose telemetry died stays open for long and then closes unseen", func(w *world) {
			w.sli(0, mnt, 50)
			w.burning(mnt, "critical")
			w.until(3 * time.Hour)
		}, `
			1m20s opened critical errors:web: web
			1h1m20s closed critical errors:web: web`},
		{"parts of the call graph that are not connected have incidents of their own", func(w *world) {
			w.calls("web app", "other stock")
			w.abnormal(mnt, "stock", "cpu", 20)
			w.abnormal(mnt, "app", "cpu", 2)
			w.burning(mnt, "critical")
			w.until(2 * mnt)
		}, `1m20s opened critical saturation:app: app`},
		{"what began long before is not part of it, and what is not placed in the graph may be", func(w *world) {
			w.abnormal(mnt, "app-1", "cpu", 20)
			w.abnormal(19*mnt, "host-9", "cpu", 3)
			w.burning(20*mnt, "critical")
			w.until(21 * mnt)
		}, `20m20s opened critical saturation:host: host-9`},
		{"by setting, enough abnormal entities open an incident of their own", func(w *world) {
			w.set("open_on", []any{"slo", "findings"}).set("enough", pipeline.Settings{"entities": int64(2), "findings": int64(3), "score": 2.0})
			w.abnormal(mnt, "app-1", "cpu", 5)
			w.abnormal(mnt, "app-1", "latency", 1)
			w.abnormal(mnt, "lb", "latency", 5)
			w.until(2 * mnt)
			w.abnormal(2*mnt, "app-1", "errors", 3)
			w.until(4 * mnt)
			w.well(4*mnt, "app-1", "cpu")
			w.well(4*mnt, "app-1", "latency")
			w.well(4*mnt, "app-1", "errors")
			w.well(4*mnt, "lb", "latency")
			w.until(12 * mnt)
		}, `
			2m20s opened warning saturation:app: app-1 lb
			9m0s closed warning saturation:app: app-1 lb`},
		{"what is of severity info opens nothing, and is evidence all the same", func(w *world) {
			w.set("open_on", []any{"slo", "findings"}).set("enough", pipeline.Settings{"entities": int64(2), "findings": int64(2), "score": 2.0})
			w.found(mnt, seen{entity: "app-1", metric: "cpu", score: 9, severity: "info"})
			w.found(mnt, seen{entity: "lb", metric: "latency", score: 5, severity: "info"})
			w.until(2 * mnt)
			w.abnormal(2*mnt, "lb", "latency", 5)
			w.abnormal(2*mnt, "app-2", "errors", 3)
			w.until(3 * mnt)
		}, `2m20s opened warning saturation:app: app-1 app-2 lb`},
		{"a change just before makes an entity more suspect", func(w *world) {
			w.event(schemas.TypeChange, mnt, schemas.Change{Change: "v2", Kind: "deploy", Entities: []string{"app-2"}})
			w.abnormal(2*mnt, "app-1", "errors", 4)
			w.abnormal(2*mnt, "app-2", "errors", 4)
			w.burning(2*mnt, "critical")
			w.until(3 * mnt)
		}, `2m20s opened critical errors:app: app-2 app-1`},
		{"traffic alone at a callee explains nothing", func(w *world) {
			w.abnormal(mnt, "app-1", "cpu", 6)
			w.abnormal(mnt, "db-main", "query.rate", 6)
			w.burning(mnt, "critical")
			w.until(2 * mnt)
		}, `1m20s opened critical saturation:app: app-1 db-main`},
		{"a call edge counts for the callee", func(w *world) {
			w.found(mnt, seen{entity: "app-1", metric: "edge.latency", score: 5, labels: map[string]string{"caller": "app-1", "callee": "db-main"}})
			w.abnormal(mnt, "app-1", "latency", 5)
			w.burning(mnt, "critical")
			w.until(2 * mnt)
		}, `1m20s opened critical latency:db-main: db-main app-1`},
		{"the one that was abnormal first is before the one that followed", func(w *world) {
			w.found(4*mnt, seen{entity: "app-1", metric: "cpu", score: 6, onset: 4 * mnt})
			w.found(4*mnt, seen{entity: "app-2", metric: "cpu", score: 5, onset: mnt})
			w.burning(4*mnt, "critical")
			w.until(5 * mnt)
		}, `4m20s opened critical saturation:app: app-2 app-1`},
		{"a new call graph counts from then on", func(w *world) {
			w.event(schemas.TypeTopology, sec*30, schemas.Topology{Edges: edgesOf([]string{"db-main app-1"})})
			w.abnormal(mnt, "app-1", "cpu", 5)
			w.abnormal(mnt, "db-main", "cpu", 5)
			w.burning(mnt, "critical")
			w.until(2 * mnt)
		}, `1m20s opened critical saturation:app: app-1 db-main`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t).calls(shop...)
			c.facts(w)
			w.told(func(events []schemas.Event, incidents []schemas.Incident) {
				want := strings.ReplaceAll(strings.TrimSpace(c.want), "\t", "")
				if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(strings.TrimSpace(story(events, incidents)), "\n")); diff != "" {
					t.Errorf("incidents (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestIncidentCarriesWhatOthersNeed(t *testing.T) {
	w := newWorld(t).calls(shop...)
	w.sli(0, mnt, 0)
	w.abnormal(mnt+10*sec, "db-main", "cpu", 7)
	w.burning(mnt+10*sec, "critical")
	w.sli(mnt, mnt+30*sec, 30)
	w.told(func(events []schemas.Event, incidents []schemas.Incident) {
		if len(events) != 1 {
			t.Fatalf("want one event, got %d", len(events))
		}
		e, inc := events[0], incidents[0]
		for _, f := range []struct {
			what      string
			want, got any
		}{
			{"key", inc.Incident, e.Key}, {"correlation", inc.Incident, e.Correlation}, {"system", "shop", e.System}, {"subject", "db-main", e.Subject},
			{"source", "/homeostat/test/op", e.Source}, {"onset", "1970-01-01T00:01:10Z", inc.Onset}, {"detected", "1970-01-01T00:01:30Z", inc.Detected},
			{"state", schemas.Open, inc.State}, {"domain", "shop/db-main", inc.Suspects[0].Domain}, {"metric", "cpu", inc.Suspects[0].Metric},
			{"certainty", 1.0, inc.Certainty}, {"findings", 2, len(inc.Findings)},
			{"impact", []schemas.Impact{{SLO: "shop", Burn: 15, BadShare: 0.15}}, inc.Impact},
			{"reason", "SLO shop burns 15.0 times as fast as its budget allows", inc.Reason},
		} {
			if diff := cmp.Diff(f.want, f.got); diff != "" {
				t.Errorf("%s: %s", f.what, diff)
			}
		}
		if e.Causation == "" || len(inc.Suspects[0].Reasons) == 0 {
			t.Errorf("no cause or no reasons: %+v %+v", e, inc.Suspects[0])
		}
	})
}

func TestImpactIsUpdatedWhenItDoublesTwiceOrEnds(t *testing.T) {
	w := newWorld(t).calls(shop...)
	w.burning(mnt, "critical")
	w.sli(mnt, 3*mnt, 2)
	w.sli(3*mnt, 5*mnt, 20)
	w.sli(5*mnt, 10*mnt, 0)
	w.told(func(events []schemas.Event, incidents []schemas.Incident) {
		var got []string
		for i, e := range events {
			burn := []float64{}
			for _, impact := range incidents[i].Impact {
				burn = append(burn, impact.Burn)
			}
			got = append(got, fmt.Sprint(time.Duration(e.Time), burn, incidents[i].Revision))
		}
		want := []string{"1m20s [2] 0", "3m20s [8] 1", "5m50s [3.333333] 2", "6m50s [0] 3"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("time, burn, revision (-want +got):\n%s", diff)
		}
	})
}

func TestFindingsAreBounded(t *testing.T) {
	w := newWorld(t).set("max_findings", int64(10))
	w.lost = map[string]int{"limit": 5, "unreadable": 2}
	for i := range 15 {
		w.abnormal(mnt, fmt.Sprintf("app-%d", i), "cpu", 3)
	}
	w.event(schemas.TypeFinding, mnt, []string{"no finding"})
	w.event(schemas.TypeTopology, mnt, map[string]any{"nothing": "of use"})
	w.until(2 * mnt)
	w.told(func([]schemas.Event, []schemas.Incident) {})
}

func TestRole(t *testing.T) {
	for entity, want := range map[string]string{
		"app-3": "app", "db-main": "db-main", "frontend-579b9bff58-t2dbm": "frontend", "prod/shop/app-12": "app", "web": "web",
		"ip-10-0-0-1": "ip", "17": "17", "redis-cart-0": "redis-cart", "host.7": "host",
	} {
		if got := roleName(entity); got != want {
			t.Errorf("role of %s: want %s, got %s", entity, want, got)
		}
	}
}

func TestClass(t *testing.T) {
	o := options{classes: defaultClasses()}
	for metric, want := range map[string]string{
		"CpuUsageRate(%)": "saturation", "db.connections": "saturation", "http.errors": "errors", "request_duration_seconds": "latency",
		"workload(Ops)": "traffic", "NetworkReceiveBytes": "traffic", "db.query.time": "latency", "timeouts": "errors", "": "anomaly", "temperature": "anomaly",
	} {
		if got := o.classOf(&schemas.Series{Metric: metric, Type: "gauge"}, "robust"); got != want {
			t.Errorf("class of %q: want %s, got %s", metric, want, got)
		}
	}
	if got := o.classOf(&schemas.Series{Type: "stream"}, "errorlogs"); got != "errors" {
		t.Errorf("a log stream is of class errors, got %s", got)
	}
	for label, want := range map[string]string{"outcome=error": "errors", "http.status_code=503": "errors", "outcome=ok": "traffic", "le=500": "traffic"} {
		name, value, _ := strings.Cut(label, "=")
		if got := o.classOf(&schemas.Series{Metric: "db.queries", Type: "delta", Labels: map[string]string{name: value}}, "robust"); got != want {
			t.Errorf("class of db.queries with %s: want %s, got %s", label, want, got)
		}
	}
}

func TestSettingsThatDoNotFit(t *testing.T) {
	for _, c := range []struct {
		name string
		set  pipeline.Settings
		code string
	}{
		{"nothing opens", pipeline.Settings{"open_on": []any{}}, "correlate.open_on.empty"},
		{"bad pattern of a class", pipeline.Settings{"classes": []any{pipeline.Settings{"class": "x", "metrics": []any{"[a"}}}}, "correlate.pattern"},
		{"bad pattern of a role", pipeline.Settings{"roles": []any{pipeline.Settings{"role": "x", "entities": []any{"[a"}}}}, "correlate.pattern"},
	} {
		if _, err := New(filled(Spec().Settings, c.set)); pipeline.Code(err) != c.code {
			t.Errorf("%s: want code %s, got %v", c.name, c.code, err)
		}
	}
}

package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/homeostat/homeostat/operators/export"
	"github.com/homeostat/homeostat/operators/window"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/config"
	"github.com/homeostat/homeostat/pipeline/engine"
	"github.com/homeostat/homeostat/pipeline/plan"
	"github.com/homeostat/homeostat/schemas"
	"github.com/homeostat/homeostat/schemas/codec/jsonmetrics"
	"github.com/homeostat/homeostat/schemas/codec/otlp"
	"github.com/homeostat/homeostat/sinks/kafka"
)

// alert is a record of the output topic.
type alert struct {
	Service, Host, Name, Status string
	Start                       int64 `json:"window_start"`
	Count                       int64
	Sum, Min, Max, Avg          float64
}

// peersJob is a pipeline of the peers' and how its events are written.
type peersJob struct {
	config string
	encode func(at int64, a *alert, milli int64) (key, value []byte)
}

func inJSON(at int64, a *alert, milli int64) (key, value []byte) {
	return []byte(a.Host), fmt.Appendf(nil, `{"timestamp":%d,"name":"%s","service":"%s","host":"%s","region":"eu-1","status":"%s","env":"production","unit":"ms","version":"1.42.0","value":%d.%03d}`,
		at, a.Name, a.Service, a.Host, a.Status, milli/1000, milli%1000)
}

func inOTLP(at int64, a *alert, milli int64) (key, value []byte) {
	e := otlp.NewEncoder([]pipeline.Label{{Name: "service.name", Value: a.Service}, {Name: "host.name", Value: a.Host}, {Name: "cloud.region", Value: "eu-1"}})
	e.Gauge(a.Name, "ms", []pipeline.Label{{Name: "http.response.status_code", Value: a.Status}}, at*1e6, float64(milli)/1000)
	return nil, e.AppendTo(nil)
}

// TestPeersJob runs the pipelines on the peers' events in small and compares the records that they write with sums of its own.
func TestPeersJob(t *testing.T) {
	for _, j := range []peersJob{{"peers.yaml", inJSON}, {"peers-otlp.yaml", inOTLP}} {
		t.Run(j.config, func(t *testing.T) {
			local, got := written(t, j.config)
			want := alerts(t, func(at int64, a *alert, milli int64) {
				key, value := j.encode(at, a, milli)
				if err := local.Write(pipeline.Record{Topic: "in", Timestamp: at, Key: key, Value: value}); err != nil {
					t.Fatal(err)
				}
			})
			near := cmp.Comparer(func(a, b float64) bool { return a == b || (a-b)/b < 1e-12 && (b-a)/b < 1e-12 })
			if d := cmp.Diff(want, got, near); d != "" {
				t.Errorf("records (-want +got):\n%s", d)
			}
		})
	}
}

// written starts a pipeline; the records that it writes gather in the map.
func written(t *testing.T, file string) (*engine.Local, map[string]alert) {
	t.Helper()
	given := map[string]string{"PEERS_RUN": "peers", "PEERS_BROKER": "", "PEERS_IN": "in", "PEERS_OUT": "out", "PEERS_THRESHOLD": "500"}
	registry := pipeline.NewRegistry()
	for _, register := range []func(*pipeline.Registry){jsonmetrics.Register, otlp.Register, window.Register, export.Register} {
		register(registry)
	}
	cfg, err := config.Load(file, registry, func(name string) (string, bool) { v, ok := given[name]; return v, ok })
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.New(cfg, registry)
	if err != nil {
		t.Fatal(err)
	}
	if !p.Transactions {
		t.Error("the peers' job is not exactly once")
	}
	exports := map[string]string{schemas.Source(&pipeline.Env{Pipeline: "peers", Component: "export"}): p.Exports()["export"]}
	local, err := engine.NewLocal(context.Background(), p, false, engine.Options{NewOutput: func() engine.Output {
		return kafka.NewSink(kafka.Config{Routes: kafka.Routes(p.Topics.Events.Name, p.Topics.Incidents.Name, p.Topics.Remediations.Name), Exports: exports})
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { local.Close() })
	got := map[string]alert{}
	local.Watch(func(rec pipeline.Record) {
		if rec.Topic != "out" {
			return
		}
		var a alert
		if err := json.Unmarshal(rec.Value, &a); err != nil {
			t.Fatalf("%s: %v", rec.Value, err)
		}
		if _, twice := got[a.key()]; twice {
			t.Errorf("%s is there twice", rec.Value)
		}
		got[a.key()] = a
	})
	return local, got
}

// key names a series and window.
func (a *alert) key() string { return fmt.Sprint(a.Service, a.Host, a.Name, a.Status, a.Start) }

// alerts makes the events, and adds up what has to come of them.
func alerts(t *testing.T, event func(at int64, a *alert, milli int64)) map[string]alert {
	t.Helper()
	want := map[string]alert{}
	const start, seconds = 1_790_000_000_000, 120
	r := rand.New(rand.NewPCG(1, 2))
	for second := range seconds {
		for s := range 40 {
			at := int64(start + second*1000 + 25*s - r.IntN(2000))
			a := alert{Service: fmt.Sprintf("svc-%03d", s%5), Host: fmt.Sprintf("host-%04d", s/4), Name: "http.server.duration", Status: []string{"200", "304", "404", "500"}[s%4], Start: at / 10_000 * 10_000}
			milli := 40_000 + r.Int64N(60_000)
			if (int64(s)+a.Start/10_000)%7 == 0 {
				milli *= 12
			}
			event(at, &a, milli)
			if a.Start+10_000 > start+(seconds-6)*1000 {
				continue
			}
			v := float64(milli) / 1000
			if old, ok := want[a.key()]; ok {
				a.Count, a.Sum, a.Min, a.Max = old.Count, old.Sum, old.Min, old.Max
			} else {
				a.Min, a.Max = v, v
			}
			a.Count, a.Sum, a.Min, a.Max = a.Count+1, a.Sum+v, min(a.Min, v), max(a.Max, v)
			a.Avg = a.Sum / float64(a.Count)
			want[a.key()] = a
		}
	}
	maps.DeleteFunc(want, func(_ string, a alert) bool { return a.Avg <= 500 })
	if len(want) < 50 {
		t.Fatalf("only %d windows are beyond the threshold", len(want))
	}
	return want
}

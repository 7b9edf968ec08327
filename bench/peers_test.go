package bench

import (
	"context"
	"encoding/json"
	"fmt"
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
	"github.com/homeostat/homeostat/sinks/kafka"
)

// alert is a record of the output topic.
type alert struct {
	Service, Host, Name, Status string
	Start                       int64 `json:"window_start"`
	Count                       int64
	Sum, Min, Max, Avg          float64
}

// TestPeersJob runs peers.yaml on the peers' events in small and compares the records that it writes with sums of its own.
func TestPeersJob(t *testing.T) {
	given := map[string]string{"PEERS_RUN": "peers", "PEERS_BROKER": "", "PEERS_IN": "in", "PEERS_OUT": "out", "PEERS_THRESHOLD": "500"}
	registry := pipeline.NewRegistry()
	for _, register := range []func(*pipeline.Registry){jsonmetrics.Register, window.Register, export.Register} {
		register(registry)
	}
	cfg, err := config.Load("peers.yaml", registry, func(name string) (string, bool) { v, ok := given[name]; return v, ok })
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
	defer local.Close()
	got := map[string]alert{}
	local.Watch(func(rec pipeline.Record) {
		if rec.Topic != "out" {
			return
		}
		var a alert
		if err := json.Unmarshal(rec.Value, &a); err != nil {
			t.Fatalf("%s: %v", rec.Value, err)
		}
		key := fmt.Sprint(a.Service, a.Host, a.Name, a.Status, a.Start)
		if _, twice := got[key]; twice {
			t.Errorf("%s is there twice", rec.Value)
		}
		got[key] = a
	})
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
			value := fmt.Appendf(nil, `{"timestamp":%d,"name":"%s","service":"%s","host":"%s","region":"eu-1","status":"%s","env":"production","unit":"ms","version":"1.42.0","value":%d.%03d}`,
				at, a.Name, a.Service, a.Host, a.Status, milli/1000, milli%1000)
			if err := local.Write(pipeline.Record{Topic: "in", Timestamp: at, Key: []byte(a.Host), Value: value}); err != nil {
				t.Fatal(err)
			}
			if a.Start+10_000 > start+(seconds-6)*1000 {
				continue
			}
			key, v := fmt.Sprint(a.Service, a.Host, a.Name, a.Status, a.Start), float64(milli)/1000
			if old, ok := want[key]; ok {
				a.Count, a.Sum, a.Min, a.Max = old.Count, old.Sum, old.Min, old.Max
			} else {
				a.Min, a.Max = v, v
			}
			a.Count, a.Sum, a.Min, a.Max = a.Count+1, a.Sum+v, min(a.Min, v), max(a.Max, v)
			a.Avg = a.Sum / float64(a.Count)
			want[key] = a
		}
	}
	for key, a := range want {
		if a.Avg <= 500 {
			delete(want, key)
		}
	}
	if len(want) < 50 {
		t.Fatalf("only %d windows are beyond the threshold", len(want))
	}
	near := cmp.Comparer(func(a, b float64) bool { return a == b || (a-b)/b < 1e-12 && (b-a)/b < 1e-12 })
	if d := cmp.Diff(want, got, near); d != "" {
		t.Errorf("records (-want +got):\n%s", d)
	}
}

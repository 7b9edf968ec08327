package kafka_test

import (
	"context"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
	"github.com/homeostat/homeostat/sinks/kafka"
	"github.com/homeostat/homeostat/sinks/sinktest"
)

func read(t testing.TB, m broker.Message) schemas.Event {
	t.Helper()
	rec := pipeline.Record{Topic: m.Topic, Key: m.Key, Value: m.Value, Headers: m.Headers}
	e, err := schemas.ReadEvent(&rec)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func header(m broker.Message, key string) string {
	rec := pipeline.Record{Headers: m.Headers}
	v, _ := rec.Header(key)
	return string(v)
}

func write(s *kafka.Sink, events ...schemas.Event) error {
	b := schemas.NewEvents(memory.DefaultAllocator, events)
	defer b.Release()
	return s.Write(context.Background(), b)
}

func TestConformance(t *testing.T) {
	sinktest.Run(t, func(t testing.TB) sinktest.Target {
		var log []broker.Message
		return sinktest.Target{
			New: func() pipeline.Sink { return kafka.NewSink(kafka.Config{Routes: kafka.Routes("e", "i", "r")}) },
			Read: func() (events []schemas.Event) {
				for _, m := range log {
					events = append(events, read(t, m))
				}
				return events
			},
			Commit:  func(s pipeline.Sink) error { log = append(log, s.(*kafka.Sink).Take()...); return nil },
			Refused: &schemas.Event{ID: "x", Source: "s", Type: "io.homeostat.unknown.v1", Key: "k"},
		}
	})
}

func TestMessage(t *testing.T) {
	s := kafka.NewSink(kafka.Config{Routes: kafka.Routes("events", "incidents", "remediations")})
	e := schemas.Event{ID: "1", Source: "/homeostat/shop/decide", Type: schemas.TypeRemediationRequested, Time: 1e18, Subject: "prod/shop/db",
		System: "prod/shop", Key: "prod/shop/db", Correlation: "inc", Causation: "hyp", Expiry: 2e18, Idempotency: "key", Epoch: 3,
		Mode: schemas.ModeLive, Plan: "plan", Content: schemas.ContentJSON, Trace: "trace", Data: []byte(`{"a":1}`)}
	if err := write(s, e); err != nil {
		t.Fatal(err)
	}
	got := s.Take()
	want := []broker.Message{{Topic: "remediations", Partition: -1, Key: []byte("prod/shop/db"), Value: []byte(`{"a":1}`), Headers: e.Headers(1)}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("message differs (-want +got)\n%s", d)
	}
	if d := cmp.Diff(e, read(t, got[0])); d != "" {
		t.Errorf("event read back differs (-want +got)\n%s", d)
	}
	if again := s.Take(); len(again) != 0 {
		t.Errorf("%d messages are taken a second time", len(again))
	}
}

func TestRoutesCoverAllTypes(t *testing.T) {
	routes := kafka.Routes("e", "i", "r")
	for _, typ := range schemas.Types() {
		if routes[typ] == "" {
			t.Errorf("type %s has no topic", typ)
		}
	}
	if len(routes) != len(schemas.Types()) {
		t.Errorf("%d routes for %d types", len(routes), len(schemas.Types()))
	}
}

func TestExportsGoByTheirSource(t *testing.T) {
	s := kafka.NewSink(kafka.Config{Routes: kafka.Routes("e", "i", "r"), Exports: map[string]string{"/homeostat/shop/export": "alerts"}})
	e := schemas.Event{ID: "1", Source: "/homeostat/shop/export", Type: schemas.TypeExport, Key: "db", Data: []byte(`{"avg":1}`)}
	if err := write(s, e); err != nil {
		t.Fatal(err)
	}
	if got := s.Take(); len(got) != 1 || got[0].Topic != "alerts" || string(got[0].Value) != `{"avg":1}` || string(got[0].Key) != "db" {
		t.Errorf("%+v", got)
	}
	e.Source = "/homeostat/shop/other"
	if err := write(s, e); pipeline.Code(err) != "kafka.route.missing" {
		t.Errorf("of a source without a topic: %v", err)
	}
}

func TestKeys(t *testing.T) {
	for _, f := range []struct {
		fact string
		e    schemas.Event
		key  string
		code string
	}{
		{"a finding without key goes by its system", schemas.Event{Type: schemas.TypeFinding, System: "prod/shop"}, "prod/shop", ""},
		{"a window without key goes by its system", schemas.Event{Type: schemas.TypeWindow, System: "prod/shop"}, "prod/shop", ""},
		{"a finding without key and system", schemas.Event{Type: schemas.TypeFinding}, "", "kafka.key.missing"},
		{"an incident without key", schemas.Event{Type: schemas.TypeIncidentOpened, System: "prod/shop"}, "", "kafka.key.missing"},
		{"a result needs none", schemas.Event{Type: schemas.TypeResult}, "", ""},
		{"a result keeps its own", schemas.Event{Type: schemas.TypeResult, Key: "k"}, "k", ""},
		{"an unknown type", schemas.Event{Type: "io.homeostat.finding.v2", Key: "k"}, "", "kafka.route.missing"},
	} {
		s := kafka.NewSink(kafka.Config{Routes: kafka.Routes("e", "i", "r")})
		f.e.ID, f.e.Source = "1", "s"
		err := write(s, f.e)
		if pipeline.Code(err) != f.code {
			t.Errorf("%s: error %v, want code %q", f.fact, err, f.code)
		}
		taken := s.Take()
		if err != nil {
			if len(taken) != 0 {
				t.Errorf("%s: %d messages in spite of the error", f.fact, len(taken))
			}
			continue
		}
		if m := taken[0]; string(m.Key) != f.key || header(m, schemas.HeaderKey) != f.key || (f.key == "") != (m.Key == nil) || m.Value == nil {
			t.Errorf("%s: key %q, header %q, value %v", f.fact, m.Key, header(m, schemas.HeaderKey), m.Value)
		}
	}
}

func TestSequenceCountsPerSourceWithoutGaps(t *testing.T) {
	shared := &kafka.Sequences{}
	cfg := kafka.Config{Routes: kafka.Routes("e", "i", "r"), Sequences: shared}
	one, two := kafka.NewSink(cfg), kafka.NewSink(cfg)
	e := func(source, typ string) schemas.Event {
		return schemas.Event{ID: "1", Source: source, Type: typ, Key: "k"}
	}
	if err := write(one, e("a", schemas.TypeFinding), e("b", schemas.TypeFinding), e("a", schemas.TypeFinding)); err != nil {
		t.Fatal(err)
	}
	if write(one, e("a", schemas.TypeFinding), e("a", "unknown")) == nil {
		t.Fatal("an unknown type was written")
	}
	if err := write(two, e("a", schemas.TypeFinding)); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range append(one.Take(), two.Take()...) {
		got = append(got, header(m, schemas.HeaderSource)+header(m, schemas.HeaderSequence))
	}
	want := []string{"a00000000000000000001", "b00000000000000000001", "a00000000000000000002", "a00000000000000000003"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("sequences differ (-want +got)\n%s", d)
	}
}

func TestFlushBeforeTakeIsABug(t *testing.T) {
	s := kafka.NewSink(kafka.Config{Routes: kafka.Routes("e", "i", "r")})
	if err := write(s, schemas.Event{ID: "1", Source: "s", Type: schemas.TypeFinding, Key: "k"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(context.Background()); pipeline.Code(err) != "kafka.pending" {
		t.Errorf("error is %v", err)
	}
	if err := s.Close(); err != nil || len(s.Take()) != 0 {
		t.Errorf("after Close: error %v", err)
	}
}

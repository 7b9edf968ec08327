package schemas_test

import (
	"math"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

func recordOf(e schemas.Event) pipeline.Record {
	return pipeline.Record{Topic: "t", Partition: 1, Offset: 2, Key: []byte(e.Key), Value: e.Data, Headers: e.Headers(5)}
}

func TestHeadersRoundTrip(t *testing.T) {
	for name, change := range map[string]func(*schemas.Event){
		"full": func(*schemas.Event) {},
		"bare": func(e *schemas.Event) {
			*e = schemas.Event{ID: "1", Source: "s", Type: "t", Content: "c", Epoch: schemas.NoEpoch}
		},
		"epoch 0":           func(e *schemas.Event) { e.Epoch = 0 },
		"largest epoch":     func(e *schemas.Event) { e.Epoch = math.MaxInt64 },
		"command, no epoch": func(e *schemas.Event) { e.Epoch = schemas.NoEpoch },
		"before 1970":       func(e *schemas.Event) { e.Time = -1 },
		"control characters": func(e *schemas.Event) {
			e.Subject = "a\nb\x00"
		},
	} {
		e := full()
		change(&e)
		rec := recordOf(e)
		got, err := schemas.ReadEvent(&rec)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d := cmp.Diff(e, got); d != "" {
			t.Errorf("%s (-wrote +read)\n%s", name, d)
		}
	}
}

// An absent epoch is absent in the headers: a command that nobody gave one is refused.
func TestNoEpochHeader(t *testing.T) {
	e := full()
	e.Epoch = schemas.NoEpoch
	rec := recordOf(e)
	if v, ok := rec.Header(schemas.HeaderEpoch); ok {
		t.Errorf("header is %q", v)
	}
	f, err := schemas.NewEvent(schemas.TypeFinding, "1", 0, schemas.Finding{})
	if err != nil || f.Epoch != schemas.NoEpoch {
		t.Errorf("epoch of a finding is %d, error %v", f.Epoch, err)
	}
}

func TestBadTextIsRepaired(t *testing.T) {
	e := full()
	e.Subject = "a\xffb"
	rec := recordOf(e)
	got, err := schemas.ReadEvent(&rec)
	if err != nil || got.Subject != "a\uFFFDb" {
		t.Errorf("subject is %q, error %v", got.Subject, err)
	}
}

func TestReadEventRefuses(t *testing.T) {
	for name, f := range map[string]struct{ header, value string }{
		"no specversion":     {schemas.HeaderSpecVersion, ""},
		"version 0.3":        {schemas.HeaderSpecVersion, "0.3"},
		"no id":              {schemas.HeaderID, ""},
		"no source":          {schemas.HeaderSource, ""},
		"no type":            {schemas.HeaderType, ""},
		"time":               {schemas.HeaderTime, "now"},
		"year 1":             {schemas.HeaderTime, "0001-01-01T00:00:00Z"},
		"year 9999":          {schemas.HeaderTime, "9999-12-31T23:59:59Z"},
		"expiry":             {schemas.HeaderExpiry, "soon"},
		"epoch":              {schemas.HeaderEpoch, "x"},
		"negative epoch":     {schemas.HeaderEpoch, "-00000000000000000001"},
		"epoch of 30 digits": {schemas.HeaderEpoch, strings.Repeat("9", 30)},
		"no UTF-8":           {schemas.HeaderSubject, "\xff"},
		"content no UTF-8":   {schemas.HeaderContentType, "\xff"},
	} {
		e := full()
		rec := recordOf(e)
		for i := range rec.Headers {
			if rec.Headers[i].Key == f.header {
				rec.Headers[i].Value = []byte(f.value)
			}
		}
		got, err := schemas.ReadEvent(&rec)
		if pipeline.Code(err) != "event.attribute" || !strings.Contains(err.Error(), f.header+" ") || !strings.Contains(err.Error(), "t/1@2") {
			t.Errorf("%s: event %+v, error %v", name, got, err)
		}
	}
}

func TestParametersOfTheContentType(t *testing.T) {
	for _, content := range []string{"application/json; charset=utf-8", "Application/JSON;charset=UTF-8", "application/json ;x=y"} {
		rec := recordOf(full())
		for i := range rec.Headers {
			if rec.Headers[i].Key == schemas.HeaderContentType {
				rec.Headers[i].Value = []byte(content)
			}
		}
		e, err := schemas.ReadEvent(&rec)
		if err != nil || e.Content != schemas.ContentJSON {
			t.Errorf("%s: content type %q, error %v", content, e.Content, err)
		}
	}
}

func TestTimeOfTheRecord(t *testing.T) {
	e := full()
	for _, f := range []struct {
		timestamp int64
		time      int64
		ok        bool
	}{{1_700_000_000_123, 1_700_000_000_123_000_000, true}, {0, 0, true}, {-1, 0, false}, {math.MaxInt64, 0, false}} {
		rec := recordOf(e)
		rec.Timestamp = f.timestamp
		for i := range rec.Headers {
			if rec.Headers[i].Key == schemas.HeaderTime {
				rec.Headers[i].Key = "other"
			}
		}
		got, err := schemas.ReadEvent(&rec)
		if (err == nil) != f.ok || got.Time != f.time {
			t.Errorf("record of %d: time %d, error %v", f.timestamp, got.Time, err)
		}
	}
}

func TestEventsBatchRoundTrip(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.NewGoAllocator())
	var events []schemas.Event
	for _, s := range samples(t) {
		events = append(events, s.event)
	}
	b := schemas.NewEvents(mem, events)
	var got []schemas.Event
	if err := schemas.EachEvent(b, func(e schemas.Event) error { got = append(got, e); return nil }); err != nil {
		t.Fatal(err)
	}
	b.Release()
	mem.AssertSize(t, 0)
	if d := cmp.Diff(events, got); d != "" {
		t.Errorf("(-wrote +read)\n%s", d)
	}
}

// Plan and key hash alike before the event's journey and after, whatever was empty.
func TestHashesSurviveTheJourney(t *testing.T) {
	for name, change := range map[string]func(*schemas.Remediation){
		"full":  func(*schemas.Remediation) {},
		"nil":   func(r *schemas.Remediation) { r.Guards, r.Action.Params = nil, nil },
		"empty": func(r *schemas.Remediation) { r.Guards, r.Action.Params = []schemas.Guard{}, map[string]any{} },
		"whole number": func(r *schemas.Remediation) {
			r.Action.Params = map[string]any{"replicas": 6, "list": []int{1}, "text": "<&>"}
		},
	} {
		r := sampleRemediation()
		change(&r)
		e, err := schemas.NewEvent(schemas.TypeRemediationRequested, "1", 0, r)
		if err != nil {
			t.Fatal(err)
		}
		var back schemas.Remediation
		if err := e.Into(&back); err != nil {
			t.Fatal(err)
		}
		before, err1 := r.PlanHash()
		after, err2 := back.PlanHash()
		if err1 != nil || err2 != nil || before != after || key(t, &r) != key(t, &back) {
			t.Errorf("%s: plan %s and %s, key %s and %s", name, before, after, key(t, &r), key(t, &back))
		}
	}
}

func TestHashesTellPlansApart(t *testing.T) {
	seen := map[string]string{}
	for name, change := range map[string]func(*schemas.Remediation){
		"as it is": func(*schemas.Remediation) {}, "verb": func(r *schemas.Remediation) { r.Action.Verb = "update" },
		"actuator": func(r *schemas.Remediation) { r.Action.Actuator = "k8s" }, "param": func(r *schemas.Remediation) { r.Action.Params["admission_limit"] = 41 },
		"target": func(r *schemas.Remediation) { r.Action.Targets[0].UID = "other" }, "guard": func(r *schemas.Remediation) { r.Guards[0].Value = 2 },
		"limit": func(r *schemas.Remediation) { r.Limits.MaxPercent = 50 }, "version": func(r *schemas.Remediation) { r.Action.Targets[0].Version = "8" },
	} {
		r := sampleRemediation()
		change(&r)
		hash, err := r.PlanHash()
		if err != nil {
			t.Fatal(err)
		}
		if other, taken := seen[hash]; taken {
			t.Errorf("%s and %s have one hash", name, other)
		}
		seen[hash] = name
	}
}

func TestCheckAcceptsTheSample(t *testing.T) {
	r := sampleRemediation()
	if err := r.Check(); err != nil {
		t.Error(err)
	}
	r.Action.Targets = nil
	if err := r.Check(); pipeline.Code(err) != "remediation.invalid" {
		t.Errorf("empty targets: %v", err)
	}
}

func FuzzReadEvent(f *testing.F) {
	for _, s := range samples(f) {
		var flat []byte
		for _, h := range s.event.Headers(1) {
			flat = append(append(append(append(flat, h.Key...), 0), h.Value...), 0)
		}
		f.Add(flat, s.event.Data, int64(0))
	}
	f.Fuzz(func(t *testing.T, flat, value []byte, timestamp int64) {
		rec := pipeline.Record{Value: value, Timestamp: timestamp}
		parts := strings.Split(string(flat), "\x00")
		for i := 0; i+1 < len(parts); i += 2 {
			rec.Headers = append(rec.Headers, pipeline.Header{Key: parts[i], Value: []byte(parts[i+1])})
		}
		e, err := schemas.ReadEvent(&rec)
		if err != nil {
			if pipeline.Code(err) != "event.attribute" {
				t.Errorf("error without code: %v", err)
			}
			return
		}
		again := recordOf(e)
		back, err := schemas.ReadEvent(&again)
		if err != nil {
			t.Fatalf("what was read can't be written and read: %v", err)
		}
		if !e.Command() {
			e.Epoch = schemas.NoEpoch
		}
		if e.Content == "" {
			e.Content = schemas.ContentJSON
		}
		if d := cmp.Diff(e, back); d != "" {
			t.Fatalf("read differently the second time\n%s", d)
		}
		if _, err := schemas.ReadJSON(schemas.AppendJSON(nil, e)); err != nil {
			t.Fatalf("line can't be read: %v", err)
		}
	})
}

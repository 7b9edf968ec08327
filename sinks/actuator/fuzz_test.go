package actuator_test

import (
	"context"
	"testing"
	"time"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
	"github.com/homeostat/homeostat/sinks/actuator"
)

// FuzzHandle hands in hostile records: nothing panics, and the function is called only for what is in order.
func FuzzHandle(f *testing.F) {
	c := valid()
	rec := c.record(f)
	add := func(rec pipeline.Record, e schemas.Event) {
		f.Add(rec.Value, rec.Key, e.Type, e.Mode, e.Plan, e.Idempotency, schemas.FormatTime(e.Expiry), "00000000000000000003", e.Content)
	}
	add(rec, c.Event)
	other := valid()
	other.Remediation.Guards, other.Remediation.Action.Params = nil, nil
	add(other.record(f), other.Event)
	f.Add([]byte(`{"action":{"actuator":"plant","targets":[null]}}`), []byte("k"), schemas.TypeRemediationRequested, "live", "", "", "", "", "")
	f.Fuzz(func(t *testing.T, value, key []byte, typ, mode, plan, hskey, expiry, epoch, content string) {
		rec := pipeline.Record{Value: value, Key: key}
		for name, v := range map[string]string{
			schemas.HeaderSpecVersion: "1.0", schemas.HeaderID: "1", schemas.HeaderSource: "s", schemas.HeaderKey: domain,
			schemas.HeaderType: typ, schemas.HeaderMode: mode, schemas.HeaderPlan: plan, schemas.HeaderIdempotency: hskey,
			schemas.HeaderExpiry: expiry, schemas.HeaderEpoch: epoch, schemas.HeaderContentType: content,
		} {
			rec.Headers = append(rec.Headers, pipeline.Header{Key: name, Value: []byte(v)})
		}
		r := newRig(t)
		called := false
		r.do = func(_ context.Context, c actuator.Command) (actuator.Outcome, error) {
			called = true
			p, err := c.Remediation.PlanHash()
			if err != nil || p != plan || typ != schemas.TypeRemediationRequested || mode != schemas.ModeLive || c.Remediation.Action.Actuator != "plant" ||
				len(c.Remediation.Action.Targets) == 0 || len(c.Remediation.Action.Targets) > c.Remediation.Limits.MaxTargets ||
				c.Event.Epoch < 3 || c.Event.Expiry <= start.UnixNano() || c.Remediation.Hypothesis == "" {
				t.Errorf("called for %+v", c)
			}
			return actuator.Outcome{}, nil
		}
		events, err := r.try(rec)
		if called && (err != nil || len(events) != 3) {
			t.Errorf("after a call: %d results, error %v", len(events), err)
		}
		for _, e := range events {
			var res schemas.Result
			if err := e.Into(&res); err != nil || res.Phase == "" || e.Type != schemas.TypeResult || e.Time < start.Add(-time.Second).UnixNano() {
				t.Errorf("result %s: %v", e.Data, err)
			}
			if _, err := schemas.ReadJSON(schemas.AppendJSON(nil, e)); err != nil {
				t.Errorf("result can't be read back: %v", err)
			}
		}
	})
}

package actuator_test

import (
	"context"
	"errors"
	"math"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
	"github.com/homeostat/homeostat/sinks/actuator"
)

func TestWhatFunctionsDo(t *testing.T) {
	type outcome = actuator.Outcome
	for _, f := range []struct {
		fact   string
		do     actuator.Func
		story  string
		detail string
	}{
		{"partial", func(context.Context, actuator.Command) (outcome, error) {
			return outcome{Execution: schemas.ExecutionPartial, Detail: "1 of 2"}, nil
		}, "finished/partial", "1 of 2"},
		{"an error", func(context.Context, actuator.Command) (outcome, error) { return outcome{}, errors.New("no route") }, "finished/failed/actuatorerror", "no route"},
		{"an error with code", func(context.Context, actuator.Command) (outcome, error) {
			return outcome{}, pipeline.Errorf("plant.scale.range", "too many")
		}, "finished/failed/actuatorerror", "too many"},
		{"a panic", func(context.Context, actuator.Command) (outcome, error) { panic("boom") }, "finished/failed/actuatorerror", "panic: boom"},
		{"a nil map", func(_ context.Context, c actuator.Command) (outcome, error) {
			var m map[string]int
			m["x"] = 1 //lint:ignore SA5000 the panic is what is tested
			return outcome{}, nil
		}, "finished/failed/actuatorerror", "nil map"},
		{"Goexit", func(context.Context, actuator.Command) (outcome, error) { runtime.Goexit(); return outcome{}, nil }, "finished/failed/actuatorerror", "goroutine"},
		{"an execution of its own", func(context.Context, actuator.Command) (outcome, error) { return outcome{Execution: "great"}, nil }, "finished/unknown/actuatorerror", "great"},
		{"states that are no JSON", func(context.Context, actuator.Command) (outcome, error) {
			return outcome{Cost: math.NaN(), Targets: []schemas.TargetResult{{ID: "a", After: map[string]any{"f": math.Inf(1)}}}}, nil
		}, "finished/succeeded", "can't be written"},
		{"an endless text", func(context.Context, actuator.Command) (outcome, error) {
			return outcome{Detail: strings.Repeat("ä\xff", 10_000)}, nil
		}, "finished/succeeded", "ää"},
		{"meddling with the command", func(_ context.Context, c actuator.Command) (outcome, error) {
			c.Event.Data[0] = 'x'
			c.Remediation.Action.Targets[0].ID = "other"
			c.Remediation.Action.Params["limit"] = 0
			return outcome{}, nil
		}, "finished/succeeded", ""},
	} {
		r := newRig(t)
		r.do = f.do
		rec := valid().record(t)
		before := string(rec.Value)
		events := r.handle(rec)
		if got := story(t, events); got != "accepted started "+f.story {
			t.Errorf("%s: results are %s", f.fact, got)
			continue
		}
		res := result(t, events[2])
		if !strings.Contains(res.Detail, f.detail) || len(res.Detail) > 3000 {
			t.Errorf("%s: detail is %q", f.fact, res.Detail)
		}
		if string(rec.Value) != before {
			t.Errorf("%s: the record was changed", f.fact)
		}
		if r.handle(rec); r.calls != 1 {
			t.Errorf("%s: called again", f.fact)
		}
	}
}

func TestTimeOut(t *testing.T) {
	for _, f := range []struct {
		fact  string
		do    actuator.Func
		story string
		after time.Duration
	}{
		{"heeds its context", func(ctx context.Context, _ actuator.Command) (actuator.Outcome, error) {
			<-ctx.Done()
			return actuator.Outcome{}, ctx.Err()
		}, "finished/timedout/actuatorerror", 30 * time.Second},
		{"is done a little late", func(ctx context.Context, _ actuator.Command) (actuator.Outcome, error) {
			<-ctx.Done()
			time.Sleep(time.Second)
			return actuator.Outcome{}, nil
		}, "finished/succeeded", 31 * time.Second},
		{"goes on", func(context.Context, actuator.Command) (actuator.Outcome, error) {
			time.Sleep(time.Hour)
			return actuator.Outcome{}, nil
		}, "finished/timedout/actuatorerror", 35 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.do = f.do
			began := time.Now()
			if got := story(t, r.handle(valid().record(t))); got != "accepted started "+f.story {
				t.Errorf("%s: results are %s", f.fact, got)
			}
			if took := time.Since(began); took != f.after {
				t.Errorf("%s: took %v, want %v", f.fact, took, f.after)
			}
			time.Sleep(2 * time.Hour) // let stray functions return
		})
	}
}

// While a function that was given up still runs, nothing else is done in its domain, and elsewhere work goes on.
func TestStrayFunctionKeepsItsDomain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.does(func(context.Context, actuator.Command) (actuator.Outcome, error) {
			time.Sleep(time.Hour)
			return actuator.Outcome{}, nil
		})
		r.handle(valid().record(t))
		r.does(func(context.Context, actuator.Command) (actuator.Outcome, error) { return actuator.Outcome{}, nil })
		attempt := func(n int, domain string) string {
			return story(t, r.handle(withValid(t, func(c *command) { c.Remediation.Attempt, c.Event.Key = n, domain })))
		}
		if got := attempt(2, domain); got != "rejected/busy" {
			t.Errorf("in the domain: %s", got)
		}
		if got := attempt(3, "prod/shop/db"); got != succeeded {
			t.Errorf("in another domain: %s", got)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := attempt(4, domain); got != succeeded {
			t.Errorf("after it returned: %s", got)
		}
	})
}

func TestStoppingMeanwhileIsUnknown(t *testing.T) {
	r := newRig(t)
	ctx, cancel := context.WithCancel(context.Background())
	r.do = func(inner context.Context, _ actuator.Command) (actuator.Outcome, error) {
		cancel()
		<-inner.Done()
		return actuator.Outcome{}, inner.Err()
	}
	rec := valid().record(t)
	a, err := actuator.New(r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	events, err := a.Handle(ctx, rec)
	if got := story(t, events); err != nil || got != "accepted started finished/unknown/actuatorerror" {
		t.Errorf("results are %s, error %v", got, err)
	}
	if _, err := a.Handle(ctx, withValid(t, func(c *command) { c.Event.Key = "busy" })); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}

// Commands of one domain never overlap; those of different domains may.
func TestOneAtATimeInADomain(t *testing.T) {
	r := newRig(t)
	var inside [2]atomic.Int32
	var most atomic.Int32
	r.cfg.Verbs = map[string]actuator.Func{"set": func(_ context.Context, c actuator.Command) (actuator.Outcome, error) {
		i := int(c.Domain[0] - 'a')
		if n := inside[i].Add(1); n > most.Load() {
			most.Store(n)
		}
		for range 100 {
			runtime.Gosched()
		}
		inside[i].Add(-1)
		return actuator.Outcome{}, nil
	}}
	a, err := actuator.New(r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for n := range 40 {
		rec := withValid(t, func(c *command) { c.Remediation.Attempt, c.Event.Key = n, string(rune('a'+n%2)) })
		wg.Go(func() {
			events, err := a.Handle(context.Background(), rec)
			if err != nil || len(events) != 3 {
				t.Errorf("%d results, error %v", len(events), err)
			}
		})
	}
	wg.Wait()
	if most.Load() != 1 {
		t.Errorf("%d commands were in one domain at a time", most.Load())
	}
}

// Nobody waits for a domain for longer than its context lasts.
func TestWaitingForADomainEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		release := make(chan struct{})
		r.do = func(context.Context, actuator.Command) (actuator.Outcome, error) {
			<-release
			return actuator.Outcome{}, nil
		}
		a, err := actuator.New(r.cfg)
		if err != nil {
			t.Fatal(err)
		}
		first, second := valid().record(t), withValid(t, func(c *command) { c.Remediation.Attempt = 2 })
		go a.Handle(context.Background(), first)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if events, err := a.Handle(ctx, second); events != nil || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("results %v, error %v", events, err)
		}
		close(release)
		synctest.Wait()
		if r.calls != 1 {
			t.Errorf("%d calls", r.calls)
		}
	})
}

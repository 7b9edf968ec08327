package actuator_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
	"github.com/homeostat/homeostat/sinks/actuator"
)

// crashing loses its process at a step: what it did is kept, but nobody hears of it.
type crashing struct {
	actuator.Claims
	claim, done bool
}

var errCrash = errors.New("crash")

func (c *crashing) Claim(ctx context.Context, claim actuator.Claim) (actuator.Entry, bool, error) {
	e, won, err := c.Claims.Claim(ctx, claim)
	if c.claim {
		return actuator.Entry{}, false, errCrash
	}
	return e, won, err
}

func (c *crashing) Done(ctx context.Context, key string, token int64, final schemas.Event) error {
	if c.done {
		return errCrash
	}
	return c.Claims.Done(ctx, key, token, final)
}

// stores are the claims that every test of claims runs on; reopen is what a restart finds.
func stores(t *testing.T, test func(t *testing.T, claims actuator.Claims, reopen func() actuator.Claims)) {
	t.Run("memory", func(t *testing.T) {
		m := &actuator.Memory{}
		test(t, m, func() actuator.Claims { return m })
	})
	t.Run("file", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "claims.jsonl")
		f := openFile(t, path)
		test(t, f, func() actuator.Claims {
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			f = openFile(t, path)
			return f
		})
	})
}

func openFile(t *testing.T, path string) *actuator.File {
	t.Helper()
	f, err := actuator.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestDuplicate(t *testing.T) {
	stores(t, func(t *testing.T, claims actuator.Claims, reopen func() actuator.Claims) {
		r := newRig(t)
		r.cfg.Claims = claims
		rec := valid().record(t)
		first := r.handle(rec)
		r.cfg.Claims = reopen()
		r.restart()
		r.now = start.Add(time.Hour) // also long after its deadline
		again := r.handle(rec)
		if got := story(t, again); got != "finished/succeeded finished/duplicate" || r.calls != 1 {
			t.Fatalf("%d calls, results %s", r.calls, got)
		}
		if string(schemas.AppendJSON(nil, again[0])) != string(schemas.AppendJSON(nil, first[2])) {
			t.Errorf("the final result is repeated as\n%s\nit was\n%s", schemas.AppendJSON(nil, again[0]), schemas.AppendJSON(nil, first[2]))
		}
		if again[1].ID == again[0].ID {
			t.Error("the duplicate has the id of the final result")
		}
	})
}

func TestCrashBetweenClaimAndDone(t *testing.T) {
	for _, f := range []struct {
		fact       string
		crash      crashing
		redrivable bool
		lateness   time.Duration
		first      string
		calls      int
		second     string
	}{
		{"claimed, not called", crashing{claim: true}, false, 0, "", 0, "finished/unknown/actuatorerror"},
		{"called, not done", crashing{done: true}, false, 0, succeeded, 1, "finished/unknown/actuatorerror"},
		{"called, not done, and expired since", crashing{done: true}, false, time.Hour, succeeded, 1, "finished/unknown/actuatorerror"},
		{"re-drivable", crashing{done: true}, true, 0, succeeded, 2, succeeded},
		{"re-drivable, but expired since", crashing{done: true}, true, time.Hour, succeeded, 1, "finished/unknown/expired"},
	} {
		stores(t, func(t *testing.T, claims actuator.Claims, reopen func() actuator.Claims) {
			r := newRig(t)
			crash := f.crash
			crash.Claims = claims
			r.cfg.Claims = &crash
			if f.redrivable {
				r.cfg.Redrivable = []string{"set"}
			}
			rec := valid().record(t)
			events, err := r.try(rec)
			if got := story(t, events); !errors.Is(err, errCrash) || got != f.first {
				t.Fatalf("%s: before the crash %s, error %v", f.fact, got, err)
			}
			r.cfg.Claims = reopen()
			r.restart()
			r.now = start.Add(f.lateness)
			events = r.handle(rec)
			if got := story(t, events); got != f.second || r.calls != f.calls {
				t.Errorf("%s: %d calls, then %s", f.fact, r.calls, got)
			}
			final := events[len(events)-1]
			again := r.handle(rec)
			if r.calls != f.calls || len(again) != 2 || again[0].ID != final.ID || result(t, again[1]).Execution != schemas.ExecutionDuplicate {
				t.Errorf("%s: the third time %d calls, %s", f.fact, r.calls, story(t, again))
			}
		})
	}
}

// Two actuators that share claims act once, whoever comes first, also at the same time.
func TestTwoActuatorsShareClaims(t *testing.T) {
	stores(t, func(t *testing.T, claims actuator.Claims, _ func() actuator.Claims) {
		var calls atomic.Int32
		var both []*actuator.Actuator
		for _, instance := range []string{"a", "b"} {
			cfg := newRig(t).cfg
			cfg.Claims, cfg.Instance = claims, instance
			cfg.Verbs = map[string]actuator.Func{"set": func(context.Context, actuator.Command) (actuator.Outcome, error) {
				calls.Add(1)
				return actuator.Outcome{}, nil
			}}
			a, err := actuator.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			both = append(both, a)
		}
		const commands = 25
		var wg sync.WaitGroup
		for n := range commands {
			rec := withValid(t, func(c *command) { c.Remediation.Attempt = n })
			for _, a := range both {
				wg.Go(func() {
					events, err := a.Handle(context.Background(), rec)
					if err != nil || len(events) == 0 {
						t.Errorf("results %v, error %v", events, err)
					}
				})
			}
		}
		wg.Wait()
		if calls.Load() != commands {
			t.Errorf("%d calls for %d commands", calls.Load(), commands)
		}
	})
}

// meeting lets two look a key up before either claims it.
type meeting struct {
	actuator.Claims
	both *sync.WaitGroup
}

func (m meeting) Lookup(ctx context.Context, key string) (actuator.Entry, bool, error) {
	e, found, err := m.Claims.Lookup(ctx, key)
	m.both.Done()
	m.both.Wait()
	return e, found, err
}

// Of two that both found a key free only the one acts that wins the claim.
func TestOnlyTheWinnerOfAClaimActs(t *testing.T) {
	stores(t, func(t *testing.T, claims actuator.Claims, _ func() actuator.Claims) {
		var calls atomic.Int32
		var both, ended sync.WaitGroup
		both.Add(2)
		rec := valid().record(t)
		for _, instance := range []string{"a", "b"} {
			cfg := newRig(t).cfg
			cfg.Claims, cfg.Instance = meeting{claims, &both}, instance
			cfg.Verbs = map[string]actuator.Func{"set": func(context.Context, actuator.Command) (actuator.Outcome, error) {
				calls.Add(1)
				return actuator.Outcome{}, nil
			}}
			a, err := actuator.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			ended.Go(func() {
				if events, err := a.Handle(context.Background(), rec); err != nil || len(events) == 0 {
					t.Errorf("results %v, error %v", events, err)
				}
			})
		}
		ended.Wait()
		if calls.Load() != 1 {
			t.Errorf("%d calls for one command", calls.Load())
		}
	})
}

// While another instance may be at work the answer is not "unknown"; when its time is up it is.
func TestOpenClaimOfAnotherInstance(t *testing.T) {
	r := newRig(t)
	shared := &actuator.Memory{}
	r.cfg.Claims, r.cfg.Instance = &crashing{Claims: shared, done: true}, "a"
	rec := valid().record(t)
	if _, err := r.try(rec); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	r.restart()
	r.cfg.Claims, r.cfg.Instance = shared, "b"
	if got := story(t, r.handle(rec)); got != "accepted/duplicate/busy" {
		t.Errorf("at once: %s", got)
	}
	r.now = start.Add(36 * time.Second) // 30 s to run, 5 s to return
	if got := story(t, r.handle(rec)); got != "finished/unknown/actuatorerror" || r.calls != 1 {
		t.Errorf("later: %s", got)
	}
}

// The owner that was given up for dead and then finishes can't overwrite what was told, but tells what it did.
func TestLateOwner(t *testing.T) {
	r := newRig(t)
	claims := &actuator.Memory{}
	r.cfg.Claims, r.cfg.Instance = claims, "a"
	rec := valid().record(t)
	other := r.cfg
	other.Instance, other.Clock = "b", func() time.Time { return start.Add(time.Hour) }
	b, err := actuator.New(other)
	if err != nil {
		t.Fatal(err)
	}
	r.do = func(context.Context, actuator.Command) (actuator.Outcome, error) {
		events, err := b.Handle(context.Background(), rec)
		if got := story(t, events); err != nil || got != "finished/unknown/actuatorerror" {
			t.Errorf("the other says %s, error %v", got, err)
		}
		return actuator.Outcome{}, nil
	}
	events := r.handle(rec)
	if got := story(t, events); got != succeeded {
		t.Errorf("the owner says %s", got)
	}
	again := r.handle(rec)
	if got := story(t, again); got != "finished/unknown/actuatorerror finished/duplicate/actuatorerror" || r.calls != 1 {
		t.Errorf("after that: %d calls, %s", r.calls, got)
	}
}

// The key does not cover limits and guards: another plan under a used key is refused, and its refusal is not stored.
func TestKeyOfAnotherPlan(t *testing.T) {
	r := newRig(t)
	first := valid().record(t)
	r.handle(first)
	for fact, change := range map[string]func(*command){
		"another limit":  func(c *command) { c.Remediation.Limits.MaxTargets = 9 },
		"another domain": func(c *command) { c.Event.Key = "prod/shop/db" },
	} {
		if got := story(t, r.handle(withValid(t, change))); got != "rejected/badschema" || r.calls != 1 {
			t.Errorf("%s: %d calls, %s", fact, r.calls, got)
		}
	}
	if got := story(t, r.handle(first)); got != "finished/succeeded finished/duplicate" {
		t.Errorf("the first then is %s", got)
	}
}

func TestClaimsContract(t *testing.T) {
	ctx := context.Background()
	stores(t, func(t *testing.T, claims actuator.Claims, reopen func() actuator.Claims) {
		final := schemas.Event{ID: "f", Source: "s", Type: schemas.TypeResult, Content: schemas.ContentJSON, Epoch: schemas.NoEpoch, Data: []byte(`{}`)}
		claim := func(key string, over int64) (int64, bool) {
			e, won, err := claims.Claim(ctx, actuator.Claim{Key: key, Over: over})
			if err != nil {
				t.Fatal(err)
			}
			return e.Token, won
		}
		if _, found, _ := claims.Lookup(ctx, "k"); found {
			t.Error("a key is found before it was claimed")
		}
		if token, won := claim("k", 0); token != 1 || !won {
			t.Errorf("first claim: token %d, won %v", token, won)
		}
		if token, won := claim("k", 0); token != 1 || won {
			t.Errorf("second claim: token %d, won %v", token, won)
		}
		if token, won := claim("k", 1); token != 2 || !won {
			t.Errorf("take-over: token %d, won %v", token, won)
		}
		if token, won := claim("k", 1); token != 2 || won {
			t.Errorf("second take-over: token %d, won %v", token, won)
		}
		if err := claims.Done(ctx, "k", 1, final); pipeline.Code(err) != "claims.lost" {
			t.Errorf("done by who was taken over from: %v", err)
		}
		claims = reopen()
		if err := claims.Done(ctx, "k", 2, final); err != nil {
			t.Error(err)
		}
		if err := claims.Done(ctx, "k", 2, final); pipeline.Code(err) != "claims.lost" {
			t.Errorf("done twice: %v", err)
		}
		if err := claims.Done(ctx, "other", 2, final); pipeline.Code(err) != "claims.lost" {
			t.Errorf("done without claim: %v", err)
		}
		claims = reopen()
		if _, won := claim("k", 2); won {
			t.Error("what is done was claimed")
		}
		e, found, err := claims.Lookup(ctx, "k")
		if err != nil || !found || e.Final == nil || e.Final.ID != "f" || e.Token != 2 {
			t.Errorf("entry %+v, found %v, error %v", e, found, err)
		}
		if token, won := claim("l", 0); token != 3 || !won {
			t.Errorf("another key: token %d, won %v", token, won)
		}
	})
}

func TestTornLastLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "claims.jsonl")
	f := openFile(t, path)
	for _, key := range []string{"a", "b"} {
		if _, won, err := f.Claim(context.Background(), actuator.Claim{Key: key}); !won || err != nil {
			t.Fatal(won, err)
		}
	}
	f.Close()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	firstLine := strings.IndexByte(string(whole), '\n') + 1
	for cut := firstLine; cut < len(whole); cut++ {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		f := openFile(t, path)
		_, a, _ := f.Lookup(context.Background(), "a")
		_, b, _ := f.Lookup(context.Background(), "b")
		if !a || b {
			t.Fatalf("cut at %d: a %v, b %v", cut, a, b)
		}
		// What comes after must be readable again.
		if e, won, err := f.Claim(context.Background(), actuator.Claim{Key: "c"}); !won || err != nil || e.Token != 2 {
			t.Fatal(e, won, err)
		}
		f.Close()
		f = openFile(t, path)
		if _, c, _ := f.Lookup(context.Background(), "c"); !c {
			t.Fatalf("cut at %d: the claim after it is lost", cut)
		}
		f.Close()
	}
}

func TestCorruptFile(t *testing.T) {
	const claim = `{"token":1,"claim":{"key":"a"}}` + "\n"
	for fact, text := range map[string]string{
		"no JSON":            claim + "garbage\n" + claim,
		"nothing":            "\n",
		"an empty note":      "{}\n",
		"done without claim": `{"token":1,"done":"a","event":{}}` + "\n",
		"done, no event":     claim + `{"token":1,"done":"a","event":{}}` + "\n",
		"token 0":            `{"claim":{"key":"a"}}` + "\n",
		"zeros":              claim + "\x00\x00\x00\n",
	} {
		path := filepath.Join(t.TempDir(), "claims.jsonl")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if f, err := actuator.OpenFile(path); pipeline.Code(err) != "claims.corrupt" {
			t.Errorf("%s: error %v", fact, err)
			f.Close()
		}
		if kept, _ := os.ReadFile(path); string(kept) != text {
			t.Errorf("%s: the file was changed", fact)
		}
	}
}

func TestOneProcessAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "claims.jsonl")
	f := openFile(t, path)
	if _, err := actuator.OpenFile(path); pipeline.Code(err) != "claims.locked" {
		t.Errorf("second opening: %v", err)
	}
	if err := f.Forget(0); err != nil { // the file is another one now, and still locked
		t.Fatal(err)
	}
	if _, err := actuator.OpenFile(path); pipeline.Code(err) != "claims.locked" {
		t.Errorf("second opening after Forget: %v", err)
	}
	f.Close()
	openFile(t, path).Close()
	if err := f.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if _, _, err := f.Claim(context.Background(), actuator.Claim{Key: "a"}); pipeline.Code(err) == "" {
		t.Error("a closed file takes claims")
	}
}

func TestForget(t *testing.T) {
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "claims.jsonl")
	f := openFile(t, path)
	final := schemas.Event{ID: "f", Source: "s", Type: schemas.TypeResult, Content: schemas.ContentJSON, Epoch: schemas.NoEpoch, Data: []byte(`{}`)}
	for _, c := range []actuator.Claim{{Key: "open", Expiry: 5}, {Key: "recent", Expiry: 20}, {Key: "old", Expiry: 5}} {
		e, _, err := f.Claim(ctx, c)
		if err == nil && c.Key != "open" {
			err = f.Done(ctx, c.Key, e.Token, final)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Forget(10); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for key, want := range map[string]bool{"open": true, "recent": true, "old": false} {
			if _, found, err := f.Lookup(ctx, key); found != want || err != nil {
				t.Errorf("%s: found %v, error %v", key, found, err)
			}
		}
		f.Close()
		f = openFile(t, path)
	}
	if e, won, err := f.Claim(ctx, actuator.Claim{Key: "new"}); e.Token != 4 || !won || err != nil {
		t.Errorf("the token went back to %d", e.Token)
	}
}

// A store that can't be written stops everything: nothing is done that nobody would remember.
func TestClaimsFail(t *testing.T) {
	r := newRig(t)
	f := openFile(t, filepath.Join(t.TempDir(), "claims.jsonl"))
	f.Close()
	r.cfg.Claims = f
	if events, err := r.try(valid().record(t)); events != nil || pipeline.Code(err) != "claims.closed" || r.calls != 0 {
		t.Errorf("%d calls, results %v, error %v", r.calls, events, err)
	}
}

func FuzzClaimsFile(f *testing.F) {
	f.Add([]byte(`{"token":1,"claim":{"key":"a"}}` + "\n" + `{"next":7}` + "\n" + `{"token":`))
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "claims.jsonl")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := actuator.OpenFile(path)
		if err != nil {
			return
		}
		defer file.Close()
		// What was read can be gone on with, and read again.
		if _, _, err := file.Claim(context.Background(), actuator.Claim{Key: "fuzz"}); err != nil {
			t.Fatal(err)
		}
		file.Close()
		again, err := actuator.OpenFile(path)
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		if _, found, err := again.Lookup(context.Background(), "fuzz"); !found || err != nil {
			t.Fatal(found, err)
		}
	})
}

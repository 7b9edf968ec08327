package sinktest_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
	"github.com/homeostat/homeostat/sinks/sinktest"
)

// broken is a store that breaks one promise.
type broken struct {
	store
	how     string
	batches []pipeline.Batch
	opened  bool
	closed  bool
}

func (b *broken) Open(ctx context.Context, env *pipeline.Env) error {
	b.opened = true
	return b.store.Open(ctx, env)
}

func (b *broken) Guarantee() pipeline.Guarantee {
	if b.how == "a guarantee that is none" {
		return 77
	}
	return b.store.Guarantee()
}

func (b *broken) Close() error {
	if b.how == "close twice" && b.closed || b.how == "close without open" && !b.opened {
		return pipeline.Errorf("broken.close", "closed twice")
	}
	b.closed = true
	return b.store.Close()
}

func (b *broken) Write(ctx context.Context, batch pipeline.Batch) error {
	switch b.how {
	case "keeps the batch":
		batch.Record.Retain()
		b.batches = append(b.batches, batch)
		return ctx.Err()
	case "ignores the context":
		ctx = context.Background()
	case "half of a batch":
		if b.broken {
			*b.kept = append(*b.kept, schemas.EventAt(batch, 0))
		}
	case "error without code":
		if b.broken {
			return context.DeadlineExceeded
		}
	}
	return b.store.Write(ctx, batch)
}

func (b *broken) Flush(ctx context.Context) error {
	if b.how == "ignores the context in flush" {
		ctx = context.Background()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	switch b.how {
	case "keeps the batch":
		for _, batch := range b.batches {
			if err := schemas.EachEvent(batch, func(e schemas.Event) error { b.held = append(b.held, e); return nil }); err != nil {
				return err
			}
			batch.Release()
		}
		b.batches = nil
	case "flushes nothing":
		return nil
	case "loses the last":
		if n := len(b.held); n > 0 {
			b.held = b.held[:n-1]
		}
	case "drops an attribute":
		for i := range b.held {
			b.held[i].Causation = ""
		}
	case "turns the order":
		for i, j := 0, len(b.held)-1; i < j; i, j = i+1, j-1 {
			b.held[i], b.held[j] = b.held[j], b.held[i]
		}
	case "writes repeats":
		*b.kept = append(*b.kept, b.held...)
		b.held = nil
	}
	return b.store.Flush(ctx)
}

func breaches() []string {
	return []string{"a guarantee that is none", "close twice", "close without open", "keeps the batch", "ignores the context", "ignores the context in flush",
		"half of a batch", "error without code", "flushes nothing", "loses the last", "drops an attribute", "turns the order", "writes repeats"}
}

const breach = "SINKTEST_BREACH"

// TestBroken fails on purpose; TestKitCatches runs it.
func TestBroken(t *testing.T) {
	how := os.Getenv(breach)
	if how == "" {
		t.Skip("it is run by TestKitCatches")
	}
	sinktest.Run(t, func(testing.TB) sinktest.Target {
		var kept []schemas.Event
		return sinktest.Target{
			New:   func() pipeline.Sink { return &broken{store: store{kept: &kept}, how: how} },
			Read:  func() []schemas.Event { return kept },
			Break: func(s pipeline.Sink) { s.(*broken).broken = true },
		}
	})
}

// A kit that nothing fails is worth nothing.
func TestKitCatches(t *testing.T) {
	for _, how := range append(breaches(), "nothing") {
		cmd := exec.Command(os.Args[0], "-test.run=^TestBroken$")
		cmd.Env = append(os.Environ(), breach+"="+how)
		out, err := cmd.CombinedOutput()
		if caught := err != nil && strings.Contains(string(out), "--- FAIL: TestBroken"); caught != (how != "nothing") {
			t.Errorf("breach %q: caught %v\n%s", how, caught, out)
		}
	}
}

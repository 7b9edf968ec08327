package sinktest_test

import (
	"context"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
	"github.com/homeostat/homeostat/sinks/sinktest"
)

// store is a sink that keeps all promises, by id.
type store struct {
	kept   *[]schemas.Event
	held   []schemas.Event
	broken bool
}

func (s *store) Open(context.Context, *pipeline.Env) error { return nil }
func (s *store) Guarantee() pipeline.Guarantee             { return pipeline.Idempotent }
func (s *store) Close() error                              { s.held = nil; return nil }

func (s *store) Write(ctx context.Context, b pipeline.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.broken {
		return pipeline.Errorf("store.broken", "broken")
	}
	return schemas.EachEvent(b, func(e schemas.Event) error { s.held = append(s.held, e); return nil })
}

func (s *store) Flush(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, e := range *s.kept {
		seen[e.ID] = true
	}
	for _, e := range s.held {
		if !seen[e.ID] {
			*s.kept = append(*s.kept, e)
		}
	}
	s.held = nil
	return nil
}

func TestKitPassesWhatKeepsItsPromises(t *testing.T) {
	sinktest.Run(t, func(testing.TB) sinktest.Target {
		var kept []schemas.Event
		return sinktest.Target{
			New:   func() pipeline.Sink { return &store{kept: &kept} },
			Read:  func() []schemas.Event { return kept },
			Break: func(s pipeline.Sink) { s.(*store).broken = true },
		}
	})
}

func TestEventsAreOfAllTypesAndDistinct(t *testing.T) {
	types, ids := map[string]bool{}, map[string]bool{}
	for _, e := range sinktest.Events() {
		types[e.Type], ids[e.ID] = true, true
	}
	if len(types) != len(schemas.Types()) || len(ids) != len(sinktest.Events()) {
		t.Errorf("%d types, %d ids", len(types), len(ids))
	}
}

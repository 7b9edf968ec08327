package broker

import (
	"errors"
	"slices"
	"testing"
	"time"
)

func (r *rig) join(c *Client, id string, topics ...string) *Group {
	r.t.Helper()
	g, err := c.JoinGroup(GroupConfig{ID: r.name(id), Topics: topics, Session: 30 * time.Second, Heartbeat: 50 * time.Millisecond, Rebalance: 15 * time.Second})
	if err != nil {
		r.t.Fatal(err)
	}
	return g
}

func next(r *rig, g *Group) *Generation {
	r.t.Helper()
	gen, err := g.Next(r.context())
	if err != nil {
		r.t.Fatal(err)
	}
	return gen
}

// settled follows a member's generations, releasing them, until one has n partitions.
func settled(r *rig, g *Group, gen *Generation, n int) *Generation {
	r.t.Helper()
	for gen == nil || len(gen.Assigned) != n {
		if gen != nil {
			select {
			case <-gen.Done():
			case <-r.context().Done():
				r.t.Fatalf("still %d partitions, not %d", len(gen.Assigned), n)
			}
			gen.Release()
		}
		gen = next(r, g)
	}
	return gen
}

func numbers(gen *Generation, topic string) []int32 {
	var list []int32
	for _, tp := range gen.Assigned {
		if tp.Topic == topic {
			list = append(list, tp.Partition)
		}
	}
	return list
}

func groupSharesOut(t *testing.T, r *rig) {
	c := r.client()
	one, two := r.topic(c, "one", 4), r.topic(c, "two", 4)
	a := r.join(c, "share", one, two)
	gen := next(r, a)
	if len(gen.Assigned) != 8 || gen.Group != r.name("share") || gen.Member == "" || gen.ID < 0 {
		t.Fatalf("a single member: %+v", gen)
	}
	b := r.join(c, "share", one, two)
	others := make(chan *Generation)
	go func() { others <- settled(r, b, nil, 4) }()
	first := numbers(gen, one)
	genA := settled(r, a, gen, 4)
	genB := <-others
	if genA == nil || genB == nil {
		t.FailNow()
	}
	if !slices.Equal(numbers(genA, one), numbers(genA, two)) {
		t.Errorf("what belongs together was torn apart: %v and %v", numbers(genA, one), numbers(genA, two))
	}
	for _, n := range numbers(genA, one) {
		if !slices.Contains(first, n) || slices.Contains(numbers(genB, one), n) {
			t.Errorf("partition %d: first had %v, now %v and %v", n, first, numbers(genA, one), numbers(genB, one))
		}
	}
	done := make(chan struct{})
	go func() { defer close(done); genB.Release(); b.Close() }()
	genA = settled(r, a, genA, 8)
	<-done
	genA.Release()
	a.Close()
	if _, err := a.Next(r.context()); !errors.Is(err, ErrClosed) {
		t.Errorf("after closing: %v", err)
	}
}

func releaseEndsGeneration(t *testing.T, r *rig) {
	c := r.client()
	g := r.join(c, "release", r.topic(c, "in", 1))
	first := next(r, g)
	select {
	case <-first.Done():
		t.Error("ended by itself")
	default:
	}
	first.Release()
	first.Release()
	<-first.Done()
	second := next(r, g)
	if second.ID <= first.ID || len(second.Assigned) != 1 {
		t.Errorf("%+v after %+v", second, first)
	}
	second.Release()
	g.Close()
}

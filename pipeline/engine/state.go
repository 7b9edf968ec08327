package engine

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/engine/snapshot"
	"github.com/homeostat/homeostat/schemas"
)

// frozen is the state of a lane as it was at one moment. Another goroutine writes it while the lane goes on.
type frozen struct {
	watermark int64
	account   Account
	parts     []frozenPart
	pause     time.Duration // how long the lane stood still for it
}

type frozenPart struct {
	name    string
	write   func(io.Writer) error
	release func()
}

func (f *frozen) release() {
	for _, p := range f.parts {
		if p.release != nil {
			p.release()
		}
	}
	f.parts = nil
}

// Names of the parts of a snapshot. Operators follow with theirs.
const (
	partLane      = "lane"
	partSeries    = "series"
	partOperators = "operator/"
)

// document adds what a lane knows itself, as JSON. It is written right away: it is small.
func (f *frozen) document(name string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("BUG: the state of %s is no JSON: %w", name, err)
	}
	f.parts = append(f.parts, frozenPart{name: name, write: func(w io.Writer) error { _, err := w.Write(b); return err }})
	return nil
}

func readDocument(s *snapshot.Snapshot, name string, v any) error {
	b, ok := s.Part(name)
	if !ok {
		return unreadable(s, name, fmt.Errorf("it has no such part"))
	}
	if err := json.Unmarshal(b, v); err != nil {
		return unreadable(s, name, err)
	}
	return nil
}

func unreadable(s *snapshot.Snapshot, part string, err error) error {
	return pipeline.Errorf("state.unreadable", "part %s of the snapshot of lane %s at offset %d cannot be used: %w: an older snapshot is tried; if none can be used, go back to the program that wrote them, or delete them to begin without state", part, s.Lane, s.Position, err)
}

// series adds the lane's table. Series never change, so a view of the present ones is enough.
func (f *frozen) series(t *pipeline.SeriesTable) {
	all := t.All()
	f.parts = append(f.parts, frozenPart{name: partSeries, write: func(w io.Writer) error { return schemas.WriteSeries(w, all) }})
}

func readSeries(s *snapshot.Snapshot, t *pipeline.SeriesTable) error {
	b, ok := s.Part(partSeries)
	if !ok {
		return unreadable(s, partSeries, fmt.Errorf("it has no such part"))
	}
	if err := schemas.ReadSeriesInto(b, t); err != nil {
		return unreadable(s, partSeries, err)
	}
	return nil
}

// freeze adds the states of the chain's operators.
func (c *chain) freeze(f *frozen) error {
	for i := range c.nodes {
		n := &c.nodes[i]
		s, ok := n.op.(pipeline.Snapshotter)
		if !ok {
			continue
		}
		state, err := n.snapshot(s)
		if err != nil {
			return fmt.Errorf("the state of operator %s: %w", n.name, err)
		}
		f.parts = append(f.parts, frozenPart{name: partOperators + n.name, write: state.Write, release: state.Release})
	}
	return nil
}

// restore gives the operators their states back, all at once: a large state is seconds of work. One that the snapshot does not
// know begins empty: it is new.
func (c *chain) restore(s *snapshot.Snapshot, now int64, timed bool) error {
	errs := make([]error, len(c.nodes))
	var all sync.WaitGroup
	for i := range c.nodes {
		n := &c.nodes[i]
		op, ok := n.op.(pipeline.Snapshotter)
		if !ok {
			continue
		}
		b, ok := s.Part(partOperators + n.name)
		if !ok {
			n.env.Logger.Warn("the snapshot knows nothing of this operator, so it begins empty", "lane", s.Lane, "position", s.Position)
			continue
		}
		all.Go(func() {
			if err := n.restore(op, bytes.NewReader(b)); err != nil {
				errs[i] = unreadable(s, partOperators+n.name, err)
			}
		})
	}
	all.Wait()
	c.now, c.timed = now, timed
	return cmp.Or(errs...)
}

// randoms returns the states of the operators' randomness, which go with the lane's own part.
func (c *chain) randoms() map[string][]byte {
	out := map[string][]byte{}
	for i := range c.nodes {
		b, err := c.nodes[i].random.MarshalBinary()
		if err != nil {
			panic("BUG: a generator has no binary form: " + err.Error())
		}
		out[c.nodes[i].name] = b
	}
	return out
}

func (c *chain) setRandoms(states map[string][]byte) error {
	for i := range c.nodes {
		if b, ok := states[c.nodes[i].name]; ok {
			if err := c.nodes[i].random.UnmarshalBinary(b); err != nil {
				return err
			}
		}
	}
	return nil
}

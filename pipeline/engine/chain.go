package engine

import (
	"fmt"
	"math/rand/v2"

	"github.com/homeostat/homeostat/pipeline"
)

// node is one operator of a chain with what the chain needs to know of it.
type node struct {
	component
	op       pipeline.Operator
	watcher  pipeline.Watermarker // nil if it does not act on time
	consumes [pipeline.Events + 1]bool
	revised  bool // it takes windows that were opened again
	env      *pipeline.Env
	random   *rand.PCG // of env
}

// chain is the operators of one lane. A batch of columns that node i emits goes to the nodes after i, at once; a batch
// of events leaves the lane and is queued for all nodes but i.
type chain struct {
	nodes []node
	// touch, if set, is told of each batch that operators get.
	touch func(pipeline.Batch)
	// leave takes the events; it borrows the batch.
	leave func(pipeline.Batch) error
	queue []queued
	now   int64 // 0 until time first moves
	timed bool
}

type queued struct {
	batch  pipeline.Batch
	origin int
}

func (c *chain) open() error {
	for i := range c.nodes {
		if err := c.nodes[i].open(); err != nil {
			return err
		}
	}
	return nil
}

// open makes the operator and opens it.
func (n *node) open() error {
	var err error
	if n.op, err = n.component.make(); err != nil {
		return fmt.Errorf("making operator %s: %w", n.name, err)
	}
	n.watcher, _ = n.op.(pipeline.Watermarker)
	if d, ok := n.op.(interface{ heeds() bool }); ok && d.heeds() {
		n.consumes[pipeline.Events] = true
	}
	if err := n.op.Open(n.env); err != nil {
		return fmt.Errorf("opening operator %s: %w", n.name, err)
	}
	return nil
}

// emitter is what node origin emits to; -1 is the lane's input.
type emitter struct {
	c      *chain
	origin int
}

// Emit implements pipeline.Emitter.
func (e emitter) Emit(b pipeline.Batch) error {
	if b.Kind == pipeline.Events {
		e.c.queue = append(e.c.queue, queued{b, e.origin})
		return nil
	}
	defer b.Release()
	e.c.note(b)
	return e.c.offer(b, e.origin+1, e.origin)
}

// offer passes a batch to the nodes from first on that consume its kind, except origin.
func (c *chain) offer(b pipeline.Batch, first, origin int) error {
	for i := first; i < len(c.nodes); i++ {
		n := &c.nodes[i]
		if i == origin || !n.consumes[b.Kind] || b.Revision > 0 && !n.revised {
			continue
		}
		if err := n.process(b, emitter{c, i}); err != nil {
			return fmt.Errorf("operator %s: %w", n.name, err)
		}
	}
	return nil
}

// note tells of a batch of columns, if anybody wants to know.
func (c *chain) note(b pipeline.Batch) {
	if c.touch != nil {
		c.touch(b)
	}
}

// process feeds one batch, which it takes over.
func (c *chain) process(b pipeline.Batch) error {
	c.note(b)
	err := c.offer(b, 0, -1)
	b.Release()
	if err != nil {
		return err
	}
	return c.circulate()
}

// circulate empties the queue of events. Each leaves the lane once and is offered to all nodes but its maker.
func (c *chain) circulate() error {
	for len(c.queue) > 0 {
		q := c.queue[0]
		c.queue = c.queue[1:]
		err := c.leave(q.batch)
		if err == nil {
			err = c.offer(q.batch, 0, q.origin)
		}
		q.batch.Release()
		if err != nil {
			return err
		}
	}
	c.queue = c.queue[:0]
	return nil
}

// watermark moves the lane's time to t, if that is forward.
func (c *chain) watermark(t int64) error {
	if c.timed && t <= c.now {
		return nil
	}
	c.now, c.timed = t, true
	for i := range c.nodes {
		if c.nodes[i].watcher == nil {
			continue
		}
		if err := c.nodes[i].watermark(t, emitter{c, i}); err != nil {
			return fmt.Errorf("operator %s: %w", c.nodes[i].name, err)
		}
		if err := c.circulate(); err != nil {
			return err
		}
	}
	return nil
}

// close closes all operators, whatever happened to them.
func (c *chain) close() error {
	for _, q := range c.queue {
		q.batch.Release()
	}
	c.queue = nil
	var first error
	for i := range c.nodes {
		if err := c.nodes[i].close(); err != nil && first == nil {
			first = fmt.Errorf("closing operator %s: %w", c.nodes[i].name, err)
		}
	}
	return first
}

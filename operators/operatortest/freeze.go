package operatortest

import (
	"bytes"
	"errors"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// border is between two inputs: there the variants save the operator's state.
func (d *driver) border() error {
	switch {
	case d.restore:
		return d.replace()
	case d.freeze:
		if d.borders++; !d.threads || (d.borders-1)%d.every == 0 {
			return d.keep()
		}
	case d.evict:
		return d.leave()
	}
	return nil
}

// replace saves the operator's state and goes on with a new operator that restored it.
func (d *driver) replace() error {
	saved, err := snapshot(d.op)
	if err != nil {
		return err
	}
	next := d.make(d.t)
	if err := next.Open(d.env); err != nil {
		return err
	}
	if err := next.(pipeline.Snapshotter).Restore(bytes.NewReader(saved)); err != nil {
		return err
	}
	again, err := snapshot(next)
	if err != nil {
		return err
	}
	if !bytes.Equal(saved, again) {
		d.t.Errorf("%s: the snapshot of a restored state differs from what was restored", d.name)
	}
	if err := d.op.Close(); err != nil {
		return err
	}
	d.op = next
	d.out.follow(next)
	return nil
}

// strange is the metric of the series that come and go.
const strange = "operatortest.strange"

// leave evicts the strange series: a new operator goes on with what the snapshot says of the others, which have other ordinals
// then.
func (d *driver) leave() error {
	held := map[uint32]bool{}
	if h, ok := d.op.(pipeline.Holder); ok {
		h.Hold(func(s uint32) { held[s] = true })
	}
	// One in eight, so that some go when there is much to remember of the others.
	table, to := d.table.Without(func(s uint32) bool { return d.table.At(s).Metric == strange && !held[s] && d.rand.IntN(8) == 0 })
	if table.Len() == d.table.Len() {
		return nil
	}
	saved, err := snapshot(d.op)
	if err != nil {
		return err
	}
	var renumbered bytes.Buffer
	if err := state.Renumber(&renumbered, bytes.NewReader(saved), to); err != nil {
		return err
	}
	for i, s := range d.ord {
		d.ord[i] = to[s]
	}
	d.table, d.out.Series = table, table
	env := *d.env
	env.Series = table
	d.env = &env
	next := d.make(d.t)
	if err := next.Open(d.env); err != nil {
		return err
	}
	if err := next.(pipeline.Snapshotter).Restore(&renumbered); err != nil {
		return err
	}
	if err := d.op.Close(); err != nil {
		return err
	}
	d.op = next
	d.out.follow(next)
	return nil
}

// snapshot freezes an operator's state and writes it at once.
func snapshot(op pipeline.Operator) ([]byte, error) {
	f, err := op.(pipeline.Snapshotter).Snapshot()
	if err != nil {
		return nil, err
	}
	defer f.Release()
	var b bytes.Buffer
	err = f.Write(&b)
	return b.Bytes(), err
}

// kept is one state that was frozen several times: one was written at once, one is being written while the operator
// goes on, and one will be written after that.
type kept struct {
	now         []byte // nil: only the two others are compared
	during      pipeline.Frozen
	later       pipeline.Frozen
	writtenThen bytes.Buffer
	done        chan error
}

// keep freezes the state four times at once, and checks what was frozen at the border before. One freeze is given up at
// once, unwritten. Where only threads matter, it freezes twice: to write while the operator goes on, and after that.
func (d *driver) keep() error {
	if err := d.settle(); err != nil {
		return err
	}
	op := d.op.(pipeline.Snapshotter)
	k := &kept{done: make(chan error, 1)}
	var unwritten pipeline.Frozen
	var err error
	if !d.threads {
		if unwritten, err = op.Snapshot(); err != nil {
			return err
		}
	}
	if k.during, err = op.Snapshot(); err == nil {
		k.later, err = op.Snapshot()
	}
	if err != nil {
		return err
	}
	if !d.threads {
		unwritten.Release()
		unwritten.Release()
		if k.now, err = snapshot(d.op); err != nil {
			return err
		}
	}
	d.kept = k
	go func() {
		defer k.during.Release()
		k.done <- k.during.Write(&k.writtenThen)
	}()
	return nil
}

// settle writes what was frozen at the last border and compares. The operator may have been closed since.
func (d *driver) settle() error {
	k := d.kept
	if k == nil {
		return nil
	}
	d.kept = nil
	var late bytes.Buffer
	err := errors.Join(<-k.done, k.later.Write(&late))
	k.later.Release()
	if err == nil && k.now == nil {
		k.now = late.Bytes()
	}
	if err == nil && !bytes.Equal(k.now, k.writtenThen.Bytes()) {
		d.t.Errorf("%s: a frozen state changed while it was written and the operator went on", d.name)
	}
	if err == nil && !bytes.Equal(k.now, late.Bytes()) {
		d.t.Errorf("%s: a frozen state that is written after the operator went on differs from the one that was written at once", d.name)
	}
	return err
}

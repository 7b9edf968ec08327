package engine

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// detection is the rear of a lane that detects: its operators, and the encoder of the events that leave them.
type detection struct {
	*surroundings
	*chain
	out        Output
	events     string // topic
	partitions int    // of the events topic
	nothing    []byte // the body of a window.v1 without rows
}

// newDetection makes the rear of the lane of that name.
func (s *surroundings) newDetection(name string, series *residence, account *ledger, now func() int64, components []component, events string, partitions int) (*detection, error) {
	d := &detection{surroundings: s, out: s.newOutput(), events: events, partitions: partitions}
	if err := d.out.Open(context.Background(), s.env(name, "out", now, account.lose)); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the output of lane %s: %w", name, err), d.out.Close())
	}
	var err error
	if d.nothing, err = emptyWindows(s.allocator); err == nil {
		d.chain, err = s.newChain(name, account, series, components, d.leave)
	}
	if err != nil {
		return nil, errors.Join(err, d.out.Close())
	}
	return d, nil
}

func emptyWindows(mem pipeline.Allocator) ([]byte, error) {
	b := array.NewRecordBuilder(mem, pipeline.Windows.Schema())
	defer b.Release()
	rec := b.NewRecord()
	defer rec.Release()
	return schemas.EncodeWindows(mem, pipeline.Batch{Kind: pipeline.Windows, Record: rec}, nil)
}

// feed implements rear, with what the chain has.
func (d *detection) feed(b pipeline.Batch) error { return d.chain.process(b) }

// follow implements rear.
func (d *detection) follow(series *residence, to []uint32) error {
	return d.renumber(series.table, to)
}

// leave implements rear.
func (d *detection) leave(b pipeline.Batch) error { return d.out.Write(context.Background(), b) }

// collect implements rear.
func (d *detection) collect(at pipeline.Position) []broker.Message {
	return d.fitting(pipeline.Detect, at, d.out.Take())
}

// tell implements rear: every partition of the events topic hears the lane's time.
func (d *detection) tell(lane string, mark int64) []broker.Message {
	text, at := markText(mark)
	messages := make([]broker.Message, d.partitions)
	for p := range d.partitions {
		e := schemas.Event{
			ID:     pipeline.ID(d.pipeline, "time", lane, text, strconv.Itoa(p)),
			Source: "/homeostat/" + d.pipeline + "/time", Type: schemas.TypeWindow, Time: at, Subject: lane, Content: schemas.ContentArrow,
		}
		hs := append(e.Headers(0), timeHeaders(lane, text, d.lanes.Load().events)...)
		messages[p] = broker.Message{Topic: d.events, Partition: int32(p), Key: []byte(lane), Value: d.nothing, Headers: hs}
	}
	return messages
}

func markText(mark int64) (text string, at int64) {
	if mark == unknownTime {
		return "", 0
	}
	return strconv.FormatInt(mark, 10), mark
}

// close implements rear.
func (d *detection) close() error {
	err := d.chain.close()
	if e := d.out.Close(); e != nil {
		err = errors.Join(err, fmt.Errorf("closing the output: %w", e))
	}
	return err
}

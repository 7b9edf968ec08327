package engine

import (
	"github.com/homeostat/homeostat/pipeline"
)

// replay is what a lane has to process again, silently, between its snapshot and its committed position: the same
// records, and what it took from the clock at the offsets where it did.
type replay struct {
	at    int64 // position reached
	until int64 // the committed position, where the lane goes live
	clock []clockRecord
}

// beginReplay makes the lane process what is between its snapshot's position and the committed one without effect.
// It belongs before run.
func (r *laneRun) beginReplay(from int64, clock []clockRecord) error {
	for len(clock) > 0 && clock[0].Offset < from {
		clock = clock[1:] // the snapshot knows it
	}
	r.replayed = &replay{at: from, until: r.done.next, clock: clock}
	r.live.Store(false)
	if from != r.done.next {
		r.changes++
	}
	r.lane.replay(true)
	return r.hearClock()
}

// from is where fetching begins: the position, or that of the snapshot which a replay begins at.
func (r *laneRun) from() int64 {
	if r.replayed != nil {
		return r.replayed.at
	}
	return r.position()
}

// replay processes what of an input lies before the lane's committed position. rest says whether something is left that is new,
// and in is that; otherwise the input is given back.
func (r *laneRun) replay(in pipeline.Input) (_ pipeline.Input, rest bool, err error) {
	if r.replayed == nil {
		return in, true, nil
	}
	for r.replayed != nil && r.replayed.at < in.Next {
		if err := r.replayPart(&in); err != nil {
			in.Release()
			return in, false, err
		}
	}
	if r.replayed != nil || len(in.Records) == 0 && in.Lost == "" {
		in.Release()
		return in, false, nil
	}
	return in, true, nil
}

// replayPart takes from an input what lies before the next moment at which the clock came in, or before the end.
func (r *laneRun) replayPart(in *pipeline.Input) error {
	p := r.replayed
	to := min(in.Next, p.until)
	if len(p.clock) > 0 {
		to = min(to, p.clock[0].Offset)
	}
	n := 0
	for n < len(in.Records) && in.Records[n].Offset < to {
		n++
	}
	part := *in
	part.Records, part.Next, part.CaughtUp, part.Release = in.Records[:n], to, false, func() {}
	in.Records = in.Records[n:]
	switch {
	case in.Lost != "":
		part.LostRecords = min(in.LostRecords, to-p.at)
		in.LostRecords -= part.LostRecords
		if in.LostRecords == 0 {
			in.Lost = ""
		}
		r.lane.lose(part.Lost, part.LostRecords)
	case n > 0:
		if err := r.lane.process(part); err != nil {
			return err
		}
	}
	r.discard()
	p.at = to
	return r.hearClock()
}

// discard throws away what the lane wrote: it was written before.
func (r *laneRun) discard() {
	r.lane.take()
	takeRows(r.lane)
}

// hearClock moves time where the clock moved it before, and ends the replay at the committed position.
func (r *laneRun) hearClock() error {
	p := r.replayed
	for len(p.clock) > 0 && p.clock[0].Offset <= p.at {
		if err := r.lane.hearClock(p.clock[0].mark()); err != nil {
			return err
		}
		r.discard()
		p.clock = p.clock[1:]
	}
	if p.at < p.until {
		return nil
	}
	r.replayed = nil
	r.lane.replay(false)
	r.live.Store(true)
	return nil
}

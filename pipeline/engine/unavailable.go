package engine

import (
	"context"
	"errors"
	"time"

	"github.com/homeostat/homeostat/pipeline"
)

// A codec may need something outside to read a record: a schema registry. While that can't be reached, nobody knows whether the
// record is good, so it is no dead letter: the lane waits and asks again, for as long as it takes, and its partition waits with it.

// The pauses between two tries double from the first to the last. A wait is told when it begins, and again after each reminder.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
	reminder   = time.Minute
)

// decodePatiently decodes a record, and waits while its codec says that it can't be done now. refused is why the record is not to be
// used; err ends the lane, which has been told to end, or has nobody who could end its waiting.
func (l *detectLane) decodePatiently(rec *pipeline.Record) (refused, err error) {
	var waited, told time.Duration
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		refused = l.decodeRecord(rec)
		if refused == nil && waited == 0 {
			return nil, nil
		}
		if !errors.As(refused, new(*pipeline.Unavailable)) {
			break
		}
		l.cols.Rollback()
		clear(l.cols.Lost)
		if l.rest == nil {
			return nil, refused
		}
		if waited == 0 || waited-told >= reminder {
			told = waited
			l.logger.Warn("a lane waits: its codec cannot tell now what a record is", "lane", l.name, "source", l.in.source,
				"partition", rec.Partition, "offset", rec.Offset, "waited", waited.String(), "error", refused)
		}
		if !l.rest(pause) {
			return nil, refused
		}
		waited += pause
		l.metrics.Counter("decode_wait_seconds_total", "Time for which lanes waited because the codec of their source could not reach what it needs, by the error's code.", "source", "code").
			WithLabelValues(l.in.source, pipeline.Code(refused)).Add(pause.Seconds())
	}
	if waited > 0 {
		l.logger.Info("a lane goes on: its codec has what it needs", "lane", l.name, "source", l.in.source, "waited", waited.String())
	}
	return refused, nil
}

// restBy says how the lane waits: rest returns after a time, or false once the lane has to end.
func (l *detectLane) restBy(rest func(time.Duration) bool) { l.rest = rest }

// letRest tells the lane how to wait for something outside of the pipeline, until ctx ends.
func (r *laneRun) letRest(ctx context.Context) {
	r.work.Lock()
	defer r.work.Unlock()
	if l, ok := r.lane.(interface {
		restBy(func(time.Duration) bool)
	}); ok {
		l.restBy(func(d time.Duration) bool { return r.rest(ctx, d) })
	}
}

// rest waits, and says whether the lane may go on. A lane that waits for something outside is not stuck: to end the process would not
// help it.
func (r *laneRun) rest(ctx context.Context, d time.Duration) bool {
	r.busySince.Store(0)
	defer func() { r.busySince.Store(int64(time.Since(processStart)) + 1) }()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

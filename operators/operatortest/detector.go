package operatortest

import (
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/engine"
)

// detector lets the kit drive a pipeline.Detector as an operator.
type detector struct {
	pipeline.Detector
	found []pipeline.Finding
	tell  func(pipeline.Finding)
	score func(start, end int64, s pipeline.Score)
	// over is until when windows are complete, as a pipeline.Concluder was told last.
	over int64
}

type statefulDetector struct {
	*detector
	pipeline.Snapshotter
}

func adapt(d pipeline.Detector) pipeline.Operator {
	op := &detector{Detector: d, over: math.MinInt64}
	if s, ok := d.(pipeline.Snapshotter); ok {
		return &statefulDetector{op, s}
	}
	return op
}

// Process implements pipeline.Operator.
func (d *detector) Process(b pipeline.Batch, _ pipeline.Emitter) error {
	w := engine.WindowOf(b)
	var err error
	d.found, err = d.Detect(&w, d.found[:0])
	if err == nil {
		err = d.overdue()
	}
	d.report(w.Start, w.End)
	return err
}

// overdue complains of findings that come with the rows of a window although Conclude could have told them: they are of one that was over.
func (d *detector) overdue() error {
	for _, f := range d.found {
		if f.End <= d.over {
			return fmt.Errorf("the finding of the window that ends at %s comes with rows of another, after Conclude was told of %s", clock(f.End), clock(d.over))
		}
	}
	return nil
}

// Watermark implements pipeline.Watermarker.
func (d *detector) Watermark(t int64, _ pipeline.Emitter) error {
	c, ok := d.Detector.(pipeline.Concluder)
	if !ok {
		return nil
	}
	var err error
	d.found, err = c.Conclude(t, d.found[:0])
	d.over = t
	d.report(0, 0)
	return err
}

// report tells what was found, and each row's score behind what was found in it: so the order is that of rows, however they were cut
// into batches.
func (d *detector) report(start, end int64) {
	if c, ok := d.Detector.(pipeline.Concluder); ok {
		start, end = c.Judged()
	}
	var scores []pipeline.Score
	if s, ok := d.Detector.(pipeline.Scorer); ok {
		scores = s.Scores()
	}
	for _, f := range d.found {
		if row := slices.IndexFunc(scores, func(s pipeline.Score) bool { return s.Series == f.Series }); row > 0 {
			for _, s := range scores[:row] {
				d.score(start, end, s)
			}
			scores = scores[row:]
		}
		d.tell(f)
	}
	for _, s := range scores {
		d.score(start, end, s)
	}
}

// Hold implements pipeline.Holder.
func (d *detector) Hold(hold func(uint32)) {
	if h, ok := d.Detector.(pipeline.Holder); ok {
		h.Hold(hold)
	}
}

// Close implements pipeline.Operator.
func (d *detector) Close() error {
	if c, ok := d.Detector.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

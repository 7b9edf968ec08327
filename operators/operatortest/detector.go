package operatortest

import (
	"io"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/homeostat/homeostat/pipeline"
)

// detector lets the kit drive a pipeline.Detector as an operator.
type detector struct {
	pipeline.Detector
	found []pipeline.Finding
	tell  func(pipeline.Finding)
}

type statefulDetector struct {
	*detector
	pipeline.Snapshotter
}

func adapt(d pipeline.Detector) pipeline.Operator {
	op := &detector{Detector: d}
	if s, ok := d.(pipeline.Snapshotter); ok {
		return &statefulDetector{op, s}
	}
	return op
}

// Process implements pipeline.Operator.
func (d *detector) Process(b pipeline.Batch, _ pipeline.Emitter) error {
	w := windowOf(b)
	var err error
	d.found, err = d.Detect(&w, d.found[:0])
	for _, f := range d.found {
		d.tell(f)
	}
	return err
}

// Close implements pipeline.Operator.
func (d *detector) Close() error {
	if c, ok := d.Detector.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// windowOf returns a batch's columns, borrowed from it. The batch has at least one row.
func windowOf(b pipeline.Batch) pipeline.Window {
	f64 := func(col int) []float64 { return b.Record.Column(col).(*array.Float64).Float64Values() }
	i64 := func(col int) []int64 { return b.Record.Column(col).(*array.Int64).Int64Values() }
	return pipeline.Window{
		Start: i64(pipeline.WindowStart)[0], End: i64(pipeline.WindowEnd)[0],
		Series: b.Record.Column(pipeline.WindowSeries).(*array.Uint32).Uint32Values(),
		Count:  i64(pipeline.WindowCount),
		Sum:    f64(pipeline.WindowSum), Min: f64(pipeline.WindowMin), Max: f64(pipeline.WindowMax), Last: f64(pipeline.WindowLast),
		Table: b.Series,
	}
}

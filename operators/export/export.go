// Package export writes closed windows as plain JSON records to a topic of its own, for those who read no CloudEvents: one record a
// series and window, in the transaction of the positions it follows from, so each is there once.
//
//	{"name":"http.server.duration","unit":"ms","entity":"host-7","system":"shop","labels":{"host":"host-7","status":"200"},
//	 "window_start":1790000000000,"window_end":1790000010000,"count":10,"sum":1234.5,"min":98.1,"max":140.7,"avg":123.45,"last":120.3}
//
// Times are Unix milliseconds; avg is sum / count; what sum means for each type of series is said in package window. type is there for
// all types but gauge, unit where it is known. With flat the labels stand beside the other members, and one whose name is taken
// as label.NAME; labels chooses some and names them anew. A number that JSON can't write is null.
//
// A window that was opened again for late rows is written again, with "revision", which takes the place of what was said of it.
// The records have the headers of a CloudEvent beside it: an id that is the same when a record is written again, and the
// entity, which is the record's key, so that the records of a series stay in order.
package export

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/homeostat/homeostat/operators/choose"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

const name = "export"

// columns are the numbers of a record that where may ask for.
var columns = []string{"count", "sum", "min", "max", "avg", "last"}

const (
	countColumn = iota
	sumColumn
	minColumn
	maxColumn
	avgColumn
	lastColumn
)

// Spec describes the operator.
func Spec() pipeline.Spec {
	return pipeline.Spec{
		Name: name, Version: 1, Stage: pipeline.Detect, Topic: "topic",
		Doc:      "Writes closed windows as plain JSON records to a topic of its own.",
		Consumes: []pipeline.Kind{pipeline.Windows}, Emits: []pipeline.Kind{pipeline.Events},
		Accepts: pipeline.Accepts{Overlapping: true, Irregular: true, Revised: true},
		Settings: []pipeline.Setting{
			{Name: "topic", Type: pipeline.String, Required: true, Doc: "The topic; it is made if it is not there.", Example: "alerts"},
			{Name: "series", Type: pipeline.List, Doc: "The series whose windows are written; without it all are.", Example: "[{metric: http.*}]",
				Fields: []pipeline.Setting{{Type: pipeline.Object, Fields: choose.Selector()}}},
			{Name: "where", Type: pipeline.List, Doc: "What has to hold of a window; all of it. Without it all windows are written.", Example: "[{column: avg, above: 500}]",
				Fields: []pipeline.Setting{{Type: pipeline.Object, Fields: []pipeline.Setting{
					{Name: "column", Type: pipeline.String, Required: true, Enum: columns, Doc: "The number that is looked at.", Example: "avg"},
					{Name: "above", Type: pipeline.Float, Doc: "It has to be greater.", Example: "500"},
					{Name: "below", Type: pipeline.Float, Doc: "It has to be less.", Example: "0.5"},
				}}}},
			{Name: "labels", Type: pipeline.Map, Fields: []pipeline.Setting{{Type: pipeline.String}},
				Doc: "The labels that are written, under the names they get; without it all are, under their own.", Example: "{host: host.name, status: http.response.status_code}"},
			{Name: "flat", Type: pipeline.Bool, Default: false, Doc: "Labels stand beside the other members, not in an object.", Example: "true"},
		},
	}
}

// Register adds the operator to the registry.
func Register(r *pipeline.Registry) { r.AddOperator(Spec(), New) }

// condition is what has to hold of a column.
type condition struct {
	column       int
	above, below float64
}

// Exporter is the operator. It has no state.
type Exporter struct {
	env    *pipeline.Env
	chosen []pipeline.Selector
	where  []condition
	flat   bool
	names  []naming // of the labels that are written; nil: all, under their own names
	// Of the record that is written: its labels if they have other names.
	renames []pipeline.Label
	written pipeline.Labels
	// goes says of each series, by ordinal, whether it is chosen: 0 was not looked at, 1 is not, 2 is.
	goes []uint8
}

// New makes the operator.
func New(s pipeline.Settings) (pipeline.Operator, error) {
	x := &Exporter{flat: s.Bool("flat")}
	if s.Has("labels") {
		x.names = namings(s.TextMap("labels"))
	}
	if topic := s.Text("topic"); !pipeline.IsTopicName(topic) {
		return nil, &pipeline.SettingFault{Path: "topic", Err: pipeline.Errorf("export.topic.name", "%q is no name of a topic: use up to 249 of a-z, A-Z, 0-9, '.', '_' and '-'", topic)}
	}
	for i, o := range s.Objects("series") {
		sel, err := choose.Read(fmt.Sprintf("series[%d]", i), o)
		if err != nil {
			return nil, err
		}
		x.chosen = append(x.chosen, sel)
	}
	for i, o := range s.Objects("where") {
		c := condition{column: slices.Index(columns, o.Text("column")), above: math.Inf(-1), below: math.Inf(1)}
		if o.Has("above") {
			c.above = o.Float("above")
		}
		if o.Has("below") {
			c.below = o.Float("below")
		}
		if !o.Has("above") && !o.Has("below") || c.above >= c.below {
			return nil, &pipeline.SettingFault{Path: fmt.Sprintf("where[%d]", i), Err: pipeline.Errorf("export.where.bounds", "column %s has no number that is above %v and below %v: give above, below, or both with room between", o.Text("column"), c.above, c.below)}
		}
		x.where = append(x.where, c)
	}
	return x, nil
}

// Open implements pipeline.Operator.
func (x *Exporter) Open(env *pipeline.Env) error {
	x.env = env
	return nil
}

// Close implements pipeline.Operator.
func (x *Exporter) Close() error { return nil }

// row is the numbers of a window's row, by column.
type row [lastColumn + 1]float64

// Process implements pipeline.Operator.
func (x *Exporter) Process(b pipeline.Batch, out pipeline.Emitter) error {
	if b.Rows() == 0 {
		return nil
	}
	c := columnsOf(b)
	var events []schemas.Event
	for i, series := range c.series {
		if !x.chooses(series) {
			continue
		}
		if r := c.row(i); x.holds(&r) {
			events = append(events, x.event(x.env.Series.At(series), c.start[i], c.end[i], b.Revision, c.count[i], &r))
		}
	}
	if len(events) == 0 {
		return nil
	}
	batch := schemas.NewEvents(x.env.Allocator, events)
	batch.Position = b.Position
	return out.Emit(batch)
}

// chooses tells whether the windows of a series are written.
func (x *Exporter) chooses(series uint32) bool {
	if len(x.chosen) == 0 {
		return true
	}
	for int(series) >= len(x.goes) {
		x.goes = append(x.goes, 0)
	}
	if x.goes[series] == 0 {
		x.goes[series] = 1
		for _, sel := range x.chosen {
			if sel.Match(x.env.Series.At(series)) {
				x.goes[series] = 2
			}
		}
	}
	return x.goes[series] == 2
}

func (x *Exporter) holds(r *row) bool {
	for _, c := range x.where {
		if v := r[c.column]; !(v > c.above && v < c.below) {
			return false
		}
	}
	return true
}

// event makes the record of a row.
func (x *Exporter) event(s *pipeline.Series, start, end, revision, count int64, r *row) schemas.Event {
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	e := schemas.Event{
		ID:     x.env.ID("window", s.Key(), number(start), number(end), number(revision)),
		Source: schemas.Source(x.env), Type: schemas.TypeExport, Time: end, Revision: revision,
		Subject: s.Entity, System: s.System, Key: s.Entity, Content: schemas.ContentJSON,
		Data: x.data(s, start, end, revision, count, r),
	}
	if revision > 0 {
		e.Time = max(e.Time, x.env.Now())
	}
	return e
}

package main

import (
	"fmt"
	"math"
	"slices"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// expected is what has to come of a load. It is made from the rows as they are written, by code that shares nothing with the engine's.
type expected struct {
	windows  map[place]*cell
	rows     int64 // all of them
	lateRows int64 // those whose window was closed
	late     int   // records that have such rows
}

// place names a window of a series.
type place struct {
	series int
	start  int64
}

// cell is a window. The sum is exact.
type cell struct {
	count               int64
	sum, min, max, last amount
	lastTime            int64
}

func newExpected() *expected { return &expected{windows: map[place]*cell{}} }

func (e *expected) add(series int, t int64, v amount) {
	at := place{series, t - t%window}
	c := e.windows[at]
	if c == nil {
		c = &cell{min: math.MaxInt64, lastTime: math.MinInt64}
		e.windows[at] = c
	}
	c.count++
	c.sum += v
	c.min, c.max = min(c.min, v), max(c.max, v)
	// Of equal times the greater value is the last.
	if t > c.lastTime || t == c.lastTime && v > c.last {
		c.last, c.lastTime = v, t
	}
}

// raised is how many windows have a mean above 500: those that an alarm on the mean would tell of.
func (e *expected) raised() (n int) {
	for _, c := range e.windows {
		if c.sum.float()/float64(c.count) > 500 {
			n++
		}
	}
	return n
}

// found is what a run's windows and dead letters are, held against what is expected.
type found struct {
	windows, late             int
	wrong, missing, extra     int // windows
	repeated, unreadable, odd int // windows, records, dead letters
	examples                  []string
}

func (f *found) bad() int { return f.wrong + f.missing + f.extra + f.repeated + f.unreadable + f.odd }

func (f *found) show(format string, args ...any) {
	if len(f.examples) < 8 {
		f.examples = append(f.examples, fmt.Sprintf(format, args...))
	}
}

// checker reads a run's outputs.
type checker struct {
	*expected
	names map[string]int
	seen  map[place]bool
	found found
}

func newChecker(l *load, e *expected) *checker {
	return &checker{expected: e, names: l.seriesNames(), seen: map[place]bool{}}
}

// add takes a record of the topics of events and dead letters.
func (c *checker) add(r *kgo.Record) {
	var typ, reason string
	for _, h := range r.Headers {
		switch h.Key {
		case schemas.HeaderType:
			typ = string(h.Value)
		case "hs-reason":
			reason = string(h.Value)
		}
	}
	switch {
	case reason == "late":
		c.found.late++
	case reason != "":
		c.found.odd++
		c.found.show("a dead letter at %s/%d@%d: %s", r.Topic, r.Partition, r.Offset, reason)
	case typ == schemas.TypeWindow:
		c.windows(r)
	}
}

// windows compares the windows of one event.
func (c *checker) windows(r *kgo.Record) {
	table := pipeline.NewSeriesTable(nil, 0)
	b, err := schemas.DecodeWindows(memory.NewGoAllocator(), r.Value, table)
	if err != nil {
		c.found.unreadable++
		c.found.show("%s/%d@%d: %v", r.Topic, r.Partition, r.Offset, err)
		return
	}
	defer b.Release()
	i64 := func(column, i int) int64 { return b.Record.Column(column).(*array.Int64).Value(i) }
	f64 := func(column, i int) float64 { return b.Record.Column(column).(*array.Float64).Value(i) }
	for i, s := range b.Record.Column(pipeline.WindowSeries).(*array.Uint32).Uint32Values() {
		c.found.windows++
		key, start := table.At(s).Key(), i64(pipeline.WindowStart, i)
		series, known := c.names[key]
		at := place{series, start}
		want := c.expected.windows[at]
		what := fmt.Sprintf("window %s of %s at %s/%d@%d", schemas.FormatTime(start), key, r.Topic, r.Partition, r.Offset)
		switch {
		case !known || want == nil || i64(pipeline.WindowEnd, i) != start+window:
			c.found.extra++
			c.found.show("%s is none that is expected", what)
			continue
		case c.seen[at]:
			c.found.repeated++
			c.found.show("%s came again", what)
		}
		c.seen[at] = true
		got := [...]float64{float64(i64(pipeline.WindowCount, i)), f64(pipeline.WindowSum, i), f64(pipeline.WindowMin, i), f64(pipeline.WindowMax, i), f64(pipeline.WindowLast, i)}
		if right := want.numbers(); got != right {
			c.found.wrong++
			c.found.show("%s has count, sum, min, max and last %v, not %v", what, got, right)
		}
	}
}

// numbers are count, sum, min, max and last; the sum is rounded once. They are compared to the last bit.
func (c *cell) numbers() [5]float64 {
	return [...]float64{float64(c.count), c.sum.float(), c.min.float(), c.max.float(), c.last.float()}
}

// over says what a run came to, when all its outputs were taken.
func (c *checker) over() *found {
	var missing []place
	for at := range c.expected.windows {
		if !c.seen[at] {
			missing = append(missing, at)
		}
	}
	c.found.missing = len(missing)
	slices.SortFunc(missing, func(a, b place) int { return int(a.start - b.start) })
	if len(missing) > 0 {
		c.found.show("the first window that is missing is that of series %d at %s", missing[0].series, schemas.FormatTime(missing[0].start))
	}
	if c.found.late != c.expected.late {
		c.found.odd += max(c.found.late-c.expected.late, c.expected.late-c.found.late)
		c.found.show("%d records with late rows became dead letters, not %d", c.found.late, c.expected.late)
	}
	return &c.found
}

package export

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// taken are the members that a record may have beside labels.
var taken = map[string]bool{"name": true, "unit": true, "type": true, "entity": true, "system": true, "labels": true,
	"window_start": true, "window_end": true, "count": true, "sum": true, "min": true, "max": true, "avg": true, "last": true, "revision": true}

// table is the columns of a batch of windows, borrowed from it.
type table struct {
	series            []uint32
	start, end, count []int64
	numbers           [4][]float64 // sum, min, max, last
}

func columnsOf(b pipeline.Batch) table {
	f64 := func(i int) []float64 { return b.Record.Column(i).(*array.Float64).Float64Values() }
	i64 := func(i int) []int64 { return b.Record.Column(i).(*array.Int64).Int64Values() }
	return table{
		series: b.Record.Column(pipeline.WindowSeries).(*array.Uint32).Uint32Values(),
		start:  i64(pipeline.WindowStart), end: i64(pipeline.WindowEnd), count: i64(pipeline.WindowCount),
		numbers: [4][]float64{f64(pipeline.WindowSum), f64(pipeline.WindowMin), f64(pipeline.WindowMax), f64(pipeline.WindowLast)},
	}
}

// row returns the numbers of a row.
func (t *table) row(i int) row {
	count := float64(t.count[i])
	return row{countColumn: count, sumColumn: t.numbers[0][i], minColumn: t.numbers[1][i], maxColumn: t.numbers[2][i], avgColumn: t.numbers[0][i] / count, lastColumn: t.numbers[3][i]}
}

// data writes a record's value.
func (x *Exporter) data(s *pipeline.Series, start, end, revision, count int64, r *row) []byte {
	b := append(make([]byte, 0, 512), '{')
	b = member(b, "name", s.Metric)
	if s.Unit != "" {
		b = member(b, "unit", s.Unit)
	}
	if s.Type != pipeline.Gauge {
		b = member(b, "type", s.Type.String())
	}
	b = member(member(b, "entity", s.Entity), "system", s.System)
	b = x.labels(b, s.Labels)
	b = whole(b, "window_start", start/int64(time.Millisecond))
	b = whole(b, "window_end", end/int64(time.Millisecond))
	b = whole(b, "count", count)
	for _, c := range [...]int{sumColumn, minColumn, maxColumn, avgColumn, lastColumn} {
		b = decimal(b, columns[c], r[c])
	}
	if revision > 0 {
		b = whole(b, "revision", revision)
	}
	return append(b, '}')
}

// naming is a label and the name that a record has it under.
type naming struct{ as, label string }

// namings are those of the setting labels, in order of the names that they get.
func namings(given map[string]string) []naming {
	list := make([]naming, 0, len(given))
	for _, as := range slices.Sorted(maps.Keys(given)) {
		list = append(list, naming{as, given[as]})
	}
	return list
}

// renamed returns the labels that are written until the next are, sorted by name. Absent ones are not.
func (x *Exporter) renamed(labels pipeline.Labels) pipeline.Labels {
	if x.names == nil {
		return labels
	}
	x.renames, x.written = slices.Grow(x.renames[:0], len(x.names)), x.written[:0]
	for _, n := range x.names {
		if v := labels.Get(n.label); v != "" {
			x.renames = append(x.renames, pipeline.Label{Name: n.as, Value: v})
			x.written = append(x.written, &x.renames[len(x.renames)-1])
		}
	}
	return x.written
}

// labels writes the labels.
func (x *Exporter) labels(b []byte, labels pipeline.Labels) []byte {
	labels = x.renamed(labels)
	if x.flat {
		for _, l := range labels {
			name := l.Name
			for taken[name] || name != l.Name && labels.Get(name) != "" {
				name = "label." + name
			}
			b = member(b, name, l.Value)
		}
		return b
	}
	b = append(key(b, "labels"), '{')
	for _, l := range labels {
		b = member(b, l.Name, l.Value)
	}
	return append(b, '}')
}

func key(b []byte, name string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	return append(schemas.AppendText(b, name), ':')
}

func member(b []byte, name, value string) []byte { return schemas.AppendText(key(b, name), value) }

func whole(b []byte, name string, v int64) []byte { return strconv.AppendInt(key(b, name), v, 10) }

func decimal(b []byte, name string, v float64) []byte {
	if b = key(b, name); math.IsNaN(v) || math.IsInf(v, 0) {
		return append(b, "null"...)
	}
	return strconv.AppendFloat(b, v, 'g', -1, 64)
}

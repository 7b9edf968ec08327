package file

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
)

// Source reads the files. It implements pipeline.Source; its batches are of kind Points.
type Source struct {
	root             string
	paths            []string
	zone             pipeline.Settings
	comma            byte
	reorder, maxFile int64
	maxLine          int
	rules            layoutRules

	env     *pipeline.Env
	table   *pipeline.SeriesTable
	cols    *pipeline.Columns
	readers []*reader
	merge   merge
	series  []map[string][]int64 // by file: key → ordinal of each value column, unknown or refused
	next    int64                // position
	full    bool                 // whether the table has refused a series
}

const (
	batchRows = 8192
	unknown   = -1
	refused   = -2
	// maxKeys bounds the series that are remembered of a file; those forgotten are interned again.
	maxKeys = 1 << 20
)

// Open implements pipeline.Source: it opens all files and reads their headers.
func (s *Source) Open(_ context.Context, env *pipeline.Env, table *pipeline.SeriesTable) error {
	s.env, s.table, s.cols = env, table, pipeline.NewColumns(table)
	var headers [][]string
	for _, pattern := range s.paths {
		dir, pattern := base(s.root, pattern)
		found, err := s.openAll(dir, pattern)
		if err != nil {
			return errors.Join(err, s.Close())
		}
		if found == 0 {
			return errors.Join(nothing(dir, pattern), s.Close())
		}
	}
	slices.SortFunc(s.readers, func(a, b *reader) int { return cmp.Or(strings.Compare(a.path, b.path), strings.Compare(a.dir, b.dir)) })
	for i, r := range s.readers {
		r.order = i
		headers = append(headers, r.header)
		s.series = append(s.series, map[string][]int64{})
	}
	if column := s.rules.unused(headers); column != "" && !s.rules.long {
		return errors.Join(pipeline.Errorf("file.metrics.unknown", "no file has the column %q, which metrics names: the columns of %s are %s", column, s.readers[0].path, list(headers[0])), s.Close())
	}
	for _, r := range s.readers {
		if err := s.advance(r); err != nil {
			return errors.Join(err, s.Close())
		}
	}
	return nil
}

// openAll opens the files that fit a glob and are not open yet.
func (s *Source) openAll(dir, pattern string) (found int, err error) {
	fsys := os.DirFS(dir)
	paths, err := fitting(fsys, pattern)
	for _, path := range paths {
		if slices.ContainsFunc(s.readers, func(r *reader) bool { return r.path == path && r.dir == dir }) {
			continue
		}
		r, err := s.open(fsys, path, s.env.Logger, s.env.Lose)
		if err != nil {
			return len(paths), err
		}
		r.dir = dir
		s.readers = append(s.readers, r)
	}
	return len(paths), err
}

// advance reads a file's next row into the merge, unless the file is at its end.
func (s *Source) advance(r *reader) error {
	row, err := r.next()
	if err == io.EOF {
		return nil
	}
	if err == nil {
		heap.Push(&s.merge, head{row, r})
	}
	return err
}

// Next implements pipeline.Source.
func (s *Source) Next(ctx context.Context) (pipeline.Input, error) {
	if err := ctx.Err(); err != nil {
		return pipeline.Input{}, err
	}
	for len(s.merge) > 0 && len(s.cols.PointTime) < batchRows {
		first := heap.Pop(&s.merge).(head)
		if !s.emit(first) {
			heap.Push(&s.merge, first) // the batch is full; the row goes on in the next
			break
		}
		first.reader.recycle(first.row)
		if err := s.advance(first.reader); err != nil {
			return pipeline.Input{}, err
		}
	}
	rows := len(s.cols.PointTime)
	if rows == 0 {
		return pipeline.Input{}, io.EOF
	}
	pos := pipeline.Position{Topic: name, First: s.next, Next: s.next + int64(rows)}
	s.next = pos.Next
	b := s.cols.Batches(pos)[0]
	return pipeline.Input{Topic: name, Batch: &b, Next: s.next, CaughtUp: len(s.merge) == 0, Bytes: rows * 28, Release: func() {}}, nil
}

// emit appends a row's values to the batch. It returns false, and keeps what is left in the row, when the batch is full.
func (s *Source) emit(h head) bool {
	ordinals := s.ordinals(h)
	for h.row.given < len(h.row.values) {
		if len(s.cols.PointTime) == batchRows {
			return false
		}
		v := h.row.values[h.row.given]
		h.row.given++
		if ordinals[v.column] == unknown {
			ordinals[v.column] = s.intern(h, v.column)
		}
		if ordinals[v.column] == refused {
			s.env.Lose("series", 1)
			continue
		}
		s.cols.Point(uint32(ordinals[v.column]), h.row.time, 0, v.v)
	}
	return true
}

// ordinals returns the series of the row's value columns.
func (s *Source) ordinals(h head) []int64 {
	byKey := s.series[h.reader.order]
	if o, ok := byKey[h.row.key]; ok {
		return o
	}
	if len(byKey) >= maxKeys {
		clear(byKey)
	}
	o := make([]int64, len(h.reader.cols.values))
	for i := range o {
		o[i] = unknown
	}
	byKey[h.row.key] = o
	return o
}

// intern makes the series of a value.
func (s *Source) intern(h head, column int) int64 {
	c, v := h.reader.cols, h.reader.cols.values[column]
	metric := v.metric
	labels := append(slices.Clone(c.fixed), v.labels...)
	if h.row.key != "" {
		cells := unkey(h.row.key)
		if cells[0] != "" {
			metric, _ = s.rules.metricOf(cells[0])
		}
		for i, l := range c.labels {
			if cells[1+i] != "" {
				labels = append(labels, pipeline.Label{Name: l.label, Value: cells[1+i]})
			}
		}
	}
	o, err := s.table.Intern(metric, "", s.rules.typ, pipeline.NewLabels(labels))
	if err != nil {
		if !s.full {
			s.env.Logger.Warn("series can't be read, and others after it", "file", h.reader.path, "error", err)
		}
		s.full = true
		return refused
	}
	return int64(o)
}

// Close implements pipeline.Source.
func (s *Source) Close() error {
	for _, r := range s.readers {
		r.close()
	}
	s.readers, s.merge = nil, nil
	return nil
}

// head is the next row of a file.
type head struct {
	row    *row
	reader *reader
}

// merge is a heap of the files' next rows by time, then file.
type merge []head

func (m merge) Len() int { return len(m) }
func (m merge) Less(i, j int) bool {
	a, b := m[i], m[j]
	return a.row.time < b.row.time || a.row.time == b.row.time && a.reader.order < b.reader.order
}
func (m merge) Swap(i, j int) { m[i], m[j] = m[j], m[i] }
func (m *merge) Push(x any)   { *m = append(*m, x.(head)) }
func (m *merge) Pop() any {
	old := *m
	x := old[len(old)-1]
	old[len(old)-1] = head{}
	*m = old[:len(old)-1]
	return x
}

package file

import (
	"bytes"
	"container/heap"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"strconv"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
)

// reader reads one file and gives its rows out in order of time.
type reader struct {
	dir    string // the folder that the path starts from
	path   string
	order  int // among the files
	rules  *layoutRules
	header []string
	cols   *columns
	rows   *rows
	clock  *clock
	lost   *losses

	unpacked *unpacked
	ended    bool

	reorder int64
	newest  int64
	out     int64 // time of the row that was given out last
	begun   bool  // whether there was one
	held    held
	free    []*row
	names   map[string]string // of label cells, so that a repeated one is not copied
	keyed   []byte
}

// row is one row's values in order of their columns.
type row struct {
	time   int64
	line   int
	key    string // metric (long) and label cells, each with its length before
	values []value
	given  int // number of values that were given out
}

type value struct {
	column int // index in columns.values
	v      float64
}

// open opens a file and reads its header.
func (s *Source) open(fsys fs.FS, path string, log *slog.Logger, lose func(string, int)) (_ *reader, err error) {
	r := &reader{path: path, rules: &s.rules, reorder: s.reorder, names: map[string]string{}}
	r.lost = &losses{log: log, path: path, lose: lose}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	if r.unpacked, err = unpack(fsys, path, s.maxFile); err != nil {
		return nil, err
	}
	r.rows = newRows(r.unpacked, s.comma, s.maxLine)
	if r.clock, err = newClock(s.zone); err != nil {
		return nil, err
	}
	fields, err := r.rows.next()
	switch {
	case err == io.EOF:
		return nil, pipeline.Errorf("file.header.missing", "%s is empty: its first row must name the columns", path)
	case err == errQuote || err == errLong:
		return nil, pipeline.Errorf("file.header.unreadable", "%s:%d: the header can't be read: %w", path, r.rows.line, err)
	case err != nil:
		return nil, r.fault(err)
	}
	for _, f := range fields {
		r.header = append(r.header, string(bytes.TrimSpace(f)))
	}
	r.cols, err = s.rules.plan(path, r.header)
	return r, err
}

func (r *reader) close() { r.unpacked.close() }

func (r *reader) fault(err error) error { return unreadable(r.path, r.rows.line+1, err) }

// next returns the next row in order of time, io.EOF when there is none. The row is given back with recycle.
func (r *reader) next() (*row, error) {
	for {
		if n := len(r.held); n > 0 && (r.ended || r.newest-r.held[0].time >= r.reorder || n >= maxHeld) {
			first := heap.Pop(&r.held).(*row)
			r.out, r.begun = first.time, true
			return first, nil
		}
		if r.ended {
			r.lost.summary()
			return nil, io.EOF
		}
		fields, err := r.rows.next()
		switch {
		case err == io.EOF:
			r.ended = true
			r.close()
		case err == errQuote:
			r.lost.add("fields", 1, r.rows.line, err.Error())
		case err == errLong:
			r.lost.add("line", 1, r.rows.line, err.Error())
		case err != nil:
			return nil, r.fault(err)
		default:
			r.row(fields)
		}
	}
}

// maxHeld bounds the rows that are held back to be sorted.
const maxHeld = 1 << 16

// row reads one row and holds it.
func (r *reader) row(fields [][]byte) {
	line := r.rows.line
	if len(fields) != r.cols.count {
		r.lost.add("fields", 1, line, "it has "+strconv.Itoa(len(fields))+" fields, the header "+strconv.Itoa(r.cols.count))
		return
	}
	t, err := r.clock.read(fields[r.cols.time])
	if err != nil {
		r.lost.add("time", 1, line, "its time can't be read: "+err.Error())
		return
	}
	metric := ""
	if r.cols.metric != none {
		metric = text(bytes.TrimSpace(fields[r.cols.metric]))
		if metric == "" {
			r.lost.add("metric", 1, line, "the name of its metric is empty")
			return
		}
		if _, read := r.rules.metricOf(metric); !read {
			return
		}
	}
	out := r.fresh()
	out.time, out.line, out.key = t, line, r.key(fields, metric)
	for i := range r.cols.values {
		cell := bytes.TrimSpace(fields[r.cols.values[i].index])
		if len(cell) == 0 {
			continue
		}
		v, err := strconv.ParseFloat(text(cell), 64)
		switch {
		case err != nil && !errors.Is(err, strconv.ErrRange):
			r.lost.add("value", 1, line, "column "+r.header[r.cols.values[i].index]+" has no number")
		case math.IsNaN(v) || math.IsInf(v, 0):
			r.lost.add("not_finite", 1, line, "column "+r.header[r.cols.values[i].index]+" is not finite")
		default:
			out.values = append(out.values, value{i, v})
		}
	}
	if len(out.values) == 0 {
		r.recycle(out)
		return
	}
	if r.begun && t < r.out {
		r.lost.add("disorder", len(out.values), line, "it is earlier than a row that was given out: raise reorder")
		r.recycle(out)
		return
	}
	if len(r.held) == 0 && !r.begun || t > r.newest {
		r.newest = t
	}
	heap.Push(&r.held, out)
}

func (r *reader) fresh() *row {
	n := len(r.free)
	if n == 0 {
		return &row{}
	}
	out := r.free[n-1]
	r.free = r.free[:n-1]
	return out
}

// recycle takes a row back.
func (r *reader) recycle(old *row) {
	old.values, old.given = old.values[:0], 0
	r.free = append(r.free, old)
}

// key makes the identity of the row's series among those of the file.
func (r *reader) key(fields [][]byte, metric string) string {
	if len(r.cols.labels) == 0 && metric == "" {
		return ""
	}
	k := r.keyed[:0]
	add := func(s string) {
		k = strconv.AppendInt(k, int64(len(s)), 10)
		k = append(append(k, ':'), s...)
	}
	add(metric)
	for _, l := range r.cols.labels {
		add(text(bytes.TrimSpace(fields[l.index])))
	}
	r.keyed = k
	if s, ok := r.names[string(k)]; ok {
		return s
	}
	if len(r.names) >= maxNames {
		clear(r.names)
	}
	s := string(k)
	r.names[s] = s
	return s
}

// maxNames bounds the keys that are remembered of a file.
const maxNames = 1 << 16

// unkey takes a key apart.
func unkey(key string) (parts []string) {
	for key != "" {
		n, rest, _ := strings.Cut(key, ":")
		size, _ := strconv.Atoi(n)
		parts = append(parts, rest[:size])
		key = rest[size:]
	}
	return parts
}

// held is a heap of rows by time, then line.
type held []*row

func (h held) Len() int { return len(h) }
func (h held) Less(i, j int) bool {
	return h[i].time < h[j].time || h[i].time == h[j].time && h[i].line < h[j].line
}
func (h held) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *held) Push(x any)   { *h = append(*h, x.(*row)) }
func (h *held) Pop() any {
	old := *h
	x := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return x
}

// losses counts what could not be used of one file and logs the first.
type losses struct {
	log   *slog.Logger
	path  string
	lose  func(reason string, n int)
	total int
	said  int
}

const maxSaid = 5

func (l *losses) add(reason string, n, line int, why string) {
	l.lose(reason, n)
	l.total += n
	if l.said++; l.said <= maxSaid {
		l.log.Warn("row can't be used", "at", l.path+":"+strconv.Itoa(line), "reason", reason, "why", why)
	}
}

func (l *losses) summary() {
	if l.said > maxSaid {
		l.log.Warn("more rows could not be used", "file", l.path, "lost", l.total)
	}
	l.said = 0
}

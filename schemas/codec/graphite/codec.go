package graphite

import (
	"bytes"
	"math"
	"path"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/decimal"
	"github.com/homeostat/homeostat/schemas/codec/memo"
	"github.com/homeostat/homeostat/schemas/codec/moment"
)

// refused stands for a series that came when the table was full: the table only grows, so it stays so.
const refused = ^uint32(0)

// codec decodes records. Its memo leads from a path with its tags to a series; it holds for one series table.
type codec struct {
	limits     limits
	unit       moment.Unit
	cumulative []string // patterns
	templates  []template
	table      *pipeline.SeriesTable
	memo       memo.Memo

	// Of the record being decoded.
	b          []byte
	out        *pipeline.Columns
	recordTime int64 // Unix nanoseconds, 0 if unknown
	lost       lost
}

// lost counts the rows that can't be used.
type lost struct{ notFinite, noTime, timeRange, seriesLimit int }

// Decode implements pipeline.Codec. Losses are counted only when the whole record is sound.
func (c *codec) Decode(rec *pipeline.Record, out *pipeline.Columns) error {
	if n := len(rec.Value); n > c.limits.bytes {
		return pipeline.Errorf("graphite.limit.bytes", "graphite record of %d bytes is larger than max_bytes %d: send smaller batches or raise it", n, c.limits.bytes)
	}
	if c.table != out.Series || c.memo.Bytes() > c.limits.memo {
		c.table, c.memo = out.Series, memo.New()
	}
	c.b, c.out, c.lost, c.recordTime = rec.Value, out, lost{}, 0
	if rec.Timestamp > 0 && rec.Timestamp <= math.MaxInt64/1_000_000 {
		c.recordTime = rec.Timestamp * 1e6
	}
	lines, err := c.record()
	c.b, c.out = nil, nil
	if err == nil && lines == 0 {
		err = pipeline.Errorf("graphite.empty", "graphite record has no line: check what writes to topic %s", rec.Topic)
	}
	if err != nil {
		return err
	}
	c.tell(out)
	return nil
}

func (c *codec) tell(out *pipeline.Columns) {
	if c.lost == (lost{}) {
		return
	}
	for _, l := range []struct {
		reason string
		rows   int
	}{{LostNotFinite, c.lost.notFinite}, {LostNoTime, c.lost.noTime}, {LostTimeRange, c.lost.timeRange}, {LostSeriesLimit, c.lost.seriesLimit}} {
		if l.rows > 0 {
			out.Lose(l.reason, l.rows)
		}
	}
}

func (c *codec) record() (lines int, err error) {
	for at := 0; at < len(c.b); {
		end, next := len(c.b), len(c.b)
		if n := bytes.IndexByte(c.b[at:], '\n'); n >= 0 {
			end, next = at+n, at+n+1
		}
		if end > at && c.b[end-1] == '\r' {
			end--
		}
		if from := blanks(c.b, at, end); from < end {
			if lines++; lines > c.limits.points {
				return lines, pipeline.Errorf("graphite.limit.points", "graphite record has more lines than max_points %d (reached at byte %d of %d): send smaller batches or raise it",
					c.limits.points, at, len(c.b))
			}
			if err := c.line(from, end); err != nil {
				return lines, err
			}
		}
		at = next
	}
	return lines, nil
}

// blanks returns where the blanks at a position end.
func blanks(b []byte, at, end int) int {
	for at < end && (b[at] == ' ' || b[at] == '\t') {
		at++
	}
	return at
}

// word returns where the word at a position ends.
func word(b []byte, at, end int) int {
	for at < end && b[at] != ' ' && b[at] != '\t' {
		at++
	}
	return at
}

// line decodes the line in c.b[at:end], which begins with a word.
func (c *codec) line(at, end int) error {
	pathEnd := word(c.b, at, end)
	value := blanks(c.b, pathEnd, end)
	v, n := decimal.Parse(c.b[value:end])
	valueEnd := word(c.b, value, end)
	if n == 0 || value+n != valueEnd {
		return c.broken(value, "behind the path stands no number")
	}
	from := blanks(c.b, valueEnd, end)
	to := word(c.b, from, end)
	if blanks(c.b, to, end) < end {
		return c.broken(to, "there is more than path, value and time on the line")
	}
	series, err := c.series(at, pathEnd)
	if err != nil {
		return err
	}
	given := to > from && string(c.b[from:to]) != "-1"
	when, ok := c.recordTime, true
	if given {
		when, ok = c.time(c.b[from:to])
	}
	switch {
	case !ok:
		return c.broken(from, "what stands behind the value is no time")
	case math.IsNaN(v) || math.IsInf(v, 0):
		c.lost.notFinite++
	case when == 0 && !given:
		c.lost.noTime++
	case when <= 0:
		c.lost.timeRange++
	case series == refused:
		c.lost.seriesLimit++
	default:
		c.out.Point(series, when, 0, v)
	}
	return nil
}

// time reads a time as Unix nanoseconds, 0 if it can't be used; not ok if s is no time.
func (c *codec) time(s []byte) (ns int64, ok bool) {
	if _, n := decimal.Parse(s); n != len(s) {
		return 0, false
	}
	if ns, ok = moment.Unix(s, c.unit); !ok {
		return 0, true
	}
	return ns, true
}

// series finds the series of the path and tags in c.b[at:end], interning it at first sight.
func (c *codec) series(at, end int) (uint32, error) {
	raw := c.b[at:end]
	series, hash, ok := c.memo.Find(0, raw)
	if ok {
		return series, nil
	}
	metric, labels, err := c.parse(at, end)
	if err != nil {
		return 0, err
	}
	series, err = c.table.Intern(metric, "", c.typeOf(metric), pipeline.NewLabels(labels))
	switch {
	case pipeline.Code(err) == "series.limit":
		series = refused
	case err != nil:
		return 0, err
	}
	c.memo.Add(hash, 0, raw, series)
	return series, nil
}

// parse reads a path and its tags. It works at first sight only and may allocate.
func (c *codec) parse(at, end int) (metric string, labels []pipeline.Label, err error) {
	raw := c.b[at:end]
	if len(raw) > c.limits.labelBytes+2*c.limits.attributes {
		return "", nil, c.tooLong(at)
	}
	name, tags, tagged := bytes.Cut(raw, []byte{';'})
	if len(name) == 0 {
		return "", nil, c.broken(at, "the line has no path")
	}
	metric = text(name)
	for _, t := range c.templates {
		if m, l, ok := t.apply(metric); ok {
			metric, labels = m, l
			break
		}
	}
	for tagged {
		var tag []byte
		tag, tags, tagged = bytes.Cut(tags, []byte{';'})
		k, v, ok := bytes.Cut(tag, []byte{'='})
		if !ok || len(k) == 0 || len(v) == 0 {
			return "", nil, c.broken(at, "a tag is no name=value")
		}
		labels = append(labels, pipeline.Label{Name: text(k), Value: text(v)})
	}
	if len(labels) > c.limits.attributes {
		return "", nil, pipeline.Errorf("graphite.limit.attributes", "graphite line at byte %d has more tags, the labels of its path included, than max_attributes %d: drop some at the producer or raise it", at, c.limits.attributes)
	}
	size := len(metric)
	for _, l := range labels {
		size += len(l.Name) + len(l.Value)
	}
	if size > c.limits.labelBytes {
		return "", nil, c.tooLong(at)
	}
	return metric, labels, nil
}

func (c *codec) typeOf(metric string) pipeline.SeriesType {
	for _, pattern := range c.cumulative {
		if ok, err := path.Match(pattern, metric); ok && err == nil || pattern == metric {
			return pipeline.Cumulative
		}
	}
	return pipeline.Gauge
}

func (c *codec) tooLong(at int) error {
	return pipeline.Errorf("graphite.limit.label_bytes", "graphite line at byte %d has more text in its name and labels than max_label_bytes %d: shorten it at the producer or raise it",
		at, c.limits.labelBytes)
}

func (c *codec) broken(at int, why string) error {
	return pipeline.Errorf("graphite.syntax", "graphite record of %d bytes is broken at byte %d: %s; check what writes to the topic and that it is set to Graphite's plaintext protocol, uncompressed",
		len(c.b), at, why)
}

// text copies bytes that should be UTF-8.
func text(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }

package jsonmetrics

import (
	"encoding/binary"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
)

// Ordinals that stand for no series.
const (
	// refused: the series came when the table was full; the table only grows, so it stays so.
	refused = ^uint32(0) - iota
	// nameless: the metric has no name.
	nameless
	// unresolved: no row of the series could be used so far.
	unresolved
)

// name returns the metric's name, nil if there is none.
func (c *codec) name(e *event) []byte {
	if name := c.first(e, nameRole); name != nil {
		return name
	}
	if len(c.metric) > 0 {
		return c.metric
	}
	return nil
}

// unnamed tells whether a metric has no name: those of values can do without, if the settings have none for it.
func (c *codec) unnamed(name []byte, of *field) bool {
	return name == nil && (c.named || of == nil || of.path < 0 && len(of.name) == 0)
}

// slowly is the memo's owner of events that were parsed; layouts have their own numbers.
const slowly = 0

// identify makes c.key of what the series of a event of no layout have in common.
func (c *codec) identify(e *event, name []byte) {
	c.key = append(c.key[:0], byte(c.seriesType(e)))
	c.key = binary.AppendUvarint(appendText(c.key, name), uint64(c.attributes(e)))
	for i := range e.labels {
		c.key = appendText(binary.AppendUvarint(c.key, uint64(len(e.labels[i].name))<<1|1), e.labels[i].name)
		c.key = appendText(c.key, e.labels[i].text)
	}
	from, to := c.mapping.of(labelRole)
	for i := from; i < to; i++ {
		if s := &e.slots[i]; s.kind >= text {
			c.key = appendText(binary.AppendUvarint(c.key, uint64(i)<<1), s.text)
		}
	}
}

func appendText(b, s []byte) []byte { return append(binary.AppendUvarint(b, uint64(len(s))), s...) }

// point adds one row of a event of no layout: of the field of values, or of the one value where that is nil.
func (c *codec) point(e *event, when int64, v float64, lose loss, name []byte, of *field, at int) error {
	if lose != kept {
		c.lost[lose]++
		return nil
	}
	common := len(c.key)
	if of != nil {
		c.key = append(binary.AppendUvarint(c.key, uint64(of.path+1)), of.name...)
	}
	series, hash, ok := c.memo.Find(slowly, c.key)
	if !ok {
		var err error
		if series, err = c.admit(e, name, of, at); err != nil {
			return err
		}
		c.memo.Add(hash, slowly, c.key, series)
	}
	c.key = c.key[:common]
	c.put(series, when, v)
	return nil
}

func (c *codec) put(series uint32, when int64, v float64) {
	if series == refused {
		c.lost[seriesLimit]++
		return
	}
	c.out.Point(series, when, 0, v)
}

// admit interns a series of an event.
func (c *codec) admit(e *event, name []byte, of *field, at int) (uint32, error) {
	metric := clean(name)
	if of != nil {
		member := clean(of.name)
		if of.path >= 0 {
			member = c.mapping.paths[of.path]
		}
		if name != nil {
			member = metric + "_" + member
		}
		metric = member
	}
	size := len(metric)
	labels := make([]pipeline.Label, 0, len(e.labels)+8)
	for i := range e.labels {
		labels = append(labels, pipeline.Label{Name: clean(e.labels[i].name), Value: clean(e.labels[i].text)})
	}
	from, to := c.mapping.of(labelRole)
	for i := from; i < to; i++ {
		if e.slots[i].kind >= text {
			labels = append(labels, pipeline.Label{Name: c.mapping.paths[i], Value: clean(e.slots[i].text)})
		}
	}
	for _, l := range labels {
		size += len(l.Name) + len(l.Value)
	}
	if size > c.limits.labelBytes {
		return 0, pipeline.Errorf("json_metrics.limit.label_bytes", "json metric at byte %d has more text in its name and labels than max_label_bytes %d: take long fields out of labels or raise it", at, c.limits.labelBytes)
	}
	full := pipeline.NewLabels(labels)
	labels = full[:0]
	for _, l := range full {
		if l.Value != "" {
			labels = append(labels, l)
		}
	}
	series, err := c.table.Intern(metric, clean(c.first(e, unitRole)), c.seriesType(e), labels)
	if pipeline.Code(err) == "series.limit" {
		return refused, nil
	}
	return series, err
}

// clean copies bytes that should be UTF-8.
func clean(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }

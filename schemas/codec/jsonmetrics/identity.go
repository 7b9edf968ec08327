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

// The memo's owners of events that were read: of what names them in several stretches, and in one, by the spot where that begins. Layouts have
// their own numbers between.
const scattered, together uint32 = 0, 1 << 31

// ordinal adds what stands for a series that was not seen before, and returns where in c.ordinals that is.
func (c *codec) ordinal(name []byte, of *field) uint32 {
	ordinal := unresolved
	if c.unnamed(name, of) {
		ordinal = nameless
	}
	c.ordinals = append(c.ordinals, ordinal)
	return uint32(len(c.ordinals) - 1)
}

// row adds one row of an event: of the field of values, or of the one value where that is nil. where is its place in c.ordinals.
func (c *codec) row(o object, where uint32, of *field, when int64, v float64, lose loss) error {
	ordinal := c.ordinals[where]
	switch {
	case ordinal == nameless:
		c.lost[noName]++
		return nil
	case lose != kept:
		c.lost[lose]++
		return nil
	case ordinal == unresolved:
		c.complete(o)
		var err error
		if ordinal, err = c.admit(&c.slow, c.name(&c.slow), of, o.from); err != nil {
			return err
		}
		c.ordinals[where] = ordinal
	}
	c.put(ordinal, when, v)
	return nil
}

// place finds the place in c.ordinals of a field of values, of an event whose own is base.
func (c *codec) place(o object, base uint32, of *field) uint32 {
	owner, key := base<<1, of.name
	if of.path >= 0 {
		c.key = binary.LittleEndian.AppendUint32(c.key[:0], uint32(of.path))
		owner, key = owner|1, c.key
	}
	where, hash, ok := c.fields.Find(owner, key)
	if !ok {
		c.complete(o)
		where = c.ordinal(c.name(&c.slow), of)
		c.fields.Add(hash, owner, key, where)
	}
	return where
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

package alertmanager

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
)

// refused stands in the memo for a series that came when the table was full: the table only grows, so it stays so.
const refused = ^uint32(0)

// series finds the series of an alert by its labels and those that all alerts of the notification have, as they are written.
func (c *codec) series(labels value) (uint32, error) {
	if len(labels)+len(c.shared) > 8*c.limits.labelBytes+1<<10 {
		return 0, c.tooLong(labels)
	}
	c.key = append(append(binary.AppendUvarint(c.key[:0], uint64(len(labels))), labels...), c.shared...)
	series, hash, ok := c.memo.Find(0, c.key)
	if ok {
		return series, nil
	}
	series, err := c.admit(labels)
	if err == nil {
		c.memo.Add(hash, 0, c.key, series)
	}
	return series, err
}

// admit interns the series of an alert.
func (c *codec) admit(raw value) (uint32, error) {
	var list []pipeline.Label
	var err error
	if !c.shared.absent() {
		if list, err = c.labels(nil, c.shared); err != nil {
			return 0, err
		}
	}
	if list, err = c.labels(list, raw); err != nil {
		return 0, err
	}
	labels := pipeline.NewLabels(list) // the last of a name counts, so the alert's own
	size := 0
	for _, l := range labels {
		size += len(l.Name) + len(l.Value)
	}
	if len(labels) > c.limits.attributes {
		return 0, pipeline.Errorf("alertmanager.limit.attributes", "alert with labels at byte %d has %d of them, more than max_attributes %d: drop some at the producer or raise it", c.at(raw), len(labels), c.limits.attributes)
	}
	if size > c.limits.labelBytes {
		return 0, c.tooLong(raw)
	}
	labels = slices.DeleteFunc(labels, func(l pipeline.Label) bool { return l.Value == "" })
	series, err := c.table.Intern(Metric, "", pipeline.Gauge, labels)
	if pipeline.Code(err) == "series.limit" {
		return refused, nil
	}
	return series, err
}

// labels appends the labels of an object.
func (c *codec) labels(list []pipeline.Label, v value) ([]pipeline.Label, error) {
	for w := within(v); w.next(); {
		l := pipeline.Label{Name: text(w.key)}
		switch w.value.first() {
		case '{', '[':
			return nil, c.misshapen("a label", w.value, "a text")
		case 'n':
		default:
			l.Value = text(w.value.text())
		}
		list = append(list, l)
	}
	return list, nil
}

func (c *codec) tooLong(labels value) error {
	return pipeline.Errorf("alertmanager.limit.label_bytes", "alert with labels at byte %d has more text in them than max_label_bytes %d: drop long labels at the producer or raise it", c.at(labels), c.limits.labelBytes)
}

// text copies bytes that should be UTF-8.
func text(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }

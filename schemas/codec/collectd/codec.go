package collectd

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/memo"
)

// refused stands for a series that came when the table was full: the table only grows, so it stays so.
const refused = ^uint32(0)

// codec decodes records. Its memo leads from what names a value to a series; it holds for one series table.
type codec struct {
	limits limits
	rates  bool
	types  map[string][]source
	table  *pipeline.SeriesTable
	memo   memo.Memo
	parser fastjson.Parser
	list   valueList

	key, scratch, name, identifier []byte // scratch
	member                         func(key []byte, v *fastjson.Value)

	// Of the record being decoded.
	b          []byte
	out        *pipeline.Columns
	recordTime int64 // Unix nanoseconds, 0 if unknown
	rows       int
	lost       [losses]int
}

// identity is what all values of a value list have in common, as bytes of the record.
type identity struct {
	host, plugin, pluginInstance, typ, typeInstance []byte
}

// Decode implements pipeline.Codec. Losses are counted only when the whole record is sound.
func (c *codec) Decode(rec *pipeline.Record, out *pipeline.Columns) error {
	if n := len(rec.Value); n > c.limits.bytes {
		return pipeline.Errorf("collectd.limit.bytes", "collectd record of %d bytes is larger than max_bytes %d: raise it, or check what writes to the topic", n, c.limits.bytes)
	}
	if c.table != out.Series || c.memo.Bytes() > c.limits.memo {
		c.table, c.memo = out.Series, memo.New()
	}
	c.b, c.out, c.rows, c.lost, c.recordTime = rec.Value, out, 0, [losses]int{}, 0
	if rec.Timestamp > 0 && rec.Timestamp <= math.MaxInt64/1_000_000 {
		c.recordTime = rec.Timestamp * 1e6
	}
	err := c.record(rec.Topic)
	c.b, c.out = nil, nil
	if err != nil {
		return err
	}
	for reason, n := range c.lost {
		if n > 0 {
			out.Lose(lossReasons[reason], n)
		}
	}
	return nil
}

func (c *codec) record(topic string) error {
	at := len(c.b) - len(bytes.TrimLeft(c.b, " \t\r\n"))
	switch {
	case at == len(c.b):
		return pipeline.Errorf("collectd.empty", "collectd record has no bytes: check what writes to topic %s", topic)
	case c.b[at] == '[' || c.b[at] == '{':
		return c.json(at)
	case isPutval(c.b[at:]):
		return c.commands(at)
	}
	return c.broken(at, "it begins neither with [ nor with PUTVAL")
}

// row appends one point of the value list that id names, or counts it as lost. when is 0 where there is no time to be used, and lose
// says why.
func (c *codec) row(id *identity, dsname []byte, typ pipeline.SeriesType, when int64, v float64, lose loss) error {
	if c.rows++; c.rows > c.limits.points {
		return pipeline.Errorf("collectd.limit.points", "collectd record makes more rows than max_points %d: raise it, or check what writes to the topic", c.limits.points)
	}
	switch {
	case lose != kept:
	case len(id.plugin) == 0 || len(id.typ) == 0:
		lose = noName
	case math.IsNaN(v) || math.IsInf(v, 0):
		lose = notFinite
	}
	if lose != kept {
		c.lost[lose]++
		return nil
	}
	series, err := c.series(id, dsname, typ)
	if err != nil {
		return err
	}
	if series == refused {
		c.lost[seriesLimit]++
		return nil
	}
	c.out.Point(series, when, 0, v)
	return nil
}

// series finds the series of a value, interning it at first sight.
func (c *codec) series(id *identity, dsname []byte, typ pipeline.SeriesType) (uint32, error) {
	c.key = append(c.key[:0], byte(typ))
	for _, part := range [...][]byte{id.host, id.plugin, id.pluginInstance, id.typ, id.typeInstance} {
		c.key = append(binary.AppendUvarint(c.key, uint64(len(part))), part...)
	}
	c.key = append(c.key, dsname...)
	series, hash, ok := c.memo.Find(0, c.key)
	if ok {
		return series, nil
	}
	metric := "collectd_" + text(id.plugin)
	if !bytes.Equal(id.plugin, id.typ) {
		metric += "_" + text(id.typ)
	}
	if !bytes.Equal(dsname, valueName) {
		metric += "_" + text(dsname)
	}
	var labels []pipeline.Label
	size := len(metric)
	for _, l := range []struct {
		name  string
		value []byte
	}{{"host", id.host}, {"plugin_instance", id.pluginInstance}, {"type_instance", id.typeInstance}} {
		if len(l.value) > 0 {
			labels = append(labels, pipeline.Label{Name: l.name, Value: text(l.value)})
			size += len(l.name) + len(l.value)
		}
	}
	if size > c.limits.labelBytes {
		return 0, pipeline.Errorf("collectd.limit.label_bytes", "collectd value list of plugin %q has more text in its name and labels than max_label_bytes %d: shorten it at the producer or raise it",
			text(id.plugin[:min(len(id.plugin), 80)]), c.limits.labelBytes)
	}
	series, err := c.table.Intern(metric, "", typ, pipeline.NewLabels(labels))
	switch {
	case pipeline.Code(err) == "series.limit":
		series = refused
	case err != nil:
		return 0, err
	}
	c.memo.Add(hash, 0, c.key, series)
	return series, nil
}

func (c *codec) broken(at int, why string) error {
	return pipeline.Errorf("collectd.syntax", "collectd record of %d bytes is broken at byte %d: %s; check that write_kafka has Format JSON or Command, and what else writes to the topic", len(c.b), at, why)
}

// text copies bytes that should be UTF-8.
func text(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }

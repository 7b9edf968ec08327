package collectd

import (
	"strconv"

	"github.com/valyala/fastjson"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/decimal"
	"github.com/homeostat/homeostat/schemas/codec/moment"
)

// valueList is what a value list has.
type valueList struct {
	identity
	values, dstypes, dsnames []*fastjson.Value
	named                    bool // there are dsnames
	time                     *fastjson.Value
	wrong                    string // a member of another type than it has to be
}

// parserKept is the size of record beyond which the parser, which keeps what it needed, is not kept.
const parserKept = 64 << 10

// json decodes a record in JSON.
func (c *codec) json(at int) error {
	deepest, commas := measure(c.b[at:])
	switch {
	case deepest > c.limits.nesting:
		return pipeline.Errorf("collectd.limit.nesting", "collectd record nests %d arrays and objects, more than max_nesting %d: raise it, or check what writes to the topic", deepest, c.limits.nesting)
	case commas > len(c.b)/4+16:
		// The parser takes a hundred times as much memory as an array of short numbers, which no value list is.
		return c.broken(at, "it is an array of less than value lists")
	}
	if len(c.b) > parserKept {
		defer func() { c.parser = fastjson.Parser{} }()
	}
	v, err := c.parser.ParseBytes(c.b)
	if err != nil {
		c.parser = fastjson.Parser{}
		return c.broken(at, "it is not JSON")
	}
	if v.Type() == fastjson.TypeObject {
		return c.valueList(v, 0)
	}
	lists := v.GetArray()
	for i, list := range lists {
		if err := c.valueList(list, i); err != nil {
			return err
		}
	}
	if len(lists) == 0 {
		return c.broken(at, "the array has no value list")
	}
	return nil
}

// measure returns how deep arrays and objects are nested, and the number of commas.
func measure(b []byte) (deepest, commas int) {
	depth, inText := 0, false
	for i := 0; i < len(b); i++ {
		switch ch := b[i]; {
		case inText:
			if ch == '\\' {
				i++
			}
			inText = ch != '"'
		case ch == '"':
			inText = true
		case ch == ',':
			commas++
		case ch == '[' || ch == '{':
			depth++
			deepest = max(deepest, depth)
		case ch == ']' || ch == '}':
			depth--
		}
	}
	return deepest, commas
}

// valueList decodes the value list at an index of the record.
func (c *codec) valueList(v *fastjson.Value, index int) error {
	l := &c.list
	*l = valueList{}
	if v.Type() != fastjson.TypeObject {
		return c.wrong(index, "is no object")
	}
	if c.member == nil {
		c.member = c.visit
	}
	v.GetObject().Visit(c.member)
	switch {
	case l.wrong != "":
		return c.wrong(index, "has a member "+l.wrong+" of another type than collectd gives it")
	case len(l.values) == 0:
		return c.wrong(index, "has no values")
	case len(l.values) > maxSources:
		return c.wrong(index, "has more values than any of collectd's types")
	case len(l.dstypes) != len(l.values):
		return c.wrong(index, "has not as many dstypes as values")
	case l.named && len(l.dsnames) != len(l.values):
		return c.wrong(index, "has not as many dsnames as values")
	}
	when, late, err := c.time(l.time, index)
	if err != nil {
		return err
	}
	for i, v := range l.values {
		if err := c.value(index, i, v, when, late); err != nil {
			return err
		}
	}
	return nil
}

// visit notes a member of a value list.
func (c *codec) visit(key []byte, v *fastjson.Value) {
	l := &c.list
	switch string(key) {
	case "values":
		l.values = l.array(v, "values")
	case "dstypes":
		l.dstypes = l.array(v, "dstypes")
	case "dsnames":
		l.dsnames, l.named = l.array(v, "dsnames"), true
	case "time":
		l.time = v
	case "host":
		l.host = l.text(v, "host")
	case "plugin":
		l.plugin = l.text(v, "plugin")
	case "plugin_instance":
		l.pluginInstance = l.text(v, "plugin_instance")
	case "type":
		l.typ = l.text(v, "type")
	case "type_instance":
		l.typeInstance = l.text(v, "type_instance")
	}
}

func (l *valueList) array(v *fastjson.Value, name string) []*fastjson.Value {
	if v.Type() != fastjson.TypeArray {
		l.wrong = name
	}
	return v.GetArray()
}

func (l *valueList) text(v *fastjson.Value, name string) []byte {
	if v.Type() != fastjson.TypeString && v.Type() != fastjson.TypeNull {
		l.wrong = name
	}
	return v.GetStringBytes()
}

// time returns a value list's time in Unix nanoseconds, or why there is none.
func (c *codec) time(v *fastjson.Value, index int) (int64, loss, error) {
	if v == nil || v.Type() == fastjson.TypeNull {
		if c.recordTime == 0 {
			return 0, noTime, nil
		}
		return c.recordTime, kept, nil
	}
	if v.Type() != fastjson.TypeNumber {
		return 0, kept, c.wrong(index, "has a time that is no number")
	}
	c.scratch = v.MarshalTo(c.scratch[:0])
	ns, ok := moment.Unix(c.scratch, 1e9)
	if !ok || ns <= 0 {
		return 0, timeRange, nil
	}
	return ns, kept, nil
}

// value decodes one value of the list.
func (c *codec) value(index, i int, v *fastjson.Value, when int64, lose loss) error {
	l := &c.list
	typ, ok := seriesType(l.dstypes[i].GetStringBytes())
	if !ok {
		return c.wrong(index, "has a dstype that is none of gauge, derive, counter and absolute")
	}
	if c.rates {
		typ = pipeline.Gauge
	}
	dsname := c.sourceName(i, len(l.values))
	if l.named {
		if dsname = l.dsnames[i].GetStringBytes(); len(dsname) == 0 {
			return c.wrong(index, "has a dsname that is no text, or is empty")
		}
	}
	number := 0.0
	switch v.Type() {
	case fastjson.TypeNumber:
		c.scratch = v.MarshalTo(c.scratch[:0])
		n := 0
		if number, n = decimal.Parse(c.scratch); n == 0 || n != len(c.scratch) {
			return c.wrong(index, "has a value that is no number")
		}
	case fastjson.TypeNull:
		if lose == kept {
			lose = noValue
		}
	default:
		return c.wrong(index, "has a value that is no number")
	}
	return c.row(&l.identity, dsname, typ, when, number, lose)
}

// sourceName names one of several values whose data source is not known.
func (c *codec) sourceName(i, values int) []byte {
	if values == 1 {
		return valueName
	}
	c.name = strconv.AppendInt(c.name[:0], int64(i), 10)
	return c.name
}

var valueName = []byte("value")

func (c *codec) wrong(index int, why string) error {
	return pipeline.Errorf("collectd.value_list", "collectd record's value list %d %s: check that write_kafka of collectd 5 writes it, and what else writes to the topic", index, why)
}

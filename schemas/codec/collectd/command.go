package collectd

import (
	"bytes"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/decimal"
	"github.com/homeostat/homeostat/schemas/codec/moment"
)

const putval = "PUTVAL"

// isPutval tells whether a line is a command that gives values; collectd reads commands in any case.
func isPutval(b []byte) bool {
	return len(b) > len(putval) && bytes.EqualFold(b[:len(putval)], []byte(putval)) && isBlank(b[len(putval)])
}

func isBlank(ch byte) bool { return ch == ' ' || ch == '\t' }

// commands decodes the lines from a position on.
func (c *codec) commands(at int) error {
	for at < len(c.b) {
		end, next := len(c.b), len(c.b)
		if n := bytes.IndexByte(c.b[at:], '\n'); n >= 0 {
			end, next = at+n, at+n+1
		}
		if end > at && c.b[end-1] == '\r' {
			end--
		}
		for at < end && isBlank(c.b[at]) {
			at++
		}
		if at < end {
			if !isPutval(c.b[at:end]) {
				return c.broken(at, "the line is no PUTVAL")
			}
			if err := c.command(at+len(putval), end); err != nil {
				return err
			}
		}
		at = next
	}
	return nil
}

// command decodes what stands behind PUTVAL in c.b[at:end].
func (c *codec) command(at, end int) error {
	begin := at
	raw, at, err := c.word(at, end)
	if err != nil {
		return err
	}
	c.identifier = append(c.identifier[:0], raw...)
	id, ok := identifier(c.identifier)
	if !ok {
		return c.broken(begin, "the identifier is no host/plugin/type")
	}
	values := 0
	for {
		from := at
		if raw, at, err = c.word(at, end); err != nil {
			return err
		}
		switch i := bytes.IndexAny(raw, "=:"); {
		case len(raw) == 0 && values == 0:
			return c.broken(from, "the command gives no values")
		case len(raw) == 0:
			return nil
		case i > 0 && (raw[i] == '=' || bytes.HasPrefix(raw, []byte("meta:"))):
			// An option: interval=10, or meta:name="text".
		case i <= 0:
			return c.broken(from, "what stands behind the identifier is neither an option nor time:value")
		default:
			values++
			if err := c.values(&id, raw[:i], raw[i+1:], from); err != nil {
				return err
			}
		}
	}
}

// word reads the next word of a line: it ends at a blank outside of quotes. A word in quotes comes without them and without the
// backslashes in it. It is empty at the end of the line.
func (c *codec) word(at, end int) (word []byte, to int, err error) {
	for at < end && isBlank(c.b[at]) {
		at++
	}
	if at == end || c.b[at] != '"' {
		from, quoted := at, false
		for ; at < end && (quoted || !isBlank(c.b[at])); at++ {
			switch c.b[at] {
			case '"':
				quoted = !quoted
			case '\\':
				if quoted && at+1 < end {
					at++
				}
			}
		}
		return c.b[from:at], at, nil
	}
	c.scratch = c.scratch[:0]
	for i := at + 1; i < end; i++ {
		switch c.b[i] {
		case '"':
			return c.scratch, i + 1, nil
		case '\\':
			if i+1 < end {
				i++
			}
		}
		c.scratch = append(c.scratch, c.b[i])
	}
	return nil, 0, c.broken(at, "a quote has no end")
}

// identifier takes host/plugin[-instance]/type[-instance] apart.
func identifier(b []byte) (id identity, ok bool) {
	var plugin, typ []byte
	if id.host, plugin, ok = bytes.Cut(b, []byte{'/'}); !ok {
		return id, false
	}
	if plugin, typ, ok = bytes.Cut(plugin, []byte{'/'}); !ok {
		return id, false
	}
	id.plugin, id.pluginInstance, _ = bytes.Cut(plugin, []byte{'-'})
	id.typ, id.typeInstance, _ = bytes.Cut(typ, []byte{'-'})
	return id, len(id.plugin) > 0 && len(id.typ) > 0
}

// values decodes time:value[:value…].
func (c *codec) values(id *identity, at, values []byte, from int) error {
	when, lose, ok := c.commandTime(at)
	if !ok {
		return c.broken(from, "what stands before the values is no time")
	}
	n := bytes.Count(values, []byte{':'}) + 1
	if n > maxSources {
		return c.broken(from, "it has more values than any of collectd's types")
	}
	sources, known := c.types[string(id.typ)]
	if known && len(sources) != n {
		return pipeline.Errorf("collectd.values", "collectd command at byte %d gives %d values, and type %q has %d data sources: say under types what it has", from, n, text(id.typ), len(sources))
	}
	for i := range n {
		var one []byte
		one, values, _ = bytes.Cut(values, []byte{':'})
		name, typ := c.sourceName(i, n), pipeline.Gauge
		if known {
			name, typ = sources[i].bytes, sources[i].typ
		}
		v, size := 0.0, 1
		why := lose
		if string(one) != "U" {
			v, size = decimal.Parse(one)
		} else if why == kept {
			why = noValue
		}
		if size == 0 || size != len(one) {
			return c.broken(from, "a value is neither a number nor U")
		}
		if err := c.row(id, name, typ, when, v, why); err != nil {
			return err
		}
	}
	return nil
}

// commandTime reads the time of values, in seconds, or N for now.
func (c *codec) commandTime(s []byte) (int64, loss, bool) {
	if string(s) == "N" {
		if c.recordTime == 0 {
			return 0, noTime, true
		}
		return c.recordTime, kept, true
	}
	if _, n := decimal.Parse(s); n == 0 || n != len(s) {
		return 0, kept, false
	}
	ns, ok := moment.Unix(s, 1e9)
	if !ok || ns <= 0 {
		return 0, timeRange, true
	}
	return ns, kept, true
}

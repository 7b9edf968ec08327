package influx

import (
	"bytes"
	"math"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/memo"
	"github.com/homeostat/homeostat/schemas/codec/moment"
)

// codec decodes records. Its memos lead from a line's measurement and tags to an identity, and from that and a field's name to a
// series; they hold for one series table.
type codec struct {
	limits     limits
	unit       moment.Unit
	cumulative []string // patterns
	table      *pipeline.SeriesTable

	lineMemo, fieldMemo memo.Memo
	identities          []identity
	shapes              map[string]*shape // by measurement
	identityBytes       int

	// Of the record being decoded.
	b          []byte
	out        *pipeline.Columns
	recordTime int64 // Unix nanoseconds, 0 if unknown
	rows       int
	lost       lost
}

// lost counts the rows that can't be used.
type lost struct{ notFinite, noTime, timeRange, seriesLimit int }

// Decode implements pipeline.Codec. Losses are counted only when the whole record is sound.
func (c *codec) Decode(rec *pipeline.Record, out *pipeline.Columns) error {
	if n := len(rec.Value); n > c.limits.bytes {
		return pipeline.Errorf("influx.limit.bytes", "line protocol record of %d bytes is larger than max_bytes %d: send smaller batches or raise it", n, c.limits.bytes)
	}
	c.remember(out.Series)
	c.b, c.out, c.rows, c.lost = rec.Value, out, 0, lost{}
	c.recordTime = 0
	if rec.Timestamp > 0 && rec.Timestamp <= math.MaxInt64/1_000_000 {
		c.recordTime = rec.Timestamp * 1e6
	}
	err := c.record(rec.Topic)
	c.b, c.out = nil, nil
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

// record decodes all lines.
func (c *codec) record(topic string) error {
	lines := 0
	for at := c.skip(0); at < len(c.b); at = c.skip(at) {
		lines++
		var err error
		if at, err = c.line(at); err != nil {
			return err
		}
	}
	if lines == 0 && len(bytes.Trim(c.b, " \r\n")) == 0 {
		return pipeline.Errorf("influx.empty", "line protocol record has no line: check what writes to topic %s", topic)
	}
	return nil
}

// skip passes over what may stand between lines, and returns where the next one begins.
func (c *codec) skip(at int) int {
	for at < len(c.b) {
		switch c.b[at] {
		case ' ', '\n', '\r':
			at++
		case '#':
			end := bytes.IndexByte(c.b[at:], '\n')
			if end < 0 {
				return len(c.b)
			}
			at += end + 1
		default:
			return at
		}
	}
	return at
}

// remember keeps the memos to a table and to their memory.
func (c *codec) remember(table *pipeline.SeriesTable) {
	if c.table == table && c.lineMemo.Bytes()+c.fieldMemo.Bytes()+c.identityBytes <= c.limits.memo {
		return
	}
	c.table = table
	c.lineMemo, c.fieldMemo = memo.New(), memo.New()
	c.identities, c.shapes, c.identityBytes = nil, map[string]*shape{}, 0
}

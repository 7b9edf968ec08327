package protobuf

import (
	"encoding/binary"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/fields"
	"github.com/homeostat/homeostat/schemas/codec/registry"
	"github.com/homeostat/homeostat/schemas/codec/wire"
)

// codec decodes records.
type codec struct {
	bytesLimit, nesting, parts int
	rows                       *fields.Rows
	files                      *registry.Cache[*file] // nil: records are plain
	plain                      *plan                  // of plain records
	path                       []int                  // of the record's message in its schema

	event event
}

// Decode implements pipeline.Codec. Losses are counted only when the whole record is sound. While the schema registry is
// not to be reached it fails with a pipeline.Unavailable.
func (c *codec) Decode(rec *pipeline.Record, out *pipeline.Columns) error {
	switch n := len(rec.Value); {
	case n == 0:
		return pipeline.Errorf("protobuf.empty", "protobuf record has no bytes: check what writes to topic %s", rec.Topic)
	case n > c.bytesLimit:
		return pipeline.Errorf("protobuf.limit.bytes", "protobuf record of %d bytes is larger than max_bytes %d: send smaller ones or raise it", n, c.bytesLimit)
	}
	p, from, err := c.frame(rec.Value)
	if err != nil {
		return err
	}
	c.rows.Begin(rec, out)
	err = c.record(p, rec.Value, from)
	c.rows.End(err == nil)
	return err
}

// mostParts bounds the path to a message in its schema.
const mostParts = 32

// frame returns the plan of a record's message, and where the message begins.
func (c *codec) frame(b []byte) (*plan, int, error) {
	if c.files == nil {
		return c.plain, 0, nil
	}
	id, rest, err := registry.Frame(b, "give the codec the records' schema in place of a registry")
	if err != nil {
		return nil, 0, err
	}
	f, err := c.files.Get(id)
	if err != nil {
		return nil, 0, err
	}
	n := c.readPath(rest)
	if n == 0 {
		return nil, 0, pipeline.Errorf("protobuf.frame", "protobuf record of %d bytes has no path to a message behind the schema's id: check that its producer uses Confluent's serializer for Protobuf", len(b))
	}
	p, err := f.plan(rest[:n], c.path)
	return p, len(b) - len(rest) + n, err
}

// readPath reads how many numbers lead to a message, and these; a zero alone is the first message. It returns how many bytes that took,
// 0 if it is broken.
func (c *codec) readPath(b []byte) int {
	c.path = c.path[:0]
	parts, n := binary.Varint(b)
	switch {
	case n <= 0 || parts < 0 || parts > mostParts:
		return 0
	case parts == 0:
		c.path = append(c.path, 0)
		return n
	}
	for range parts {
		i, size := binary.Varint(b[n:])
		if size <= 0 || i < 0 || i > 1<<20 {
			return 0
		}
		c.path = append(c.path, int(i))
		n += size
	}
	return n
}

// record decodes one event, or those of a batch, in b[from:].
func (c *codec) record(p *plan, b []byte, from int) error {
	c.event.b = b
	defer func() { c.event.b = nil }()
	if p.batch == 0 {
		return c.one(p.root, extent{from: from, to: len(b)})
	}
	cur := wire.Cursor{B: b, At: from, End: len(b), Groups: true}
	var f wire.Field
	for cur.Next(&f) {
		if f.Number == p.batch && f.Wire == wire.Bytes {
			if err := c.one(p.root, extent{from: f.From, to: f.To}); err != nil {
				return err
			}
		}
	}
	return c.broken(cur.FaultAt, cur.Fault)
}

func (c *codec) broken(at int, fault string) error {
	if fault == "" {
		return nil
	}
	return pipeline.Errorf("protobuf.wire", "protobuf record of %d bytes is broken at byte %d: %s; check that it was written by the schema that it names", len(c.event.b), at, fault)
}

// one decodes one event.
func (c *codec) one(s *step, at extent) error {
	e := &c.event
	e.reset(&c.rows.Mapping, c.parts)
	e.Title = s.title
	e.message(s, nil, e.link(at, none), c.nesting)
	switch {
	case e.deep:
		return pipeline.Errorf("protobuf.limit.nesting", "protobuf record at byte %d is nested deeper than max_nesting %d: flatten it at the producer or raise it", at.from, c.nesting)
	case e.many:
		return pipeline.Errorf("protobuf.limit.points", "protobuf record at byte %d has more entries in maps than max_points %d: send smaller ones or raise it", at.from, c.parts)
	case e.fault != "":
		return c.broken(e.faultAt, e.fault)
	}
	return c.rows.Add(&e.Event, at.from)
}

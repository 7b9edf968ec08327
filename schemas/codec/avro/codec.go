package avro

import (
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/fields"
	"github.com/homeostat/homeostat/schemas/codec/registry"
)

// codec decodes records.
type codec struct {
	bytesLimit, nesting int
	rows                *fields.Rows
	event               fields.Event
	plans               *registry.Cache[*plan] // nil: records are plain
	plan                *plan                  // of plain records
}

// Decode implements pipeline.Codec. Losses are counted only when the whole record is sound. While the schema registry is
// not to be reached it fails with a pipeline.Unavailable.
func (c *codec) Decode(rec *pipeline.Record, out *pipeline.Columns) error {
	switch n := len(rec.Value); {
	case n == 0:
		return pipeline.Errorf("avro.empty", "avro record has no bytes: check what writes to topic %s", rec.Topic)
	case n > c.bytesLimit:
		return pipeline.Errorf("avro.limit.bytes", "avro record of %d bytes is larger than max_bytes %d: send smaller ones or raise it", n, c.bytesLimit)
	}
	p, datum, err := c.frame(rec.Value)
	if err != nil {
		return err
	}
	c.rows.Begin(rec, out)
	err = c.record(p, datum, len(rec.Value)-len(datum))
	c.rows.End(err == nil)
	return err
}

// frame returns the plan of a record's schema and the record without its framing.
func (c *codec) frame(b []byte) (*plan, []byte, error) {
	if c.plans == nil {
		return c.plan, b, nil
	}
	id, rest, err := registry.Frame(b, "give the codec the records' schema in place of a registry")
	if err != nil {
		return nil, nil, err
	}
	p, err := c.plans.Get(id)
	return p, rest, err
}

// record decodes one event, or an array of them. offset is where the bytes stand in the record, for errors.
func (c *codec) record(p *plan, b []byte, offset int) error {
	r := reader{b: b}
	if !p.array {
		if err := c.one(&r, p.root, offset); err != nil {
			return err
		}
	} else {
		for items := r.block(); items > 0; items = r.block() {
			for range items {
				if err := c.one(&r, p.root, offset); err != nil {
					return err
				}
			}
		}
	}
	if r.fault == "" && r.at < len(b) {
		r.stop(r.at, "the record goes on behind what its schema describes")
	}
	return c.broken(&r, offset)
}

func (c *codec) broken(r *reader, offset int) error {
	if r.fault == "" {
		return nil
	}
	return pipeline.Errorf("avro.wire", "avro record of %d bytes is broken at byte %d: %s; check that it was written by the schema that it names", len(r.b)+offset, r.faultAt+offset, r.fault)
}

// one decodes one event.
func (c *codec) one(r *reader, s *step, offset int) error {
	c.event.Reset(&c.rows.Mapping)
	at := r.at + offset
	if !c.walk(r, s, nil, c.nesting) && r.fault == "" {
		return pipeline.Errorf("avro.limit.nesting", "avro record at byte %d is nested deeper than max_nesting %d: flatten it at the producer or raise it", at, c.nesting)
	}
	if err := c.broken(r, offset); err != nil {
		return err
	}
	return c.rows.Add(&c.event, at)
}

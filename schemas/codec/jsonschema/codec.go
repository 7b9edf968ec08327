package jsonschema

import (
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/jsonmetrics"
	"github.com/homeostat/homeostat/schemas/codec/registry"
)

// codec decodes records. Each schema has a codec of its own for the JSON behind the framing; memo bounds what these remember together.
type codec struct {
	kinds *registry.Cache[*jsonmetrics.Typed]
	known []*jsonmetrics.Typed
	memo  int
	bytes int
	inner pipeline.Record
}

// Decode implements pipeline.Codec. Losses are counted only when the whole record is sound. While the schema registry is
// not to be reached it fails with a pipeline.Unavailable.
func (c *codec) Decode(rec *pipeline.Record, out *pipeline.Columns) error {
	if len(rec.Value) == 0 {
		return pipeline.Errorf("json_schema.empty", "json schema record has no bytes: check what writes to topic %s", rec.Topic)
	}
	id, rest, err := registry.Frame(rec.Value, "use the codec json_metrics for JSON without framing")
	if err != nil {
		return err
	}
	t, err := c.kinds.Get(id)
	if err != nil {
		return err
	}
	if c.bytes > c.memo {
		c.forget()
	}
	c.inner = *rec
	c.inner.Value = rest
	before := t.MemoBytes()
	err = t.Decode(&c.inner, out)
	c.bytes += t.MemoBytes() - before
	c.inner = pipeline.Record{}
	return err
}

// mostKnown bounds the codecs whose memory is counted; the registry's cache has about as many.
const mostKnown = 10_000

func (c *codec) forget() {
	c.bytes = 0
	for _, t := range c.known {
		t.Forget()
		c.bytes += t.MemoBytes()
	}
	if len(c.known) > mostKnown {
		c.known = nil
	}
}

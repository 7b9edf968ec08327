package otlp

import "github.com/homeostat/homeostat/pipeline"

// MemoBytes returns the memory of a codec's memos.
func MemoBytes(p pipeline.Codec) int {
	c := p.(*codec)
	return c.resourceMemo.Bytes() + c.metricMemo.Bytes() + c.seriesMemo.Bytes() + c.shapes.Bytes()
}

// Recognised returns how many messages a codec has recognised as a whole.
func Recognised(p pipeline.Codec) int { return p.(*codec).shapes.hits }

package arrow

import "github.com/homeostat/homeostat/pipeline"

// MemoBytes returns the memory of a codec's memos.
func MemoBytes(p pipeline.Codec) int {
	c := p.(*codec)
	return c.layoutMemo.Bytes() + c.seriesMemo.Bytes()
}

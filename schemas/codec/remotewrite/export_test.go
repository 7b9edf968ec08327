package remotewrite

import "github.com/homeostat/homeostat/pipeline"

// MemoBytes returns the memory of a codec's memos.
func MemoBytes(p pipeline.Codec) int {
	c := p.(*codec)
	return c.memo.Bytes() + c.symbolMemo.Bytes() + c.tables.Bytes()
}

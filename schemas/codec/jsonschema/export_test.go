package jsonschema

import "github.com/homeostat/homeostat/pipeline"

// MemoBytes returns the memory of a codec's memos.
func MemoBytes(p pipeline.Codec) (n int) {
	for _, t := range p.(*codec).known {
		n += t.MemoBytes()
	}
	return n
}

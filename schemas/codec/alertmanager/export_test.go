package alertmanager

import "github.com/homeostat/homeostat/pipeline"

// MemoBytes returns the memory of a codec's memo.
func MemoBytes(p pipeline.Codec) int { return p.(*codec).memo.Bytes() }

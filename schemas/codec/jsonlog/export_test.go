package jsonlog

import (
	"github.com/VictoriaMetrics/fastcache"

	"github.com/homeostat/homeostat/pipeline"
)

// Memo returns a codec's memo.
func Memo(p pipeline.Codec) *fastcache.Cache { return p.(*codec).memo }

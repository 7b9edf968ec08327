package jsonmetrics

import "github.com/homeostat/homeostat/pipeline"

// Reading makes a codec keep no layouts.
func Reading(p pipeline.Codec) pipeline.Codec {
	p.(*codec).layouts.off = true
	return p
}

// Met returns how many objects of layouts that it knew a codec has met, and how many others.
func Met(p pipeline.Codec) (met, strange int) {
	ls := &p.(*codec).layouts
	return ls.met, ls.strange
}

// Made returns how many layouts a codec has made.
func Made(p pipeline.Codec) int { return int(p.(*codec).layouts.number) }

// Wide returns how many of a codec's layouts take what names a series in one piece with what lies between.
func Wide(p pipeline.Codec) int {
	n := 0
	for _, l := range p.(*codec).layouts.all {
		if l.wide {
			n++
		}
	}
	return n
}

// MemoBytes returns the memory of a codec's memo.
func MemoBytes(p pipeline.Codec) int {
	return p.(*codec).memoBytes()
}

// Pieces returns how many pieces a codec's reader remembers, and their bytes.
func Pieces(p pipeline.Codec) (n, size int) {
	r := &p.(*codec).reader
	for _, s := range r.spots {
		n += s.count
		for _, piece := range s.pieces {
			if piece != nil {
				size += piece.size
			}
		}
	}
	return n, size
}

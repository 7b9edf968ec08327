package otlp

import "github.com/homeostat/homeostat/pipeline"

// MemoBytes returns the memory of a codec's memos.
func MemoBytes(p pipeline.Codec) int {
	c := p.(*codec)
	return c.memos() + c.shapes.Bytes() + c.patterns.Bytes()
}

// Sought returns how many times a codec had to look for a series in the table since its memos are full.
func Sought(p pipeline.Codec) int { return p.(*codec).full.sought }

// Recognised returns how many messages a codec has recognised as a whole.
func Recognised(p pipeline.Codec) int { return p.(*codec).shapes.hits }

// SignalMemoBytes returns the memory of the memos of a codec for logs or spans.
func SignalMemoBytes(p pipeline.Codec) int {
	switch c := p.(type) {
	case *logsCodec:
		return c.resources.Bytes() + c.streams.Bytes()
	case *tracesCodec:
		return c.resources.Bytes() + c.spans.Bytes()
	}
	panic("BUG: another codec")
}

// JSONAttributeText is the text of an attribute's value in JSON, and whether it is sound.
func JSONAttributeText(raw []byte, nesting int) (string, bool) {
	w := textWriter{nesting: nesting}
	var s scanner
	s.reset(raw, 0, len(raw), nesting)
	text := w.json(nil, &s)
	s.next()
	return string(text), w.defect.what == sound && s.at == len(raw)
}

// AttributeTexts are the texts of an attribute's value in protobuf by both of the ways in which they are made.
func AttributeTexts(raw []byte, nesting int) (tree, written string) {
	p := labelParser{limits: limits{nesting: nesting}}
	v, err := p.value(raw, 0, len(raw), 0, nesting)
	w := textWriter{nesting: nesting}
	written = string(w.protobuf(nil, raw, extent{0, len(raw)}))
	if err != nil || w.defect.what != sound {
		panic("BUG: a broken value")
	}
	return valueText(v), written
}

// RecognisedMetrics returns how many Metrics a codec has recognised and walked through since its patterns began anew.
func RecognisedMetrics(p pipeline.Codec) (hits, walks int) {
	c := p.(*codec)
	return c.patterns.hits, c.patterns.walks
}

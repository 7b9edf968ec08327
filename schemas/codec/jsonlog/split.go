package jsonlog

import (
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/values"
)

// splitter finds the lines of a record.
type splitter struct {
	b       []byte
	nesting int
	values  values.Splitter
}

// space is what JSON calls white space.
const space = values.Space

// next returns the bounds of the next line; ok is false at the end.
func (s *splitter) next() (from, to int, ok bool, err error) {
	s.values.B, s.values.Nesting = s.b, s.nesting
	from, ok, fault := s.values.Begin()
	if fault == nil && ok {
		fault = s.values.Pass()
		to = s.values.At
	}
	if fault == nil && ok {
		fault = s.values.Separator()
	}
	switch {
	case fault == nil:
		return from, to, ok, nil
	case fault.Deep:
		return 0, 0, false, pipeline.Errorf("json_logs.limit.nesting", "json log line at byte %d nests deeper at byte %d than max_nesting %d: flatten it at the producer or raise it", fault.From, fault.At, s.nesting)
	}
	return from, to, ok, pipeline.Errorf("json_logs.syntax", "json logs record of %d bytes is broken at byte %d: %s; check what writes to the topic", len(s.b), fault.At, fault.Why)
}

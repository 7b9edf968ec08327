package members

import "github.com/homeostat/homeostat/pipeline"

// Text appends a text to a key so that none runs into the next.
func Text(key []byte, text string) []byte { return append(append(key, text...), 0) }

// Metric appends system, metric and type of a series.
func Metric(key []byte, s *pipeline.Series) []byte {
	return append(Text(Text(key, s.System), s.Metric), byte(s.Type))
}

// Alike appends what a series has of some labels. It has to have one of them.
func Alike(key []byte, s *pipeline.Series, labels []string) ([]byte, bool) {
	any := false
	for _, label := range labels {
		v := s.Labels.Get(label)
		any = any || v != ""
		key = Text(key, v)
	}
	return key, any
}

// Entity appends the entity of a series, which has to have one.
func Entity(key []byte, s *pipeline.Series) ([]byte, bool) {
	return Text(Text(key, s.System), s.Entity), s.Entity != ""
}

package miner

// Parameter is what a line has where its template has a value.
type Parameter struct {
	Place int    // of the atom in the template, from 0 on: the same for ever
	Text  []byte // a part of the line; borrowed until the next call
}

// Parameters returns what a line has at the places of its template, which Learn said, in order, but for dates and times: they are
// always others. Templates of lines with lists of any length have none, since their places are not those of all their
// lines. The slice is borrowed until the next call.
func (m *Miner) Parameters(line []byte, t *Template) []Parameter {
	m.parameters = m.parameters[:0]
	if t.form.elastic {
		return nil
	}
	m.reader.noting = true
	m.shape = m.reader.shape(m.shape[:0], line)
	spans, parts := m.reader.spans, t.form.parts
	place := 0
	for i := 0; i < len(m.shape) && place < len(parts); place++ {
		for i < len(m.shape) && separates(m.shape[i]) {
			i++
		}
		from := i
		for i < len(m.shape) && !separates(m.shape[i]) {
			i++
		}
		if from == i {
			break
		}
		var text []byte
		text, spans = m.reader.taken(line, m.shape, from, i, spans)
		if k := parts[place].kind; k != literal && k != fixed && !timely(text) {
			m.parameters = append(m.parameters, Parameter{place, text})
		}
	}
	return m.parameters
}

// timely says that a text is a date, a time of day, or both.
func timely(text []byte) bool {
	if len(text) < 4 {
		return false
	}
	switch classes[text[0]] {
	case digit:
		return moment(text, 0) == len(text)
	case letter:
		end := 0
		for end < len(text) && classes[text[end]] == letter {
			end++
		}
		return end >= 3 && dated(text[:end]) && calendar(text, 0, end) == len(text)
	}
	return false
}

// taken returns what of a line became an atom of its shape, and the spans behind it.
func (r *reader) taken(line, shape []byte, from, to int, spans []span) ([]byte, []span) {
	start, end := -1, 0
	for len(spans) > 0 {
		s := spans[0]
		if s.at < len(shape) && separates(shape[s.at]) { // a mark, and perhaps a value between two of them
			s.at++
			s.start++
			s.end = max(s.start, s.end-1)
		}
		if s.at > to || s.at == to && start < 0 {
			break
		}
		spans = spans[1:]
		if s.at < from {
			continue
		}
		if start < 0 {
			start = s.start
		}
		end = s.end
	}
	if start < 0 {
		return shape[from:to], spans
	}
	return line[start:end], spans
}

// Atom returns where the atom at a place is in a text; nowhere (0, 0) if the text has fewer.
func Atom(text []byte, place int) (from, to int) {
	for i := 0; i < len(text); place-- {
		for i < len(text) && separates(text[i]) {
			i++
		}
		from = i
		for i < len(text) && !separates(text[i]) {
			i++
		}
		if place == 0 && from < i {
			return from, i
		}
	}
	return 0, 0
}

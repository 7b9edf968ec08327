package text

import (
	"bytes"

	"github.com/homeostat/homeostat/schemas/codec/severity"
)

// Where time and level are looked for: in the head of the line and its first words.
const headBytes, headWords, timeWords = 256, 4, 3

// head finds time (Unix nanoseconds, 0 for none) and level of a line.
func (c *codec) head(line []byte) (when int64, level uint8) {
	line = line[:min(len(line), headBytes)]
	r := reader{line: line}
	for r.at < len(line) && (line[r.at] == ' ' || line[r.at] == '\t') {
		r.at++
	}
	if r.stamp(c) && r.bare && digits(line[r.from+1:]) >= 4 {
		if level = ofLetter(line[r.from]); level != 0 { // glog
			return r.time, level
		}
	}
	for words := 0; words < headWords && r.next(); {
		switch {
		case r.level != 0 && (r.stamped || words >= timeWords):
			return r.time, r.level
		case !r.stamped && words < timeWords && r.stamp(c):
			words = 0
		case r.word(c, words):
			words++
		}
	}
	return r.time, r.level
}

// reader goes through the words of a line.
type reader struct {
	line    []byte
	at      int
	from    int // of the stamp
	time    int64
	level   uint8
	stamped bool // a stamp was found, whether it can be read or not
	bare    bool // not in brackets
	behind  bool // the next word is the first one behind it
}

// stamp reads a stamp, in brackets or not, at the present place.
func (r *reader) stamp(c *codec) bool {
	at := r.at
	bare := at == len(r.line) || r.line[at] != '[' && r.line[at] != '('
	if !bare {
		at++
	}
	if at+10 > len(r.line) {
		return false
	}
	when, n := c.clock.Head(r.line[at:])
	if n == 0 {
		return false
	}
	r.from, r.at, r.time, r.stamped, r.bare, r.behind = at, at+n, when, true, bare, true
	return true
}

// next goes to the next word and tells whether there is one.
func (r *reader) next() bool {
	for r.at < len(r.line) {
		switch r.line[r.at] {
		case ' ', '\t', '\r', '-', '|', ':', ',', ';', ']', ')', '>', '*', '"':
			r.at++
		default:
			return true
		}
	}
	return false
}

// word takes what stands at the present place. It is false if that is no word.
func (r *reader) word(c *codec, number int) bool {
	first := r.behind || number == 0 && !r.stamped
	behind := r.behind
	r.behind = false
	if ch := r.line[r.at]; ch == '[' || ch == '(' || ch == '<' {
		r.brackets()
		return true
	}
	from := r.at
	for r.at < len(r.line) && !parts(r.line[r.at]) {
		r.at++
	}
	if r.at == from {
		r.at++ // a character that parts words, with none before it
		return false
	}
	word := r.line[from:r.at]
	if r.at < len(r.line) && r.line[r.at] == '=' {
		r.pair(c, word, number)
		return true
	}
	if r.level != 0 {
		return true
	}
	i := bytes.IndexByte(word, ':')
	colon := i >= 0
	if colon {
		word = word[:i]
		if dot := bytes.LastIndexByte(word, '.'); dot >= 0 { // channel.LEVEL: of Monolog
			word, first, behind = word[dot+1:], false, false
		}
	}
	r.level = severity.Level(word, behind || first && colon, colon)
	return true
}

// parts tells whether a character ends a word.
func parts(ch byte) bool {
	switch ch {
	case ' ', '\t', '\r', '|', ',', '[', ']', '(', ')', '<', '>', '=', ';', '"':
		return true
	}
	return false
}

// brackets takes what is in brackets, up to the end of the head if they don't end.
func (r *reader) brackets() {
	closing := byte(']')
	switch r.line[r.at] {
	case '(':
		closing = ')'
	case '<':
		closing = '>'
	}
	inner := r.line[r.at+1:]
	r.at = len(r.line)
	n := bytes.IndexByte(inner, closing)
	if n < 0 {
		r.at -= len(inner)
		return
	}
	r.at += n + 1 - len(inner)
	inner = bytes.Trim(inner[:n], " ")
	if i := bytes.LastIndexByte(inner, ':'); i >= 0 {
		inner = inner[i+1:]
	}
	if r.level != 0 {
		return
	}
	if len(inner) == 1 {
		r.level = ofLetter(inner[0])
		return
	}
	r.level = severity.Level(inner, true, false)
}

// pair takes the value of a pair of logfmt, from the sign between them on.
func (r *reader) pair(c *codec, name []byte, number int) {
	r.at++
	quoted := r.at < len(r.line) && r.line[r.at] == '"'
	if quoted {
		r.at++
	}
	from := r.at
	for r.at < len(r.line) && r.line[r.at] != '"' && (quoted || r.line[r.at] != ' ' && r.line[r.at] != '\t') {
		r.at++
	}
	value := r.line[from:r.at]
	switch string(name) {
	case "level", "lvl", "severity", "loglevel", "log.level", "levelname":
		if r.level == 0 {
			r.level = severity.Parse(value, severity.ByValue)
		}
	case "time", "ts", "t", "timestamp", "@timestamp":
		if !r.stamped && number < timeWords {
			when, n := c.clock.Head(value)
			if n > 0 {
				r.time, r.stamped = when, true
			}
		}
	}
}

// ofLetter returns the severity of a level's letter.
func ofLetter(letter byte) uint8 {
	switch letter {
	case 'D', 'I', 'W', 'E', 'F':
		return severity.Parse([]byte{letter}, severity.ByValue)
	}
	return 0
}

package jsonmetrics

import (
	"bytes"

	"github.com/homeostat/homeostat/schemas/codec/values"
)

var batchName = []byte(`"metrics"`)

// batch finds the objects of Telegraf's batch format at a position: {"metrics":[…]}, an object of one member, which is an array. It
// returns where the array begins and ends, and where the object does; 0 if it is none.
func (c *codec) batch(b []byte, at int) (from, to, end int) {
	if at == len(b) || b[at] != '{' {
		return 0, 0, 0
	}
	at = passSpace(b, at+1)
	if !bytes.HasPrefix(b[at:], batchName) {
		return 0, 0, 0
	}
	if at = passSpace(b, at+len(batchName)); at == len(b) || b[at] != ':' {
		return 0, 0, 0
	}
	if at = passSpace(b, at+1); at == len(b) || b[at] != '[' {
		return 0, 0, 0
	}
	sp := values.Splitter{B: b, At: at, Nesting: c.limits.nesting}
	if sp.Pass() != nil {
		return 0, 0, 0
	}
	if end = passSpace(b, sp.At); end == len(b) || b[end] != '}' {
		return 0, 0, 0
	}
	return at, sp.At, end + 1
}

// passSpace returns the next position that is no white space.
func passSpace(b []byte, at int) int {
	for at < len(b) && (b[at] == ' ' || b[at] == '\t' || b[at] == '\r' || b[at] == '\n') {
		at++
	}
	return at
}

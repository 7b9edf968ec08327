package text

import "bytes"

// trace is what is known of the stack trace in an entry: which lines can continue it.
type trace uint8

const (
	none    trace = iota
	header        // the entry begins with the name of an exception
	frames        // lines of a stack have come, of Java or one like it
	python        // inside a traceback
	raised        // behind the line that ends one
	chained       // the line has come that says that one more follows
	golang        // behind "goroutine N ["
	php           // behind "Stack trace:"
)

const traceback = "Traceback (most recent call last):"

// begin takes the first line of an entry.
func (t *trace) begin(line []byte) {
	line = withoutEnd(line)
	switch *t = none; {
	case len(line) == 0:
	case line[len(line)-1] == ':' && bytes.HasSuffix(line, []byte(traceback)):
		*t = python
	case line[0] == 'g' && goroutine(line):
		*t = golang
	case exception(line):
		*t = header
	}
}

// continues tells whether a line that is not blank belongs to the entry so far. next is what follows it in the record.
func (t *trace) continues(line, next []byte) bool {
	line = withoutEnd(line)
	if len(line) == 0 {
		return false
	}
	switch line[0] {
	case ' ', '\t':
		if (*t == none || *t == header) && frame(line) {
			*t = frames
		}
		return true
	case 'a':
		return bytes.HasPrefix(line, []byte("at ")) && line[len(line)-1] == ')' && bytes.IndexByte(line, '(') > 0
	}
	if t.known(line) {
		return true
	}
	switch *t {
	case python:
		if identifier(line) > 0 {
			*t = raised
			return true
		}
	case golang:
		return goFrame(line, next)
	case none:
		if exception(line) && frame(next) {
			*t = frames
			return true
		}
	}
	return false
}

// known tells whether a line is one of those that tell by their words that they continue another one.
func (t *trace) known(line []byte) bool {
	switch line[0] {
	case 'C':
		return starts(line, "Caused by: ")
	case 'S':
		if string(line) == "Stack trace:" {
			*t = php
			return true
		}
		return starts(line, "Suppressed: ")
	case '.':
		return elided(line)
	case '-':
		return starts(line, "--- End of ")
	case '[':
		return starts(line, "[signal SIG")
	case '#':
		return *t == php && len(line) > 1 && line[1] >= '0' && line[1] <= '9'
	case 'g':
		if goroutine(line) {
			*t = golang
			return true
		}
	case 'T':
		switch {
		case string(line) == traceback:
			if *t == python || *t == raised {
				return false
			}
			*t = python
			return true
		case string(line) == "The above exception was the direct cause of the following exception:":
			return t.chain()
		}
	case 'D':
		if string(line) == "During handling of the above exception, another exception occurred:" {
			return t.chain()
		}
	}
	return false
}

func (t *trace) chain() bool {
	if *t != raised {
		return false
	}
	*t = chained
	return true
}

// starts is HasPrefix of bytes and a text.
func starts(line []byte, prefix string) bool {
	return len(line) >= len(prefix) && string(line[:len(prefix)]) == prefix
}

// elided tells whether a line is "... 12 more" or "... 12 common frames omitted".
func elided(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("... "))
	if !ok {
		return false
	}
	n := digits(rest)
	return n > 0 && (string(rest[n:]) == " more" || string(rest[n:]) == " common frames omitted")
}

// goroutine tells whether a line is "goroutine 1 [running]:".
func goroutine(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("goroutine "))
	if !ok {
		return false
	}
	n := digits(rest)
	return n > 0 && starts(rest[n:], " [")
}

// goFrame tells whether a line is part of a dump of goroutines.
func goFrame(line, next []byte) bool {
	switch {
	case starts(line, "created by "), string(line) == "...additional frames elided...", starts(line, "exit status ") && digits(line[12:]) == len(line)-12:
		return true
	case line[len(line)-1] == ')' && len(next) > 0 && next[0] == '\t':
		return true
	}
	n := 0 // registers: "rax    0x0"
	for n < len(line) && (line[n] >= 'a' && line[n] <= 'z' || line[n] >= '0' && line[n] <= '9') {
		n++
	}
	return n >= 2 && n <= 6 && starts(bytes.TrimLeft(line[n:], " "), "0x") && line[n] == ' '
}

// frame tells whether a text begins with an indented "at …".
func frame(s []byte) bool {
	rest := bytes.TrimLeft(s, " \t")
	return len(rest) < len(s) && starts(rest, "at ")
}

// identifier returns the length of a name, dots in it allowed, that is alone on its line or followed by a colon; 0 if there is none.
func identifier(line []byte) int {
	n := 0
	for n < len(line) && (line[n] == '_' || line[n] == '.' || line[n] == '$' || line[n]|0x20 >= 'a' && line[n]|0x20 <= 'z' || n > 0 && line[n] >= '0' && line[n] <= '9') {
		n++
	}
	if n < len(line) && line[n] != ':' {
		return 0
	}
	return n
}

var exceptionWords = [...][]byte{[]byte("Exception"), []byte("Error"), []byte("Throwable"), []byte("Failure")}

// exception tells whether a line begins with the qualified name of an exception.
func exception(line []byte) bool {
	n := identifier(line)
	dot := bytes.LastIndexByte(line[:n], '.')
	if dot <= 0 {
		return false
	}
	last := line[dot+1 : n]
	for _, word := range exceptionWords {
		if bytes.Contains(last, word) {
			return true
		}
	}
	return false
}

// digits returns the number of digits at the head.
func digits(s []byte) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

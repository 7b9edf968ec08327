// Package severity reads severities as producers write them, as OpenTelemetry severity numbers.
package severity

// Numbering says what severities that are numbers mean.
type Numbering uint8

const (
	// ByValue: 0 to 7 as BySyslog, full tens as ByPino, the rest as ByOpenTelemetry.
	ByValue Numbering = iota
	// ByOpenTelemetry: 1 (trace) to 24 (fatal).
	ByOpenTelemetry
	// BySyslog: 7 (debug) to 0 (emergency).
	BySyslog
	// ByPino: 10 (trace) to 60 (fatal).
	ByPino
)

// NumberingOf returns the numbering of a setting: otel, syslog, pino, anything else for: by value.
func NumberingOf(name string) Numbering {
	switch name {
	case "otel":
		return ByOpenTelemetry
	case "syslog":
		return BySyslog
	case "pino":
		return ByPino
	}
	return ByValue
}

// OpenTelemetry severity numbers (opentelemetry.io/docs/specs/otel/logs/data-model, SeverityNumber; syslog as in its
// appendix B). 2 to 4 of a range are the first plus 1 to 3.
const (
	trace = 1
	debug = 5
	info  = 9
	warn  = 13
	fault = 17
	fatal = 21
)

// Parse returns the OpenTelemetry severity number of a word or number, 0 for none.
func Parse(s []byte, how Numbering) uint8 {
	var word [16]byte
	n := 0
	for _, ch := range s {
		switch {
		case ch == ' ':
			continue
		case n == len(word):
			return 0
		case ch >= 'A' && ch <= 'Z':
			ch += 'a' - 'A'
		}
		word[n] = ch
		n++
	}
	if n == 0 {
		return 0
	}
	if word[0] >= '0' && word[0] <= '9' {
		return severityOfNumber(word[:n], how)
	}
	if step := word[n-1]; n > 1 && step >= '1' && step <= '4' {
		if base := severityOfWord(word[:n-1]); (base-1)%4 == 0 {
			return base + step - '1'
		}
		return 0
	}
	return severityOfWord(word[:n])
}

func severityOfWord(word []byte) uint8 {
	switch string(word) {
	case "trace", "trc", "t", "verbose", "finest", "finer":
		return trace
	case "debug", "dbg", "d", "fine", "config":
		return debug
	case "info", "inf", "i", "information", "informational", "log", "ok", "success":
		return info
	case "notice", "n":
		return info + 1
	case "warn", "warning", "wrn", "w":
		return warn
	case "error", "err", "e", "severe", "failure":
		return fault
	case "critical", "crit", "c":
		return fault + 1
	case "alert", "a":
		return fault + 2
	case "fatal", "ftl", "f", "emerg", "emergency", "panic", "dpanic":
		return fatal
	}
	return 0
}

func severityOfNumber(digits []byte, how Numbering) uint8 {
	n := 0
	for _, d := range digits {
		if d < '0' || d > '9' || n > 100 {
			return 0
		}
		n = n*10 + int(d-'0')
	}
	if how == ByValue {
		switch {
		case n <= 7:
			how = BySyslog
		case n%10 == 0:
			how = ByPino
		default:
			how = ByOpenTelemetry
		}
	}
	switch {
	case how == ByOpenTelemetry && n >= trace && n <= fatal+3:
		return uint8(n)
	case how == BySyslog && n <= 7:
		return [...]uint8{fatal, fault + 2, fault + 1, fault, warn, info + 1, info, debug}[n]
	case how == ByPino && n >= 10 && n <= 69:
		return [...]uint8{trace, debug, info, warn, fault, fatal}[n/10-1]
	}
	return 0
}

// Level returns the severity of a word at the head of a line, where many a word is none: 0 then. any allows it in any case, else it has to be in
// capitals; colon tells whether one follows, without which LOG is none.
func Level(word []byte, any, colon bool) uint8 {
	switch string(word) { // most of those that there are
	case "INFO":
		return info
	case "DEBUG":
		return debug
	case "WARN", "WARNING":
		return warn
	case "ERROR":
		return fault
	}
	const longest = len("informational")
	if len(word) < 3 || len(word) > longest {
		return 0
	}
	capitals := true
	for _, ch := range word {
		if ch|0x20 < 'a' || ch|0x20 > 'z' {
			return 0
		}
		capitals = capitals && ch < 'a'
	}
	if !capitals && !any {
		return 0
	}
	switch {
	case same(word, "ok"), same(word, "success"), same(word, "failure"), same(word, "config"), same(word, "fine"):
		return 0
	case same(word, "log"):
		if !colon || !capitals {
			return 0
		}
	}
	return Parse(word, ByValue)
}

// same compares letters with small ones.
func same(word []byte, small string) bool {
	if len(word) != len(small) {
		return false
	}
	for i, ch := range word {
		if ch|0x20 != small[i] {
			return false
		}
	}
	return true
}

package jsonlog

// numbering says what severities that are numbers mean.
type numbering uint8

const (
	byValue numbering = iota
	byOpenTelemetry
	bySyslog
	byPino
)

func numberingOf(name string) numbering {
	switch name {
	case "otel":
		return byOpenTelemetry
	case "syslog":
		return bySyslog
	case "pino":
		return byPino
	}
	return byValue
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

// parseSeverity returns the OpenTelemetry severity number of a word or number, 0 for none.
func parseSeverity(s []byte, how numbering) uint8 {
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

func severityOfNumber(digits []byte, how numbering) uint8 {
	n := 0
	for _, d := range digits {
		if d < '0' || d > '9' || n > 100 {
			return 0
		}
		n = n*10 + int(d-'0')
	}
	if how == byValue {
		switch {
		case n <= 7:
			how = bySyslog
		case n%10 == 0:
			how = byPino
		default:
			how = byOpenTelemetry
		}
	}
	switch {
	case how == byOpenTelemetry && n >= trace && n <= fatal+3:
		return uint8(n)
	case how == bySyslog && n <= 7:
		return [...]uint8{fatal, fault + 2, fault + 1, fault, warn, info + 1, info, debug}[n]
	case how == byPino && n >= 10 && n <= 69:
		return [...]uint8{trace, debug, info, warn, fault, fatal}[n/10-1]
	}
	return 0
}

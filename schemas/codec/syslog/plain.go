package syslog

import (
	"bytes"
)

// What is longer than this is neither host nor tag but text: RFC 3164 has no bounds that producers keep.
const maxHost, maxTag, maxBrackets = 255, 128, 64

// plain reads a message of RFC 3164 from behind its priority.
func (c *codec) plain(m *message, line []byte, at int) {
	m.text = m.from + at
	start := skipSpaces(line, at)
	if n, iso := c.stamp(m, line[start:]); n > 0 {
		m.begins = true
		c.behindTime(m, line, start+n, iso)
		return
	}
	if n, host := c.device(m, line, start); n > 0 {
		m.begins = true
		c.behindTime(m, line, n, false)
		if m.host == nil {
			m.host = host
		}
		return
	}
	if m.begins { // a priority and no time: there may be a tag
		c.tag(m, line, start, false)
	}
}

// stamp reads the time at the head of a text, n bytes, 0 if there is none. iso tells that it begins with digits and dashes.
func (c *codec) stamp(m *message, s []byte) (n int, iso bool) {
	if len(s) < 12 {
		return 0, false
	}
	digit := s[0] >= '0' && s[0] <= '9'
	iso = digit && s[4] == '-'
	if digit && !iso && s[4] != ' ' || !digit && s[3] != ' ' {
		return 0, false // clock.Head knows shapes that no syslog has
	}
	ns, n := c.clock.Head(s)
	if n > 0 {
		m.time = ns
	}
	return n, iso
}

// behindTime reads what follows the time.
func (c *codec) behindTime(m *message, line []byte, at int, iso bool) {
	m.text = m.from + at
	if n := colonBehind(line[at:]); n > 0 { // Cisco
		c.mnemonic(m, line, skipSpaces(line, at+n))
		return
	}
	if at = skipSpaces(line, at); at == len(line) {
		m.text = m.from + at
		return
	}
	if line[at] == '%' && c.mnemonic(m, line, at) || c.relayed(m, line, at) || tagOnly(word(line[at:])) && c.tag(m, line, at, false) {
		return
	}
	host := word(line[at:])
	if len(host) > maxHost {
		m.text = m.from + at
		return
	}
	m.host = unlessNil(host)
	at = skipSpaces(line, at+len(host))
	if bytes.HasPrefix(line[at:], []byte(": ")) { // Cisco's firewalls
		at = skipSpaces(line, at+1)
	}
	m.text = m.from + at
	if at == len(line) || line[at] == '%' && c.mnemonic(m, line, at) || c.relayed(m, line, at) {
		return
	}
	c.tag(m, line, at, iso)
}

// relayed reads what a device wrote when the relay has put a time, and perhaps a host, before it. The relay's count.
func (c *codec) relayed(m *message, line []byte, at int) bool {
	if ch := line[at]; ch != '*' && ch != '.' && (ch < '0' || ch > '9') {
		return false
	}
	var own message
	at, _ = c.device(&own, line, at)
	if at == 0 {
		return false
	}
	n := colonBehind(line[at:])
	if n == 0 || !c.mnemonic(&own, line, skipSpaces(line, at+n)) {
		return false
	}
	m.app, m.device, m.text = own.app, own.device, m.from+own.text
	return true
}

// device reads the head of a Cisco device's message: sequence numbers and a host, each with a colon, an asterisk or dot for a clock that is not in
// step, and a time. end is where it ends, 0 if there is no time.
func (c *codec) device(m *message, line []byte, at int) (end int, host []byte) {
	if bytes.HasPrefix(line[at:], []byte(": ")) {
		at += 2
	}
	for range 3 {
		n := bytes.IndexByte(line[at:min(len(line), at+maxHost)], ' ')
		if n < 2 || line[at+n-1] != ':' {
			break
		}
		if name := line[at : at+n-1]; !number(name) {
			host = name
		}
		at += n + 1
	}
	if at < len(line) && (line[at] == '*' || line[at] == '.') {
		at++
	}
	n, _ := c.stamp(m, line[at:])
	if n == 0 {
		return 0, nil
	}
	return at + n, host
}

// colonBehind returns the length of a colon, or of a zone's name with a colon, behind a time; 0 if there is neither.
func colonBehind(s []byte) int {
	n := 0
	if len(s) > 0 && s[0] == ' ' {
		for n = 1; n < len(s) && n <= 5 && s[n] >= 'A' && s[n] <= 'Z'; n++ {
		}
		if n < 3 {
			return 0
		}
	}
	if n < len(s) && s[n] == ':' && (n+1 == len(s) || s[n+1] == ' ') {
		return n + 1
	}
	return 0
}

// mnemonic reads %FACILITY-SEVERITY-MNEMONIC: at a position, which is where the text begins, whether it is there or not.
func (c *codec) mnemonic(m *message, line []byte, at int) bool {
	m.text = m.from + at
	name := word(line[at:])
	if len(name) < len("%A-0-A:") || len(name) > maxTag || name[0] != '%' || name[len(name)-1] != ':' {
		return false
	}
	name = name[1:]
	for i := 1; i+2 < len(name); i++ {
		if name[i] == '-' && name[i+2] == '-' && name[i+1] >= '0' && name[i+1] <= '7' {
			m.app, m.device = name[:i], name[i+1]
			return true
		}
	}
	return false
}

// tag reads a tag at a position, and what it leaves is the text. alone allows a word without colon or brackets.
func (c *codec) tag(m *message, line []byte, at int, alone bool) bool {
	m.text = m.from + at
	n := at
	for n < len(line) && n-at <= maxTag && line[n] > ' ' && line[n] != ':' && line[n] != '[' && line[n] != 0x7f {
		n++
	}
	name := line[at:n]
	if len(name) == 0 || len(name) > maxTag || number(name) {
		return false
	}
	switch {
	case n == len(line) || line[n] == ' ':
		if !alone {
			return false
		}
	case line[n] == ':':
		n++
	case line[n] == '[':
		end := brackets(line[n:])
		if end == 0 {
			return false
		}
		if n += end; n < len(line) && line[n] == ':' {
			n++
		} else if n < len(line) && line[n] != ' ' {
			return false
		}
	default:
		return false
	}
	m.app = unlessNil(name)
	if n < len(line) && line[n] == ' ' {
		n++
	}
	m.text = m.from + n
	return true
}

// brackets returns the length of a word in brackets, 0 for none.
func brackets(s []byte) int {
	for i := 1; i < len(s) && i <= maxBrackets; i++ {
		switch {
		case s[i] == ']':
			return i + 1
		case s[i] <= ' ':
			return 0
		}
	}
	return 0
}

// tagOnly tells whether a word can be a tag but no host.
func tagOnly(w []byte) bool {
	if len(w) < 2 || w[0] == '[' {
		return false
	}
	last := w[len(w)-1]
	return last == ':' || last == ']' && bytes.IndexByte(w, '[') > 0
}

// word returns what stands before the first space.
func word(s []byte) []byte {
	if n := bytes.IndexByte(s, ' '); n >= 0 {
		return s[:n]
	}
	return s
}

func skipSpaces(line []byte, at int) int {
	for at < len(line) && line[at] == ' ' {
		at++
	}
	return at
}

func number(s []byte) bool {
	for _, ch := range s {
		if ch < '0' || ch > '9' {
			return false
		}
	}
	return true
}

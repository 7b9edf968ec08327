package main

import (
	"fmt"
	"strings"
	"time"
)

// syslogMessage is a message that a syslog server is given.
type syslogMessage struct {
	severity int
	body     string
	// mark puts a byte order mark before the body, as RFC 5424 asks of UTF-8.
	mark bool
	wire string
}

// otelSeverity are the severities of syslog as OpenTelemetry's log data model maps them (appendix B there).
var otelSeverity = [...]int{21, 19, 18, 17, 13, 10, 9, 5}

// syslogCount is how many messages of each form there are.
const syslogCount = 200

const byteOrderMark = "\ufeff"

// bsdMessages are messages of RFC 3164.
func bsdMessages(now time.Time) []syslogMessage {
	var all []syslogMessage
	for i := range syslogCount {
		m := syslogMessage{severity: i % 8, body: fmt.Sprintf("connection %d to db-%d timed out", i, i%3)}
		m.wire = fmt.Sprintf("<%d>%s host-%d web[%d]: %s", 16*8+m.severity, now.Format(time.Stamp), i%4, 100+i%4, m.body)
		all = append(all, m)
	}
	return all
}

// ietfMessages are messages of RFC 5424.
func ietfMessages(now time.Time) []syslogMessage {
	var all []syslogMessage
	for i := range syslogCount {
		m := syslogMessage{severity: i % 8, body: fmt.Sprintf("payment %d was refused", i), mark: i%5 == 0}
		mark, id := "", "-"
		if m.mark {
			mark = byteOrderMark
		}
		if i%2 == 0 {
			id = fmt.Sprint(200 + i%4)
		}
		m.wire = fmt.Sprintf("<%d>1 %s host-%d shop %s - - %s%s", 17*8+m.severity, now.UTC().Format("2006-01-02T15:04:05.000000Z07:00"), i%4, id, mark, m.body)
		all = append(all, m)
	}
	return all
}

// onLines puts messages on lines of their own.
func onLines(all ...[]syslogMessage) []byte {
	var b strings.Builder
	for _, messages := range all {
		for _, m := range messages {
			b.WriteString(m.wire + "\n")
		}
	}
	return []byte(b.String())
}

// counted frames messages by their length (RFC 6587).
func counted(messages []syslogMessage) []byte {
	var b strings.Builder
	for _, m := range messages {
		fmt.Fprintf(&b, "%d %s", len(m.wire), m.wire)
	}
	return []byte(b.String())
}

// linesOf is what is to be read of messages.
func linesOf(a *account, messages []syslogMessage, of func(m syslogMessage) (severity int, body string)) {
	for _, m := range messages {
		severity, body := of(m)
		a.line(severity, body)
	}
}

// plain is a message as it was meant; lineOnly the same where the severity is not written.
func plain(m syslogMessage) (int, string)    { return otelSeverity[m.severity], m.body }
func lineOnly(m syslogMessage) (int, string) { return 0, m.body }

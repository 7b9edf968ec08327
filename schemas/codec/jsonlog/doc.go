// Package jsonlog turns logs in JSON into log records.
//
// A record holds one line, several separated by white space (newline-delimited JSON), or an array of lines. A line is an
// object, or a text that is the body alone (the OpenTelemetry Collector's raw encoding quotes bodies so). A byte order mark
// before the first line is skipped.
//
// The settings time, severity, body, trace and labels name fields. A name is that of a member, or the path to a nested
// one with dots between the names; dots in names themselves are allowed: log.level is found in {"log.level":…} and in
// {"log":{"level":…}}. Only texts, numbers and booleans count as values; of a name that comes twice the last counts.
//
//   - time: the first field in the order of the setting that can be read, else the record's own time. Texts: RFC 3339, with
//     'T' or a space, a fraction after a point or comma, a zone as Z, +02:00 or +0200, no zone being UTC. Numbers, also
//     in texts: Unix time in the unit of time_unit, by default as the size says: from 10^9 seconds (2001 to
//     5138), from 10^11 milliseconds, from 10^14 microseconds, from 10^17 nanoseconds; less than 10^9 is no time. Decimals
//     are read exactly. Times before 1970 and after 2261 are not read.
//   - severity: the first field that can be read, as OpenTelemetry severity number; else 0. Words in any case: those of
//     OpenTelemetry, syslog and the usual libraries. Numbers: see the setting severity_numbers.
//   - body: the first field that is there, without line ends behind it; else the whole line as it stands. Bytes that
//     are not UTF-8 stay as they are: the body is evidence. The stack trace that stands in a field of the setting trace (ECS has
//     it in error.stack_trace) follows on lines of its own. Terminals' escape sequences go, unless ansi is keep, see package ansi.
//   - labels: all fields that are there and not empty, under the name in the setting. They make the stream of
//     the line. What is not UTF-8 is replaced by U+FFFD.
//
// A record that is broken or beyond a limit is an error as a whole. The parser (valyala/fastjson) is lenient about
// escapes, control characters and number syntax in fields that are not read.
package jsonlog

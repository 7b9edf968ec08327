// Package text turns plain text into log records.
//
// A record holds one line or several. Lines end with a line feed; a carriage return before it is not part of a line. Blank lines are no log
// records. A byte order mark before the first line is skipped. What is changed in a body is this and no more:
//
//   - with ansi: strip (the default) escape sequences go, see package ansi;
//   - what a container runtime put before a line (CRI: `2026-11-23T04:00:01.1Z stdout F `) goes: its time is the line's, stdout or stderr is the stream's
//     label "stream"; a part (P) is joined to the lines of the same stream right behind it, up to the one that is full (F);
//   - line ends behind the last line of a body go.
//
// With multiline: auto a line continues the one before it in the record, with the line end between them and blank lines kept as they are,
// if it is one of these; with off each line is a log record:
//
//   - it begins with a space or tab;
//   - "Caused by: …", "Suppressed: …", "at …(…)", "... 12 more", "... 12 common frames omitted", "--- End of …" (Java, .NET);
//   - the qualified name of a Java or .NET class whose last part has Exception, Error, Throwable or Failure in it, alone or with a colon, if the next line
//     is an indented "at …" and the line before has no stack trace yet;
//   - "Traceback (most recent call last):" if no traceback came before; within one the first line that is not indented and begins with a
//     name, alone or with a colon; behind that "During handling of the above exception, another exception occurred:" or "The above exception was the
//     direct cause of the following exception:" with one more traceback (Python);
//   - "[signal SIG…", "goroutine N […", and behind that "created by …", "...additional frames elided...", "exit status N", registers, and names of functions
//     with arguments, if the next line begins with a tab (Go);
//   - "Stack trace:", and behind that "#N …" (PHP).
//
// Nothing joins the lines of several records.
//
// The time is that of the container runtime, else the first stamp (shapes in moment.Clock, in brackets or not) at the head of the first line or of one of its
// first three words, a value of time, ts, t, timestamp or @timestamp in logfmt included; else, and when the stamp is none that can be read, the
// record's own time. A time without zone is of the setting zone; one without year is of the year that brings it nearest to the record's time.
//
// The severity is that of the first of these in the first four words of the line or behind the time, and in its first 256 bytes; else 0:
//
//   - a level alone in brackets, in any case: [error], [INFO ], <warn>, [core:error], and the capitals D I W E F;
//   - a level in capitals: ERROR, WARN:, INFO:root:, app.ERROR: (Monolog); LOG with a colon only;
//   - a level in any case right behind the time, or at the head of a line that begins with none with a colon: "error: …";
//   - level=, lvl=, severity=, loglevel=, log.level= or levelname= in logfmt;
//   - the letter of glog and klog: E1123 04:00:01.123456.
//
// What is in brackets is one word, and "-", "|", ":" and the like between words are none. Level words are those of package severity
// but for ok, success, failure, config and fine, which are words of prose.
//
// The stream has the labels topic (setting topic_label), those headers of the record that labels_from_headers names, and the record's key if key_label names a label for
// it. So by default there is one stream a topic, or two with a container runtime's lines: what is in a line is not searched for labels.
package text

// Package syslog turns syslog messages into log records: RFC 5424 and RFC 3164 with what is written in its name, and what rsyslog and
// syslog-ng write to Kafka by their default templates.
//
// A record holds one message, several on lines of their own, or frames that are counted in octets (RFC 6587, 3.4.1:
// "83 <34>1 …"), one behind the other. A line that begins with neither a priority nor a stamp continues the message before it in the record
// if that one begins so (multiline: auto). Blank lines between messages are left out. A byte order mark before the record or a message's text is no part of it.
//
// A message of RFC 5424 is <PRI>VERSION, time, host, application, process, message id, structured data and text; "-" is none. One of RFC 3164
// is, in this order, with everything optional:
//
//   - <PRI> of at most three digits and at most 191;
//   - a sequence number and a host, each with a colon, and an asterisk or dot (Cisco: "<189>45: sw1: *Nov 23 04:00:01.123: %SYS-5-CONFIG_I: …");
//   - a time: RFC 3339, or month, day and clock, with or without fraction, year and zone, see moment.Clock. What it leaves out comes from the
//     setting zone, and from the record's time: of all years the one that brings it nearest, at most half a year away. When it can't be read the
//     record's time counts;
//   - a host, unless that word is a tag: it ends with a colon, or it is a name with something in brackets, or the time itself is followed by a colon (Cisco);
//   - a tag: a name followed by a colon, or by brackets with or without a colon. Behind a time of RFC 3339, where rsyslog's and syslog-ng's
//     templates write a tag always, a word alone is a tag too, behind other times it belongs to the text. A word of digits is no tag. "%LINK-3-UPDOWN:" is of the
//     application LINK and stays in the text; if there is no priority its digit is the severity.
//
// All of it is the text if neither priority nor time is found.
//
// What becomes of it: the stream is made of the setting labels; the severity is that of the priority as OpenTelemetry severity number; without one, as by the
// templates that rsyslog and syslog-ng write files and Kafka by, that of a level at the head of the text ("ERROR: …", "[error] …", "error: …"), else 0; the body is
// the text, as it stands, without the one space that separates it and without line ends behind it. Structured data, which is evidence, stands before
// the text, as it came: `[origin ip="10.0.0.1"] payment failed`. Process and message id are not in it; with body: line the body is the whole message as it stands.
//
// dialect says what is taken for what. auto: RFC 5424 where the header is of that form, else RFC 3164; nothing is refused but what is beyond a limit. rfc3164: that alone.
// rfc5424: a record with a message of another form is an error. The time may there be all that moment.Clock reads, and names may be longer than the RFC has them.
package syslog

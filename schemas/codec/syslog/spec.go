package syslog

import "github.com/homeostat/homeostat/pipeline"

// Spec describes the codec.
func Spec() pipeline.Spec {
	return pipeline.Spec{
		Name: Name,
		Doc: "Syslog messages of RFC 3164 and RFC 5424, as rsyslog, syslog-ng and devices write them: one a record, several on lines, or in frames counted in octets. " +
			"A record beyond a limit is a dead letter.",
		Emits:   []pipeline.Kind{pipeline.Logs},
		Version: 1,
		Settings: []pipeline.Setting{
			{Name: "dialect", Type: pipeline.String, Default: "auto", Enum: []string{"auto", "rfc3164", "rfc5424"},
				Doc: "What messages are. auto: RFC 5424 where the header says so, else RFC 3164. rfc5424: anything else is a dead letter.", Example: "rfc5424"},
			{Name: "zone", Type: pipeline.String, Default: "UTC", Doc: "Time zone of times that name none, by its IANA name.", Example: "Europe/Berlin"},
			{Name: "labels", Type: pipeline.List, Default: []any{"host", "app"}, Doc: "What makes the stream of a message.", Example: "[host, app, facility]",
				Fields: []pipeline.Setting{{Type: pipeline.String, Enum: labelNames[:], Doc: "host, app (the tag), facility (kern, user, …) or msgid."}}},
			{Name: "body", Type: pipeline.String, Default: "message", Enum: []string{"message", "line"},
				Doc: "message: structured data, if any, and text. line: the whole message, header included.", Example: "line"},
			{Name: "multiline", Type: pipeline.String, Default: "auto", Enum: []string{"auto", "off"},
				Doc: "auto: a line of a record without priority and time continues the message before it.", Example: "off"},
			size("max_bytes", 16<<20, 1<<30, "Size of a record.", "16MiB"),
			size("max_body_bytes", 256<<10, 64<<20, "Size of a message's body.", "256KiB"),
			size("max_label_bytes", 4<<10, 32<<10, "Text of a stream: names and values of its labels.", "4KiB"),
			{Name: "max_lines", Type: pipeline.Int, Default: int64(100_000), Min: pipeline.Bound(1), Doc: "Messages of a record.", Example: "100000"},
			{Name: "memo", Type: pipeline.Size, Default: int64(128 << 20), Min: pipeline.Bound(1 << 20), Max: pipeline.Bound(2 << 30),
				Doc: "Memory of a lane for recognising streams by their raw bytes. Beyond it the memo starts anew, which costs time only.", Example: "128MiB"},
		},
	}
}

func size(name string, def int64, most float64, doc, example string) pipeline.Setting {
	return pipeline.Setting{Name: name, Type: pipeline.Size, Default: def, Min: pipeline.Bound(1), Max: pipeline.Bound(most), Doc: doc, Example: example}
}

// Register adds the codec to a registry.
func Register(r *pipeline.Registry) { r.AddCodec(Spec(), New) }

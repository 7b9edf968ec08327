package text

import "github.com/homeostat/homeostat/pipeline"

// Spec describes the codec.
func Spec() pipeline.Spec {
	return pipeline.Spec{
		Name: Name,
		Doc: "Plain text: a line is a log record, stack traces are joined to theirs. Time and severity are read where they are usually written, " +
			"at the head of the line. A record beyond a limit is a dead letter.",
		Emits:   []pipeline.Kind{pipeline.Logs},
		Version: 1,
		Settings: []pipeline.Setting{
			{Name: "multiline", Type: pipeline.String, Default: "auto", Enum: []string{"auto", "off"},
				Doc: "auto: lines of a record that continue the line before (indented ones, stack traces) are part of its body. off: each line is a log record.", Example: "off"},
			{Name: "ansi", Type: pipeline.String, Default: "strip", Enum: []string{"strip", "keep"},
				Doc: "What becomes of terminals' escape sequences (colours) in bodies.", Example: "keep"},
			{Name: "zone", Type: pipeline.String, Default: "UTC", Doc: "Time zone of times that name none, by its IANA name.", Example: "Europe/Berlin"},
			{Name: "topic_label", Type: pipeline.String, Default: "topic", Doc: "Label with the topic's name; empty: none.", Example: "service"},
			{Name: "labels_from_headers", Type: pipeline.List, Default: []any{}, Doc: "Headers of the record that become labels of their name.", Example: "[service, host]",
				Fields: []pipeline.Setting{{Type: pipeline.String, Doc: "Name of a header."}}},
			{Name: "key_label", Type: pipeline.String, Default: "", Doc: "Label with the record's key, if keys stand for a place, not for a request; empty: none.", Example: "host"},
			size("max_bytes", 16<<20, 1<<30, "Size of a record.", "16MiB"),
			size("max_body_bytes", 256<<10, 64<<20, "Size of a log record's body.", "256KiB"),
			size("max_label_bytes", 4<<10, 32<<10, "Text of a stream: names and values of its labels.", "4KiB"),
			{Name: "max_lines", Type: pipeline.Int, Default: int64(100_000), Min: pipeline.Bound(1), Doc: "Log records of a record.", Example: "100000"},
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

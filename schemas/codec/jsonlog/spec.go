package jsonlog

import "github.com/homeostat/homeostat/pipeline"

// Spec describes the codec.
func Spec() pipeline.Spec {
	return pipeline.Spec{
		Name: Name,
		Doc: "Logs in JSON: one object a record, several separated by white space, or an array of objects. Fields are named as members or paths with dots; " +
			"of those listed for time, severity and body the first one that can be read counts. A record beyond a limit is a dead letter.",
		Emits:   []pipeline.Kind{pipeline.Logs},
		Version: 1,
		Settings: []pipeline.Setting{
			names("time", "Fields with the line's time: RFC 3339 or Unix time. Without one the record's own time counts.", "[ts]",
				"time", "timestamp", "@timestamp", "ts", "datetime", "date", "ISODATE",
				"_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP"),
			{Name: "time_unit", Type: pipeline.String, Default: "auto", Enum: []string{"auto", "s", "ms", "us", "ns"},
				Doc: "Unit of times that are numbers; auto goes by their size.", Example: "ms"},
			names("severity", "Fields with the line's severity, as word or number.", "[level]",
				"severity", "level", "log.level", "severity_text", "severity_number", "severityText", "severityNumber", "loglevel", "lvl", "PRIORITY"),
			{Name: "severity_numbers", Type: pipeline.String, Default: "auto", Enum: []string{"auto", "otel", "syslog", "pino"},
				Doc: "What severities that are numbers mean: otel 1 to 24, syslog 7 (debug) to 0, pino 10 (trace) to 60 (fatal). auto: otel in fields called severity_number; " +
					"elsewhere 0 to 7 as syslog, full tens as pino, the rest as otel.", Example: "otel"},
			names("body", "Fields with the line's message. Without one the whole line is the body.", "[event.original]",
				"message", "msg", "body", "log", "MESSAGE"),
			names("trace", "Fields with the line's stack trace. The first one that is a text stands behind the message in the body, on lines of its own, unless the message holds it.", "[error.stack_trace]",
				"error.stack_trace", "stack_trace", "exception.stacktrace", "stacktrace", "stack", "err.stack", "error.stack", "exc_info"),
			{Name: "ansi", Type: pipeline.String, Default: "strip", Enum: []string{"strip", "keep"},
				Doc: "What becomes of terminals' escape sequences (colours) in bodies.", Example: "keep"},
			names("labels", "Fields that make the stream of the line: few values each, as they stand for a place, not for a request.", "[service, host, region]",
				"service", "service.name", "service.namespace", "service.instance.id", "service_name", "app", "appname", "application", "system", "entity", "host", "host.name", "hostname", "HOST", "PROGRAM",
				"pod", "container", "container.name", "container_name", "namespace", "env", "environment", "deployment.environment",
				"kubernetes.namespace_name", "kubernetes.pod_namespace", "kubernetes.pod_name", "kubernetes.container_name",
				"kubernetes.namespace", "kubernetes.pod.name", "kubernetes.container.name", "service.environment", "log.file.path",
				"_HOSTNAME", "SYSLOG_IDENTIFIER",
				"k8s.namespace.name", "k8s.pod.name", "k8s.container.name"),
			size("max_bytes", 16<<20, 1<<30, "Size of a record.", "16MiB"),
			size("max_line_bytes", 1<<20, 64<<20, "Size of a line as it stands in the record.", "1MiB"),
			size("max_body_bytes", 256<<10, 64<<20, "Size of a line's body.", "256KiB"),
			size("max_label_bytes", 4<<10, 32<<10, "Text of a stream: names and values of its labels.", "4KiB"),
			{Name: "max_lines", Type: pipeline.Int, Default: int64(100_000), Min: pipeline.Bound(1), Doc: "Lines of a record.", Example: "100000"},
			{Name: "max_nesting", Type: pipeline.Int, Default: int64(32), Min: pipeline.Bound(1), Max: pipeline.Bound(300),
				Doc: "Depth of objects and arrays in a line, the line itself included.", Example: "32"},
			{Name: "memo", Type: pipeline.Size, Default: int64(128 << 20), Min: pipeline.Bound(1 << 20), Max: pipeline.Bound(2 << 30),
				Doc: "Memory of a lane for recognising streams by their raw bytes. Beyond it the memo starts anew, which costs time only.", Example: "128MiB"},
		},
	}
}

func names(name, doc, example string, defaults ...any) pipeline.Setting {
	return pipeline.Setting{Name: name, Type: pipeline.List, Default: defaults, Doc: doc, Example: example,
		Fields: []pipeline.Setting{{Type: pipeline.String, Doc: "Name or path of a field."}}}
}

func size(name string, def int64, most float64, doc, example string) pipeline.Setting {
	return pipeline.Setting{Name: name, Type: pipeline.Size, Default: def, Min: pipeline.Bound(1), Max: pipeline.Bound(most), Doc: doc, Example: example}
}

// Register adds the codec to a registry.
func Register(r *pipeline.Registry) { r.AddCodec(Spec(), New) }

package sniff

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
)

// outcome is what a candidate makes of a record.
type outcome uint8

const (
	// refused: it is an error, or does not look like what the format's producers write.
	refused outcome = iota
	// quiet: it can be decoded and makes no rows, as a request of Prometheus that holds metadata alone. It speaks for nobody.
	quiet
	// weak: it looks like it as far as it goes, which counts beside records that do so fully.
	weak
	understood
)

// candidate is a codec with settings, and how it is recognised.
type candidate struct {
	codec    string
	settings pipeline.Settings
	// rank orders candidates: the lower, the more special is the format.
	rank int
	// judge says what the record is for the candidate, given what it was decoded to.
	judge func(v *view, r *rows) outcome
}

// rows is what a candidate decoded of a record.
type rows struct {
	*pipeline.Columns
	points, logs, lost int
}

// The ranks. Within a rank nothing tells two candidates apart that both understand a sample.
const (
	rankBinary   = iota // says itself what it is, or is next to never something else
	rankEnvelope        // JSON of a producer's own, known by its members
	rankLine            // lines with a strict syntax
	rankFields          // JSON by the usual names of fields
	rankSyslog
	rankText
)

// whole is the judgement of formats that nothing else is taken for.
func whole(looks func(*view) bool) func(*view, *rows) outcome {
	return func(v *view, r *rows) outcome {
		switch {
		case looks != nil && !looks(v):
			return refused
		case r.points+r.logs > 0, r.lost > 0 && v.form != other:
			return understood // bytes that are no text may be lost because they are something else
		}
		return quiet
	}
}

// candidates lists all candidates, the most special ones first.
func candidates() []candidate {
	signal := func(member, snake string) func(*view) bool {
		return func(v *view) bool { return v.form == other || v.has(member) || v.has(snake) }
	}
	return []candidate{
		{codec: "arrow", rank: rankBinary, judge: whole(func(v *view) bool { return v.form == other })},
		{codec: "otlp_metrics", rank: rankBinary, judge: whole(signal("resourceMetrics", "resource_metrics"))},
		{codec: "otlp_logs", rank: rankBinary, judge: whole(signal("resourceLogs", "resource_logs"))},
		{codec: "otlp_traces", rank: rankBinary, judge: spans(signal("resourceSpans", "resource_spans"))},
		{codec: "remote_write", rank: rankBinary, judge: whole(func(v *view) bool { return v.form == other })},
		{codec: "alertmanager", rank: rankEnvelope, judge: whole(func(v *view) bool {
			return v.has("alerts") || v.has("labels") && (v.has("startsAt") || v.has("generatorURL"))
		})},
		{codec: "collectd", rank: rankEnvelope, judge: whole(func(v *view) bool {
			return v.has("dsnames", "plugin", "values") || bytes.HasPrefix(v.rec.Value, []byte("PUTVAL "))
		})},
		{codec: "json_metrics", settings: pipeline.Settings{"preset": "telegraf"}, rank: rankEnvelope, judge: lossless(func(v *view) bool {
			return v.has("fields", "name", "tags") && v.only("fields", "name", "tags", "timestamp") || telegrafBatch(v)
		})},
		// Telegraf's data format cloudevents: its JSON in an envelope.
		{codec: "json_metrics", settings: pipeline.Settings{"time": []any{"data.timestamp"}, "name": []any{"data.name"}, "value": []any{},
			"values": []any{"data.fields"}, "labels": []any{}, "labels_object": []any{"data.tags"}}, rank: rankEnvelope, judge: lossless(func(v *view) bool {
			data := v.within("data")
			return v.has("specversion", "type") && data["fields"] != nil && data["name"] != nil
		})},
		{codec: "json_metrics", settings: pipeline.Settings{"preset": "prometheus_adapter"}, rank: rankEnvelope, judge: lossless(func(v *view) bool {
			return v.has("labels", "name", "timestamp", "value") && v.within("labels")["__name__"] != nil
		})},
		{codec: "influx", rank: rankLine, judge: influxLine},
		{codec: "graphite", rank: rankLine, judge: graphiteLine},
		{codec: "json_logs", rank: rankFields, judge: jsonLine},
		{codec: "json_metrics", rank: rankFields, judge: lossless(func(v *view) bool { return v.form == jsonObject || v.form == jsonArray })},
		{codec: "syslog", rank: rankSyslog, judge: syslogLine},
		{codec: "text", rank: rankText, judge: func(v *view, r *rows) outcome {
			if v.form == plain && r.logs > 0 {
				return understood
			}
			return refused
		}},
	}
}

// telegrafBatch tells whether a record is Telegraf's batch of metrics.
func telegrafBatch(v *view) bool {
	var all []map[string]json.RawMessage
	if !v.has("metrics") || !v.only("metrics") || json.Unmarshal(v.first["metrics"], &all) != nil || len(all) == 0 {
		return false
	}
	return all[0]["fields"] != nil && all[0]["name"] != nil && all[0]["tags"] != nil
}

// lossless is whole for mappings of fields: an object without a value means that the mapping is another one.
func lossless(looks func(*view) bool) func(*view, *rows) outcome {
	return func(v *view, r *rows) outcome {
		if !looks(v) || r.points == 0 || r.Lost["no_value"] > 0 || r.Lost["no_metric_name"] > 0 {
			return refused
		}
		return understood
	}
}

// spans counts records whose spans are all of kinds that make no rows as quiet.
func spans(looks func(*view) bool) func(*view, *rows) outcome {
	judge := whole(looks)
	return func(v *view, r *rows) outcome {
		if out := judge(v, r); out != quiet || r.Lost["span_kind"] == 0 {
			return out
		}
		return understood
	}
}

// influxLine wants a tag or a time: a word, a space and something with an equals sign are prose, too.
func influxLine(v *view, r *rows) outcome {
	if v.form != plain || r.points == 0 {
		return refused
	}
	for i, s := range r.PointSeries {
		if len(r.Series.At(s).Labels) == 0 && r.PointTime[i] == v.rec.Timestamp*1e6 {
			return refused
		}
	}
	return understood
}

// graphiteLine wants what tells a metric from two words of prose, one of which is a number: a time, tags, or a path with dots.
func graphiteLine(v *view, r *rows) outcome {
	if v.form != plain || r.points == 0 {
		return refused
	}
	for _, line := range v.lines(8) {
		words := bytes.Fields(line)
		if len(words) == 2 && !bytes.ContainsAny(words[0], ".;") {
			return refused
		}
	}
	return understood
}

// jsonLine looks at what json_logs found in a line: a body of its own, a severity, a time.
func jsonLine(v *view, r *rows) outcome {
	if !v.json() || r.logs == 0 {
		return refused
	}
	if v.form == jsonText {
		return weak // the Collector's encoding raw; a text alone has nothing to be known by
	}
	line := bytes.TrimSpace(v.rec.Value)
	body, times, severities := 0, 0, 0
	for i := range r.LogStream {
		if text := r.LogBytes[r.LogOffset[i]:r.LogOffset[i+1]]; len(text) > 0 && text[0] != '{' || !bytes.Contains(line, text) {
			body++
		}
		if r.LogTime[i] != v.rec.Timestamp*1e6 {
			times++
		}
		if r.LogSeverity[i] != 0 {
			severities++
		}
	}
	switch {
	case body > 0 && severities > 0:
		return understood
	case body > 0 && times > 0, severities > 0 && times > 0:
		return weak
	}
	return refused
}

// A line of syslog: with a priority, or with a time, a host and a tag.
var (
	priority = regexp.MustCompile(`^<\d{1,3}>`)
	stamp    = `^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d)`
	tagged   = regexp.MustCompile(stamp + ` [A-Za-z0-9._:-]+ [A-Za-z0-9._/-]+(\[\d+\]:?|:)( |$)`)
	stamped  = regexp.MustCompile(stamp + ` ([A-Za-z0-9._:-]+) `)
)

var levels = []string{"TRACE", "DEBUG", "INFO", "NOTICE", "WARN", "WARNING", "ERROR", "ERR", "FATAL", "CRITICAL", "PANIC", "SEVERE", "DBG", "INF", "WRN", "FTL", "CRIT", "ALERT", "EMERG"}

// syslogLine takes a line fully that has a priority, or a time, a host and a tag; weakly one with a time and a word that may be a host,
// since tags may be words alone. A level in the host's place is a line of an application.
func syslogLine(v *view, r *rows) outcome {
	if v.form != plain || r.logs == 0 {
		return refused
	}
	lines := v.lines(1)
	if len(lines) == 0 {
		return refused
	}
	line := bytes.TrimLeft(lines[0], "0123456789 ")
	if !priority.Match(line) {
		line = lines[0] // no frame counted in octets
	}
	host := stamped.FindSubmatch(line)
	switch {
	case priority.Match(line):
		return understood
	case host == nil || slices.Contains(levels, strings.ToUpper(strings.Trim(string(host[2]), ":"))):
		return refused
	case tagged.Match(line):
		return understood
	}
	return weak
}

package file

import (
	"errors"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/homeostat/homeostat/pipeline"
)

const name = "file"

// Spec describes the source.
func Spec() pipeline.Spec {
	text := pipeline.Setting{Type: pipeline.String}
	return pipeline.Spec{
		Name: name, Version: 1,
		Doc: "Reads finished files, plain or packed with gzip or zstd: points from CSV, wide or long, merged by time, or records for the source's codec, one a line or one a file.",
		Settings: []pipeline.Setting{
			{Name: "root", Type: pipeline.String, Doc: "The folder that paths start from; backtest sets it from --input.", Example: "/data"},
			{Name: "paths", Type: pipeline.List, Required: true, Fields: []pipeline.Setting{text}, Doc: "Globs of the files to read, with / as separator; a folder stands for all files below it.", Example: `["metric/*_metric.csv.gz"]`},
			{Name: "format", Type: pipeline.String, Enum: []string{"wide", "long", "lines", "whole"}, Example: "lines",
				Doc: "CSV: wide, a series a column, or long, a point a row. Records for the codec: lines, one a line, or whole, one a file. By default wide with time, else lines."},
			{Name: "starts", Type: pipeline.String, Doc: "lines: regular expression that fits the first line of each record; lines that it does not fit belong to the record before them.", Example: `^\d{4}-\d\d-\d\d`},
			{Name: "written", Type: pipeline.String, Doc: "lines, whole: when the records were written, in RFC 3339: the time of rows that have none, and the year of stamps without one is the nearest to it.", Example: "2026-11-23T04:00:00Z"},
			{Name: "time", Type: pipeline.Object, Doc: "CSV: the column of time.", Example: "{column: timestamp}", Fields: []pipeline.Setting{
				{Name: "column", Type: pipeline.String, Required: true, Doc: "Its name.", Example: "timestamp"},
				{Name: "format", Type: pipeline.String, Default: "auto", Doc: "auto, unix, unix_ms, unix_us, unix_ns, rfc3339, or a layout of Go's package time.", Example: "2006-01-02 15:04:05"},
				{Name: "timezone", Type: pipeline.String, Default: "UTC", Doc: "The zone of times that don't name one.", Example: "Europe/Berlin"},
			}},
			{Name: "metric", Type: pipeline.String, Doc: "One metric for all values that metrics does not name.", Example: "latency"},
			{Name: "metrics", Type: pipeline.Map, Fields: []pipeline.Setting{text}, Doc: "Column (long: name in the file) to metric. Without include only these are read.", Example: `{"CpuUsage(m)": cpu.usage}`},
			{Name: "include", Type: pipeline.List, Fields: []pipeline.Setting{text}, Doc: "Patterns of the columns (long: names) to read; default all.", Example: "[Cpu*]"},
			{Name: "exclude", Type: pipeline.List, Fields: []pipeline.Setting{text}, Doc: "Patterns of the columns (long: names) not to read.", Example: "[PodName]"},
			{Name: "metric_column", Type: pipeline.String, Doc: "long: the column of the metric's name.", Example: "name"},
			{Name: "value_column", Type: pipeline.String, Default: "value", Doc: "long: the column of the value.", Example: "value"},
			{Name: "labels", Type: pipeline.Map, Fields: []pipeline.Setting{text}, Doc: "Labels of all series.", Example: "{env: prod}"},
			{Name: "label_columns", Type: pipeline.Map, Fields: []pipeline.Setting{text}, Doc: "Label to the column that its value is read from.", Example: "{pod: PodName}"},
			{Name: "file_labels", Type: pipeline.String, Doc: "Regular expression over the file's path; its named groups become labels. Every file must fit.", Example: `(?P<pod>(?P<service>[a-z]+)-[0-9a-z-]+)_metric`},
			{Name: "column_labels", Type: pipeline.String, Doc: "wide: regular expression over a column's name; its named groups become labels. Columns that do not fit are not read.", Example: `^(?P<caller>[a-z]+)_(?P<callee>[a-z]+)$`},
			{Name: "type", Type: pipeline.String, Default: "gauge", Enum: []string{"gauge", "delta", "cumulative"}, Doc: "How the values are to be read."},
			{Name: "delimiter", Type: pipeline.String, Default: ",", Doc: "The character between fields.", Example: ";"},
			{Name: "reorder", Type: pipeline.Duration, Default: time.Duration(0), Min: pipeline.Bound(0), Max: pipeline.Bound(float64(24 * time.Hour)), Doc: "How far a row of a file may be behind the latest before it.", Example: "1m"},
			{Name: "max_line", Type: pipeline.Size, Min: pipeline.Bound(64), Max: pipeline.Bound(64 << 20), Doc: "The longest row or record, by default 1MiB for CSV and 16MiB for records. Longer ones are lost.", Example: "1MiB"},
			{Name: "max_file", Type: pipeline.Size, Default: int64(16 << 30), Min: pipeline.Bound(1024), Doc: "The largest file, unpacked. A larger one is an error.", Example: "16GiB"},
		},
	}
}

// Register adds the source to the registry.
func Register(r *pipeline.Registry) { r.AddSource(Spec(), New) }

// layoutRules is what the settings say of columns, names and labels.
type layoutRules struct {
	long                      bool
	timeColumn                string
	metric                    string
	metrics                   map[string]string
	include, exclude          []string
	metricColumn, valueColumn string
	labels, labelColumns      map[string]string
	fileLabels, columnLabels  *regexp.Regexp
	typ                       pipeline.SeriesType
}

// New makes the source: a Source of CSV, or Records.
func New(s pipeline.Settings) (pipeline.Source, error) {
	format := s.Text("format")
	if format == "lines" || format == "whole" || format == "" && s.Object("time") == nil {
		return newRecords(s)
	}
	return newCSV(s)
}

// faults gathers what is wrong with settings.
type faults []error

func (f *faults) add(path, code, format string, args ...any) {
	*f = append(*f, &pipeline.SettingFault{Path: path, Err: pipeline.Errorf(code, format, args...)})
}

// patterns returns a list of globs.
func (f *faults) patterns(s pipeline.Settings, setting string) []string {
	list := s.Texts(setting)
	for i, p := range list {
		if _, err := path.Match(p, ""); err != nil {
			f.add(setting+"["+strconv.Itoa(i)+"]", "file.pattern", "%q is no pattern: close what [ opens, and write \\[ for the character itself", p)
		}
	}
	return list
}

// paths returns the globs of the files.
func (f *faults) paths(s pipeline.Settings) []string {
	if len(s.List("paths")) == 0 {
		f.add("paths", "file.paths.missing", "no file is named: write at least one glob")
	}
	return f.patterns(s, "paths")
}

// expression compiles a regular expression; nil if there is none.
func (f *faults) expression(s pipeline.Settings, setting string) *regexp.Regexp {
	if s.Text(setting) == "" {
		return nil
	}
	re, err := regexp.Compile(s.Text(setting))
	if err != nil {
		f.add(setting, "file.expression", "it is no regular expression: %w", err)
		return nil
	}
	return re
}

// groups is an expression whose named groups make labels.
func (f *faults) groups(s pipeline.Settings, setting string) *regexp.Regexp {
	re := f.expression(s, setting)
	if re != nil && strings.Join(re.SubexpNames(), "") == "" {
		f.add(setting, "file.expression.groups", "it has no named group, so it makes no label: write (?P<name>…) around what a label is made of")
	}
	return re
}

func newRecords(s pipeline.Settings) (pipeline.Source, error) {
	var f faults
	r := &Records{root: s.Text("root"), paths: f.paths(s), whole: s.Text("format") == "whole", starts: f.expression(s, "starts"), limit: maxRecord, maxFile: s.Int("max_file")}
	if s.Has("max_line") {
		r.limit = int(s.Int("max_line"))
	}
	if r.whole && r.starts != nil {
		f.add("starts", "file.records.starts", "a file that is one record has no lines that begin records: remove it, or write format: lines")
	}
	if s.Text("written") != "" {
		at, err := time.Parse(time.RFC3339Nano, s.Text("written"))
		if r.written = at.UnixMilli(); err != nil || r.written <= 0 || at.Year() > 2261 {
			f.add("written", "file.records.written", "%q is no time from 1970 to 2261: write it as 2026-11-23T04:00:00Z", s.Text("written"))
		}
	}
	for _, setting := range []string{"time", "metric", "metrics", "include", "exclude", "metric_column", "labels", "label_columns", "file_labels", "column_labels"} {
		if s.Has(setting) {
			f.add(setting, "file.records.setting", "records are read by the source's codec, and %s is for CSV: remove it, or write format: wide or long, and time", setting)
		}
	}
	if s.Has("reorder") && s.Duration("reorder") > 0 {
		f.add("reorder", "file.records.setting", "records are read in the order of their lines, and reorder is for CSV: write disorder for the source instead")
	}
	return r, errors.Join(f...)
}

func newCSV(s pipeline.Settings) (pipeline.Source, error) {
	var f faults
	at := s.Object("time")
	if at == nil {
		f.add("time", "file.time.missing", "the times of CSV stand in a column: name it with time: {column: …}, or write format: lines for records of a codec")
		return nil, errors.Join(f...)
	}
	src := &Source{
		root: s.Text("root"), paths: f.paths(s), zone: at,
		reorder: int64(s.Duration("reorder")), maxLine: 1 << 20, maxFile: s.Int("max_file"),
		rules: layoutRules{
			long: s.Text("format") == "long", timeColumn: at.Text("column"),
			metric: s.Text("metric"), metrics: s.TextMap("metrics"), include: f.patterns(s, "include"), exclude: f.patterns(s, "exclude"),
			metricColumn: s.Text("metric_column"), valueColumn: s.Text("value_column"),
			labels: s.TextMap("labels"), labelColumns: s.TextMap("label_columns"),
			typ: map[string]pipeline.SeriesType{"delta": pipeline.Delta, "cumulative": pipeline.Cumulative}[s.Text("type")],
		},
	}
	if s.Has("max_line") {
		src.maxLine = int(s.Int("max_line"))
	}
	if d := s.Text("delimiter"); len(d) != 1 || strings.ContainsAny(d, "\"\r\n") {
		f.add("delimiter", "file.delimiter", "%q is not one character: write the one that stands between fields, \"\\t\" for a tab", d)
	} else {
		src.comma = d[0]
	}
	src.rules.fileLabels, src.rules.columnLabels = f.groups(s, "file_labels"), f.groups(s, "column_labels")
	for _, setting := range []string{"starts", "written"} {
		if s.Has(setting) {
			f.add(setting, "file.csv.setting", "%s is for records of a codec: remove it, or write format: lines without time", setting)
		}
	}
	if src.rules.long {
		if src.rules.metric == "" && src.rules.metricColumn == "" {
			f.add("metric_column", "file.long.metric", "nothing names the metric of a row: write metric_column, or metric for one metric")
		}
		if src.rules.columnLabels != nil {
			f.add("column_labels", "file.long.columns", "the columns of a long file are no series: use label_columns")
		}
	} else if src.rules.metricColumn != "" {
		f.add("metric_column", "file.wide.metric", "a wide file has its metrics in the header: write format: long, or remove it")
	}
	if _, err := newClock(at); err != nil {
		f = append(f, err)
	}
	return src, errors.Join(f...)
}

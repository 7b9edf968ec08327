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
		Doc: "Reads points from CSV files, wide or long, plain or gzipped, merged by time.",
		Settings: []pipeline.Setting{
			{Name: "root", Type: pipeline.String, Doc: "The folder that paths start from; backtest sets it from --input.", Example: "/data"},
			{Name: "paths", Type: pipeline.List, Required: true, Fields: []pipeline.Setting{text}, Doc: "Globs of the files to read, with / as separator.", Example: `["metric/*_metric.csv.gz"]`},
			{Name: "format", Type: pipeline.String, Default: "wide", Enum: []string{"wide", "long"}, Doc: "wide: a series a column; long: a point a row."},
			{Name: "time", Type: pipeline.Object, Required: true, Doc: "The column of time.", Example: "{column: timestamp}", Fields: []pipeline.Setting{
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
			{Name: "max_line", Type: pipeline.Size, Default: int64(1 << 20), Min: pipeline.Bound(64), Max: pipeline.Bound(64 << 20), Doc: "The longest row. Longer ones are lost.", Example: "1MiB"},
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

// New makes the source.
func New(s pipeline.Settings) (pipeline.Source, error) {
	var faults []error
	fault := func(path, code, format string, args ...any) {
		faults = append(faults, &pipeline.SettingFault{Path: path, Err: pipeline.Errorf(code, format, args...)})
	}
	at := s.Object("time")
	src := &Source{
		root: s.Text("root"), paths: s.Texts("paths"), zone: at,
		reorder: int64(s.Duration("reorder")), maxLine: int(s.Int("max_line")), maxFile: s.Int("max_file"),
		rules: layoutRules{
			long: s.Text("format") == "long", timeColumn: at.Text("column"),
			metric: s.Text("metric"), metrics: s.TextMap("metrics"), include: s.Texts("include"), exclude: s.Texts("exclude"),
			metricColumn: s.Text("metric_column"), valueColumn: s.Text("value_column"),
			labels: s.TextMap("labels"), labelColumns: s.TextMap("label_columns"),
			typ: map[string]pipeline.SeriesType{"delta": pipeline.Delta, "cumulative": pipeline.Cumulative}[s.Text("type")],
		},
	}
	if d := s.Text("delimiter"); len(d) != 1 || strings.ContainsAny(d, "\"\r\n") {
		fault("delimiter", "file.delimiter", "%q is not one character: write the one that stands between fields, \"\\t\" for a tab", d)
	} else {
		src.comma = d[0]
	}
	if len(src.paths) == 0 {
		fault("paths", "file.paths.missing", "no file is named: write at least one glob")
	}
	patterns := func(setting string, list []string) {
		for i, p := range list {
			if _, err := path.Match(p, ""); err != nil {
				fault(setting+"["+strconv.Itoa(i)+"]", "file.pattern", "%q is no pattern: close what [ opens, and write \\[ for the character itself", p)
			}
		}
	}
	patterns("paths", src.paths)
	patterns("include", src.rules.include)
	patterns("exclude", src.rules.exclude)
	expression := func(setting string) *regexp.Regexp {
		if !s.Has(setting) || s.Text(setting) == "" {
			return nil
		}
		re, err := regexp.Compile(s.Text(setting))
		if err != nil {
			fault(setting, "file.expression", "it is no regular expression: %w", err)
			return nil
		}
		if strings.Join(re.SubexpNames(), "") == "" {
			fault(setting, "file.expression.groups", "it has no named group, so it makes no label: write (?P<name>…) around what a label is made of")
		}
		return re
	}
	src.rules.fileLabels, src.rules.columnLabels = expression("file_labels"), expression("column_labels")
	if src.rules.long {
		if src.rules.metric == "" && src.rules.metricColumn == "" {
			fault("metric_column", "file.long.metric", "nothing names the metric of a row: write metric_column, or metric for one metric")
		}
		if src.rules.columnLabels != nil {
			fault("column_labels", "file.long.columns", "the columns of a long file are no series: use label_columns")
		}
	} else if src.rules.metricColumn != "" {
		fault("metric_column", "file.wide.metric", "a wide file has its metrics in the header: write format: long, or remove it")
	}
	if _, err := newClock(at); err != nil {
		faults = append(faults, err)
	}
	return src, errors.Join(faults...)
}

package file

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
)

// columns is what the columns of one file are.
type columns struct {
	count  int
	time   int
	values []valueColumn
	metric int // long: column of the metric's name, none if it is fixed
	labels []labelColumn
	fixed  []pipeline.Label // of all series of the file
}

const none = -1

// valueColumn is a column of values with the metric and the labels that its name gives.
type valueColumn struct {
	index  int
	metric string
	labels []pipeline.Label
}

type labelColumn struct {
	index int
	label string
}

// plan finds the columns of a file by its header.
func (r *layoutRules) plan(file string, header []string) (*columns, error) {
	c := &columns{count: len(header), metric: none}
	find := func(column, setting string) (int, error) {
		switch i := slices.Index(header, column); {
		case i < 0:
			return 0, pipeline.Errorf("file.header.column", "%s:1: there is no column %q, which %s names: the columns are %s", file, column, setting, list(header))
		case slices.Contains(header[i+1:], column):
			return 0, pipeline.Errorf("file.header.duplicate", "%s:1: column %q is there twice and it is not clear which is meant: rename one", file, column)
		default:
			return i, nil
		}
	}
	var err error
	if c.time, err = find(r.timeColumn, "time.column"); err != nil {
		return nil, err
	}
	for _, label := range sortedKeys(r.labelColumns) {
		i, err := find(r.labelColumns[label], "label_columns")
		if err != nil {
			return nil, err
		}
		c.labels = append(c.labels, labelColumn{i, label})
	}
	for _, label := range sortedKeys(r.labels) {
		c.fixed = append(c.fixed, pipeline.Label{Name: label, Value: r.labels[label]})
	}
	if r.fileLabels != nil {
		groups := r.fileLabels.FindStringSubmatch(file)
		if groups == nil {
			return nil, pipeline.Errorf("file.labels.mismatch", "%s: its path does not fit file_labels, so its series would lack labels: change the expression or the globs", file)
		}
		c.fixed = append(c.fixed, named(r.fileLabels.SubexpNames(), groups)...)
	}
	if !r.long {
		return c, r.wide(file, header, c)
	}
	if r.metricColumn != "" {
		if c.metric, err = find(r.metricColumn, "metric_column"); err != nil {
			return nil, err
		}
	}
	i, err := find(r.valueColumn, "value_column")
	c.values = []valueColumn{{index: i, metric: r.metric}}
	return c, err
}

// wide finds the columns of values.
func (r *layoutRules) wide(file string, header []string, c *columns) error {
	taken := map[string]string{}
	for i, column := range header {
		if i == c.time || slices.ContainsFunc(c.labels, func(l labelColumn) bool { return l.index == i }) {
			continue
		}
		metric, ok := r.metricOf(column)
		if !ok {
			continue
		}
		v := valueColumn{index: i, metric: metric}
		if r.columnLabels != nil {
			groups := r.columnLabels.FindStringSubmatch(column)
			if groups == nil {
				continue
			}
			v.labels = named(r.columnLabels.SubexpNames(), groups)
		}
		key := pipeline.SeriesKey(metric, r.typ, pipeline.NewLabels(slices.Clone(v.labels)))
		if other, twice := taken[key]; twice {
			return pipeline.Errorf("file.header.ambiguous", "%s:1: columns %q and %q would be one series, %s: name their metrics or leave one out", file, other, column, key)
		}
		taken[key] = column
		c.values = append(c.values, v)
	}
	if len(c.values) == 0 {
		return pipeline.Errorf("file.header.values", "%s:1: no column is left to read values from: change metrics, include, exclude or column_labels; the columns are %s", file, list(header))
	}
	return nil
}

// metricOf returns the metric of a column, or of a name in a long file, and whether it is to be read.
func (r *layoutRules) metricOf(name string) (string, bool) {
	if matches(r.exclude, name) || len(r.include) > 0 && !matches(r.include, name) {
		return "", false
	}
	if m, ok := r.metrics[name]; ok {
		return m, true
	}
	if len(r.metrics) > 0 && len(r.include) == 0 {
		return "", false
	}
	if r.metric != "" {
		return r.metric, true
	}
	return name, true
}

// unused returns the first name in metrics that no header has; "" if there is none.
func (r *layoutRules) unused(headers [][]string) string {
	for _, column := range sortedKeys(r.metrics) {
		if !slices.ContainsFunc(headers, func(h []string) bool { return slices.Contains(h, column) }) {
			return column
		}
	}
	return ""
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, _ := path.Match(p, name)
		return ok || p == name
	})
}

func named(names, groups []string) []pipeline.Label {
	var out []pipeline.Label
	for i, n := range names {
		if n != "" && groups[i] != "" {
			out = append(out, pipeline.Label{Name: n, Value: groups[i]})
		}
	}
	return out
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func list(names []string) string {
	const most = 40
	shown := make([]string, 0, most+1)
	for _, name := range names[:min(len(names), most)] {
		shown = append(shown, legible(name))
	}
	if len(names) > most {
		shown = append(shown, "…")
	}
	return strings.Join(shown, ", ")
}

// legible returns a name as it is, or quoted and cut when it is long or would not be seen as it is: a file that is no CSV has
// anything for a header.
func legible(name string) string {
	const longest = 64
	quoted := strconv.Quote(name)
	switch {
	case len(name) > longest:
		return strconv.Quote(name[:longest]) + "…"
	case quoted[1:len(quoted)-1] != name:
		return quoted
	}
	return name
}

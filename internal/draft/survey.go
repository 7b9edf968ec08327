package draft

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/sniff"
)

// Stretch is some records of a partition, in the order in which they stand there.
type Stretch struct {
	Partition int32
	Records   []pipeline.Record
}

// Topic is a topic with a sample of it.
type Topic struct {
	Name       string
	Partitions int
	Stretches  []Stretch
}

// Source is what a topic's sample says.
type Source struct {
	Topic      string
	Partitions int
	// Codec and Settings read it; Evidence says what speaks for that.
	Codec    string
	Settings pipeline.Settings
	Evidence string
	// Records is the number of records looked at; Points, Logs and Lost are rows.
	Records, Points, Logs, Lost int
	// Series are all series and streams of the sample.
	Series []*pipeline.Series
	// Disorder is the furthest that a row lay behind the newest one of its partition, Ahead the furthest that one lay ahead of its record's time.
	Disorder, Ahead time.Duration
	// Interval is the time between two points of a series, Pace that between two lines; 0 if the sample does not tell.
	Interval, Pace time.Duration
	// OwnTime is the number of rows with a time of their own: the others have that of their record.
	OwnTime int
	// Severe is the number of lines with a severity, Errors that of ERROR and above.
	Severe, Errors int
	// Fields says in which fields of JSON time and the like stand.
	Fields []string

	labels  map[string]*label
	metrics map[string]*metric
	visits  visits
	keys    int // records with a key
}

// label is what is known of a label's values.
type label struct {
	values map[string]bool
	series int
}

// metric is what is known of a metric.
type metric struct {
	name      string
	typ       pipeline.SeriesType
	labels    map[string]map[string]bool
	most      float64
	quantiles bool
}

// visit is that a series was told in a record of a partition, with a key.
type visit struct {
	series    uint32
	partition int32
	key       string
	keyed     bool
}

// visits counts the records of each.
type visits map[visit]int

// maxValues bounds the values that are kept of a label.
const maxValues = 100_000

// Survey reads a sample. The error says what keeps the topic from being understood.
func Survey(registry *pipeline.Registry, topic Topic) (*Source, error) {
	var records []pipeline.Record
	for _, s := range topic.Stretches {
		records = append(records, s.Records...)
	}
	answer := sniff.Sniff(registry, records)
	if err := answer.Err("topic " + topic.Name); err != nil {
		return nil, err
	}
	src := &Source{Topic: topic.Name, Partitions: topic.Partitions, Codec: answer.Best.Codec, Settings: pipeline.Settings{}, Evidence: answer.Evidence(), Records: answer.Records}
	maps.Copy(src.Settings, answer.Best.Settings)
	switch src.Codec {
	case "text":
		src.addTextLabels(records)
	case "graphite":
		src.addPathLabels(records)
	}
	entry, settings, err := sniff.Settled(registry, src.Codec, src.Settings)
	if err != nil {
		return nil, err
	}
	codec, err := entry.New(settings)
	if err != nil {
		return nil, err
	}
	src.decode(codec, topic.Stretches)
	src.seeFields(settings, records)
	if src.Codec == "json_logs" {
		src.nameLabels()
	}
	return src, nil
}

// decode decodes the sample and notes what there is to know of it.
func (s *Source) decode(codec pipeline.Codec, stretches []Stretch) {
	r := &reading{Source: s, cols: pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))}
	s.metrics, s.visits = map[string]*metric{}, visits{}
	for _, stretch := range stretches {
		r.begin()
		for i := range stretch.Records {
			if rec := &stretch.Records[i]; len(rec.Value) > 0 {
				r.record(codec, rec, stretch.Partition)
			}
		}
	}
	s.Series, s.Interval, s.Pace = slices.Collect(r.cols.Series.All().Values()), median(r.gaps), mean(r.paces)
	s.seeLabels()
}

// reading is a sample while it is decoded.
type reading struct {
	*Source
	cols *pipeline.Columns
	// gaps are the times between two points of a series, paces those between two lines.
	gaps, paces []time.Duration

	// Of the stretch: its newest row, the newest one before the present record, the last line, and the last point of each series.
	newest, before, line int64
	last                 map[uint32]int64
}

func (r *reading) begin() {
	r.newest, r.line, r.last = math.MinInt64, 0, map[uint32]int64{}
}

// record decodes a record. Those that the codec refuses tell nothing.
func (r *reading) record(codec pipeline.Codec, rec *pipeline.Record, partition int32) {
	cols := r.cols
	defer func() {
		clear(cols.Lost)
		for _, b := range cols.Batches(pipeline.Position{}) {
			b.Release()
		}
	}()
	cols.Mark()
	if codec.Decode(rec, cols) != nil {
		cols.Rollback()
		return
	}
	if rec.Key != nil {
		r.keys++
	}
	for _, n := range cols.Lost {
		r.Lost += n
	}
	r.before = r.newest
	for i, series := range cols.PointSeries {
		r.row(rec, partition, series, cols.PointTime[i])
		r.point(series, cols.PointTime[i], cols.PointValue[i])
	}
	for i, stream := range cols.LogStream {
		r.row(rec, partition, stream, cols.LogTime[i])
		r.logLine(cols.LogTime[i], cols.LogSeverity[i])
	}
}

// row notes whose row it is and how its time lies to that of others.
func (r *reading) row(rec *pipeline.Record, partition int32, series uint32, at int64) {
	if at != rec.Timestamp*1e6 {
		r.OwnTime++
	}
	if r.before != math.MinInt64 && at < r.before {
		r.Disorder = max(r.Disorder, time.Duration(r.before-at))
	}
	r.newest = max(r.newest, at)
	r.Ahead = max(r.Ahead, time.Duration(at-rec.Timestamp*1e6))
	r.visits[visit{series, partition, string(rec.Key), rec.Key != nil}]++
}

func (r *reading) point(series uint32, at int64, value float64) {
	r.Points++
	if before, ok := r.last[series]; ok && at > before {
		r.gaps = append(r.gaps, time.Duration(at-before))
	}
	r.last[series] = max(r.last[series], at)
	r.seeMetric(r.cols.Series.At(series), value)
}

func (r *reading) logLine(at int64, severity uint8) {
	r.Logs++
	if r.line != 0 && at >= r.line {
		r.paces = append(r.paces, time.Duration(at-r.line))
	}
	r.line = at
	if severity != 0 {
		r.Severe++
	}
	if severity >= severityError {
		r.Errors++
	}
}

// severityError is OpenTelemetry's ERROR.
const severityError = 17

func median(d []time.Duration) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	return d[len(d)/2]
}

func mean(d []time.Duration) time.Duration {
	sum := time.Duration(0)
	for _, x := range d {
		sum += x
	}
	return sum / time.Duration(max(1, len(d)))
}

func (s *Source) seeMetric(series *pipeline.Series, value float64) {
	m := s.metrics[series.Metric]
	if m == nil {
		m = &metric{name: series.Metric, typ: series.Type, labels: map[string]map[string]bool{}, most: value}
		s.metrics[series.Metric] = m
	}
	m.most = max(m.most, value)
	for _, l := range series.Labels {
		values := m.labels[l.Name]
		if values == nil {
			values = map[string]bool{}
			m.labels[l.Name] = values
		}
		if len(values) < 200 {
			values[l.Value] = true
		}
	}
	m.quantiles = m.quantiles || series.Labels.Get("quantile") != ""
}

func (s *Source) seeLabels() {
	s.labels = map[string]*label{}
	for _, series := range s.Series {
		for _, l := range series.Labels {
			x := s.labels[l.Name]
			if x == nil {
				x = &label{values: map[string]bool{}}
				s.labels[l.Name] = x
			}
			x.series++
			if len(x.values) < maxValues {
				x.values[l.Value] = true
			}
		}
	}
}

// addTextLabels takes labels of plain lines from where they may stand: headers of the usual names, and keys that repeat.
func (s *Source) addTextLabels(records []pipeline.Record) {
	headers, keys, keyed := map[string]int{}, map[string]int{}, 0
	for i := range records {
		for _, h := range records[i].Headers {
			if slices.Contains(places, h.Key) && len(h.Value) > 0 && len(h.Value) <= 128 && isWord(string(h.Value)) {
				headers[h.Key]++
			}
		}
		if k := string(records[i].Key); k != "" && len(k) <= 128 && isWord(k) {
			keys[k]++
			keyed++
		}
	}
	var names []any
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		if headers[name]*10 >= len(records)*9 {
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		s.Settings["labels_from_headers"] = names
	}
	// Keys that hardly repeat are those of requests.
	if keyed*10 >= len(records)*9 && keyed >= 5*len(keys) {
		s.Settings["key_label"] = "key"
	}
}

// addPathLabels finds the part of Graphite's paths that names a host: the first one of which several have the same paths behind them, or, if
// there is only one, that has a digit in it.
func (s *Source) addPathLabels(records []pipeline.Record) {
	behind, paths := [3]map[string]map[string]bool{{}, {}, {}}, 0
	for i := range records {
		for line := range strings.Lines(string(records[i].Value)) {
			path, _, _ := strings.Cut(strings.TrimSpace(line), " ")
			parts := strings.Split(path, ".")
			if len(parts) < 3 || strings.Contains(path, ";") {
				continue
			}
			paths++
			for at := range min(len(behind), len(parts)-1) {
				rest := strings.Join(slices.Delete(slices.Clone(parts), at, at+1), ".")
				if behind[at][parts[at]] == nil {
					behind[at][parts[at]] = map[string]bool{}
				}
				behind[at][parts[at]][rest] = true
			}
		}
	}
	for at, hosts := range behind {
		if paths > 0 && namesHosts(hosts) {
			s.Settings["path_labels"] = []any{strings.Repeat("*.", at) + "host.*"}
			return
		}
	}
}

// namesHosts tells whether most of what stands around one value of a path's part stands around others, too.
func namesHosts(around map[string]map[string]bool) bool {
	times, shared := map[string]int{}, 0
	for _, rests := range around {
		for rest := range rests {
			times[rest]++
		}
	}
	for _, n := range times {
		if n > 1 {
			shared++
		}
	}
	for host := range around {
		if len(around) == 1 {
			return strings.ContainsAny(host, "0123456789")
		}
	}
	return shared*2 > len(times)
}

func isWord(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar })
}

// nameLabels writes down which labels lines in JSON have, so that the set does not grow by itself.
func (s *Source) nameLabels() {
	var names []any
	for _, name := range slices.Sorted(maps.Keys(s.labels)) {
		names = append(names, name)
	}
	if len(names) > 0 {
		s.Settings["labels"] = names
	}
}

// keyed tells whether the producers key records by entity, as far as the sample shows, and why or why not. entity names the entity of a series.
func (s *Source) keyed(entity func(*pipeline.Series) string) (bool, string) {
	switch {
	case s.Partitions <= 1:
		return false, "one partition, so one lane sees all"
	case s.keys == 0:
		return false, "records have no key: rows are shared out by entity over a topic of the pipeline's own"
	}
	partition, key, often := map[string]int32{}, map[string]string{}, map[string]bool{}
	used, torn := map[int32]bool{}, ""
	for v, records := range s.visits {
		if !v.keyed {
			return false, "not all records have a key"
		}
		e := entity(s.Series[v.series])
		if p, seen := partition[e]; seen && (p != v.partition || key[e] != v.key) && (torn == "" || e < torn) {
			torn = e
		}
		partition[e], key[e] = v.partition, v.key
		often[e] = often[e] || records > 1
		used[v.partition] = true
	}
	repeated := 0
	for _, more := range often {
		if more {
			repeated++
		}
	}
	switch {
	case torn != "":
		return false, fmt.Sprintf("records of entity %s have several keys or partitions", torn)
	case len(partition) < 2 || len(used) < 2 || repeated*2 < len(partition):
		return false, "the sample has too few entities or records of them to tell; true would save a topic if the producers do key by entity"
	}
	return true, fmt.Sprintf("each of %d entities has one key and one partition in the sample", len(partition))
}

// metricNames lists the metrics, in order.
func (s *Source) metricNames() []string { return slices.Sorted(maps.Keys(s.metrics)) }

// nice returns the first of some round durations that is not below d.
func nice(d time.Duration, steps ...time.Duration) time.Duration {
	for _, s := range steps {
		if d <= s {
			return s
		}
	}
	return steps[len(steps)-1]
}

// plural writes a count with its noun.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// valuesOf lists values in order, the first most of them.
func valuesOf(values map[string]bool, most int) string {
	list := slices.Sorted(maps.Keys(values))
	if len(list) > most {
		return strings.Join(list[:most], ", ") + ", …"
	}
	return strings.Join(list, ", ")
}

// compareLabels orders labels that cover equally well: more values first, then as places lists them.
func compareLabels(a, b *label, x, y string) int {
	return cmp.Or(cmp.Compare(len(b.values), len(a.values)), cmp.Compare(slices.Index(places, x), slices.Index(places, y)))
}

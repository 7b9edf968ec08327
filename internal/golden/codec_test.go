package golden

import (
	"slices"
	"strconv"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
)

// lines is the codec of the records that loads write: SERIES VALUE TIME, the time in nanoseconds. Names that end with _total
// are counters, with _count increments, and the series log are log records, whose value is their severity, and whose text is the label
// line, which is none of the stream's. A label value
// ~N stands for N times the letter x.
type lines struct{}

// Decode implements pipeline.Codec.
func (lines) Decode(rec *pipeline.Record, out *pipeline.Columns) error {
	line := string(rec.Value)
	text, rest, ok := cutSeries(line)
	f := strings.Fields(rest)
	if !ok || len(f) != 2 {
		return pipeline.Errorf("golden.line", "%q is no line SERIES VALUE TIME", line)
	}
	value, err := strconv.ParseFloat(f[0], 64)
	if err != nil {
		return err
	}
	at, err := strconv.ParseInt(f[1], 10, 64)
	if err != nil {
		return err
	}
	metric, labels := seriesOf(text)
	typ := pipeline.Gauge
	switch {
	case metric == "log":
		metric, typ = "", pipeline.Stream
	case strings.HasSuffix(metric, "_total"):
		typ = pipeline.Cumulative
	case strings.HasSuffix(metric, "_count"):
		typ = pipeline.Delta
	}
	body := "a line of the log"
	if i := slices.IndexFunc(labels, func(l pipeline.Label) bool { return l.Name == "line" }); typ == pipeline.Stream && i >= 0 {
		body = labels[i].Value
		labels = slices.Delete(labels, i, i+1)
	}
	series, err := out.Series.Intern(metric, "", typ, labels)
	if err != nil {
		return err
	}
	if typ == pipeline.Stream {
		out.Log(series, at, uint8(value), []byte(body))
		return nil
	}
	out.Point(series, at, 0, value)
	return nil
}

func seriesOf(text string) (metric string, labels []pipeline.Label) {
	metric, inner, _ := strings.Cut(strings.TrimSuffix(text, "}"), "{")
	var all []pipeline.Label
	for part := range strings.SplitSeq(inner, ",") {
		name, value, ok := strings.Cut(part, "=")
		if !ok {
			continue
		}
		value = strings.Trim(value, `"`)
		if n, err := strconv.Atoi(strings.TrimPrefix(value, "~")); err == nil && strings.HasPrefix(value, "~") {
			value = strings.Repeat("x", n)
		}
		all = append(all, pipeline.Label{Name: strings.TrimSpace(name), Value: value})
	}
	return metric, pipeline.NewLabels(all)
}

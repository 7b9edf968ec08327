package golden

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// render writes records as expectations have them. Events of one subject stay in the order of the log, and so do all incidents of one
// system: that is what is promised. The subjects are in alphabetical order; between them there is none.
func render(what string, recs []pipeline.Record) []string {
	type group struct{ key, lines string }
	var groups []group
	add := func(key string, lines ...string) {
		text := strings.Join(lines, "\n")
		if i := slices.IndexFunc(groups, func(g group) bool { return g.key == key }); i >= 0 {
			groups[i].lines += "\n" + text
			return
		}
		groups = append(groups, group{key, text})
	}
	var letters []string
	for i := range recs {
		if what == "dead letters" {
			letters = append(letters, letter(&recs[i]))
			continue
		}
		e, err := schemas.ReadEvent(&recs[i])
		if err != nil {
			add("", "no event: "+err.Error())
			continue
		}
		key := e.System
		if what == "events" {
			key = e.System + "\x00" + e.Subject
		}
		add(key, eventLines(&e)...)
	}
	slices.SortFunc(groups, func(a, b group) int { return cmp.Compare(a.key, b.key) })
	for _, g := range groups {
		letters = append(letters, strings.Split(g.lines, "\n")...)
	}
	if what == "dead letters" {
		slices.Sort(letters)
	}
	return letters
}

// letter writes a dead letter: reason, rows where only some of the record, and the record. Where it lay is not the same in all runs.
func letter(rec *pipeline.Record) string {
	reason, _ := rec.Header("hs-reason")
	line := string(reason)
	if code, _ := rec.Header("hs-code"); len(code) > 0 {
		line += " " + string(code)
	}
	value := string(rec.Value)
	if series, rest, ok := cutSeries(value); ok && len(value) < 300 {
		if f := strings.Fields(rest); len(f) == 2 {
			if t, err := strconv.ParseInt(f[1], 10, 64); err == nil {
				value = series + " " + clock(t) + ": " + f[0]
			}
		}
	}
	if len(value) > 300 {
		value = fmt.Sprintf("%d bytes", len(rec.Value))
	}
	return line + " " + value
}

// clock writes a time as scripts do.
func clock(t int64) string {
	d := time.Duration(t - epoch)
	s := d.String()
	if s = strings.TrimSuffix(s, "0s"); s == "" || strings.HasSuffix(s, ".") || s != "" && s[len(s)-1] >= '0' && s[len(s)-1] <= '9' {
		return d.String()
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

func stamp(s string) string {
	t, err := schemas.ParseTime(s)
	if err != nil {
		return s
	}
	return clock(t)
}

// eventLines writes an event: a line, or one for each row of a window.
func eventLines(e *schemas.Event) []string {
	head := fmt.Sprintf("%s %s %s", clock(e.Time), strings.TrimSuffix(strings.TrimPrefix(e.Type, schemas.TypePrefix), ".v1"), cmp.Or(e.Subject, e.System))
	if e.Revision > 0 {
		head += fmt.Sprintf(" revision=%d", e.Revision)
	}
	switch e.Type {
	case schemas.TypeWindow:
		return windowLines(head, e)
	case schemas.TypeFinding:
		var f schemas.Finding
		if err := e.Into(&f); err != nil {
			return []string{head + " " + err.Error()}
		}
		return []string{fmt.Sprintf("%s %s %s %s %s..%s onset=%s value=%s score=%s revision=%d", head, f.Detector, f.State, name(f.Series), stamp(f.Start), stamp(f.End), stamp(f.Onset),
			number(f.Value), number(f.Score), f.Revision)}
	case schemas.TypeIncidentOpened, schemas.TypeIncidentUpdated, schemas.TypeIncidentClosed:
		var i schemas.Incident
		if err := e.Into(&i); err != nil {
			return []string{head + " " + err.Error()}
		}
		var suspects []string
		for _, s := range i.Suspects {
			suspects = append(suspects, s.Entity+":"+number(s.Score))
		}
		return []string{fmt.Sprintf("%s %s %s onset=%s detected=%s severity=%s suspects=%s findings=%d: %s", head, i.State, i.Signature, stamp(i.Onset), stamp(i.Detected), i.Severity,
			strings.Join(suspects, ","), len(i.Findings), i.Reason)}
	}
	return []string{head}
}

func name(s schemas.Series) string {
	var labels []pipeline.Label
	for n, v := range s.Labels {
		labels = append(labels, pipeline.Label{Name: n, Value: v})
	}
	return pipeline.SeriesKey(s.Metric, pipeline.Gauge, pipeline.NewLabels(labels))
}

func windowLines(head string, e *schemas.Event) (out []string) {
	table := pipeline.NewSeriesTable(nil, 1000)
	b, err := schemas.DecodeWindows(memory.NewGoAllocator(), e.Data, table)
	if err != nil {
		return []string{head + " " + err.Error()}
	}
	defer b.Release()
	i64 := func(col, i int) int64 { return b.Record.Column(col).(*array.Int64).Value(i) }
	f64 := func(col, i int) string { return number(b.Record.Column(col).(*array.Float64).Value(i)) }
	for i := range b.Rows() {
		s := table.At(b.Record.Column(pipeline.WindowSeries).(*array.Uint32).Value(i))
		out = append(out, fmt.Sprintf("%s %s %s..%s count=%d sum=%s min=%s max=%s last=%s", head, s.Key(), clock(i64(pipeline.WindowStart, i)), clock(i64(pipeline.WindowEnd, i)),
			i64(pipeline.WindowCount, i), f64(pipeline.WindowSum, i), f64(pipeline.WindowMin, i), f64(pipeline.WindowMax, i), f64(pipeline.WindowLast, i)))
	}
	return out
}

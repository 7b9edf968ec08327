package report

import (
	"bufio"
	"fmt"
	"html"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

const style = `:root{--ink:#1c2330;--soft:#6b7686;--line:#2563a8;--band:#2563a822;--found:#d6402b;--known:#2a9d5c;--paper:#fff;--rule:#d9dee6}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ef;--soft:#94a0b3;--line:#6fb1ff;--band:#6fb1ff22;--found:#ff7a66;--known:#5fd694;--paper:#141820;--rule:#303846}}
body{font:14px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:1200px;margin:2em auto;padding:0 1em}
h1{font-size:1.5em;margin:0}h2{font-size:1em;margin:1.6em 0 .2em;font-weight:600;overflow-wrap:anywhere}p{color:var(--soft);margin:.3em 0}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}td,th{text-align:left;padding:.25em .8em .25em 0;border-bottom:1px solid var(--rule);vertical-align:top;font-size:13px}.n{white-space:nowrap}
th{color:var(--soft);font-weight:500}a{color:var(--line)}svg{width:100%;height:auto;display:block}
.v{fill:none;stroke:var(--line);stroke-width:1.2}.b{fill:var(--band)}.e{fill:none;stroke:var(--soft);stroke-dasharray:3 3}.f{fill:var(--found);fill-opacity:.22}.o{stroke:var(--found);stroke-width:1.5}
.k{fill:var(--known);fill-opacity:.16}.s{fill:none;stroke:var(--found)}.t{stroke:var(--soft);stroke-dasharray:2 4}.g{stroke:var(--rule)}text{fill:var(--soft);font:11px system-ui,sans-serif}
.c{display:inline-block;width:.9em;height:.9em;vertical-align:-.1em;margin:0 .3em 0 1em}`

// unfolded is how many findings are listed without being asked for.
const unfolded = 30

// Write writes the page. It is the last that is asked of a report.
func (r *Report) Write(out io.Writer) error {
	w := bufio.NewWriter(out)
	panels, left := r.drawn()
	from, to := r.span(panels)
	fmt.Fprintf(w, "<!doctype html>\n<html lang=en><head><meta charset=utf-8><meta name=viewport content=\"width=device-width\"><title>%s</title><style>%s</style></head><body>\n", html.EscapeString(r.Title), style)
	fmt.Fprintf(w, "<h1>%s</h1>\n<p>%s to %s · %d series · %d findings%s</p>\n", html.EscapeString(r.Title), moment(from), moment(to), len(panels)+left, len(r.order), r.hits())
	if len(panels) == 0 {
		fmt.Fprint(w, "<p>No window was closed: there is nothing to draw.</p>\n")
	}
	r.table(w, panels)
	fmt.Fprint(w, `<p><span class=c style="background:var(--line)"></span>value <span class=c style="background:var(--band)"></span>expected <span class=c style="background:var(--found);opacity:.4"></span>finding `)
	fmt.Fprint(w, "<span class=c style=\"background:var(--known);opacity:.4\"></span>known to be abnormal</p>\n")
	for i, p := range panels {
		fmt.Fprintf(w, "<h2 id=s%d>%s</h2>\n", i, html.EscapeString(p.title))
		r.panelSVG(w, p, from, to)
	}
	if left > 0 {
		fmt.Fprintf(w, "<p>%d more series are not drawn: all of them had no finding, or --report-series is lower than what has.</p>\n", left)
	}
	fmt.Fprint(w, "</body></html>\n")
	return w.Flush()
}

// span is the time that all panels show.
func (r *Report) span(panels []*series) (from, to int64) {
	from, to = math.MaxInt64, math.MinInt64
	for _, p := range panels {
		if n := len(p.values); n > 0 {
			from, to = min(from, p.values[0].start), max(to, p.values[n-1].end)
		}
	}
	if from > to {
		return 0, 1
	}
	return from, max(to, from+1)
}

// hits says how many of the labels a finding falls into, if there are labels.
func (r *Report) hits() string {
	if len(r.Labels) == 0 {
		return ""
	}
	hit := 0
	for _, l := range r.Labels {
		if slices.ContainsFunc(r.order, func(id string) bool { f := r.findings[id]; return f.onset <= l.To && f.end >= l.From }) {
			hit++
		}
	}
	return fmt.Sprintf(" · %d of %d labelled times have one", hit, len(r.Labels))
}

// table lists the findings.
func (r *Report) table(w io.Writer, panels []*series) {
	if len(r.order) == 0 {
		return
	}
	at := map[*finding]int{}
	for i, p := range panels {
		for _, f := range p.findings {
			at[f] = i
		}
	}
	fmt.Fprintf(w, "<details%s><summary>%d findings</summary><table><tr><th>onset<th>until<th>detector<th>entity<th>series<th>score<th>value<th>expected<th>evidence</tr>\n", map[bool]string{true: " open"}[len(r.order) <= unfolded], len(r.order))
	for _, id := range r.order {
		f := r.findings[id]
		name := html.EscapeString(f.Series.Metric)
		if i, drawn := at[f]; drawn {
			name = fmt.Sprintf("<a href=#s%d>%s</a>", i, name)
		}
		until := "open"
		if f.closed {
			until = moment(f.end)
		}
		var evidence []string
		for _, e := range f.Evidence {
			evidence = append(evidence, html.EscapeString(e.Name)+" "+number(e.Value))
		}
		fmt.Fprintf(w, "<tr><td class=n>%s<td class=n>%s<td>%s<td>%s<td>%s<td>%s<td>%s<td class=n>%s … %s<td>%s</tr>\n", moment(f.onset), until, html.EscapeString(f.Detector), html.EscapeString(f.Series.Entity), name,
			number(f.peak), number(f.Value), number(f.Expected.Low), number(f.Expected.High), strings.Join(evidence, ", "))
	}
	fmt.Fprint(w, "</table></details>\n")
}

// moment writes a time as people read it.
func moment(t int64) string { return time.Unix(0, t).UTC().Format("2006-01-02 15:04:05") }

func number(v float64) string { return strconv.FormatFloat(v, 'g', 5, 64) }

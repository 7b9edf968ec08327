package report

import (
	"cmp"
	"fmt"
	"html"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// The drawing's measures, in its own units.
const (
	width, left, right = 1040, 64, 8
	plotHeight         = 150
	scoreHeight        = 34
	gap, foot          = 8, 18
	// columns is how many points a line has at most, two for each: lines of more points are drawn by the least and the greatest of each column.
	columns = width - left - right
)

// axis maps numbers to the drawing.
type axis struct{ from, to, at, length float64 }

func (a axis) of(v float64) float64 {
	if a.to == a.from {
		return a.at + a.length/2
	}
	return a.at + (v-a.from)/(a.to-a.from)*a.length
}

// panelSVG draws one series: labels, band, values, findings, and the scores below.
func (r *Report) panelSVG(w io.Writer, p *series, from, to int64) {
	height := plotHeight + foot
	if len(p.scores) > 0 {
		height += scoreHeight + gap
	}
	// Times are taken relative to the first: float64 has no room for nanoseconds since 1970.
	x := axis{0, float64(to - from), left, columns}
	at := func(t int64) float64 { return x.of(float64(t - from)) }
	low, high := p.extremes()
	y := axis{low, high, plotHeight - 4, -(plotHeight - 8)}
	fmt.Fprintf(w, "<svg viewBox=\"0 0 %d %d\" role=img aria-label=%q>\n", width, height, html.EscapeString(p.title))
	for _, l := range r.Labels {
		box(w, "k", at(l.From), at(l.To), plotHeight, l.Text)
	}
	for _, d := range slices.Sorted(maps.Keys(p.bands)) {
		drawBand(w, p.bands[d], at, y)
	}
	grid(w, y, low, high, p.unit)
	line(w, "v", p.values, at, y)
	for _, f := range p.findings {
		text := fmt.Sprintf("%s: score %s from %s to %s", f.Detector, number(f.peak), moment(f.onset), moment(f.end))
		box(w, "f", at(f.onset), at(f.end), plotHeight, text)
		fmt.Fprintf(w, "<line class=o x1=%.1f x2=%.1f y1=0 y2=%d />\n", at(f.onset), at(f.onset), plotHeight)
	}
	if len(p.scores) > 0 {
		drawScores(w, p.scores, at)
	}
	ticks(w, from, to, at, height)
	fmt.Fprint(w, "</svg>\n")
}

// extremes are those of values and of bands, as far as these don't flatten the values.
func (p *series) extremes() (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, v := range p.values {
		low, high = min(low, v.v), max(high, v.v)
	}
	if low > high {
		return 0, 1
	}
	// A band may add a quarter on each side, or a wild one would flatten the values to a line.
	least, most := low-(high-low)/4, high+(high-low)/4
	for _, bands := range p.bands {
		for _, b := range bands {
			low, high = min(low, max(b.low, least)), max(high, min(b.high, most))
		}
	}
	if low == high {
		low, high = low-1, high+1
	}
	return low, high
}

func box(w io.Writer, class string, x0, x1 float64, height int, title string) {
	x0, x1 = max(left, x0), min(width-right, x1)
	if x1 <= x0 {
		if x1 < left || x0 > width-right {
			return
		}
		x1 = x0 + 1
	}
	fmt.Fprintf(w, "<rect class=%s x=%.1f y=0 width=%.1f height=%d><title>%s</title></rect>\n", class, x0, max(1, x1-x0), height, html.EscapeString(title))
}

// line draws values at the ends of their windows; a gap longer than three windows is left open.
func line(w io.Writer, class string, values []value, at func(int64) float64, y axis) {
	var d strings.Builder
	pen := "M"
	last := int64(0)
	for i, v := range thin(values, at) {
		if i > 0 && v.start-last > 3*(v.end-v.start) && at(v.start)-at(last) > 2 {
			pen = "M"
		}
		fmt.Fprintf(&d, "%s%.1f %.1f", pen, at(v.end), y.of(v.v))
		pen, last = "L", v.end
	}
	if d.Len() > 0 {
		fmt.Fprintf(w, "<path class=%s d=\"%s\" />\n", class, d.String())
	}
}

// thin keeps the least and the greatest value of each column of the drawing, in order of time.
func thin(values []value, at func(int64) float64) []value {
	if len(values) <= 2*columns {
		return values
	}
	var out []value
	for i := 0; i < len(values); {
		j, column := i, math.Floor(at(values[i].end))
		least, most := i, i
		for ; j < len(values) && math.Floor(at(values[j].end)) == column; j++ {
			if values[j].v < values[least].v {
				least = j
			}
			if values[j].v > values[most].v {
				most = j
			}
		}
		out = append(out, values[min(least, most)])
		if least != most {
			out = append(out, values[max(least, most)])
		}
		i = j
	}
	return out
}

func drawBand(w io.Writer, bands []band, at func(int64) float64, y axis) {
	var low, high []value
	for _, b := range bands {
		low, high = append(low, value{b.start, b.end, b.low}), append(high, value{b.start, b.end, b.high})
	}
	low, high = thin(low, at), thin(high, at)
	clip := func(v float64) float64 { return min(max(y.of(v), 0), plotHeight) }
	var d strings.Builder
	for i, v := range high {
		fmt.Fprintf(&d, "%s%.1f %.1f", map[bool]string{true: "M", false: "L"}[i == 0], at(v.end), clip(v.v))
	}
	slices.Reverse(low)
	for _, v := range low {
		fmt.Fprintf(&d, "L%.1f %.1f", at(v.end), clip(v.v))
	}
	fmt.Fprintf(w, "<path class=b d=\"%sZ\" />\n", d.String())
}

// drawScores draws the scores of all detectors below the values, from 0 to the highest, with a line at the threshold.
func drawScores(w io.Writer, scores map[string][]value, at func(int64) float64) {
	top := 1.5
	for _, list := range scores {
		if len(list) > 0 {
			top = max(top, slices.MaxFunc(list, func(a, b value) int { return cmp.Compare(a.v, b.v) }).v)
		}
	}
	top = min(top, 10)
	y := axis{0, top, plotHeight + gap + scoreHeight, -scoreHeight}
	fmt.Fprintf(w, "<line class=t x1=%d x2=%d y1=%.1f y2=%.1f /><text x=%d y=%.1f text-anchor=end>score 1</text>\n", left, width-right, y.of(1), y.of(1), left-6, y.of(1)+4)
	for _, d := range slices.Sorted(maps.Keys(scores)) {
		list := slices.Clone(scores[d])
		for i := range list {
			list[i].v = min(list[i].v, top)
		}
		line(w, "s", list, at, y)
	}
}

func grid(w io.Writer, y axis, low, high float64, unit string) {
	for i, v := range []float64{low, low + (high-low)/2, high} {
		text := number(v)
		if i == 2 && unit != "" {
			text += " " + unit
		}
		fmt.Fprintf(w, "<line class=g x1=%d x2=%d y1=%.1f y2=%.1f /><text x=%d y=%.1f text-anchor=end>%s</text>\n", left, width-right, y.of(v), y.of(v), left-6, y.of(v)+4, html.EscapeString(text))
	}
}

// steps are the distances of ticks that people read.
var steps = []time.Duration{time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	24 * time.Hour, 48 * time.Hour, 7 * 24 * time.Hour, 14 * 24 * time.Hour, 28 * 24 * time.Hour, 91 * 24 * time.Hour, 364 * 24 * time.Hour}

func ticks(w io.Writer, from, to int64, at func(int64) float64, height int) {
	step := int64(steps[len(steps)-1])
	for _, s := range steps {
		if (to-from)/int64(s) <= 8 {
			step = int64(s)
			break
		}
	}
	format := "15:04:05"
	switch {
	case step >= int64(24*time.Hour):
		format = "2006-01-02"
	case step >= int64(time.Minute):
		format = "01-02 15:04"
	}
	for t := (from/step + 1) * step; t < to && (t-from)/step <= 9; t += step {
		fmt.Fprintf(w, "<line class=g x1=%.1f x2=%.1f y1=0 y2=%d /><text x=%.1f y=%d text-anchor=middle>%s</text>\n", at(t), at(t), height-foot, at(t), height-4, time.Unix(0, t).UTC().Format(format))
	}
}

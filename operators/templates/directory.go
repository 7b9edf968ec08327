package templates

import (
	"slices"
	"unicode/utf8"

	"github.com/homeostat/homeostat/operators/templates/miner"
	"github.com/homeostat/homeostat/pipeline"
)

const (
	templateLabel = "template"
	textLabel     = "text"
	// other is the template of what there is no series for.
	other = "other"
	// maxText bounds the label text.
	maxText = 200
)

// directory leads from streams and templates to series. All that it says follows from the lane's table of series, so nothing of it
// is in snapshots.
type directory struct {
	table  *pipeline.SeriesTable
	labels []string // that the series take over from streams; nil: all
	limit  int
	by     map[pair]uint32 // what was found
	lately [recent]found
	own    map[string]uint32 // the series of templates, by their keys
	errors map[uint32]uint32 // the series of the shares of errors, by those of streams and templates
	seen   int               // how many series of the table were looked at
}

// pair is a stream and the id of a template.
type pair struct {
	stream uint32
	id     uint64
}

// found is a pair and its series.
type found struct {
	pair
	series uint32
	known  bool
}

const (
	refused = ^uint32(0)
	recent  = 256
	// maxPairs bounds what is remembered, which costs time only.
	maxPairs = 1 << 16
)

// find returns the series of a stream's template. false: the lane's table is full.
func (d *directory) find(stream uint32, t *miner.Template) (uint32, bool) {
	p := pair{stream, t.ID}
	f := &d.lately[(uint32(t.ID)^stream)%recent]
	if f.pair != p || !f.known {
		*f = found{p, d.look(p, t), true}
	}
	return f.series, f.series != refused
}

// look returns the series of a pair.
func (d *directory) look(p pair, t *miner.Template) uint32 {
	s, ok := d.by[p]
	if !ok {
		if len(d.by) >= maxPairs {
			clear(d.by)
		}
		s = d.make(d.table.At(p.stream), t)
		d.by[p] = s
	}
	return s
}

// make returns the series, which it makes if there is none. One that is refused stays so: the table only grows.
func (d *directory) make(stream *pipeline.Series, t *miner.Template) uint32 {
	for ; d.seen < d.table.Len(); d.seen++ {
		if s := d.table.At(uint32(d.seen)); s.Metric == Metric && s.Type == pipeline.Delta {
			d.own[s.Key()] = uint32(d.seen)
		}
	}
	labels := d.of(stream, idText(t.ID), clip(t.First))
	if s, ok := d.own[pipeline.SeriesKey(Metric, pipeline.Delta, labels)]; ok {
		return s
	}
	if len(d.own) >= d.limit {
		labels = d.of(stream, other, "")
	}
	return d.intern(Metric, pipeline.Delta, stream, labels)
}

// intern returns a series of a stream, or of one of its templates, in its scope unless it has fewer labels.
func (d *directory) intern(metric string, typ pipeline.SeriesType, of *pipeline.Series, labels []pipeline.Label) (s uint32) {
	var err error
	if d.labels == nil || of.Type != pipeline.Stream {
		s, err = d.table.InternScoped(metric, "", typ, labels, *of.Scope)
	} else {
		s, err = d.table.Intern(metric, "", typ, labels)
	}
	if err != nil {
		return refused
	}
	return s
}

// share returns the series of the share of errors of a stream, or of a template's series. There are no more of them than of these. false: the
// lane's table is full.
func (d *directory) share(of uint32) (uint32, bool) {
	s, ok := d.errors[of]
	if !ok {
		if len(d.errors) >= maxPairs {
			clear(d.errors)
		}
		x := d.table.At(of)
		labels := x.Labels.List()
		if x.Type == pipeline.Stream {
			labels = d.taken(x)
		}
		s = d.intern(ErrorMetric, pipeline.Gauge, x, pipeline.NewLabels(labels))
		d.errors[of] = s
	}
	return s, s != refused
}

// taken returns the labels that are taken over from a stream.
func (d *directory) taken(stream *pipeline.Series) (labels []pipeline.Label) {
	for _, l := range stream.Labels {
		if d.labels == nil || slices.Contains(d.labels, l.Name) {
			labels = append(labels, *l)
		}
	}
	return labels
}

// of returns the labels of a stream's template.
func (d *directory) of(stream *pipeline.Series, template, text string) []pipeline.Label {
	labels := d.taken(stream)
	labels = append(labels, pipeline.Label{Name: templateLabel, Value: template})
	if text != "" {
		labels = append(labels, pipeline.Label{Name: textLabel, Value: text})
	}
	return pipeline.NewLabels(labels)
}

// clip shortens a text to maxText bytes.
func clip(text string) string {
	if len(text) <= maxText {
		return text
	}
	n := maxText - len("…")
	for !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + "…"
}

package templates

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"strconv"

	"github.com/cespare/xxhash/v2"

	"github.com/homeostat/homeostat/operators/templates/miner"
	"github.com/homeostat/homeostat/pipeline"
)

const (
	// DistinctMetric, ShareMetric and TopMetric are the names of the series of parameters.
	DistinctMetric = "log.parameters.distinct"
	ShareMetric    = "log.parameters.share"
	TopMetric      = "log.parameters.top"

	placeLabel = "place"
	valueLabel = "value"
	// placed stands in the text of a place for its value.
	placed = "<?>"

	// fewest is how many records there have to be for one value to have a share of them, and leading the share from which on it
	// is named.
	fewest, leading = 10, 0.5
	// lateParameters and parameterLimit are reasons for which records are not counted here.
	lateParameters = "parameters_late"
	parameterLimit = "parameters_limit"
)

// parameters counts the values at the places of templates, each stretch of time by itself.
type parameters struct {
	size   int64 // of a stretch, in nanoseconds
	limit  int   // of places, in all stretches that are open
	closed int64 // the last time that was told
	places []place
	index  map[spot]int
	series derived
}

// spot is a place in a stretch of time.
type spot struct {
	start  int64
	series uint32 // of the template's records
	at     uint16 // in the template
}

type place struct {
	spot
	sketch
}

func newParameters(size int64, limit, series int) *parameters {
	return &parameters{size: size, limit: limit, closed: math.MinInt64, index: map[spot]int{}, series: derived{limit: series, own: map[string]uint32{}}}
}

// count takes the parameters of a record in. It returns the reason if some could not be counted.
func (p *parameters) count(series uint32, t int64, all []miner.Parameter) (lost string) {
	if len(all) == 0 {
		return ""
	}
	start := t - t%p.size
	if start > t {
		start -= p.size
	}
	if start < math.MinInt64+p.size || start > math.MaxInt64-p.size || start+p.size <= p.closed {
		return lateParameters
	}
	for _, x := range all {
		at := spot{start, series, uint16(x.Place)}
		i, ok := p.index[at]
		if !ok {
			if len(p.places) >= p.limit {
				lost = parameterLimit
				continue
			}
			i = len(p.places)
			p.places = append(p.places, place{spot: at})
			p.index[at] = i
		}
		p.places[i].add(xxhash.Sum64(x.Text), x.Text)
	}
	return lost
}

// close gives out what is known of the stretches that end by t, in order of their time and of the first record of each place. refused is
// how many series there was no room for.
func (p *parameters) close(t int64, table *pipeline.SeriesTable, emit func(series uint32, t int64, value float64)) (refused int) {
	p.closed = max(p.closed, t)
	var ended []place
	p.places = slices.DeleteFunc(p.places, func(x place) bool {
		if x.start+p.size > t {
			return false
		}
		ended = append(ended, x)
		return true
	})
	if len(ended) == 0 {
		return 0
	}
	clear(p.index)
	for i := range p.places {
		p.index[p.places[i].spot] = i
	}
	slices.SortStableFunc(ended, func(a, b place) int { return cmp.Compare(a.start, b.start) })
	for i := range ended {
		x := &ended[i]
		tell := func(metric, value string, v float64) {
			s, ok := p.series.find(table, metric, x.series, int(x.at), value)
			if !ok {
				refused++
				return
			}
			emit(s, x.start+p.size-1, v)
		}
		tell(DistinctMetric, "", x.distinct())
		if x.rows < fewest {
			continue
		}
		value, share := x.most()
		tell(ShareMetric, "", share)
		if share >= leading {
			tell(TopMetric, value, share)
		}
	}
	return refused
}

// derived leads to the series of places. All that it says follows from the lane's table.
type derived struct {
	limit int
	own   map[string]uint32
	seen  int // how many series of the table were looked at
}

// find returns the series of a place. false: there is no room for it.
func (d *derived) find(table *pipeline.SeriesTable, metric string, template uint32, at int, value string) (uint32, bool) {
	for ; d.seen < table.Len(); d.seen++ {
		switch s := table.At(uint32(d.seen)); s.Metric {
		case DistinctMetric, ShareMetric, TopMetric:
			if s.Type == pipeline.Gauge {
				d.own[s.Key()] = uint32(d.seen)
			}
		}
	}
	of := table.At(template)
	labels := slices.DeleteFunc(of.Labels.List(), func(l pipeline.Label) bool {
		return l.Name == textLabel || l.Name == placeLabel || l.Name == valueLabel
	})
	labels = append(labels, pipeline.Label{Name: placeLabel, Value: strconv.Itoa(at + 1)}, pipeline.Label{Name: textLabel, Value: marked(of.Labels.Get(textLabel), at)})
	if metric == TopMetric {
		labels = append(labels, pipeline.Label{Name: valueLabel, Value: value})
	}
	labels = pipeline.NewLabels(labels)
	if s, ok := d.own[pipeline.SeriesKey(metric, pipeline.Gauge, labels)]; ok {
		return s, true
	}
	if len(d.own) >= d.limit {
		return 0, false
	}
	s, err := table.InternScoped(metric, "", pipeline.Gauge, labels, *of.Scope)
	return s, err == nil
}

// marked returns the text of a template with a sign for the value at a place.
func marked(text string, at int) string {
	s := bytes.ReplaceAll([]byte(text), []byte(miner.Wildcard), []byte{1})
	from, to := miner.Atom(s, at)
	if from < to {
		s = slices.Concat(s[:from], []byte(placed), s[to:])
	}
	return string(bytes.ReplaceAll(s, []byte{1}, []byte(miner.Wildcard)))
}

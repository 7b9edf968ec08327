package sniff

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/homeostat/homeostat/pipeline"
)

// Verdict is what the sample came to.
type Verdict uint8

const (
	// Empty: there is no record with a value.
	Empty Verdict = iota
	// Found: Answer.Best understands the sample.
	Found
	// Mixed: several candidates understand a part each, and none the whole.
	Mixed
	// Ambiguous: two equally special candidates understand the sample.
	Ambiguous
	// Registry: records have Confluent's framing, so that only a schema registry can say what they are.
	Registry
	// Own: they are events that Homeostat writes itself.
	Own
	// Unknown: no candidate understands enough of the sample.
	Unknown
)

// Score is what a candidate makes of the sample.
type Score struct {
	// Codec is the codec's word, Settings those to be written beside it, nil for none.
	Codec    string
	Settings pipeline.Settings
	// Understood is the number of records understood; Quiet that of records that it reads and that say nothing.
	Understood, Quiet int
	// Points, Logs and Series are what it made of those that it understands, Lost the rows of them that could not be used, by reason.
	Points, Logs, Series int
	Lost                 map[string]int

	rank int
	by   []outcome
}

// Answer is what a sample says.
type Answer struct {
	Verdict Verdict
	// Records is the number of records with a value, Tombstones that of those without.
	Records, Tombstones int
	// Best is the candidate that was found, or the first of those that it lies between; nil if there is none.
	Best *Score
	// Scores are all candidates that understand a record, the best ones first.
	Scores []Score
	// Schemas are the ids in Confluent's framing, in order.
	Schemas []uint32
	// Framed is the number of records with such framing.
	Framed int
	// Left is the number of records that no candidate understands.
	Left int
	// Candidates are the codecs that were tried.
	Candidates []string
}

// enough is the share of records that a candidate has to understand: a few damaged ones are no reason to doubt.
const enough = 0.95

// Sniff tells what the records are. only names the codecs to choose from, none means all that the registry has. The records are
// borrowed. It is to be given a bounded sample: each candidate decodes all of it.
func Sniff(registry *pipeline.Registry, records []pipeline.Record, only ...string) *Answer {
	a := &Answer{}
	var views []*view
	own := 0
	for i := range records {
		if len(records[i].Value) == 0 {
			a.Tombstones++
			continue
		}
		v := look(&records[i])
		views = append(views, v)
		if v.own {
			own++
		}
	}
	a.Records = len(views)
	a.frames(views)
	for _, c := range candidates() {
		if len(only) > 0 && !slices.Contains(only, c.codec) {
			continue
		}
		s, ok := try(registry, c, views)
		if !slices.Contains(a.Candidates, c.codec) && s.Codec != "" {
			a.Candidates = append(a.Candidates, c.codec)
		}
		if ok {
			a.Scores = append(a.Scores, s)
		}
	}
	a.weigh()
	a.judge(own)
	return a
}

// frames counts records with Confluent's framing.
func (a *Answer) frames(views []*view) {
	ids := map[uint32]bool{}
	for _, v := range views {
		if v.framed {
			a.Framed++
			ids[v.schema] = true
		}
	}
	a.Schemas = slices.Sorted(maps.Keys(ids))
}

// try lets a candidate decode the sample. ok is false if it understands nothing of it.
func try(registry *pipeline.Registry, c candidate, views []*view) (s Score, ok bool) {
	entry, known := registry.Codec(c.codec)
	if !known {
		return s, false
	}
	s = Score{Codec: c.codec, Settings: c.settings, Lost: map[string]int{}, rank: c.rank, by: make([]outcome, len(views))}
	codec, err := entry.New(given(entry.Spec, c.settings))
	if err != nil {
		return s, false // it needs settings that nobody can find out
	}
	cols := pipeline.NewColumns(pipeline.NewSeriesTable(nil, maxSeries))
	for i, v := range views {
		if !v.mayBe(c.codec) {
			continue
		}
		r, err := decode(codec, v.rec, cols)
		if err != nil {
			continue
		}
		out := c.judge(v, &r)
		s.by[i] = out
		if out != understood && out != weak {
			continue
		}
		s.Points, s.Logs = s.Points+r.points, s.Logs+r.logs
		for reason, n := range r.Lost {
			s.Lost[reason] += n
		}
	}
	s.Series = cols.Series.Len()
	return s, slices.Contains(s.by, understood) || slices.Contains(s.by, weak)
}

// maxSeries bounds the memory that a sample takes.
const maxSeries = 200_000

// given fills in the defaults of a codec's settings.
func given(spec pipeline.Spec, s pipeline.Settings) pipeline.Settings {
	out := pipeline.Settings{}
	for _, setting := range spec.Settings {
		if setting.Default != nil {
			out[setting.Name] = setting.Default
		}
	}
	maps.Copy(out, s)
	return out
}

// decode decodes one record into columns that hold nothing else. A codec that panics has refused the record, as in a lane.
func decode(codec pipeline.Codec, rec *pipeline.Record, cols *pipeline.Columns) (r rows, err error) {
	cols.PointSeries, cols.PointTime, cols.PointStart, cols.PointValue = cols.PointSeries[:0], cols.PointTime[:0], cols.PointStart[:0], cols.PointValue[:0]
	cols.LogStream, cols.LogTime, cols.LogSeverity = cols.LogStream[:0], cols.LogTime[:0], cols.LogSeverity[:0]
	cols.LogOffset, cols.LogBytes = append(cols.LogOffset[:0], 0), cols.LogBytes[:0]
	clear(cols.Lost)
	cols.Mark()
	defer func() {
		if p := recover(); p != nil {
			err = pipeline.Errorf("sniff.panic", "BUG: the codec panicked: %v", p)
		}
	}()
	if err := codec.Decode(rec, cols); err != nil {
		return r, err
	}
	r = rows{Columns: cols, points: len(cols.PointSeries), logs: len(cols.LogStream)}
	for _, n := range cols.Lost {
		r.lost += n
	}
	return r, nil
}

// weigh counts what each candidate understands, and puts the best ones first.
func (a *Answer) weigh() {
	for i := range a.Scores {
		s := &a.Scores[i]
		full, half := count(s.by, understood), count(s.by, weak)
		s.Understood = full + half
		// Lines of syslog that are only nearly so count among real ones, and weak lines of JSON where nothing else is there.
		if s.rank == rankSyslog && full < half {
			s.Understood = full
		}
	}
	// A record that says nothing to a candidate, and something to another one, is not the first one's.
	for i := range a.Scores {
		s := &a.Scores[i]
		for k, out := range s.by {
			if out == quiet && !a.claimed(k) {
				s.Quiet++
			}
		}
	}
	a.Scores = slices.DeleteFunc(a.Scores, func(s Score) bool { return s.Understood == 0 })
	// By share first, in steps of what counts as the whole; then by how special the format is.
	slices.SortStableFunc(a.Scores, func(x, y Score) int {
		if a.covers(&x) != a.covers(&y) {
			if a.covers(&x) {
				return -1
			}
			return 1
		}
		if a.covers(&x) {
			return cmp.Or(cmp.Compare(x.rank, y.rank), cmp.Compare(y.Understood, x.Understood))
		}
		return cmp.Or(cmp.Compare(y.Understood, x.Understood), cmp.Compare(x.rank, y.rank))
	})
	for k := range a.Records {
		if !slices.ContainsFunc(a.Scores, func(s Score) bool { return s.by[k] >= weak }) {
			a.Left++
		}
	}
}

func count(by []outcome, what outcome) (n int) {
	for _, out := range by {
		if out == what {
			n++
		}
	}
	return n
}

// claimed tells whether a special candidate understands the record.
func (a *Answer) claimed(record int) bool {
	return slices.ContainsFunc(a.Scores, func(s Score) bool { return s.rank <= rankFields && s.by[record] >= weak })
}

// covers tells whether a candidate understands the sample.
func (a *Answer) covers(s *Score) bool {
	return s.Understood > 0 && float64(s.Understood) >= enough*float64(a.Records-s.Quiet)
}

// judge comes to the verdict.
func (a *Answer) judge(own int) {
	switch {
	case a.Records == 0:
		a.Verdict = Empty
		return
	case own*2 > a.Records:
		a.Verdict = Own
		return
	case float64(a.Framed) >= enough*float64(a.Records) && !slices.ContainsFunc(a.Scores, func(s Score) bool { return a.covers(&s) }):
		a.Verdict = Registry
		return
	case len(a.Scores) == 0:
		a.Verdict = Unknown
		return
	}
	a.Best = &a.Scores[0]
	if !a.covers(a.Best) {
		a.Verdict = Unknown
		if len(a.parts()) > 1 {
			a.Verdict = Mixed
		}
		return
	}
	a.Verdict = Found
	if len(a.Scores) > 1 && a.Scores[1].rank == a.Best.rank && a.covers(&a.Scores[1]) {
		a.settle()
	}
	// text understands all lines: where a good part of them is something better, two producers write here.
	if a.Best.rank >= rankSyslog && a.Verdict == Found {
		for i := 1; i < len(a.Scores); i++ {
			if s := &a.Scores[i]; s.rank < a.Best.rank && float64(s.Understood) > (1-enough)*float64(a.Records) {
				a.Verdict = Mixed
			}
		}
	}
}

// settle decides between the two that stand first and are of one rank. A line of a log may have a number in it, so json_logs is found where lines
// have both a message and a severity.
func (a *Answer) settle() {
	for i, k := range [2]int{1, 0} {
		logs, points := &a.Scores[i], &a.Scores[k]
		if logs.Codec == "json_logs" && points.Codec == "json_metrics" && float64(count(logs.by, understood)) >= enough*float64(a.Records-logs.Quiet) {
			if i == 1 {
				a.Scores[0], a.Scores[1] = a.Scores[1], a.Scores[0]
			}
			return
		}
	}
	a.Verdict = Ambiguous
}

// part is what a candidate understands that no more special one does.
type part struct {
	*Score
	records int
}

// parts shares the records out over the candidates that understand them, the largest part first.
func (a *Answer) parts() []part {
	special := make([]*Score, len(a.Scores))
	for i := range a.Scores {
		special[i] = &a.Scores[i]
	}
	slices.SortStableFunc(special, func(x, y *Score) int { return cmp.Compare(x.rank, y.rank) })
	var out []part
	taken := make([]bool, a.Records)
	for _, s := range special {
		p := part{Score: s}
		for k, o := range s.by {
			if o >= weak && !taken[k] {
				p.records++
				taken[k] = true
			}
		}
		if p.records > 0 {
			out = append(out, p)
		}
	}
	slices.SortStableFunc(out, func(x, y part) int { return cmp.Compare(y.records, x.records) })
	return out
}

// Settled returns the settings of a codec with its defaults filled in, and checks them.
func Settled(registry *pipeline.Registry, codec string, settings pipeline.Settings) (pipeline.CodecEntry, pipeline.Settings, error) {
	entry, ok := registry.Codec(codec)
	if !ok || codec == Auto {
		return entry, nil, pipeline.Errorf("sniff.codec.unknown", "this program has no codec %q: use the program that chose it, or write another one in the configuration", codec)
	}
	full := given(entry.Spec, settings)
	if _, err := entry.New(full); err != nil {
		return entry, nil, fmt.Errorf("codec %s with the settings that were chosen for it: %w", codec, err)
	}
	return entry, full, nil
}

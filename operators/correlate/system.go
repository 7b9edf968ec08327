package correlate

import (
	"math"
	"sort"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// system is all that is known of the entities that are diagnosed together.
type system struct {
	Name string
	// Edges is the call graph that topology.v1 gave; nil while none came.
	Edges    []pipeline.Edge
	Known    bool
	Findings map[string]*finding
	// Incidents are those that wait for their opening, are open, or closed so lately that they may open again, in
	// order of their beginning.
	Incidents []*incident
	Changes   []change
	SLIs      map[string]*sli
	// Due is the window border at which the system is looked at next; never when nothing can happen before new input.
	Due int64
	// Seen is the last border at which it was looked at.
	Seen int64
	// Heard is the time of the last finding or SLI.
	Heard int64
	// Resting tells that an SLO's finding is open whose incident closed, so that its indicator has to be watched.
	Resting bool

	graph *graph
}

const never = math.MaxInt64

// finding is the present state of one finding.
type finding struct {
	ID, Event               string
	Entity, Domain          string
	Metric, Class, Severity string
	SLO                     string // of a burning SLO: its name
	Onset, End              int64
	Score                   float64 // greatest so far
	Open                    bool
	Incident                string // that it belongs to
	// Rested tells of a burning SLO that its incident closed since it did not burn any more over its short window.
	Rested bool
}

type change struct {
	Kind     string
	Entities []string
	Time     int64
}

func newSystem(name string) *system {
	return &system{Name: name, Findings: map[string]*finding{}, SLIs: map[string]*sli{}, Due: never, Seen: math.MinInt64}
}

// learn takes in a revision of a finding. It returns false if there is no room for it.
func (s *system) learn(o *options, e *schemas.Event, f *schemas.Finding) (bool, error) {
	onset, err := schemas.ParseTime(f.Onset)
	if err != nil {
		return false, err
	}
	have := s.Findings[f.Finding]
	if have == nil {
		if f.State != schemas.Open {
			return true, nil // its opening is forgotten already
		}
		if len(s.Findings) >= o.maxFindings {
			return false, nil
		}
		have = &finding{ID: f.Finding, Metric: f.Series.Metric, Class: o.classOf(&f.Series, f.Detector)}
		have.Entity, have.Domain = o.place(&f.Series)
		if f.Series.Metric == pipeline.SLIMetric {
			have.SLO = f.Series.Labels["slo"]
		}
		if have.Metric == "" {
			have.Metric = f.Detector
		}
		s.Findings[f.Finding] = have
	}
	have.Event, have.Onset, have.End = e.ID, onset, e.Time
	have.Open, have.Severity = f.State == schemas.Open, f.Severity
	if finite(f.Score) && f.Score >= have.Score {
		have.Score = f.Score
	}
	s.Heard = max(s.Heard, e.Time)
	return true, nil
}

// place says whom a finding counts for: on a call edge the callee, else the entity of the series.
func (o *options) place(s *schemas.Series) (entity, domain string) {
	callee := s.Labels[o.callee]
	if callee == "" || s.Labels[o.caller] == "" || callee == s.Entity {
		return s.Entity, s.Domain
	}
	return callee, callee
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// sorted lists the findings by onset, then name.
func (s *system) sorted() []*finding {
	out := make([]*finding, 0, len(s.Findings))
	for _, f := range s.Findings {
		out = append(out, f)
	}
	sort.Slice(out, func(i, j int) bool {
		if out[i].Onset != out[j].Onset {
			return out[i].Onset < out[j].Onset
		}
		return out[i].ID < out[j].ID
	})
	return out
}

// forget drops what can't matter any more: findings that closed before any incident could gather them, old changes,
// and incidents that closed too long ago to open again.
func (s *system) forget(o *options, now int64) {
	kept := s.Incidents[:0]
	alive := map[string]bool{}
	for _, inc := range s.Incidents {
		if inc.State == stateClosed && now-inc.ClosedAt >= o.reopen {
			continue
		}
		alive[inc.ID] = true
		kept = append(kept, inc)
	}
	s.Incidents = kept
	for id, f := range s.Findings {
		if !f.Open && now-f.End > o.gap+o.settle && !alive[f.Incident] {
			delete(s.Findings, id)
		}
	}
	changes := s.Changes[:0]
	for _, c := range s.Changes {
		if now-c.Time <= o.changeWindow+o.gap {
			changes = append(changes, c)
		}
	}
	s.Changes = changes
}

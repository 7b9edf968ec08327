package schemas

import (
	"strconv"

	"github.com/homeostat/homeostat/pipeline"
)

// Finding is the data of finding.v1. Times are RFC 3339.
type Finding struct {
	// Finding is the same for all revisions of one finding.
	Finding  string `json:"finding"`
	Revision int    `json:"revision"`
	// State is "open" or "closed".
	State    string `json:"state"`
	Detector string `json:"detector"`
	Series   Series `json:"series"`
	Onset    string `json:"onset"`
	Start    string `json:"start"`
	End      string `json:"end"`
	// Score is 1 at the detector's threshold.
	Score       float64             `json:"score"`
	Probability float64             `json:"probability"`
	Value       float64             `json:"value"`
	Expected    Band                `json:"expected"`
	Direction   string              `json:"direction,omitempty"`
	Severity    string              `json:"severity"`
	Evidence    []pipeline.Evidence `json:"evidence,omitempty"`
}

// Band is a closed interval.
type Band struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Series names a series in events.
type Series struct {
	Metric string            `json:"metric"`
	Type   string            `json:"type"`
	Unit   string            `json:"unit,omitempty"`
	Labels map[string]string `json:"labels"`
	Entity string            `json:"entity"`
	Domain string            `json:"domain"`
}

// States of findings and incidents.
const (
	Open   = "open"
	Closed = "closed"
)

// NewSeries returns the series' form in events.
func NewSeries(s *pipeline.Series) Series {
	labels := make(map[string]string, len(s.Labels))
	for _, l := range s.Labels {
		labels[l.Name] = l.Value
	}
	return Series{Metric: s.Metric, Type: s.Type.String(), Unit: s.Unit, Labels: labels, Entity: s.Entity, Domain: s.Domain}
}

// NewFindingEvent makes the event of a detector's finding. Its time is the end of the window that it was seen in.
func NewFindingEvent(env *pipeline.Env, f *pipeline.Finding, s *pipeline.Series) (Event, error) {
	key := s.Key()
	name := env.ID("finding", key, strconv.FormatInt(f.Onset, 10))
	state, severity := Closed, f.Severity
	if f.Open {
		state = Open
	}
	if severity == "" {
		severity = "warning"
	}
	e, err := NewEvent(TypeFinding, env.ID("finding", key, strconv.FormatInt(f.Onset, 10), strconv.Itoa(f.Revision)), f.End, Finding{
		Finding: name, Revision: f.Revision, State: state, Detector: env.Component, Series: NewSeries(s),
		Onset: FormatTime(f.Onset), Start: FormatTime(f.Start), End: FormatTime(f.End),
		Score: f.Score, Probability: f.Probability, Value: f.Value, Expected: Band{f.Low, f.High},
		Direction: f.Direction, Severity: severity, Evidence: f.Evidence,
	})
	if err != nil {
		return Event{}, err
	}
	e.Source, e.Subject, e.System, e.Key = Source(env), s.Entity, s.System, s.System
	return e, nil
}

// Source returns the ce_source of what a component writes: pipeline and component, no lane and no process.
func Source(env *pipeline.Env) string { return "/homeostat/" + env.Pipeline + "/" + env.Component }

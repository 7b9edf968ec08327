package correlate

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

const (
	statePending = "pending"
	stateOpen    = "open"
	stateClosed  = "closed"
)

// incident is one group of findings through its life.
type incident struct {
	ID, State string
	// Cause is the event of the finding that called for it, Entity where that is.
	Cause, Entity string
	// Since is the onset of that finding, Onset the first of all its findings.
	Since, Onset int64
	// OpenAt is when a pending one opens, DetectedAt when it first did, ClosedAt when it last closed.
	OpenAt, DetectedAt, ClosedAt int64
	Revision                     int
	// SLOs are those that its findings name.
	SLOs    []string
	Members []string
	// Impact is the last one that all its SLOs had data for.
	Impact []schemas.Impact
	// CalmSince is when all became well; never if it is not.
	CalmSince int64
	// NewAt is when the last finding joined.
	NewAt int64
	Told  told
}

// told is what the last event said.
type told struct {
	At                        int64
	Signature, Severity, Rank string
	Band                      int
}

func (inc *incident) again() bool { return inc.DetectedAt != 0 }

// look brings one system up to a window border.
func (c *Correlate) look(s *system, now int64, out pipeline.Emitter) error {
	s.Seen = now
	s.forget(&c.options, now)
	findings := s.sorted()
	c.trigger(s, findings, now)
	incidents := s.Incidents
	s.Incidents = nil
	s.Due, s.Resting = never, false
	for _, inc := range incidents {
		var err error
		switch inc.State {
		case statePending:
			err = c.ripen(s, inc, findings, now, out)
		case stateOpen:
			err = c.follow(s, inc, findings, now, out)
		}
		if err != nil {
			return err
		}
		if inc.State == "" {
			continue
		}
		s.Incidents = append(s.Incidents, inc)
		if inc.State != stateClosed {
			s.Due = now + c.window
		}
	}
	for _, f := range findings {
		s.Resting = s.Resting || f.Rested && f.Open
	}
	return nil
}

// trigger makes pending incidents of what calls for one.
func (c *Correlate) trigger(s *system, findings []*finding, now int64) {
	if c.slo {
		for _, f := range findings {
			if !f.Open || f.Incident != "" || f.SLO == "" || !pages(f) {
				continue
			}
			since := f.Onset
			if f.Rested {
				if !c.burns(s, f.SLO, now) {
					continue
				}
				since = now
			}
			inc := c.call(s, f, since, now)
			f.Incident, f.Rested = inc.ID, false
			inc.Members = append(inc.Members, f.ID)
			if !contains(inc.SLOs, f.SLO) {
				inc.SLOs = append(inc.SLOs, f.SLO)
			}
		}
	}
	if c.findings {
		for _, f := range findings {
			if c.counts(f, now) && c.enoughAround(s, f.Entity, findings, now) {
				if inc := s.at(f.Entity); inc == nil || inc.State == stateClosed {
					c.call(s, f, f.Onset, now)
				}
			}
		}
	}
}

func pages(f *finding) bool { return f.Severity != "info" }

func (c *Correlate) burns(s *system, slo string, now int64) bool {
	ob := c.objective(slo)
	if s.SLIs[slo] == nil {
		return false
	}
	share, ok := s.SLIs[slo].share(now, ob.short)
	return ok && share > ob.budget
}

// counts tells whether a finding is one that opens incidents without an SLO.
func (c *Correlate) counts(f *finding, now int64) bool {
	return f.Open && f.Incident == "" && f.SLO == "" && pages(f) && f.Score >= c.score && now-f.Onset <= c.gap+c.settle
}

// enoughAround tells whether enough that is connected to an entity is abnormal.
func (c *Correlate) enoughAround(s *system, entity string, findings []*finding, now int64) bool {
	entities, count := map[string]bool{}, 0
	for _, f := range findings {
		if c.counts(f, now) && s.graph.connected(f.Entity, entity) {
			entities[f.Entity] = true
			count++
		}
	}
	return count >= c.enough && len(entities) >= c.entities
}

// at returns the incident that concerns an entity, nil if there is none.
func (s *system) at(entity string) *incident {
	for i := len(s.Incidents) - 1; i >= 0; i-- {
		if s.graph.connected(s.Incidents[i].Entity, entity) {
			return s.Incidents[i]
		}
	}
	return nil
}

// call returns the incident that a trigger belongs to: one that is there, one that closed just now and is to open
// again, or a new one.
func (c *Correlate) call(s *system, f *finding, since, now int64) *incident {
	inc := s.at(f.Entity)
	if inc == nil {
		inc = &incident{
			ID: c.env.ID("incident", s.Name, f.ID, strconv.FormatInt(since, 10)), State: statePending, Cause: f.Event, Entity: f.Entity,
			Since: since, Onset: since, OpenAt: now + c.settle, CalmSince: never,
		}
		s.Incidents = append(s.Incidents, inc)
	} else if inc.State == stateClosed {
		inc.State, inc.OpenAt, inc.Since, inc.Cause = statePending, now+c.settle, since, f.Event
	}
	return inc
}

// ripen opens a pending incident if its time has come and what called for it still holds.
func (c *Correlate) ripen(s *system, inc *incident, findings []*finding, now int64, out pipeline.Emitter) error {
	if now < inc.OpenAt {
		return nil
	}
	holds := c.findings && c.enoughAround(s, inc.Entity, findings, now)
	for _, id := range inc.Members {
		f := s.Findings[id]
		holds = holds || f != nil && f.Open && f.SLO != ""
	}
	if !holds {
		if inc.State = ""; inc.again() {
			inc.State = stateClosed
		}
		return nil
	}
	typ := schemas.TypeIncidentUpdated
	if !inc.again() {
		typ = schemas.TypeIncidentOpened
		inc.DetectedAt = now
	}
	inc.State, inc.CalmSince, inc.NewAt = stateOpen, never, now
	c.gather(s, inc, findings, now)
	view := c.view(s, inc, now)
	reason := "enough is abnormal though no SLO burns"
	if len(inc.SLOs) > 0 {
		reason = "SLO " + inc.SLOs[0] + " burns"
		if len(view.impact) > 0 {
			reason = fmt.Sprintf("SLO %s burns %.1f times as fast as its budget allows", view.impact[0].SLO, view.impact[0].Burn)
		}
	}
	if typ == schemas.TypeIncidentUpdated {
		reason = "open again: " + reason
	}
	return c.tell(s, inc, view, typ, reason, now, out)
}

// gather takes in the findings that belong to the incident.
func (c *Correlate) gather(s *system, inc *incident, findings []*finding, now int64) {
	for _, f := range findings {
		if f.Incident != "" || f.Onset < inc.Since-c.gap || !f.Open && f.End < inc.Since || !s.graph.connected(f.Entity, inc.Entity) {
			continue
		}
		f.Incident = inc.ID
		inc.Members = append(inc.Members, f.ID)
		inc.Onset = min(inc.Onset, f.Onset)
		inc.NewAt = now
		if f.SLO != "" && !contains(inc.SLOs, f.SLO) {
			inc.SLOs = append(inc.SLOs, f.SLO)
		}
	}
}

// follow updates or closes an open incident.
func (c *Correlate) follow(s *system, inc *incident, findings []*finding, now int64, out pipeline.Emitter) error {
	c.gather(s, inc, findings, now)
	view := c.view(s, inc, now)
	if reason := c.over(s, inc, view, now); reason != "" {
		inc.State, inc.ClosedAt = stateClosed, now
		for _, id := range inc.Members {
			if f := s.Findings[id]; f != nil && f.Open && f.SLO != "" {
				f.Incident, f.Rested = "", true
			}
		}
		return c.tell(s, inc, view, schemas.TypeIncidentClosed, reason, now, out)
	}
	if reason := c.news(inc, view, now); reason != "" {
		return c.tell(s, inc, view, schemas.TypeIncidentUpdated, reason, now, out)
	}
	return nil
}

// over says why an incident is over, "" while it is not.
func (c *Correlate) over(s *system, inc *incident, v view, now int64) string {
	if now-max(s.Heard, inc.DetectedAt) >= c.silence {
		return fmt.Sprintf("nothing was heard of its findings and SLOs for %s; whether it is over nobody saw", time.Duration(c.silence))
	}
	calm := v.known
	for _, impact := range v.impact {
		calm = calm && impact.Burn < 1
	}
	quiet := now-inc.NewAt >= c.quiet
	if !calm || v.open > 0 && !quiet {
		inc.CalmSince = never
		return ""
	}
	if inc.CalmSince == never {
		inc.CalmSince = now
	}
	if now-inc.CalmSince < c.hold {
		return ""
	}
	what := "its findings are closed"
	if v.open > 0 {
		what = fmt.Sprintf("nothing new was found for %s", time.Duration(c.quiet))
	}
	if len(inc.SLOs) > 0 {
		what = "its SLOs hold and " + what
	}
	return what + fmt.Sprintf(" for %s", time.Duration(c.hold))
}

// news says what changed so much that others should know, "" if nothing did.
func (c *Correlate) news(inc *incident, v view, now int64) string {
	t := &inc.Told
	switch {
	case v.signature != t.Signature:
		return "the signature is " + v.signature + ", not " + t.Signature
	case v.severity != t.Severity:
		return "the severity is " + v.severity + ", not " + t.Severity
	case now-t.At < c.updateEvery:
		return ""
	case v.order != t.Rank:
		return "the order of suspects changed"
	case v.band-t.Band >= 2 || t.Band-v.band >= 2 || (v.band == 0) != (t.Band == 0):
		return "the impact changed"
	}
	return ""
}

// view is an incident as it looks now.
type view struct {
	ranked                     []*suspicion
	impact                     []schemas.Impact
	signature, severity, order string
	// known is false if an SLO that it names has no data.
	known bool
	// band is 0 while no SLO burns, then rises by one with each doubling of the burn rate.
	band int
	open int
}

func (c *Correlate) view(s *system, inc *incident, now int64) view {
	v := view{severity: inc.Told.Severity}
	members := make([]*finding, 0, len(inc.Members))
	for _, id := range inc.Members {
		f := s.Findings[id]
		if f == nil {
			continue
		}
		members = append(members, f)
		if f.Open && f.SLO == "" {
			v.open++
		}
		if severity(f) > rankOf(v.severity) {
			v.severity = severityNames[severity(f)]
		}
	}
	v.ranked = c.rank(s, members)
	if v.impact, v.known = c.impact(s, inc, now); v.known {
		inc.Impact = v.impact
	}
	v.impact = inc.Impact // of before, if an SLO has no data now: missing data is no recovery
	if len(v.impact) > 0 && v.impact[0].Burn >= 1 {
		v.band = 1 + int(math.Log2(v.impact[0].Burn))
	}
	if len(v.ranked) > 0 {
		v.signature = c.signature(v.ranked[0])
		for _, sus := range v.ranked[:min(3, len(v.ranked))] {
			v.order += sus.entity + "\n"
		}
	}
	return v
}

var severityNames = [...]string{"", "info", "warning", "critical"}

func rankOf(severity string) int {
	for i, n := range severityNames {
		if n == severity {
			return i
		}
	}
	return 0
}

// severity of an incident comes from its SLOs; other findings make it a warning at most.
func severity(f *finding) int {
	r := rankOf(f.Severity)
	if f.SLO == "" {
		r = min(r, rankOf("warning"))
	}
	return r
}

// tell emits an event about the incident.
func (c *Correlate) tell(s *system, inc *incident, v view, typ, reason string, now int64, out pipeline.Emitter) error {
	data := schemas.Incident{
		Incident: inc.ID, Revision: inc.Revision, State: schemas.Open, System: s.Name, Signature: v.signature,
		Onset: schemas.FormatTime(inc.Onset), Detected: schemas.FormatTime(inc.DetectedAt),
		Severity: v.severity, Certainty: round(certainty(v.ranked)), Impact: v.impact, Suspects: c.name(v.ranked), Findings: inc.Members, Reason: reason,
	}
	if typ == schemas.TypeIncidentClosed {
		data.State, data.Closed = schemas.Closed, schemas.FormatTime(now)
	}
	e, err := schemas.NewEvent(typ, c.env.ID("incident", inc.ID, strconv.Itoa(inc.Revision)), now, data)
	if err != nil {
		return err
	}
	e.Source, e.System, e.Key, e.Correlation, e.Causation = schemas.Source(c.env), s.Name, inc.ID, inc.ID, inc.Cause
	e.Subject = inc.Entity
	if len(v.ranked) > 0 {
		e.Subject = v.ranked[0].entity
	}
	inc.Revision++
	inc.Told = told{At: now, Signature: v.signature, Severity: v.severity, Rank: v.order, Band: v.band}
	return out.Emit(schemas.NewEvents(c.env.Allocator, []schemas.Event{e}))
}

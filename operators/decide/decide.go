package decide

import (
	"fmt"
	"sort"
	"time"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

const (
	lostUnreadable = "unreadable"
	// remember is how long a closed incident is kept, in case it opens again.
	remember = int64(2 * time.Hour)
	// recheck is how long to wait for a lock domain that is taken.
	recheck = int64(10 * time.Second)
)

// Decide is the operator. It follows pipeline.Operator.
type Decide struct {
	options
	env    *pipeline.Env
	window int64
	state  knowledge
	// order lists the incidents by name.
	order []string
}

// knowledge is what survives a restart.
type knowledge struct {
	Episodes map[string]*episode
	// Experience by signature and action.
	Experience map[string]experience
	// Cooling is until when a lock domain rests.
	Cooling map[string]int64
	// Edges is the newest call graph by system.
	Edges map[string][]pipeline.Edge
}

func newKnowledge() knowledge {
	return knowledge{map[string]*episode{}, map[string]experience{}, map[string]int64{}, map[string][]pipeline.Edge{}}
}

// New makes the operator from checked settings. Runbooks that don't fit together are a pipeline.SettingFault.
func New(s pipeline.Settings) (*Decide, error) {
	o, err := parse(s)
	if err != nil {
		return nil, err
	}
	return &Decide{options: o, state: newKnowledge()}, nil
}

// Open implements pipeline.Operator.
func (d *Decide) Open(env *pipeline.Env) error {
	d.env = env
	d.window = env.Window
	if d.window <= 0 {
		d.window = int64(10 * time.Second)
	}
	return nil
}

// Close implements pipeline.Operator.
func (d *Decide) Close() error { return nil }

// Describe implements pipeline.Describer.
func (d *Decide) Describe() string {
	actions, lowered := 0, ""
	for _, b := range d.catalogue {
		actions += len(b.actions)
		for i := range b.actions {
			if _, why := b.actions[i].authority(); why != "" {
				lowered += fmt.Sprintf("; %s.%s is proposed at most: %s", b.name, b.actions[i].name, why)
			}
		}
	}
	return fmt.Sprintf("mode %s, %d runbooks with %d actions", d.mode, len(d.catalogue), actions) + lowered
}

// Process implements pipeline.Operator. What was due before an event's time happens before it.
func (d *Decide) Process(b pipeline.Batch, out pipeline.Emitter) error {
	if b.Kind != pipeline.Events {
		return nil
	}
	return schemas.EachEvent(b, func(e schemas.Event) error {
		if err := d.advance(e.Time-1, out); err != nil {
			return err
		}
		return d.take(&e, out)
	})
}

// Watermark implements pipeline.Watermarker.
func (d *Decide) Watermark(t int64, out pipeline.Emitter) error { return d.advance(t, out) }

// advance does what is due up to t, in order of time and incident.
func (d *Decide) advance(t int64, out pipeline.Emitter) error {
	for {
		var next *episode
		at := never
		for _, id := range d.order {
			if due := d.state.Episodes[id].due(); due <= t && due < at {
				next, at = d.state.Episodes[id], due
			}
		}
		if next == nil {
			return nil
		}
		if err := d.due(next, at, out); err != nil {
			return err
		}
	}
}

func (e *episode) due() int64 {
	at := e.Retry
	if e.Current != nil {
		at = min(at, e.Current.Until)
	}
	if !e.Open && e.Current == nil {
		at = min(at, e.ClosedAt+remember)
	}
	return at
}

func (d *Decide) due(e *episode, now int64, out pipeline.Emitter) error {
	switch {
	case e.Current != nil && now >= e.Current.Until:
		return d.expired(e, now, out)
	case now >= e.Retry:
		e.Retry = never
		return d.choose(e, now, out)
	}
	d.drop(e.Incident.Incident)
	return nil
}

// expired ends a hypothesis that nobody judged. After waiting another is opened. An action holds its lock domain by
// a lease, and one that expires means to stop and call a person: nobody knows what it did.
func (d *Decide) expired(e *episode, now int64, out pipeline.Emitter) error {
	t := e.Current
	d.env.Logger.Warn("no judgement came for a hypothesis, so it counts as void", "hypothesis", t.ID, "incident", e.Incident.Incident)
	d.finish(e, now)
	if t.Wait || !t.Ran && t.Mode != schemas.ModeLive {
		return d.choose(e, now, out)
	}
	d.cool(t.Domain, now, d.cooldownFailure)
	return d.call(e, "no judgement came for action "+t.Action, now, out)
}

func (d *Decide) drop(id string) {
	delete(d.state.Episodes, id)
	i := sort.SearchStrings(d.order, id)
	d.order = append(d.order[:i], d.order[i+1:]...)
}

func (d *Decide) take(e *schemas.Event, out pipeline.Emitter) error {
	switch e.Type {
	case schemas.TypeIncidentOpened, schemas.TypeIncidentUpdated, schemas.TypeIncidentClosed:
		var inc schemas.Incident
		if err := e.Into(&inc); err != nil || inc.Incident == "" {
			d.env.Lose(lostUnreadable, 1)
			return nil
		}
		return d.incident(e, inc, out)
	case schemas.TypeHypothesisJudged:
		var j schemas.Judgement
		if err := e.Into(&j); err != nil {
			d.env.Lose(lostUnreadable, 1)
			return nil
		}
		return d.judged(e, &j, out)
	case schemas.TypeResult:
		var r schemas.Result
		if err := e.Into(&r); err != nil {
			d.env.Lose(lostUnreadable, 1)
			return nil
		}
		d.result(&r)
	case schemas.TypeTopology:
		var t schemas.Topology
		if err := e.Into(&t); err != nil || t.Edges == nil { // what says nothing does not wipe out what is known
			d.env.Lose(lostUnreadable, 1)
			return nil
		}
		d.state.Edges[e.System] = t.Edges
	}
	return nil
}

func (d *Decide) edges(system string) []pipeline.Edge {
	if edges, ok := d.state.Edges[system]; ok {
		return edges
	}
	if d.env.Topology != nil {
		return d.env.Topology.Edges
	}
	return nil
}

// incident takes in what correlate says.
func (d *Decide) incident(ev *schemas.Event, inc schemas.Incident, out pipeline.Emitter) error {
	e := d.state.Episodes[inc.Incident]
	if e == nil {
		if ev.Type == schemas.TypeIncidentClosed {
			return nil
		}
		e = &episode{System: ev.System, Retry: never}
		d.state.Episodes[inc.Incident] = e
		i := sort.SearchStrings(d.order, inc.Incident)
		d.order = append(d.order[:i], append([]string{inc.Incident}, d.order[i:]...)...)
	}
	e.Incident, e.Event = inc, ev.ID
	if ev.Type == schemas.TypeIncidentClosed {
		e.Open, e.ClosedAt, e.Retry = false, ev.Time, never
		return nil
	}
	if !e.Open {
		e.Open, e.Vain = true, false
	}
	switch {
	case e.Current != nil && e.Current.Wait && (e.Current.Signature != inc.Signature || e.Current.Severity != inc.Severity):
		return d.rethink(e, ev.Time, out)
	case e.Current != nil || e.Retry != never || e.Escalated:
		return nil
	case e.Settled && e.impact().Burn < 1:
		return nil
	}
	return d.choose(e, ev.Time, out)
}

// choose opens a hypothesis about the best candidate, or calls a person when none is left.
func (d *Decide) choose(e *episode, now int64, out pipeline.Emitter) error {
	if !e.Open || e.Current != nil || e.Escalated {
		return nil
	}
	all := d.candidates(e, now)
	if all[0].Excluded == "" {
		return d.open(e, all[0], all, now, out)
	}
	for _, o := range all {
		if o.later {
			e.Retry = d.border(now + recheck)
			return nil
		}
	}
	return d.call(e, "nothing is left to try", now, out)
}

// call calls a person, once an incident. Nothing more is tried in it.
func (d *Decide) call(e *episode, why string, now int64, out pipeline.Emitter) error {
	if e.Escalated {
		return nil
	}
	e.Escalated, e.Retry = true, never
	decision := schemas.Decision{Chosen: "notify", Propensity: 1}
	for _, o := range d.candidates(e, now) {
		decision.Candidates = append(decision.Candidates, o.Candidate)
	}
	notice, err := d.notice(e, e.Last, why, decision, now)
	if err != nil {
		return err
	}
	return out.Emit(schemas.NewEvents(d.env.Allocator, []schemas.Event{notice}))
}

// border returns the next window border: nothing new is known in between.
func (d *Decide) border(t int64) int64 {
	if r := t % d.window; r > 0 {
		t += d.window - r
	}
	return t
}

// rethink gives waiting up if the incident looks otherwise now and something better can be done.
func (d *Decide) rethink(e *episode, now int64, out pipeline.Emitter) error {
	e.Current.Signature, e.Current.Severity = e.Incident.Signature, e.Incident.Severity
	all := d.candidates(e, now)
	if all[0].Excluded != "" || all[0].action == nil {
		return nil
	}
	d.finish(e, now)
	return d.open(e, all[0], all, now, out)
}

// finish ends the open hypothesis of an incident.
func (d *Decide) finish(e *episode, now int64) {
	t := e.Current
	e.Current, e.Last = nil, t.ID
	if t.Wait {
		e.Waited += max(0, now-t.Opened)
	} else if t.Ran && !contains(e.Ran, t.Action) {
		e.Ran = append(e.Ran, t.Action)
	}
}

// judged learns from a verdict and goes on.
func (d *Decide) judged(ev *schemas.Event, j *schemas.Judgement, out pipeline.Emitter) error {
	d.learn(j)
	e := d.state.Episodes[j.Incident]
	if e == nil || e.Current == nil || e.Current.ID != j.Hypothesis {
		return nil
	}
	t := e.Current
	d.finish(e, ev.Time)
	e.Settled = j.Recovered
	e.Vain = !e.Settled && (e.Vain || t.Wait && j.Verdict == schemas.Refuted)
	pause := d.rest(t, j.Verdict)
	if t.Ran {
		d.cool(t.Domain, ev.Time, pause)
	}
	if t.Doubt != "" {
		return d.call(e, "the execution of action "+t.Action+" is "+t.Doubt, ev.Time, out)
	}
	if !e.Open || e.Settled {
		return nil
	}
	if pause > 0 {
		e.Retry = d.border(ev.Time + pause)
		return nil
	}
	return d.choose(e, ev.Time, out)
}

// rest is how long to leave an incident alone after a verdict: not at all after waiting, or after what was only
// written down.
func (d *Decide) rest(t *trial, verdict string) int64 {
	switch {
	case t.Wait || !t.Ran && t.Mode != schemas.ModeLive:
		return 0
	case verdict == schemas.Supported:
		return d.cooldownSuccess
	}
	return d.cooldownFailure
}

// cool lets a lock domain rest, and forgets those that have.
func (d *Decide) cool(domain string, now, pause int64) {
	for other, until := range d.state.Cooling {
		if until <= now {
			delete(d.state.Cooling, other)
		}
	}
	d.state.Cooling[domain] = now + pause
}

// result notes that an action was carried out: it is not done twice in one incident. One of which its actuator
// doesn't know how far it came is left to a person.
func (d *Decide) result(r *schemas.Result) {
	e := d.state.Episodes[r.Incident]
	if e == nil || e.Current == nil || e.Current.ID != r.Hypothesis || e.Current.Wait {
		return
	}
	if r.Phase == schemas.PhaseStarted || r.Phase == schemas.PhaseFinished {
		e.Current.Ran = true
	}
	switch r.Execution {
	case schemas.ExecutionUnknown, schemas.ExecutionTimedOut:
		e.Current.Doubt = r.Execution
	}
}

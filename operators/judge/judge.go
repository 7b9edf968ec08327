package judge

import (
	"math"
	"sort"
	"strings"
	"time"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

const (
	lostUnreadable = "unreadable"
	lostLimit      = "limit"
)

// Judge is the operator. It follows pipeline.Operator.
type Judge struct {
	keep, hold int64 // how much of the past is kept; how long recovery must hold
	maxSeries  int

	env    *pipeline.Env
	window int64
	state  knowledge
	// trials and episodes list the names in order.
	trials, episodes []string

	table    *pipeline.SeriesTable
	bySeries []followed // by ordinal of table
}

type followed struct {
	known   bool
	history *history // nil: no room
	slo     bool
	typ     pipeline.SeriesType
}

// knowledge is what survives a restart.
type knowledge struct {
	Trials    map[string]*trial
	Histories map[string]*history
	Episodes  map[string]*episode
	// Treatments by system, in order of time.
	Treatments map[string][]treatment
	// Harmless names commands that change nothing in the system: their results are no treatments.
	Harmless map[string]int64
}

func newKnowledge() knowledge {
	return knowledge{map[string]*trial{}, map[string]*history{}, map[string]*episode{}, map[string][]treatment{}, map[string]int64{}}
}

// New makes the operator from checked settings.
func New(s pipeline.Settings) (*Judge, error) {
	return &Judge{keep: int64(s.Duration("history")), hold: int64(s.Duration("hold")), maxSeries: int(s.Int("max_series")), state: newKnowledge()}, nil
}

// Open implements pipeline.Operator.
func (j *Judge) Open(env *pipeline.Env) error {
	j.env = env
	j.window = env.Window
	if j.window <= 0 {
		j.window = int64(10 * time.Second)
	}
	return nil
}

// Close implements pipeline.Operator.
func (j *Judge) Close() error { return nil }

// Process implements pipeline.Operator. What was due before an event's time happens before it.
func (j *Judge) Process(b pipeline.Batch, out pipeline.Emitter) error {
	switch b.Kind {
	case pipeline.Windows:
		return j.windows(b, out)
	case pipeline.Events:
		return schemas.EachEvent(b, func(e schemas.Event) error {
			if err := j.advance(e.Time-1, out); err != nil {
				return err
			}
			return j.event(&e, out)
		})
	}
	return nil
}

// Watermark implements pipeline.Watermarker.
func (j *Judge) Watermark(t int64, out pipeline.Emitter) error { return j.advance(t, out) }

// advance judges what is due up to t, in order of time and hypothesis.
func (j *Judge) advance(t int64, out pipeline.Emitter) error {
	for {
		var next *trial
		for _, id := range j.trials {
			if tr := j.state.Trials[id]; tr.Next <= t && (next == nil || tr.Next < next.Next) {
				next = tr
			}
		}
		if next == nil {
			return nil
		}
		if err := j.look(next, next.Next, out); err != nil {
			return err
		}
	}
}

// look judges a trial if its time has come.
func (j *Judge) look(t *trial, now int64, out pipeline.Emitter) error {
	switch {
	case t.waits():
		v, ok := j.verdictWait(t, now)
		if !ok {
			t.Next = now + j.window
			return nil
		}
		return j.tell(t, v, now, out)
	case t.Done != never:
		return j.tell(t, j.verdict(t, now), now, out)
	}
	reason := "nothing was heard of the command until its deadline"
	if t.Hypothesis.Mode != schemas.ModeLive {
		reason = "not carried out: mode " + t.Hypothesis.Mode
	}
	return j.tell(t, j.void(t, now, reason), now, out)
}

// tell emits the judgement and ends the trial.
func (j *Judge) tell(t *trial, v schemas.Judgement, now int64, out pipeline.Emitter) error {
	id := t.Hypothesis.Hypothesis
	delete(j.state.Trials, id)
	i := sort.SearchStrings(j.trials, id)
	j.trials = append(j.trials[:i], j.trials[i+1:]...)
	e, err := schemas.NewEvent(schemas.TypeHypothesisJudged, j.env.ID("judgement", id), now, v)
	if err != nil {
		return err
	}
	e.Source, e.System, e.Correlation, e.Causation = schemas.Source(j.env), t.System, v.Incident, t.Event
	e.Key, e.Mode = v.Incident, t.Hypothesis.Mode
	return out.Emit(schemas.NewEvents(j.env.Allocator, []schemas.Event{e}))
}

func (j *Judge) windows(b pipeline.Batch, out pipeline.Emitter) error {
	if j.table != b.Series {
		j.table, j.bySeries = b.Series, nil
	}
	n := b.Rows()
	series := b.Record.Column(pipeline.WindowSeries).(*array.Uint32).Uint32Values()
	ends := b.Record.Column(pipeline.WindowEnd).(*array.Int64).Int64Values()
	counts := b.Record.Column(pipeline.WindowCount).(*array.Int64).Int64Values()
	sums := b.Record.Column(pipeline.WindowSum).(*array.Float64).Float64Values()
	for i := range n {
		if err := j.advance(ends[i]-1, out); err != nil {
			return err
		}
		f := j.follow(series[i])
		switch {
		case f.history == nil:
			j.env.Lose(lostLimit, 1)
		case math.IsNaN(sums[i]) || math.IsInf(sums[i], 0):
			j.env.Lose(lostUnreadable, 1)
		default:
			weight, sum := measure(f.typ, f.slo, counts[i], sums[i])
			f.history.add(ends[i], weight, sum, j.keep)
		}
	}
	return nil
}

// follow returns where the windows of a series go.
func (j *Judge) follow(ord uint32) followed {
	for int(ord) >= len(j.bySeries) {
		j.bySeries = append(j.bySeries, followed{})
	}
	f := &j.bySeries[ord]
	if f.known {
		return *f
	}
	s := j.table.At(ord)
	f.known, f.slo, f.typ = true, s.Metric == pipeline.SLIMetric, s.Type
	key := historyKey(s.System, metricName(s))
	h := j.state.Histories[key]
	if h == nil && (f.slo || len(j.state.Histories) < j.maxSeries) {
		h = &history{System: s.System, Metric: metricName(s)}
		j.state.Histories[key] = h
	}
	f.history = h
	return *f
}

func (j *Judge) event(e *schemas.Event, out pipeline.Emitter) error {
	var err error
	switch e.Type {
	case schemas.TypeHypothesisOpened:
		var h schemas.Hypothesis
		if err = e.Into(&h); err == nil {
			return j.register(e, h, out)
		}
	case schemas.TypeRemediationRequested, schemas.TypeRemediationProposed:
		var r schemas.Remediation
		if err = e.Into(&r); err == nil {
			j.command(e, &r)
		}
	case schemas.TypeResult:
		var r schemas.Result
		if err = e.Into(&r); err == nil {
			return j.result(e, &r, out)
		}
	case schemas.TypeChange:
		var c schemas.Change
		if err = e.Into(&c); err == nil && c.By != schemas.ByHomeostat { // what we changed, results tell
			j.treat(e.System, treatment{Time: e.Time, What: "change " + c.Change + " (" + c.Kind + ") of " + strings.Join(c.Entities, ", ")})
		}
	case schemas.TypeIncidentOpened, schemas.TypeIncidentUpdated, schemas.TypeIncidentClosed:
		var inc schemas.Incident
		if err = e.Into(&inc); err == nil {
			j.incident(e, &inc)
		}
	}
	if err != nil {
		j.env.Lose(lostUnreadable, 1)
	}
	return nil
}

// register puts a hypothesis on record. An open wait of the same incident is over: something else is tried.
func (j *Judge) register(e *schemas.Event, h schemas.Hypothesis, out pipeline.Emitter) error {
	if j.state.Trials[h.Hypothesis] != nil || h.Hypothesis == "" {
		return nil
	}
	for _, id := range append([]string(nil), j.trials...) {
		if t := j.state.Trials[id]; t.waits() && t.Hypothesis.Incident == h.Incident {
			if err := j.tell(t, j.void(t, e.Time, "given up: "+h.Decision.Chosen+" is tried instead"), e.Time, out); err != nil {
				return err
			}
		}
	}
	t := &trial{Hypothesis: h, Event: e.ID, System: e.System, Opened: e.Time, Done: never}
	t.Deadline = ceil(e.Time+nanos(h.Deduction.Horizon), j.window)
	t.Next = t.Deadline
	if t.waits() {
		t.Next = min(t.Deadline, ceil(e.Time+j.hold, j.window))
	}
	j.state.Trials[h.Hypothesis] = t
	i := sort.SearchStrings(j.trials, h.Hypothesis)
	j.trials = append(j.trials[:i], append([]string{h.Hypothesis}, j.trials[i:]...)...)
	return nil
}

// command notes until when a command may be carried out.
func (j *Judge) command(e *schemas.Event, r *schemas.Remediation) {
	if r.Action.Verb == "notify" || r.Action.Verb == "query" {
		j.state.Harmless[r.Remediation] = e.Time
		return
	}
	t := j.state.Trials[r.Hypothesis]
	if t == nil || t.waits() || t.Done != never {
		return
	}
	t.Command, t.Key = r.Remediation, e.Idempotency
	if startBy, err := schemas.ParseTime(r.Timing.StartBy); err == nil && e.Mode == schemas.ModeLive {
		t.Deadline = ceil(startBy+nanos(r.Timing.MaxDuration), j.window) + j.window
		t.Next = t.Deadline
	}
}

// result takes in what an actuator says.
func (j *Judge) result(e *schemas.Event, r *schemas.Result, out pipeline.Emitter) error {
	if _, harmless := j.state.Harmless[r.Remediation]; harmless {
		return nil
	}
	if r.Execution == schemas.ExecutionDuplicate {
		return nil // it says that nothing was done this time; what was, another result tells
	}
	finished := r.Phase == schemas.PhaseFinished
	ran := finished && (r.Execution == schemas.ExecutionSucceeded || r.Execution == schemas.ExecutionPartial)
	// What failed or was given up may have changed something all the same.
	if finished || r.Phase == schemas.PhaseReverted {
		what := "command " + r.Remediation + " of actuator " + r.Actuator
		j.treat(e.System, treatment{Time: e.Time, Hypothesis: r.Hypothesis, What: what})
	}
	t := j.state.Trials[r.Hypothesis]
	if t == nil || t.waits() || t.Done != never || t.Command != "" && r.Remediation != t.Command {
		return nil
	}
	switch {
	case ran:
		t.Done, t.Partly = e.Time, r.Execution == schemas.ExecutionPartial
		t.Next = t.horizon(j.window)
	case r.Phase == schemas.PhaseRejected, finished:
		what, why := "not carried out: ", r.Phase
		if r.Execution == schemas.ExecutionUnknown || r.Execution == schemas.ExecutionTimedOut {
			what = "nobody knows whether it was carried out: "
		}
		for _, more := range []string{r.Execution, r.Reason, r.Detail} {
			if more != "" {
				why += ", " + more
			}
		}
		return j.tell(t, j.void(t, e.Time, what+why), e.Time, out)
	}
	return nil
}

// treat records a change, in order of time, and forgets what is older than the history.
func (j *Judge) treat(system string, tr treatment) {
	list := j.state.Treatments[system]
	old := sort.Search(len(list), func(i int) bool { return list[i].Time > tr.Time-j.keep })
	list = list[old:]
	i := sort.Search(len(list), func(i int) bool { return list[i].Time > tr.Time })
	list = append(list[:i:i], append([]treatment{tr}, list[i:]...)...)
	j.state.Treatments[system] = list
}

// incident notes when and of what signature an incident was, and which SLOs it touches.
func (j *Judge) incident(e *schemas.Event, inc *schemas.Incident) {
	ep := j.state.Episodes[inc.Incident]
	if ep == nil {
		ep = &episode{Incident: inc.Incident, System: e.System, Opened: e.Time}
		j.state.Episodes[inc.Incident] = ep
		j.episodes = append(j.episodes, inc.Incident)
		sort.Strings(j.episodes)
		j.forget(e.Time)
	}
	ep.Signature, ep.Closed = inc.Signature, never
	if e.Type == schemas.TypeIncidentClosed {
		ep.Closed = e.Time
	}
	for _, impact := range inc.Impact {
		if !contains(ep.SLOs, impact.SLO) {
			ep.SLOs = append(ep.SLOs, impact.SLO)
		}
	}
}

// forget drops incidents and commands that are older than the history.
func (j *Judge) forget(now int64) {
	kept := j.episodes[:0]
	for _, id := range j.episodes {
		if e := j.state.Episodes[id]; e.Closed != never && now-e.Closed > j.keep {
			delete(j.state.Episodes, id)
			continue
		}
		kept = append(kept, id)
	}
	j.episodes = kept
	for id, at := range j.state.Harmless {
		if now-at > j.keep {
			delete(j.state.Harmless, id)
		}
	}
}

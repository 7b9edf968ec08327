package main

import (
	"fmt"
	"io"
	"math"
	"sort"
	"strings"
	"time"

	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/engine"
	"github.com/homeostat/homeostat/schemas"
)

// timeline tells what a pipeline does, a line a happening, in event time since the start. It is for one goroutine.
type timeline struct {
	out    io.Writer
	start  int64
	colour bool
	table  *pipeline.SeriesTable
	// burning says of each SLO whether the last line about it said so.
	burning map[string]bool
	// abnormal gathers the findings of one moment, to be told in a line an entity.
	abnormal []abnormal
	// story is what was told, for the end.
	story story
}

// abnormal is one entity with its findings of one moment.
type abnormal struct {
	at       int64
	entity   string
	findings []*schemas.Finding
}

// story is what the demo concludes from. Only events count, whoever made them happen.
type story struct {
	Incidents  int            `json:"incidents"`
	Findings   int            `json:"findings"`
	Hypotheses int            `json:"hypotheses"`
	Proposed   int            `json:"proposed"`
	Requested  int            `json:"requested"`
	Executed   int            `json:"executed"`
	Verdicts   map[string]int `json:"verdicts"`
	// judged names the incidents that got a verdict, carriedOut the hypotheses whose action ran and got none yet.
	judged, carriedOut map[string]bool
}

func newTimeline(out io.Writer, start time.Time, colour bool) *timeline {
	return &timeline{
		out: out, start: start.UnixNano(), colour: colour, table: pipeline.NewSeriesTable(nil, 0), burning: map[string]bool{},
		story: story{Verdicts: map[string]int{}, judged: map[string]bool{}, carriedOut: map[string]bool{}},
	}
}

const (
	plain  = ""
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	cyan   = "\x1b[36m"
	bold   = "\x1b[1m"
	reset  = "\x1b[0m"
)

// say writes one line: minutes and seconds since the start, a word, and what happened.
func (t *timeline) say(at int64, colour, word, format string, args ...any) {
	t.tellAbnormal()
	t.line(at, colour, word, format, args...)
}

func (t *timeline) line(at int64, colour, word, format string, args ...any) {
	s := max(at-t.start, 0) / int64(time.Second)
	line := fmt.Sprintf("%3d:%02d  %-12s %s", s/60, s%60, word, fmt.Sprintf(format, args...))
	if t.colour && colour != plain {
		line = colour + line + reset
	}
	fmt.Fprintln(t.out, line)
}

// record takes one record of the pipeline's topics.
func (t *timeline) record(rec pipeline.Record) error {
	if _, time := rec.Header(schemas.HeaderLane); time {
		return nil
	}
	e, err := schemas.ReadEvent(&rec)
	if err != nil {
		return nil // a dead letter
	}
	switch e.Type {
	case schemas.TypeWindow:
		return t.window(&e)
	case schemas.TypeFinding:
		return tell(t, &e, t.finding)
	case schemas.TypeIncidentOpened, schemas.TypeIncidentUpdated, schemas.TypeIncidentClosed:
		return tell(t, &e, t.incident)
	case schemas.TypeHypothesisOpened:
		return tell(t, &e, t.hypothesis)
	case schemas.TypeRemediationProposed, schemas.TypeRemediationRequested:
		return tell(t, &e, t.remediation)
	case schemas.TypeResult:
		return tell(t, &e, t.result)
	case schemas.TypeHypothesisJudged:
		return tell(t, &e, t.judgement)
	}
	return nil
}

// tell decodes the event's data for f.
func tell[T any](_ *timeline, e *schemas.Event, f func(*schemas.Event, *T)) error {
	var v T
	if err := e.Into(&v); err != nil {
		return err
	}
	f(e, &v)
	return nil
}

// window follows the share of bad requests of each objective and tells when it crosses a tenth of all.
func (t *timeline) window(e *schemas.Event) error {
	b, err := schemas.DecodeWindows(memory.NewGoAllocator(), e.Data, t.table)
	if err != nil {
		return err
	}
	defer b.Release()
	if b.Rows() == 0 {
		return nil
	}
	w := engine.WindowOf(b)
	for i, s := range w.Series {
		series := t.table.At(s)
		if series.Metric != pipeline.SLIMetric || w.Count[i] == 0 {
			continue
		}
		name, share := series.Labels.Get("slo"), w.Sum[i]/float64(w.Count[i])
		switch {
		case share > 0.1 && !t.burning[name]:
			t.burning[name] = true
			t.say(w.End, red, "slo", "%s: %.0f %% of requests are bad", name, 100*share)
		case share < 0.01 && t.burning[name]:
			t.burning[name] = false
			t.say(w.End, green, "slo", "%s: %.1f %% of requests are bad", name, 100*share)
		}
	}
	return nil
}

func (t *timeline) finding(e *schemas.Event, f *schemas.Finding) {
	if f.Revision > 0 || f.State != schemas.Open {
		return
	}
	t.story.Findings++
	if len(t.abnormal) > 0 && t.abnormal[0].at != e.Time {
		t.tellAbnormal()
	}
	for i := range t.abnormal {
		if t.abnormal[i].entity == f.Series.Entity {
			t.abnormal[i].findings = append(t.abnormal[i].findings, f)
			return
		}
	}
	t.abnormal = append(t.abnormal, abnormal{e.Time, f.Series.Entity, []*schemas.Finding{f}})
}

// tellAbnormal tells the findings of one moment, a line an entity, its worst first.
func (t *timeline) tellAbnormal() {
	for _, a := range t.abnormal {
		sort.SliceStable(a.findings, func(i, j int) bool { return a.findings[i].Score > a.findings[j].Score })
		f := a.findings[0]
		text := fmt.Sprintf("%s: %s is %s, expected %s to %s", a.entity, shortName(&f.Series), number(f.Value), number(f.Expected.Low), number(f.Expected.High))
		for i, f := range a.findings[1:] {
			if i == 2 {
				text += fmt.Sprintf("; %d more", len(a.findings)-3)
				break
			}
			text += fmt.Sprintf("; %s %s", shortName(&f.Series), number(f.Value))
		}
		t.line(a.at, plain, "finding", "%s", text)
	}
	t.abnormal = t.abnormal[:0]
}

func (t *timeline) incident(e *schemas.Event, in *schemas.Incident) {
	switch e.Type {
	case schemas.TypeIncidentOpened:
		t.story.Incidents++
		t.say(e.Time, red, "incident", "opened: %s; suspects %s", in.Signature, suspects(in.Suspects))
	case schemas.TypeIncidentUpdated:
		t.say(e.Time, plain, "incident", "%s; suspects %s", in.Signature, suspects(in.Suspects))
	case schemas.TypeIncidentClosed:
		t.say(e.Time, green, "incident", "closed after %s", elapsed(in.Onset, in.Closed))
	}
}

func (t *timeline) hypothesis(e *schemas.Event, h *schemas.Hypothesis) {
	t.story.Hypotheses++
	t.say(e.Time, cyan, "hypothesis", "%s", h.Claim)
	t.say(e.Time, cyan, "", "prediction: %s goes %s by at least %s within %s; rivals: %s",
		h.Deduction.Metric, h.Deduction.Direction, number(h.Deduction.Effect), time.Duration(h.Deduction.Horizon*float64(time.Second)), strings.Join(h.Rivals, ", "))
}

func (t *timeline) remediation(e *schemas.Event, r *schemas.Remediation) {
	word := "requested"
	if e.Type == schemas.TypeRemediationProposed {
		word = "proposed"
		t.story.Proposed++
	} else {
		t.story.Requested++
	}
	t.say(e.Time, yellow, "remediation", "%s (%s): %s", word, e.Mode, describe(&r.Action))
}

func (t *timeline) result(e *schemas.Event, r *schemas.Result) {
	if r.Phase != schemas.PhaseFinished && r.Phase != schemas.PhaseRejected {
		return
	}
	if r.Execution == schemas.ExecutionSucceeded {
		t.story.Executed++
		t.story.carriedOut[r.Hypothesis] = true
	}
	text := r.Phase
	for _, s := range []string{r.Execution, r.Reason, r.Detail} {
		if s != "" {
			text += ", " + s
		}
	}
	t.say(e.Time, yellow, "result", "%s: %s", r.Actuator, text)
}

func (t *timeline) judgement(e *schemas.Event, j *schemas.Judgement) {
	t.story.Verdicts[j.Verdict]++
	t.story.judged[j.Incident] = true
	delete(t.story.carriedOut, j.Hypothesis)
	colour := map[string]string{schemas.Supported: green, schemas.Harmful: red}[j.Verdict]
	t.say(e.Time, bold+colour, "verdict", "%s: %s; %s", j.Action, j.Verdict, j.Reason)
}

func describe(a *schemas.Action) string {
	targets := make([]string, len(a.Targets))
	for i, target := range a.Targets {
		targets[i] = target.ID
	}
	text := a.Verb + " " + strings.Join(targets, ", ")
	if len(a.Params) > 0 {
		if raw, err := pipeline.CanonicalJSON(a.Params); err == nil {
			text += " " + string(raw)
		}
	}
	return text
}

func suspects(list []schemas.Suspect) string {
	var out []string
	for i, s := range list {
		if i == 3 {
			break
		}
		out = append(out, fmt.Sprintf("%s %.2f", s.Entity, s.Score))
	}
	return strings.Join(out, ", ")
}

func elapsed(from, to string) time.Duration {
	a, errA := schemas.ParseTime(from)
	b, errB := schemas.ParseTime(to)
	if errA != nil || errB != nil {
		return 0
	}
	return time.Duration(b - a).Round(time.Second)
}

// shortName is the metric with the labels that its entity does not say already.
func shortName(s *schemas.Series) string {
	var extra []string
	for name, value := range s.Labels {
		if !strings.HasPrefix(name, "service.") {
			extra = append(extra, name+"="+value)
		}
	}
	if len(extra) == 0 {
		return s.Metric
	}
	sort.Strings(extra)
	return s.Metric + "{" + strings.Join(extra, ",") + "}"
}

// number writes a value with three significant digits.
func number(v float64) string {
	if math.Abs(v) < 1e-6 {
		return "0"
	}
	return fmt.Sprintf("%.3g", v)
}

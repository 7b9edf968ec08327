package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/engine"
	"github.com/homeostat/homeostat/pipeline/plan"
	"github.com/homeostat/homeostat/schemas"
)

// results gathers what a backtest says in sum. Nothing in it depends on the clock or the place.
type results struct {
	plan      *plan.Plan
	events    map[string]int
	incidents map[string]*scored
	order     []string
	verdicts  map[string]int
	from, to  int64
	picture   *picture
	dead      *deadFile
	err       error
}

// scored is one line of incidents.scored.jsonl, times in Unix seconds. Ranks are those of the incident's last revision.
type scored struct {
	Incident  string   `json:"incident"`
	Signature string   `json:"signature"`
	Start     float64  `json:"start"`
	Detected  float64  `json:"detected"`
	End       *float64 `json:"end"`
	Ranks     []rank   `json:"ranks"`
}

type rank struct {
	Node   string  `json:"node"`
	Metric string  `json:"metric,omitempty"`
	Score  float64 `json:"score"`
}

// summary is summary.json.
type summary struct {
	Pipeline    string           `json:"pipeline"`
	Fingerprint string           `json:"fingerprint"`
	From        string           `json:"from,omitempty"`
	To          string           `json:"to,omitempty"`
	Events      map[string]int   `json:"events"`
	Incidents   int              `json:"incidents"`
	Verdicts    map[string]int   `json:"verdicts"`
	Rows        []engine.Account `json:"rows"`
}

func newResults(p *plan.Plan, dir string) (*results, error) {
	dead, err := newDeadFile(dir)
	return &results{plan: p, events: map[string]int{}, incidents: map[string]*scored{}, verdicts: map[string]int{}, dead: dead}, err
}

// record takes one record that the pipeline wrote.
func (r *results) record(rec pipeline.Record) {
	if _, time := rec.Header(schemas.HeaderLane); time || rec.Topic == r.plan.Topics.Columns.Name {
		return
	}
	if rec.Topic == r.plan.Topics.DeadLetters.Name {
		r.dead.add(&rec)
		return
	}
	e, err := schemas.ReadEvent(&rec)
	if err == nil {
		err = r.event(&e)
	}
	if err != nil && r.err == nil {
		r.err = err
	}
}

func (r *results) event(e *schemas.Event) error {
	r.events[e.Type]++
	if r.from == 0 || e.Time < r.from {
		r.from = e.Time
	}
	r.to = max(r.to, e.Time)
	if err := r.picture.event(e); err != nil {
		return err
	}
	switch e.Type {
	case schemas.TypeIncidentOpened, schemas.TypeIncidentUpdated, schemas.TypeIncidentClosed:
		var in schemas.Incident
		if err := e.Into(&in); err != nil {
			return err
		}
		return r.incident(e, &in)
	case schemas.TypeHypothesisJudged:
		var j schemas.Judgement
		if err := e.Into(&j); err != nil {
			return err
		}
		r.verdicts[j.Verdict]++
	}
	return nil
}

func (r *results) incident(e *schemas.Event, in *schemas.Incident) error {
	onset, err := schemas.ParseTime(in.Onset)
	if err != nil {
		return err
	}
	s, ok := r.incidents[in.Incident]
	if !ok {
		s = &scored{Incident: in.Incident, Detected: unixSeconds(e.Time)}
		r.incidents[in.Incident] = s
		r.order = append(r.order, in.Incident)
	}
	s.Signature, s.Start = in.Signature, unixSeconds(onset)
	if e.Type == schemas.TypeIncidentClosed {
		end := unixSeconds(e.Time)
		s.End = &end
	}
	s.Ranks = s.Ranks[:0]
	for _, k := range in.Suspects {
		s.Ranks = append(s.Ranks, rank{k.Entity, k.Metric, k.Score})
	}
	return nil
}

func unixSeconds(t int64) float64 { return float64(t/1e6) / 1e3 }

// write writes the two files and says in a few lines what is in them.
func (r *results) write(dir string, rows []engine.Account, out io.Writer) error {
	if r.err != nil {
		return r.err
	}
	if err := r.dead.close(); err != nil {
		return err
	}
	var lines bytes.Buffer
	enc := json.NewEncoder(&lines)
	for _, id := range r.order {
		if err := enc.Encode(r.incidents[id]); err != nil {
			return err
		}
	}
	sum := summary{
		Pipeline: r.plan.Pipeline, Fingerprint: r.plan.Fingerprint, Events: r.events,
		Incidents: len(r.order), Verdicts: r.verdicts, Rows: rows,
	}
	if r.from != 0 {
		sum.From, sum.To = schemas.FormatTime(r.from), schemas.FormatTime(r.to)
	}
	text, err := json.MarshalIndent(sum, "", "  ")
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{"incidents.scored.jsonl": lines.Bytes(), "summary.json": append(text, '\n')} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return pipeline.Errorf("backtest.out", "results can't be written: %w: choose another --out", err)
		}
	}
	return r.say(out, rows)
}

func (r *results) say(out io.Writer, rows []engine.Account) error {
	for _, a := range rows {
		lost := int64(0)
		for _, n := range a.Lost {
			lost += n
		}
		if a.In > 0 {
			fmt.Fprintf(out, "%-24s %d rows in, %d on, %d lost\n", a.Source, a.In, a.On, lost)
		}
	}
	types := make([]string, 0, len(r.events))
	for t := range r.events {
		types = append(types, t)
	}
	sort.Strings(types)
	for _, t := range types {
		fmt.Fprintf(out, "%-24s %d\n", t[len(schemas.TypePrefix):], r.events[t])
	}
	if r.dead.letters > 0 {
		fmt.Fprintf(out, "%-24s %d, in %s\n", "dead letters", r.dead.letters, deadLetters)
	}
	_, err := fmt.Fprintf(out, "%-24s %d\n", "incidents", len(r.order))
	return err
}

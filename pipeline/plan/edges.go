package plan

import (
	"fmt"
	"strings"

	"github.com/homeostat/homeostat/pipeline/config"
)

// explainEdges says what is guaranteed from each input to each output.
func (p *Plan) explainEdges(t *page) {
	t.head("guarantees")
	between := "exactly once: outputs and positions are one transaction"
	if !p.Transactions {
		between = "at least once: a repeat has the same id (kafka.transactions is false)"
	}
	events := p.Topics.Events.Name
	for _, s := range p.Sources {
		if s.Topic == "" {
			t.line(fmt.Sprintf("source %s → %s: a backtest reads it from its start each time, each row once; a repeat has the same id", s.Name, events))
			continue
		}
		t.line(fmt.Sprintf("%s → %s: %s", s.Topic, strings.Join(p.written(), ", "), between))
	}
	t.line(fmt.Sprintf("%s → %s: %s", p.Topics.Inbox.Name, events, between))
	if p.Operate.Runs() {
		t.line(fmt.Sprintf("%s → %s, %s: %s", events, p.Topics.Incidents.Name, p.Topics.Remediations.Name, between))
	}
	for _, s := range p.Act.Sinks {
		t.line(fmt.Sprintf("%s → sink %s: %s; positions are committed after the sink has flushed", strings.Join(p.Act.Inputs, ", "), s.Name, s.Guarantee))
	}
}

// written are the topics that detect writes what it found to.
func (p *Plan) written() []string {
	out := []string{p.Topics.Events.Name}
	for _, t := range p.Topics.Exports {
		out = append(out, t.Name)
	}
	return out
}

// explainLosses names every place where a row can end.
func (p *Plan) explainLosses(t *page) {
	t.head("where rows can be lost, each counted with its reason")
	letters := p.Topics.DeadLetters.Name
	t.row("undecodable", fmt.Sprintf("a record that its codec refuses or with more than %s: to %s, untouched up to that size", config.FormatSize(p.Limits.Record), letters))
	for _, s := range p.Sources {
		fate := "dropped"
		switch s.Late {
		case config.LateDeadLetter:
			fate = "to " + letters
		case config.LateReopen:
			fate = fmt.Sprintf("their windows are opened again for %s, then to %s", config.FormatDuration(s.ReopenFor), letters)
		}
		t.row("late", fmt.Sprintf("%s: rows more than %s behind the newest one of their partition: %s", s.Name, config.FormatDuration(s.Disorder), fate))
	}
	for _, s := range p.Sources {
		if s.MaxFutureSkew > 0 {
			t.row("future", fmt.Sprintf("%s: rows more than %s ahead of their record's time: to %s", s.Name, config.FormatDuration(s.MaxFutureSkew), letters))
		} else {
			t.row("future", s.Name+": not checked")
		}
	}
	limit := fmt.Sprintf("near %d series in a lane those silent for %s make room, and what was learned of them is forgotten; beyond it rows of new series are refused", p.Limits.Series, config.FormatDuration(p.Limits.Idle))
	if p.Limits.Idle == 0 {
		limit = fmt.Sprintf("rows of series beyond the first %d of a lane are refused", p.Limits.Series)
	}
	t.row("series limit", limit)
	t.row("retention", "records that Kafka deletes before they are read: keep topics longer than the longest standstill")
	t.row("operators", "rows that an operator cannot use or has no room for, as its settings say")
}

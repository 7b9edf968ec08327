package plan

import (
	"strconv"
	"time"

	"github.com/homeostat/homeostat/pipeline/config"
)

// Topics are the topics that the pipeline owns.
type Topics struct {
	// Events holds findings, windows and all that came through the inbox; keyed by system.
	Events Topic
	// Incidents holds incidents and hypotheses; keyed by incident.
	Incidents Topic
	// Remediations holds commands; keyed by lock domain.
	Remediations Topic
	// Inbox is where clients write results, approvals and changes, with any key.
	Inbox Topic
	// DeadLetters holds what could not be used, untouched up to limits.record, with the reason.
	DeadLetters Topic
	// Columns holds rows that ingest shared out anew, and the time of its lanes; made only when a source is not fused.
	Columns Topic
	// Times holds what lanes took from the clock; keyed by lane.
	Times Topic
	// Exports are the topics that operators name, without repetitions.
	Exports []Topic
	// State holds the snapshots of lanes; keyed by lane, slot and chunk, compacted.
	State Topic
}

// Topic is one topic with the settings it is created with. A topic that exists already keeps its own.
type Topic struct {
	Name       string
	Partitions int
	// Config holds Kafka's topic settings by name.
	Config map[string]string
}

// All lists the topics, events first; Columns last, which is only made when it is needed.
func (t *Topics) All() []Topic {
	all := []Topic{t.Events, t.Incidents, t.Remediations, t.Inbox, t.DeadLetters, t.Times, t.State}
	return append(append(all, t.Exports...), t.Columns)
}

// OwnTopics lists the topics that the pipeline makes: all but the columns topic, which only ingest needs.
func (p *Plan) OwnTopics() []Topic {
	all := p.Topics.All()
	if !p.Ingest.Runs() {
		return all[:len(all)-1]
	}
	return all
}

const day = 24 * time.Hour

// lanes is the number of partitions of a topic whose key is a system, an incident or a lock domain: how many processes
// can share a stage. Each detect lane tells each events partition the time, so more is not free.
const lanes = 8

func newTopics(cfg *config.Config) Topics {
	// A dead letter has the whole record and headers that say where it came from.
	letter := cfg.Limits.Record + 64<<10
	return Topics{
		Events:       newTopic(cfg, "events", lanes, 7*day),
		Incidents:    newTopic(cfg, "incidents", lanes, 30*day),
		Remediations: newTopic(cfg, "remediations", lanes, 30*day),
		Inbox:        newTopic(cfg, "inbox", 4, 7*day),
		DeadLetters:  newTopic(cfg, "dead-letters", 4, 30*day, "max.message.bytes", strconv.FormatInt(letter, 10)),
		Times:        newTopic(cfg, "times", 4, 7*day),
		Columns:      newTopic(cfg, "columns", cfg.Columns.Partitions, day),
		State: Topic{Name: cfg.Name + ".state", Partitions: lanes, Config: map[string]string{
			"cleanup.policy": "compact", "message.timestamp.type": "LogAppendTime",
			// Snapshots overwrite one another: without small segments the old ones would lie there for days.
			"segment.bytes": strconv.Itoa(64 << 20), "min.cleanable.dirty.ratio": "0.2",
		}},
	}
}

// newTopic describes a topic of the pipeline's own. Its records bear the broker's time, so that a replay of old events is
// not older than the retention.
func newTopic(cfg *config.Config, name string, partitions int, retention time.Duration, more ...string) Topic {
	settings := map[string]string{
		"cleanup.policy":         "delete",
		"retention.ms":           strconv.FormatInt(retention.Milliseconds(), 10),
		"message.timestamp.type": "LogAppendTime",
	}
	for i := 0; i < len(more); i += 2 {
		settings[more[i]] = more[i+1]
	}
	return Topic{Name: cfg.Name + "." + name, Partitions: partitions, Config: settings}
}

package config

import (
	"strings"
	"time"

	"github.com/homeostat/homeostat/pipeline"
)

// Late says what becomes of rows that come after their window has closed.
const (
	LateDeadLetter = "dead_letter"
	LateDrop       = "drop"
	LateReopen     = "reopen"
)

// What the setting producer of a source may begin with, or be: what a record's producer is known by.
const (
	ProducerAuto      = "auto"
	ProducerKey       = "key"
	ProducerClient    = "client"
	ProducerPartition = "partition"
	ProducerHeader    = "header"
	ProducerLabel     = "label"
	ProducerOff       = "off"
)

// Source is one origin of telemetry.
type Source struct {
	Name string
	// Topic is the Kafka topic that a run reads; "" if there is none.
	Topic string
	// Type is the name of a registered source, which a backtest and feed read; "" if there is none.
	Type     string
	Settings pipeline.Settings
	// Records says that the source of Type gives records, which Codec decodes (pipeline.Partitioned), and not columns.
	Records bool
	// Codec decodes the records; nil for a source that makes columns itself.
	Codec *Component
	// Keyed says that the producers key records by entity or coarser; where there are objectives, by system or coarser.
	Keyed bool
	// Disorder is how far event times may lie behind the highest one seen: the bound of the watermark. By default
	// 10 s for sources of records and 0 for the others, which are read in order.
	Disorder time.Duration
	// Late is the policy for rows behind the watermark: LateDeadLetter, LateDrop or LateReopen.
	Late string
	// ReopenFor is for how long after its end a window is opened again for late rows, by default 5 m; 0 with other policies.
	// Rows that are later still go to the dead letters.
	ReopenFor time.Duration
	// MaxFutureSkew is how far event time may lie ahead of the record's append time, by default 5 m; 0 does not check. It is
	// always 0 for sources without a topic, which have no append time.
	MaxFutureSkew time.Duration
	// Producer says what the producer of a record is known by, for metrics alone: one of the constants, with :NAME behind
	// ProducerHeader and ProducerLabel.
	Producer string
	// MaxProducers is how many producers metrics name.
	MaxProducers int
}

// Auto is the word in place of a codec that has it found out when the pipeline runs.
const Auto = "auto"

const (
	defaultDisorder = 10 * time.Second
	defaultSkew     = 5 * time.Minute
	defaultReopen   = 5 * time.Minute
)

func sourceSettings() []pipeline.Setting {
	return []pipeline.Setting{
		{Name: "name", Type: pipeline.String, Required: true, Example: "metrics", Doc: "The source's name, unique in the pipeline."},
		{Name: "topic", Type: pipeline.String, Example: "shop.metrics", Doc: "The Kafka topic, as its producers call it."},
		{Name: "keyed", Type: pipeline.Bool, Default: false, Doc: "Producers key records by entity or coarser; with objectives, by system or coarser."},
		{Name: "disorder", Type: pipeline.Duration, Example: "10s", Min: pipeline.Bound(0), Max: pipeline.Bound(float64(7 * day)),
			Doc: "How far event times may lie behind the highest one seen; 10s for records, 0s for sources that make columns themselves."},
		{Name: "late", Type: pipeline.String, Required: true, Enum: []string{LateDeadLetter, LateDrop, LateReopen}, Example: LateDeadLetter,
			Doc: "What becomes of rows that come after their window has closed. There is no default."},
		{Name: "reopen_for", Type: pipeline.Duration, Example: "5m", Min: pipeline.Bound(float64(time.Millisecond)), Max: pipeline.Bound(float64(day)),
			Doc: "With late: reopen, for how long after its end a window is opened again for late rows, 5m by default; later ones go to the dead letters."},
		{Name: "max_future_skew", Type: pipeline.Duration, Example: "5m", Min: pipeline.Bound(0), Max: pipeline.Bound(float64(365 * day)),
			Doc: "How far event time may lie ahead of the record's append time; 0s does not check."},
		{Name: "producer", Type: pipeline.String, Default: ProducerAuto, Example: "header:host",
			Doc: "What tells producers apart in metrics: key, client (an idempotent client's id), partition, header:NAME, label:NAME of the rows, auto (what a record has of these) or off."},
		{Name: "max_producers", Type: pipeline.Int, Default: int64(100), Example: "100", Min: pipeline.Bound(2), Max: pipeline.Bound(10_000),
			Doc: "How many producers metrics name at most: those of whom most can't be used, and those who write most; the rest are one."},
	}
}

// sources reads the section sources.
func (r *reader) sources(root *node) []Source {
	n := root.member("sources")
	if absent(n) || n.shape == list && len(n.items) == 0 {
		r.at(root, "sources", "config.key.missing", "is required: list at least one source")
		return nil
	}
	var out []Source
	taken, topics := map[string]string{}, map[string]string{}
	for i, item := range r.section(root, "sources") {
		path := index("sources", i)
		types := r.registry.Sources()
		s := r.settings(item, path, sourceSettings(), append(types, "codec")...)
		if item.shape != mapping {
			continue
		}
		src := Source{Name: s.Text("name"), Topic: s.Text("topic"), Keyed: s.Bool("keyed"), Late: s.Text("late"), Producer: s.Text("producer"), MaxProducers: int(s.Int("max_producers"))}
		r.sourceName(item, path, s, taken)
		r.reopen(item, path, s, &src)
		r.origin(item, path, &src, topics)
		r.codec(item, path, &src)
		r.time(item, path, s, &src)
		r.producer(item, path, &src)
		out = append(out, src)
	}
	return out
}

func (r *reader) reopen(item *node, path string, s pipeline.Settings, src *Source) {
	given := s.Has("reopen_for")
	switch {
	case src.Late == LateReopen && given:
		src.ReopenFor = s.Duration("reopen_for")
	case src.Late == LateReopen:
		src.ReopenFor = defaultReopen
	case given && src.Late != "":
		r.fault(item.member("reopen_for"), join(path, "reopen_for"), "config.late.reopen_for", "late rows of this source do not open windows again: remove it, or write late: reopen")
	}
}

func (r *reader) sourceName(item *node, path string, s pipeline.Settings, taken map[string]string) {
	if !s.Has("name") {
		return
	}
	name, at := s.Text("name"), join(path, "name")
	if !componentName().MatchString(name) {
		r.fault(item.member("name"), at, "config.name.invalid", "%s is no name: use up to 64 of a-z, 0-9, '_' and '-', a letter or digit first", item.member("name").shown())
	}
	if first, twice := taken[name]; twice {
		r.fault(item.member("name"), at, "config.name.duplicate", "%s has this name already: choose another", first)
		return
	}
	taken[name] = path
}

// origin reads where the source's rows come from: a topic, one of the registered sources, or both: then a run reads the
// topic, and a backtest and feed read the other.
func (r *reader) origin(item *node, path string, src *Source, topics map[string]string) {
	var made []member
	topic := item.member("topic")
	for _, m := range item.members {
		if _, ok := r.registry.Source(m.name); ok {
			made = append(made, m)
		}
	}
	types := strings.Join(r.registry.Sources(), ", ")
	switch {
	case len(made) == 0 && absent(topic):
		r.fault(item, path, "config.source.origin", "nothing says where its rows come from: write topic:, or one of %s, or both", types)
	case len(made) > 1:
		r.fault(made[1].key, join(path, made[1].name), "config.source.origin", "%s says already where its rows come from: keep one of %s", made[0].name, types)
		return
	}
	if len(made) == 1 {
		m := made[0]
		body := m.value
		if body.empty {
			body = &node{file: m.key.file, line: m.key.line, column: m.key.column, shape: mapping}
		}
		c := Component{Type: m.name, Name: src.Name}
		r.construct(m.key, body, path, &c, r.sourceTypes())
		src.Type, src.Settings = c.Type, c.Settings
		src.Records = r.givesRecords(src)
	}
	if !absent(topic) && topic.shape == scalar {
		r.sourceTopic(topic, path, src, topics)
	}
}

// givesRecords tells whether a source has to have a codec. What its constructor says against its settings was told before.
func (r *reader) givesRecords(src *Source) bool {
	e, ok := r.registry.Source(src.Type)
	if !ok || src.Settings == nil {
		return false
	}
	made, err := e.New(src.Settings)
	if err != nil {
		return false
	}
	_, records := made.(pipeline.Partitioned)
	return records
}

func (r *reader) sourceTopic(n *node, path string, src *Source, topics map[string]string) {
	at := join(path, "topic")
	if !pipeline.IsTopicName(src.Topic) {
		r.fault(n, at, "config.source.topic", "%s is no name of a Kafka topic: use up to 249 of a-z, A-Z, 0-9, '.', '_' and '-'", n.shown())
	}
	if first, twice := topics[src.Topic]; twice {
		r.fault(n, at, "config.source.topic.duplicate", "%s reads this topic already: keep one of the two", first)
		return
	}
	topics[src.Topic] = path
}

func (r *reader) codec(item *node, path string, src *Source) {
	at, n := join(path, "codec"), item.member("codec")
	if absent(n) {
		origin := "a topic"
		if src.Records {
			origin = "records of a " + src.Type
		}
		if src.Topic != "" || src.Records {
			r.fault(item, at, "config.key.missing", "is required for %s: choose one of %s", origin, strings.Join(r.registry.Codecs(), ", "))
		}
		return
	}
	if c, ok := r.component(n, at, r.codecs()); ok {
		src.Codec = &c
	}
}

// producer checks what producers are told apart by.
func (r *reader) producer(item *node, path string, src *Source) {
	rule, name, named := strings.Cut(src.Producer, ":")
	switch rule {
	case ProducerHeader, ProducerLabel:
		if name != "" {
			return
		}
	case ProducerAuto, ProducerKey, ProducerClient, ProducerPartition, ProducerOff:
		if !named {
			return
		}
	}
	if n := item.member("producer"); !absent(n) && n.shape == scalar {
		r.fault(n, join(path, "producer"), "config.source.producer", "%s tells no producers apart: write auto, key, client, partition, header:NAME, label:NAME or off", n.shown())
	}
}

// time reads what concerns event time; the defaults depend on the origin.
func (r *reader) time(item *node, path string, s pipeline.Settings, src *Source) {
	if src.Topic != "" || src.Records {
		src.Disorder = defaultDisorder
	}
	if src.Topic != "" {
		src.MaxFutureSkew = defaultSkew
	}
	if s.Has("disorder") {
		src.Disorder = s.Duration("disorder")
	}
	if !s.Has("max_future_skew") {
		return
	}
	src.MaxFutureSkew = s.Duration("max_future_skew")
	if src.Topic == "" && src.Type != "" && src.MaxFutureSkew != 0 {
		r.fault(item.member("max_future_skew"), join(path, "max_future_skew"), "config.source.skew", "rows of a %s source have no append time to compare with: remove it", src.Type)
	}
}

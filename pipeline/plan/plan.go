// Package plan turns a configuration into what the engine runs: stages, their consumer groups, topics and chains of
// operators; and says in words what is guaranteed and where rows can be lost.
package plan

import (
	"slices"
	"strings"
	"time"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/config"
)

// Plan is what a configuration comes to. It is not changed once it runs.
type Plan struct {
	// Pipeline is the pipeline's name, Instance this process's among its instances.
	Pipeline, Instance string
	// TransactionalID is the instance's; two processes with the same one fence each other.
	TransactionalID string
	// Bootstrap lists the brokers; none means the embedded broker.
	Bootstrap      []string
	Transactions   bool
	CommitInterval time.Duration
	// Session is how long a process may be silent before its partitions are given to others.
	Session time.Duration
	// Window is the size of the windows in detect, 0 if they have none.
	Window time.Duration
	// Every is the distance of their starts: Window, or less if they overlap.
	Every    time.Duration
	Scope    func(metric string, labels pipeline.Labels) pipeline.Scope
	SLOs     []pipeline.SLO
	Topology pipeline.Topology
	Limits   config.Limits
	State    config.State
	// Sources are those of the configuration; the inbox is none of them.
	Sources []Source
	Topics  Topics
	// Ingest runs when a source is not fused: otherwise a lane of Detect decodes, windows and detects. Operate and Act have
	// no group when the configuration has no operators or sinks for them.
	Ingest, Detect, Operate, Act Stage
	// GroupBy is what rows are shared out by on the columns topic: config.ByEntity or config.BySystem.
	GroupBy string
	// Fingerprint is the configuration's.
	Fingerprint string
	// Notes are what a person should know of the configuration.
	Notes []string
	// Registry is what the configuration was read with.
	Registry *pipeline.Registry

	config *config.Config
}

// Source is one origin of telemetry, ready to be made.
type Source struct {
	config.Source
	// Entry makes the source that a backtest and feed read; its New is nil when there is only a topic.
	Entry pipeline.SourceEntry
	// Codec makes the decoder of each lane; nil for a source that makes columns itself.
	Codec *Codec
	// Fused says that its lanes detect themselves; see Place.
	Fused bool
}

// Codec is a codec with its settings.
type Codec struct {
	Name     string
	Entry    pipeline.CodecEntry
	Settings pipeline.Settings
	// Found says, of a source whose configuration says codec: auto, by whom the codec was found, when and from what, or why it is not known;
	// a line each.
	Found []string
}

// Undecided tells whether the codec is still to be found out.
func (c *Codec) Undecided() bool { return c != nil && c.Name == config.Auto }

// Stage is a consumer group with its chain and the topics it reads and writes.
type Stage struct {
	Stage pipeline.Stage
	// Group is the consumer group; "" when the stage does not run.
	Group string
	// Inputs are the Kafka topics it reads; sources that are no topics are not among them.
	Inputs []string
	// Operators are the chain, in order. Sinks are those of act.
	Operators []Operator
	Sinks     []Sink
	// Outputs are the topics it writes.
	Outputs []string
}

// Runs tells whether there is anything to do in this stage.
func (s *Stage) Runs() bool { return s.Group != "" }

// Operator is one operator of a chain.
type Operator struct {
	// Name is unique in the pipeline and part of the ids of what the operator emits.
	Name     string
	Entry    pipeline.OperatorEntry
	Settings pipeline.Settings
}

// Sink is one sink of act.
type Sink struct {
	Name      string
	Entry     pipeline.SinkEntry
	Settings  pipeline.Settings
	Guarantee pipeline.Guarantee
}

// New plans a configuration that was read with the same registry.
func New(cfg *config.Config, registry *pipeline.Registry) (*Plan, error) {
	p := &Plan{
		Pipeline: cfg.Name, Instance: cfg.Instance, TransactionalID: cfg.Name + "." + cfg.Instance,
		Bootstrap: cfg.Kafka.Bootstrap, Transactions: cfg.Kafka.Transactions, CommitInterval: cfg.Kafka.CommitInterval, Session: cfg.Kafka.Session,
		Window: cfg.Window(registry), Every: cfg.Rhythm(registry).Every, Scope: cfg.Scope.Of, SLOs: cfg.SLOs, Topology: cfg.Topology, Limits: cfg.Limits, State: cfg.State,
		Topics: newTopics(cfg), Fingerprint: cfg.Fingerprint(), Registry: registry, config: cfg,
	}
	if err := p.export(registry); err != nil {
		return nil, err
	}
	for _, s := range cfg.Sources {
		if p.owns(s.Topic) {
			return nil, pipeline.Errorf("plan.source.loop", "source %s reads %s, which the pipeline writes itself: name a topic of the producers", s.Name, s.Topic)
		}
		if slices.Contains([]string{"inbox", "columns", "operate", "act"}, s.Name) {
			return nil, pipeline.Errorf("plan.source.name", "source %s has a name that lanes of the pipeline itself have: choose another", s.Name)
		}
		p.Sources = append(p.Sources, newSource(s, registry))
	}
	if err := p.detect(registry); err != nil {
		return nil, err
	}
	p.operate(registry)
	if err := p.act(registry); err != nil {
		return nil, err
	}
	p.GroupBy, _ = p.groupOf()
	p.Place(nil)
	p.note()
	return p, nil
}

func (p *Plan) owns(topic string) bool {
	return slices.ContainsFunc(p.Topics.All(), func(t Topic) bool { return t.Name == topic })
}

func newSource(s config.Source, registry *pipeline.Registry) Source {
	out := Source{Source: s}
	out.Entry, _ = registry.Source(s.Type)
	if s.Codec != nil {
		e, _ := registry.Codec(s.Codec.Type)
		out.Codec = &Codec{Name: s.Codec.Type, Entry: e, Settings: s.Codec.Settings}
	}
	return out
}

func (p *Plan) detect(registry *pipeline.Registry) error {
	p.Detect = Stage{Stage: pipeline.Detect, Group: p.Pipeline + ".detect", Operators: chain(p.config.Detect, registry)}
	p.Detect.Outputs = []string{p.Topics.Events.Name, p.Topics.DeadLetters.Name}
	for _, t := range p.Topics.Exports {
		p.Detect.Outputs = append(p.Detect.Outputs, t.Name)
	}
	if len(p.config.Operate) == 0 {
		return nil
	}
	publish, err := newPublish(p.config.Declare, registry)
	p.Detect.Operators = append(p.Detect.Operators, publish)
	return err
}

// newPublish makes the operator that sends the windows of declared series on to operate.
func newPublish(declare []pipeline.Selector, registry *pipeline.Registry) (Operator, error) {
	e, ok := registry.Operator(config.Publish)
	if !ok || e.New == nil {
		return Operator{}, pipeline.Errorf("plan.publish.missing", "operator publish is not registered, so operate would get no windows: register it")
	}
	series := make([]any, len(declare))
	for i, s := range declare {
		labels := make(map[string]any, len(s.Labels))
		for name, pattern := range s.Labels {
			labels[name] = pattern
		}
		series[i] = pipeline.Settings{"metric": s.Metric, "labels": labels}
	}
	out := Operator{Name: config.Publish, Entry: e, Settings: pipeline.Settings{"series": series}}
	if _, err := e.New(out.Settings); err != nil {
		return out, pipeline.Errorf("plan.publish.refused", "operator publish does not take the declared series: %w", err)
	}
	return out, nil
}

func chain(components []config.Component, registry *pipeline.Registry) []Operator {
	var out []Operator
	for _, c := range components {
		e, _ := registry.Operator(c.Type)
		out = append(out, Operator{Name: c.Name, Entry: e, Settings: c.Settings})
	}
	return out
}

func (p *Plan) operate(registry *pipeline.Registry) {
	p.Operate.Stage = pipeline.Operate
	if len(p.config.Operate) == 0 {
		return
	}
	t := &p.Topics
	p.Operate = Stage{Stage: pipeline.Operate, Group: p.Pipeline + ".operate", Inputs: []string{t.Events.Name},
		Operators: chain(p.config.Operate, registry),
		Outputs:   []string{t.Incidents.Name, t.Remediations.Name, t.DeadLetters.Name}}
}

func (p *Plan) act(registry *pipeline.Registry) error {
	p.Act.Stage = pipeline.Act
	if len(p.config.Sinks) == 0 {
		return nil
	}
	t := &p.Topics
	p.Act = Stage{Stage: pipeline.Act, Group: p.Pipeline + ".act", Inputs: []string{t.Events.Name}, Outputs: []string{t.DeadLetters.Name}}
	if p.Operate.Runs() {
		p.Act.Inputs = append(p.Act.Inputs, t.Incidents.Name, t.Remediations.Name)
	}
	for _, c := range p.config.Sinks {
		e, _ := registry.Sink(c.Type)
		sink, err := e.New(c.Settings)
		if err != nil {
			return pipeline.Errorf("plan.sink.refused", "sink %s cannot be made: %w", c.Name, err)
		}
		p.Act.Sinks = append(p.Act.Sinks, Sink{Name: c.Name, Entry: e, Settings: c.Settings, Guarantee: sink.Guarantee()})
	}
	return nil
}

// Stages returns the stages that run, in the order of the flow.
func (p *Plan) Stages() []*Stage {
	var out []*Stage
	for _, s := range []*Stage{&p.Ingest, &p.Detect, &p.Operate, &p.Act} {
		if s.Runs() {
			out = append(out, s)
		}
	}
	return out
}

// note gathers what is allowed but probably not meant.
func (p *Plan) note() {
	p.Notes = append(p.Notes, p.securityNotes()...)
	if !p.Operate.Runs() {
		if len(p.config.Declare) > 0 {
			p.Notes = append(p.Notes, "series are declared, but there is no operate stage that would get their windows")
		}
		p.Notes = append(p.Notes, "there is no operate stage: findings are written, and nothing is decided")
	}
	for _, need := range []string{"sli", "burnrate"} {
		has := slices.ContainsFunc(p.Detect.Operators, func(o Operator) bool { return o.Entry.Spec.Name == need })
		if len(p.SLOs) > 0 && !has {
			p.Notes = append(p.Notes, "there are service-level objectives, but no "+need+" in detect, so nobody watches them")
		}
	}
	if len(p.Topology.Edges) == 0 && p.Operate.Runs() {
		p.Notes = append(p.Notes, "there is no topology: incidents are grouped by time and system alone")
	}
}

// Redirect replaces the sinks of act: all events of the pipeline go to these, whatever the configuration says.
func (p *Plan) Redirect(sinks ...Sink) {
	t := &p.Topics
	p.Act = Stage{
		Stage: pipeline.Act, Group: p.Pipeline + ".act", Sinks: sinks,
		Inputs: []string{t.Events.Name, t.Incidents.Name, t.Remediations.Name}, Outputs: []string{t.DeadLetters.Name},
	}
	for _, e := range t.Exports {
		p.Act.Inputs = append(p.Act.Inputs, e.Name)
	}
}

// Choose returns the named stages, in the order of the flow; all that run if none is named. Where all sources are fused, ingest
// is another name for detect.
func (p *Plan) Choose(names ...string) ([]*Stage, error) {
	all := p.Stages()
	if len(names) == 0 {
		return all, nil
	}
	have := make([]string, len(all))
	chosen := make([]bool, len(all))
	for i, s := range all {
		have[i] = string(s.Stage)
	}
	for _, name := range names {
		if name == string(pipeline.Ingest) && !p.Ingest.Runs() {
			name = string(pipeline.Detect)
		}
		i := slices.Index(have, name)
		if i < 0 {
			return nil, pipeline.Errorf("plan.stage.unknown", "pipeline %s has no stage %q: choose among %s", p.Pipeline, name, strings.Join(have, ", "))
		}
		chosen[i] = true
	}
	var out []*Stage
	for i, s := range all {
		if chosen[i] {
			out = append(out, s)
		}
	}
	return out, nil
}

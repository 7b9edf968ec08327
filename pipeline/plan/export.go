package plan

import (
	"slices"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// exportRetention is how long a topic keeps what operators write there, if the pipeline makes it.
const exportRetention = 7 * day

// export gathers the topics that operators of detect name. Several may share one.
func (p *Plan) export(registry *pipeline.Registry) error {
	for _, o := range chain(p.config.Detect, registry) {
		topic := o.topic()
		if topic == "" || slices.ContainsFunc(p.Topics.Exports, func(t Topic) bool { return t.Name == topic }) {
			continue
		}
		if p.owns(topic) {
			return pipeline.Errorf("plan.export.taken", "operator %s writes to %s, which the pipeline uses for something else: name another topic", o.Name, topic)
		}
		t := newTopic(p.config, topic, lanes, exportRetention)
		t.Name = topic
		p.Topics.Exports = append(p.Topics.Exports, t)
	}
	return nil
}

// topic is the topic that an operator exports to, "" if it does not.
func (o *Operator) topic() string {
	if o.Entry.Spec.Topic == "" {
		return ""
	}
	return o.Settings.Text(o.Entry.Spec.Topic)
}

// Exports returns the topic of each operator that has one, by the source of its events.
func (p *Plan) Exports() map[string]string {
	out := map[string]string{}
	for _, o := range p.Detect.Operators {
		if topic := o.topic(); topic != "" {
			out[schemas.Source(&pipeline.Env{Pipeline: p.Pipeline, Component: o.Name})] = topic
		}
	}
	return out
}

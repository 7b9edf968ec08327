package plan

import (
	"slices"

	"github.com/homeostat/homeostat/pipeline"
)

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
		// Its readers are others: settings are theirs to choose, and the broker's own if it is made here.
		p.Topics.Exports = append(p.Topics.Exports, Topic{Name: topic, Partitions: lanes})
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

// Exports returns the topic of each operator that has one, by the operator's name.
func (p *Plan) Exports() map[string]string {
	out := map[string]string{}
	for _, o := range p.Detect.Operators {
		if topic := o.topic(); topic != "" {
			out[o.Name] = topic
		}
	}
	return out
}

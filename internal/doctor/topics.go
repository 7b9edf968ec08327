package doctor

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/plan"
)

// topics looks whether the pipeline's own topics are as a start wants them, or could be made.
func topics(ctx context.Context, e *examination) {
	e.readSettings(ctx)
	var absent, good []string
	for _, t := range e.plan.OwnTopics() {
		have, subject := e.view.Topics[t.Name], "topic "+t.Name
		switch {
		case pipeline.Code(have.Err) == "kafka.topic.missing":
			if err := e.client.MayCreate(ctx, broker.Topic{Name: t.Name, Partitions: t.Partitions, Settings: t.Config}); err != nil {
				e.failed(subject, err, "grant Create, or create it as homeostat explain shows it")
				continue
			}
			absent = append(absent, t.Name)
		case have.Err != nil:
			e.failed(subject, have.Err, "grant the rights that homeostat explain --acls lists")
		case len(have.Partitions) < t.Partitions:
			e.fault(subject, "add partitions with your Kafka tools", "it has %s, %d are needed", plural(len(have.Partitions), "partition"), t.Partitions)
		case e.differs(subject, t):
		default:
			good = append(good, t.Name)
		}
	}
	if len(good) > 0 {
		e.ok("", "%s there, with the partitions and settings that are needed", list(good, "is", "are"))
	}
	if len(absent) > 0 {
		e.ok("", "%s not there yet; the first start makes %s, and may", list(absent, "is", "are"), map[bool]string{true: "it", false: "them"}[len(absent) == 1])
	}
}

// differs tells which settings of a topic are not as they must be.
func (e *examination) differs(subject string, t plan.Topic) bool {
	have, known := e.settings[t.Name]
	if !known {
		e.fault(subject, "grant the right DescribeConfigs on it: a start reads the settings, too", "its settings cannot be read")
		return true
	}
	var differ []string
	for _, name := range slices.Sorted(maps.Keys(t.Config)) {
		if !broker.SameSetting(have[name], t.Config[name]) {
			differ = append(differ, name+"="+have[name]+" where "+t.Config[name]+" is needed")
		}
	}
	if len(differ) > 0 {
		e.fault(subject, "change the settings with your Kafka tools (kafka-configs.sh --alter), or remove the topic if nothing in it is needed", "it has %s", strings.Join(differ, ", "))
	}
	return len(differ) > 0
}

// readSettings reads those of all topics that are there and whose settings may be read.
func (e *examination) readSettings(ctx context.Context) {
	var names []string
	for _, name := range e.topicNames() {
		if t, ok := e.view.Topics[name]; ok && t.Err == nil {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return
	}
	if have, err := e.client.TopicSettings(ctx, names...); err == nil {
		e.settings = have // what is not in it is told where it is needed
	}
}

// list writes names with their verb.
func list(names []string, one, many string) string {
	if len(names) == 1 {
		return names[0] + " " + one
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1] + " " + many
}

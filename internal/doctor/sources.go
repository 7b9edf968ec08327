package doctor

import (
	"context"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/config"
)

// sources looks whether the producers' topics are there, and decides what is fused as a start does.
func sources(_ context.Context, e *examination) {
	partitions := map[string]int{}
	for i := range e.plan.Sources {
		s := &e.plan.Sources[i]
		if s.Topic == "" {
			e.fault("source "+s.Name, "use backtest, or feed the files to a topic and name it", "it reads files, which a run over Kafka does not")
			continue
		}
		t := e.view.Topics[s.Topic]
		subject := "topic " + s.Topic
		switch {
		case pipeline.Code(t.Err) == "kafka.topic.missing":
			var all []string
			for name, other := range e.view.Topics {
				if other.Err == nil && !other.Internal {
					all = append(all, name)
				}
			}
			remedy := "create it, or correct topic: of source " + s.Name
			if near := config.Nearest(s.Topic, all); near != "" {
				remedy = "did you mean " + near + "? Write topic: " + near + " for source " + s.Name + ", or create the topic"
			}
			e.failed(subject, t.Err, remedy)
		case broker.Denied(t.Err):
			e.failed(subject, t.Err, "grant the rights that homeostat explain --acls lists")
		case t.Err != nil:
			e.failed(subject, t.Err, "see the brokers' logs")
		default:
			partitions[s.Topic] = len(t.Partitions)
			e.ok(subject, "source %s reads %s of it", s.Name, plural(len(t.Partitions), "partition"))
		}
	}
	e.plan.Place(partitions)
}

// there returns the sources whose topics are there.
func (e *examination) there() (out []int) {
	for i, s := range e.plan.Sources {
		if t, ok := e.view.Topics[s.Topic]; ok && s.Topic != "" && t.Err == nil {
			out = append(out, i)
		}
	}
	return out
}

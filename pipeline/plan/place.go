package plan

import (
	"fmt"
	"slices"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/config"
)

// Place decides for each source whether its lanes are fused, now that the topics' numbers of partitions are known: when its
// producers key by the series group, or it has one partition, unless columns.always says that none is. The others are taken in by the stage ingest, which shares
// their rows out anew over the columns topic. Partitions of topics that are not named are not known yet, and count as one.
func (p *Plan) Place(partitions map[string]int) {
	var apart, fused []string
	for i := range p.Sources {
		s := &p.Sources[i]
		s.Fused = s.Topic == "" || !p.config.Columns.Always && (s.Keyed || partitions[s.Topic] <= 1)
		switch {
		case s.Topic == "":
		case s.Fused:
			fused = append(fused, s.Topic)
		default:
			apart = append(apart, s.Topic)
		}
	}
	t := &p.Topics
	p.Ingest = Stage{Stage: pipeline.Ingest}
	p.Detect.Inputs = append(fused, t.Inbox.Name)
	if len(apart) == 0 {
		return
	}
	p.Detect.Inputs = append(fused, t.Columns.Name)
	p.Ingest.Group = p.Pipeline + ".ingest"
	p.Ingest.Inputs = append(apart, t.Inbox.Name)
	p.Ingest.Outputs = []string{t.Columns.Name, t.Events.Name, t.DeadLetters.Name}
}

// CheckPartitions refuses partitions that were added to a topic while it was read by one fused lane: the points of one series
// may now arrive on several of them. n is the number of partitions now.
func (p *Plan) CheckPartitions(source string, n int) error {
	for _, s := range p.Sources {
		if s.Name == source && s.Topic != "" && s.Fused && !s.Keyed && n > 1 {
			return pipeline.Errorf("plan.partitions.added",
				"topic %s of source %s got more partitions (%d) and its records are not keyed by series: stop all processes of the pipeline and start them again, so that its rows go through %s; what was read of it is read once more by the new group, so move the positions of %s.ingest to those of %s.detect before",
				s.Topic, s.Name, n, p.Topics.Columns.Name, p.Pipeline, p.Pipeline)
		}
	}
	return nil
}

// groupOf names the coarsest key that the chain needs to see together, and why.
func (p *Plan) groupOf() (by, why string) {
	cfg := p.config
	across := slices.IndexFunc(p.Detect.Operators, func(o Operator) bool { return o.Entry.Spec.Across })
	switch {
	case cfg.Columns.By != config.ByDefault:
		return cfg.Columns.By, "as columns.by says"
	case len(cfg.SLOs) > 0:
		return config.BySystem, "since the good and the total of an objective have to meet, and it has one sum a system"
	case across >= 0:
		return config.BySystem, "since " + p.Detect.Operators[across].Name + " compares the entities of a system"
	}
	return config.ByEntity, "since all operators look at one entity at a time"
}

// GroupKey returns what a series' rows are shared out by.
func (p *Plan) GroupKey(s *pipeline.Series) string {
	if p.GroupBy == config.BySystem {
		return s.System
	}
	return s.System + "\x00" + s.Entity
}

// explainGroup says how rows are shared out.
func (p *Plan) explainGroup() string {
	_, why := p.groupOf()
	return fmt.Sprintf("rows are shared out by %s, %s", p.GroupBy, why)
}

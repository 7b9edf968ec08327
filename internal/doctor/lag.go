package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline/plan"
)

// lag looks at who runs each stage, how far it is behind, and whether its positions are still within the topics.
func lag(ctx context.Context, e *examination) {
	for _, s := range e.plan.Stages() {
		e.lagOf(ctx, s)
	}
}

func (e *examination) lagOf(ctx context.Context, s *plan.Stage) {
	subject := "group " + s.Group
	g, err := e.client.Group(ctx, s.Group)
	if err != nil {
		e.failed(subject, err, "grant Read on the group, see homeostat explain --acls")
		return
	}
	var tps []broker.TopicPartition
	for _, topic := range s.Inputs {
		if t, ok := e.view.Topics[topic]; ok && t.Err == nil {
			for p := range t.Partitions {
				tps = append(tps, broker.TopicPartition{Topic: topic, Partition: int32(p)})
			}
		}
	}
	if len(tps) == 0 {
		e.skip(subject, "its topics are not there yet")
		return
	}
	bounds, err := e.client.Bounds(ctx, tps)
	if err != nil {
		e.failed(subject, err, "see the brokers' logs")
		return
	}
	at, err := e.client.Positions(ctx, s.Group, tps)
	if err != nil {
		e.failed(subject, err, "see the brokers' logs")
		return
	}
	e.judgeLag(subject, s, g, tps, bounds, at)
}

func (e *examination) judgeLag(subject string, s *plan.Stage, g broker.GroupView, tps []broker.TopicPartition, bounds map[broker.TopicPartition]broker.Bounds, at map[broker.TopicPartition]int64) {
	behind, none := map[string]int64{}, 0
	var gone, beyond []string
	for _, tp := range tps {
		b, p := bounds[tp], at[tp]
		name := fmt.Sprintf("%s/%d", tp.Topic, tp.Partition)
		switch {
		case p < 0:
			none++
			behind[tp.Topic] += b.Stable - b.Start
			continue
		case p < b.Start:
			gone = append(gone, name)
		case p > b.End:
			beyond = append(beyond, name)
		}
		behind[tp.Topic] += max(b.Stable-p, 0)
	}
	var parts []string
	total := int64(0)
	for _, topic := range s.Inputs {
		if behind[topic] > 0 {
			parts = append(parts, fmt.Sprintf("%d of %s", behind[topic], topic))
		}
		total += behind[topic]
	}
	todo := "nothing to do"
	if total > 0 {
		todo = "records to read: " + strings.Join(parts, ", ")
	}
	switch {
	case len(beyond) > 0:
		e.fault(subject, "set its positions to what the topics hold and remove the snapshots of its lanes (homeostat state rm); see To set positions by hand in docs/operations.md", "its positions in %s are beyond their ends: the topic was made again or cut off", strings.Join(beyond, ", "))
	case len(gone) > 0:
		e.fault(subject, "raise the retention of the topics; what is gone is counted as retention_gap", "its positions in %s are before their first record: records were deleted before they were read", strings.Join(gone, ", "))
	case len(g.Members) == 0 && none == len(tps):
		e.ok(subject, "nobody has run it yet; %s", todo)
	case len(g.Members) == 0:
		e.warn(subject, "start it: homeostat run -c "+e.File, "nobody runs it; %s", todo)
	case g.State != "Stable":
		e.warn(subject, "look again in a moment; if it stays, see the logs of its processes", "%s out its partitions right now (%s); %s", counted(len(g.Members), "member", "shares", "share"), g.State, todo)
	default:
		e.ok(subject, "%s it (%s); %s", counted(len(g.Members), "member", "runs", "run"), strings.Join(clients(g.Members), ", "), todo)
	}
}

func clients(members []broker.MemberView) []string {
	var out []string
	for _, m := range members {
		if name := m.Client + m.Host; !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

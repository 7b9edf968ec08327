package doctor

import (
	"context"
	"maps"
	"slices"
	"strings"
)

// keys looks whether what has to meet in one lane is in one partition, where keyed: true promises it.
func keys(ctx context.Context, e *examination) {
	for _, i := range e.there() {
		s := e.sampled(ctx, i)
		partitions := len(e.view.Topics[s.source.Topic].Partitions)
		if s.err != nil || len(s.series) == 0 || partitions < 2 {
			continue
		}
		subject := "source " + s.source.Name
		groups := map[string]map[int32]bool{}
		rows := 0
		for _, key := range slices.Sorted(maps.Keys(s.series)) {
			t := s.series[key]
			group := e.plan.GroupKey(t.Series)
			if groups[group] == nil {
				groups[group] = map[int32]bool{}
			}
			maps.Copy(groups[group], t.partitions)
			rows += t.rows
		}
		torn, example := 0, ""
		for _, g := range slices.Sorted(maps.Keys(groups)) {
			if len(groups[g]) > 1 {
				torn++
				example = strings.ReplaceAll(g, "\x00", " ")
			}
		}
		switch {
		case s.source.Keyed && torn > 0:
			e.fault(subject, "remove keyed: true, so that rows are shared out anew by a columns topic, or have producers key records by "+e.plan.GroupBy,
				"it is keyed: true, and %d of %d (%s) are in more than one partition, as %q: each lane would see a part of it only", torn, len(groups), e.plan.GroupBy, strings.TrimSpace(example))
		case s.source.Keyed:
			e.ok(subject, "it is keyed: true, and each of %d (%s) is in one partition", len(groups), e.plan.GroupBy)
		case torn == 0 && len(groups) >= 2*partitions && rows >= 5*len(groups):
			e.ok(subject, "each of %d (%s) is in one partition: if the producers promise that, write keyed: true and save the columns topic", len(groups), e.plan.GroupBy)
		default:
			e.ok(subject, "it is not keyed, and rows are shared out anew by a columns topic")
		}
	}
}

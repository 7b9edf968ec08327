package correlate

import (
	"sort"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// sli is the recent past of one indicator, window by window.
type sli struct {
	System, Entity string
	End, Count     []int64
	Bad            []float64
}

// add appends a window, or adds to the last one if it has the same end, and drops what is older than span.
func (s *sli) add(end, count int64, bad float64, span int64) {
	n := len(s.End)
	if n > 0 && s.End[n-1] == end {
		s.Count[n-1] += count
		s.Bad[n-1] += bad
		return
	}
	if n > 0 && s.End[n-1] > end {
		return
	}
	s.End, s.Count, s.Bad = append(s.End, end), append(s.Count, count), append(s.Bad, bad)
	old := 0
	for s.End[old] <= end-span {
		old++
	}
	s.End, s.Count, s.Bad = s.End[old:], s.Count[old:], s.Bad[old:]
}

// share returns the share of bad events in (now-span, now]; ok is false when nothing was measured.
func (s *sli) share(now, span int64) (share float64, ok bool) {
	var count int64
	var bad float64
	for i := len(s.End) - 1; i >= 0 && s.End[i] > now-span; i-- {
		if s.End[i] <= now {
			count += s.Count[i]
			bad += s.Bad[i]
		}
	}
	if count == 0 {
		return 0, false
	}
	return bad / float64(count), true
}

// objective is what the configuration promises for one SLO, as far as it matters here.
type objective struct {
	short  int64
	budget float64
}

const defaultShort = 5 * 60 * 1e9

func objectives(slos []pipeline.SLO) map[string]objective {
	out := map[string]objective{}
	for _, slo := range slos {
		ob := objective{short: defaultShort, budget: 1 - slo.Objective}
		for i, rule := range slo.Burn {
			if i == 0 || rule.Short < ob.short {
				ob.short = rule.Short
			}
		}
		out[slo.Name] = ob
	}
	return out
}

func (c *Correlate) objective(slo string) objective {
	if ob, ok := c.objectives[slo]; ok {
		return ob
	}
	return objective{short: defaultShort}
}

// impact lists the SLOs that burn above 1 or were named by a finding of the incident, the worst first; known is false
// if one of the named has no data.
func (c *Correlate) impact(s *system, inc *incident, now int64) (list []schemas.Impact, known bool) {
	known = true
	names := make([]string, 0, len(s.SLIs))
	for slo := range s.SLIs {
		names = append(names, slo)
	}
	for _, slo := range inc.SLOs {
		if s.SLIs[slo] == nil {
			known = false
		}
	}
	sort.Strings(names)
	for _, slo := range names {
		ob := c.objective(slo)
		share, ok := s.SLIs[slo].share(now, ob.short)
		named := contains(inc.SLOs, slo)
		if named && !ok {
			known = false
		}
		burn := 0.0
		if ob.budget > 0 {
			burn = share / ob.budget
		} else if share > 0 {
			burn = 1
		}
		if ok && (named || burn >= 1 && s.graph.connected(s.SLIs[slo].Entity, inc.Entity)) {
			list = append(list, schemas.Impact{SLO: slo, Burn: round(burn), BadShare: round(share)})
		}
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].Burn > list[j].Burn })
	return list, known
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

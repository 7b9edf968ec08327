// Package members puts the rows of a window together by groups of series, for detectors that look at several series at once. It is a
// library for detectors, not one of them: package cohort has groups of one metric on many instances, package group of the metrics
// of one entity.
//
// A window is complete as in package gather: when a later one begins, or when the lane says so. What comes after that is lost with
// the reason "late". Groups are told in the order in which their first series were met, and the members of each in the order of their
// ordinals, whatever the order of rows; of several rows of a series the last counts.
package members

import (
	"cmp"
	"math"
	"slices"

	"github.com/homeostat/homeostat/operators/choose"
	"github.com/homeostat/homeostat/operators/gather"
	"github.com/homeostat/homeostat/pipeline"
)

// maxValue bounds the values that are looked at, so that their squares are finite.
const maxValue = 1e140

// Member is the value of a series in the window.
type Member struct {
	Series uint32
	Value  float64
}

// Judge is what a detector does with a window that is complete.
type Judge interface {
	// Grow makes room for n series.
	Grow(n int)
	// Begin comes before the groups of the window.
	Begin(of gather.Span, found []pipeline.Finding) []pipeline.Finding
	// Group comes for each group that has rows in it. The members are borrowed.
	Group(id uint32, members []Member, found []pipeline.Finding) []pipeline.Finding
}

// Table is the groups of a lane, and the rows of the window that comes in. One goroutine uses it.
type Table struct {
	watch  choose.Rules
	key    func(b []byte, s *pipeline.Series) ([]byte, bool)
	window gather.Window
	judged gather.Span

	// What follows from the lane's table.
	env    *pipeline.Env
	places []place // by ordinal
	ids    map[string]uint32
	groups [][]Member // by id: what came of the window
	buf    []byte

	touched []uint32 // groups with rows, in the order in which they came
}

// place is where a series belongs.
type place struct {
	group uint32
	rule  int16 // choose.None: nowhere
}

// New makes an empty table. key appends what the series of a group have in common, and says whether a series is of any group.
func New(watch choose.Rules, key func(b []byte, s *pipeline.Series) ([]byte, bool)) *Table {
	return &Table{watch: watch, key: key, ids: map[string]uint32{}}
}

// Open is told of the lane.
func (t *Table) Open(env *pipeline.Env) { t.env = env }

// Series returns a series of the lane.
func (t *Table) Series(ordinal uint32) *pipeline.Series { return t.env.Series.At(ordinal) }

// Rule returns the rule by which a member is judged.
func (t *Table) Rule(series uint32) int { return int(t.places[series].rule) }

// Of returns the group of a series, if it is in one.
func (t *Table) Of(series uint32) (group uint32, ok bool) {
	p := t.places[series]
	return p.group, p.rule != choose.None
}

// Grow finds out where new series belong. It returns how many there are.
func (t *Table) Grow() int {
	for n := len(t.places); n < t.env.Series.Len(); n++ {
		t.places = append(t.places, t.place(t.env.Series.At(uint32(n))))
	}
	return len(t.places)
}

func (t *Table) place(s *pipeline.Series) place {
	rule := t.watch.Of(s)
	if rule == choose.None {
		return place{rule: choose.None}
	}
	key, ok := t.key(t.buf[:0], s)
	t.buf = key
	if !ok {
		return place{rule: choose.None}
	}
	id, known := t.ids[string(key)]
	if !known {
		id = uint32(len(t.groups))
		t.ids[string(key)] = id
		t.groups = append(t.groups, nil)
	}
	return place{id, int16(rule)}
}

// Detect takes rows, and has the window before them judged if they begin another.
func (t *Table) Detect(w *pipeline.Window, j Judge, found []pipeline.Finding) []pipeline.Finding {
	j.Grow(t.Grow())
	before, complete, late := t.window.Next(gather.Span{Start: w.Start, End: w.End})
	if complete {
		found = t.judge(before, j, found)
	}
	lost := 0
	for i, s := range w.Series {
		p := &t.places[s]
		if p.rule == choose.None {
			continue
		}
		if late {
			lost++
			continue
		}
		if v := w.Value(i); math.Abs(v) < maxValue {
			t.add(p.group, Member{s, v})
		}
	}
	if lost > 0 {
		t.env.Lose("late", lost)
	}
	return found
}

func (t *Table) add(group uint32, m Member) {
	g := &t.groups[group]
	if len(*g) == 0 {
		t.touched = append(t.touched, group)
	}
	*g = append(*g, m)
}

// Conclude has the window judged if it ends at that time or before.
func (t *Table) Conclude(at int64, j Judge, found []pipeline.Finding) []pipeline.Finding {
	if of, complete := t.window.Complete(at); complete {
		j.Grow(len(t.places))
		found = t.judge(of, j, found)
	}
	return found
}

// Judged returns the window that was judged last.
func (t *Table) Judged() (start, end int64) { return t.judged.Start, t.judged.End }

func (t *Table) judge(of gather.Span, j Judge, found []pipeline.Finding) []pipeline.Finding {
	t.judged = of
	found = j.Begin(of, found)
	if !slices.IsSorted(t.touched) {
		slices.Sort(t.touched)
	}
	for _, id := range t.touched {
		g := t.groups[id]
		found = j.Group(id, inOrder(g), found)
		t.groups[id] = g[:0]
	}
	t.touched = t.touched[:0]
	return found
}

// inOrder sorts members by ordinal and leaves out all rows of a series but its last.
func inOrder(g []Member) []Member {
	for i := 1; i < len(g); i++ {
		if g[i].Series <= g[i-1].Series {
			slices.SortStableFunc(g, func(a, b Member) int { return cmp.Compare(a.Series, b.Series) })
			return lasts(g)
		}
	}
	return g
}

func lasts(g []Member) []Member {
	out := g[:0]
	for i, m := range g {
		if i+1 == len(g) || g[i+1].Series != m.Series {
			out = append(out, m)
		}
	}
	return out
}

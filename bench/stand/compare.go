package stand

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// Output is one record that the pipeline wrote.
type Output struct {
	// what it is: the topic and the type of event, or the reason of a dead letter.
	what string
	// id tells it from all others of the topic.
	id string
	// print is a hash of all it says, but for the number that it has in its process's order.
	print [sha256.Size]byte
	// time is the event time, as text; "" for dead letters.
	time string
	// where it lies.
	at     Partition
	offset int64
}

// Outputs are what one run left.
type Outputs struct {
	dead string              // the topic of dead letters
	byID map[string][]Output // by topic and id
	// time are the marks that each lane told each partition of the events topic, in their order; unknown is a lane without rows.
	time map[Lane][]int64
	bad  []string // records that are no outputs at all
}

// Lane is a detect lane as one partition of the events topic hears it.
type Lane struct {
	name  string
	topic string
	at    int32
}

const unknownMark = int64(-1 << 63)

// TimeRecords is the name of their type in a verdict.
const TimeRecords = "time records"

// NewOutputs is empty. Records of the topic named are dead letters.
func NewOutputs(deadTopic string) *Outputs {
	return &Outputs{dead: deadTopic, byID: map[string][]Output{}, time: map[Lane][]int64{}}
}

// Add takes a record in.
func (o *Outputs) Add(r *kgo.Record) {
	h := map[string]string{}
	for _, kv := range r.Headers {
		h[kv.Key] = string(kv.Value)
	}
	if name, ok := h[schemas.HeaderLane]; ok {
		mark, err := unknownMark, error(nil)
		if text := h[schemas.HeaderWatermark]; text != "" {
			mark, err = strconv.ParseInt(text, 10, 64)
		}
		if err != nil {
			o.bad = append(o.bad, fmt.Sprintf("%s/%d@%d: mark of lane %s: %v", r.Topic, r.Partition, r.Offset, name, err))
			return
		}
		l := Lane{name, r.Topic, r.Partition}
		o.time[l] = append(o.time[l], mark)
		return
	}
	out := Output{at: Partition{r.Topic, r.Partition}, offset: r.Offset}
	var content []byte
	if r.Topic == o.dead {
		out.what = "dead letter " + h["hs-reason"]
		out.id = strings.Join([]string{h["hs-stage"], h["hs-topic"], h["hs-partition"], h["hs-offset"], h["hs-reason"]}, " ")
		content = r.Value
	} else {
		out.time = h[schemas.HeaderTime]
		out.what = strings.TrimPrefix(h[schemas.HeaderType], schemas.TypePrefix)
		out.id = h[schemas.HeaderSource] + " " + h[schemas.HeaderID]
		content = canonical(h[schemas.HeaderType], r.Value)
	}
	if strings.TrimSpace(out.id) == "" {
		o.bad = append(o.bad, fmt.Sprintf("%s/%d@%d has no source and id", r.Topic, r.Partition, r.Offset))
		return
	}
	out.print = imprint(r, content)
	id := r.Topic + " " + out.id
	o.byID[id] = append(o.byID[id], out)
}

// imprint hashes key, headers in order of name, and content.
func imprint(r *kgo.Record, content []byte) (sum [sha256.Size]byte) {
	hs := slices.DeleteFunc(slices.Clone(r.Headers), func(h kgo.RecordHeader) bool { return h.Key == schemas.HeaderSequence })
	slices.SortStableFunc(hs, func(a, b kgo.RecordHeader) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), bytes.Compare(a.Value, b.Value))
	})
	d := sha256.New()
	fmt.Fprintf(d, "%q\n", r.Key)
	for _, h := range hs {
		fmt.Fprintf(d, "%q=%q\n", h.Key, h.Value)
	}
	d.Write(content)
	copy(sum[:], d.Sum(nil))
	return sum
}

// canonical makes the rows of a window's body independent of the order in which a lane met its series. Anything
// else, and a body that is none, stays as it is.
func canonical(typ string, value []byte) []byte {
	if typ != schemas.TypeWindow {
		return value
	}
	table := pipeline.NewSeriesTable(nil, 0)
	b, err := schemas.DecodeWindows(memory.NewGoAllocator(), value, table)
	if err != nil {
		return value
	}
	defer b.Release()
	series := b.Record.Column(pipeline.WindowSeries).(*array.Uint32)
	rows := make([]string, b.Rows())
	for i := range rows {
		s := table.At(series.Value(i))
		row := fmt.Sprintf("%s %s %s %s %s", s.Key(), s.Unit, s.Entity, s.System, s.Domain)
		for c := pipeline.WindowStart; c < int(b.Record.NumCols()); c++ {
			row += " " + b.Record.Column(c).ValueStr(i)
		}
		rows[i] = row
	}
	slices.Sort(rows)
	return []byte(strings.Join(rows, "\n"))
}

// Count is what a comparison found of one type.
type Count struct{ Want, Got, Missing, Extra, Duplicates, Differing int }

func (c *Count) Bad() int { return c.Missing + c.Extra + c.Duplicates + c.Differing }

// Verdict is the comparison of two runs.
type Verdict struct {
	Types map[string]*Count
	// Examples are the first ids of each type that are not as they should be.
	Examples map[string][]string
	// Regress counts marks that fell back in the disturbed run; told those told twice.
	Regress, told int
}

// exampleIDs bounds the ids that are shown of a type.
const exampleIDs = 5

func (v *Verdict) Of(what string) *Count {
	c := v.Types[what]
	if c == nil {
		c = &Count{}
		v.Types[what] = c
	}
	return c
}

func (v *Verdict) show(what, text string) {
	if len(v.Examples[what]) < exampleIDs {
		v.Examples[what] = append(v.Examples[what], text)
	}
}

// Faults is the number of outputs that are not as they should be.
func (v *Verdict) Faults() int {
	n := 0
	for _, c := range v.Types {
		n += c.Bad()
	}
	return n
}

// Compare holds the outputs of a run, got, against those of the undisturbed one.
func Compare(want, got *Outputs) *Verdict {
	v := &Verdict{Types: map[string]*Count{}, Examples: map[string][]string{}}
	for _, b := range append(slices.Clone(want.bad), got.bad...) {
		v.Of("no output").Differing++
		v.show("no output", b)
	}
	all := maps.Clone(want.byID)
	maps.Copy(all, got.byID)
	// In order of time, so that what went wrong first is shown first.
	ids := slices.SortedFunc(maps.Keys(all), func(a, b string) int {
		return cmp.Or(cmp.Compare(all[a][0].time, all[b][0].time), cmp.Compare(a, b))
	})
	for _, id := range ids {
		v.compare(id, want.byID[id], got.byID[id])
	}
	return v
}

// compare holds what is there under one id against what should be.
func (v *Verdict) compare(id string, want, got []Output) {
	what := append(slices.Clone(want), got...)[0].what
	c := v.Of(what)
	c.Want += len(want)
	c.Got += len(got)
	if len(want) > 1 {
		// Then the undisturbed run is at fault, and there is nothing to hold the other against.
		c.Duplicates += len(want) - 1
		v.show(what, "twice without any disturbance: "+id+places(want))
	}
	if len(got) > 1 {
		c.Duplicates += len(got) - 1
		v.show(what, "duplicate: "+id+places(got))
	}
	switch {
	case len(got) == 0:
		c.Missing++
		v.show(what, "missing: "+id+places(want))
	case len(want) == 0:
		c.Extra++
		v.show(what, "extra: "+id+places(got))
	case slices.ContainsFunc(got, func(o Output) bool { return o.print != want[0].print }):
		c.Differing++
		v.show(what, "differing: "+id+places(got)+", undisturbed"+places(want))
	}
}

func places(list []Output) string {
	var b strings.Builder
	for _, o := range list {
		fmt.Fprintf(&b, " %s at %s@%d", o.time, o.at, o.offset)
	}
	return b.String()
}

// CompareTime holds the marks of both runs against each other, up to a time; behind it idle time makes them. In the disturbed run
// no mark may fall back (invariant I2).
func (v *Verdict) CompareTime(want, got *Outputs, until int64) {
	what := TimeRecords
	c := v.Of(what)
	all := maps.Clone(want.time)
	maps.Copy(all, got.time)
	for _, l := range slices.SortedFunc(maps.Keys(all), func(a, b Lane) int { return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.at, b.at)) }) {
		regress, first := regressions(got.time[l])
		v.Regress += regress
		if regress > 0 {
			v.show(what, fmt.Sprintf("regress: lane %s in %s/%d, %s", l.name, l.topic, l.at, first))
		}
		w, g := tally(want.time[l], until), tally(got.time[l], until)
		marks := maps.Clone(w)
		maps.Copy(marks, g)
		for _, m := range slices.Sorted(maps.Keys(marks)) {
			c.Want += w[m]
			c.Got += g[m]
			text := fmt.Sprintf("lane %s in %s/%d at %s", l.name, l.topic, l.at, schemas.FormatTime(m))
			if g[m] > 1 {
				c.Duplicates += g[m] - 1
				v.told += g[m] - 1
				v.show(what, "duplicate: "+text)
			}
			if g[m] == 0 {
				c.Missing++
				v.show(what, "missing: "+text)
			}
			if w[m] == 0 {
				c.Extra++
				v.show(what, "extra: "+text)
			}
		}
	}
}

// regressions counts marks below one told before, and tells the first.
func regressions(marks []int64) (n int, first string) {
	high := unknownMark
	for _, m := range marks {
		if m < high {
			if n++; n == 1 {
				first = fmt.Sprintf("from %s to %s", markText(high), markText(m))
			}
		}
		high = max(high, m)
	}
	return n, first
}

func markText(m int64) string {
	if m == unknownMark {
		return "none"
	}
	return schemas.FormatTime(m)
}

// tally counts marks up to a time; that a lane has none yet depends on when it was there first.
func tally(marks []int64, until int64) map[int64]int {
	n := map[int64]int{}
	for _, m := range marks {
		if m != unknownMark && m <= until {
			n[m]++
		}
	}
	return n
}

// Before returns the outputs whose event time is earlier, and those that have none.
func (o *Outputs) Before(t int64) *Outputs {
	out := NewOutputs(o.dead)
	out.bad, out.time = o.bad, o.time
	for id, list := range o.byID {
		for _, one := range list {
			at, err := schemas.ParseTime(one.time)
			if one.time != "" && err == nil && at >= t {
				continue
			}
			out.byID[id] = append(out.byID[id], one)
		}
	}
	return out
}

// Told returns the event time that all detect lanes with rows have come to, by their own word; the end of time if none has any.
func (o *Outputs) Told() int64 {
	told := int64(math.MaxInt64)
	for _, marks := range o.time {
		if most := slices.Max(marks); most != unknownMark {
			told = min(told, most)
		}
	}
	return told
}

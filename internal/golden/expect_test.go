package golden

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// told are the topics that an expect statement looks at.
func (r *run) told(what string) ([]string, bool) {
	t := r.plan.Topics
	switch what {
	case "events":
		return []string{t.Events.Name}, true
	case "incidents":
		return []string{t.Incidents.Name, t.Remediations.Name}, true
	case "dead letters":
		return []string{t.DeadLetters.Name}, true
	}
	return nil, false
}

var kinds = []string{"events", "incidents", "dead letters"}

// expect compares what came since the last time with the statement's block.
func (r *run) expect() error {
	what := strings.Join(r.at.words[1:], " ")
	r.settle()
	var found []string
	if what == "ledger" {
		var err error
		if found, err = r.ledger(); err != nil {
			return err
		}
	} else {
		topics, ok := r.told(what)
		if !ok {
			return fmt.Errorf("there is nothing called %q to expect", what)
		}
		found = render(what, r.fresh(topics))
	}
	r.result.found[r.at.line] = found
	want := r.at.block
	if r.repartition > 0 && what == "events" {
		want, found = byType(want), byType(found)
	}
	for _, d := range differences(want, found) {
		line := r.at.line
		if d.at >= 0 {
			line += 1 + slices.Index(r.at.block, want[d.at])
		}
		r.result.problems = append(r.result.problems, problem{r.script.file, line, fmt.Sprintf("[%s] expect %s: %s", r.name, what, d.text)})
	}
	return nil
}

// byType puts the lines of each type and subject together, and the rows of one event in order. Time that is the least of several lanes
// comes in other steps than that of one, and when windows close together, findings come before the windows behind them: operate
// puts them in order again. And series are numbered as they come, which depends on how lanes of ingest interleave.
func byType(lines []string) []string {
	key := func(l string) string {
		f := strings.SplitN(l, " ", 4)
		return strings.Join(f[min(1, len(f)):min(3, len(f))], " ")
	}
	out := slices.SortedStableFunc(slices.Values(lines), func(a, b string) int { return strings.Compare(key(a), key(b)) })
	event := func(l string) string { return l[:strings.Index(l+" ", " ")] + key(l) }
	for from := 0; from < len(out); {
		to := from + 1
		for to < len(out) && event(out[to]) == event(out[from]) && strings.Contains(out[to], " window ") {
			to++
		}
		slices.Sort(out[from:to])
		from = to
	}
	return out
}

// fresh returns the records that no expect statement saw.
func (r *run) fresh(topics []string) (out []pipeline.Record) {
	for _, topic := range topics {
		if !r.k.Has(topic) {
			continue
		}
		if r.shown[topic] == nil {
			r.shown[topic] = map[int32]int64{}
		}
		for _, rec := range r.k.Records(topic) {
			if rec.Offset < r.shown[topic][rec.Partition] {
				continue
			}
			r.shown[topic][rec.Partition] = rec.Offset + 1
			if _, time := rec.Header(schemas.HeaderLane); !time {
				out = append(out, rec)
			}
		}
	}
	return out
}

// leftOver reports what came and was not expected, and keeps all records for a comparison of runs.
func (r *run) leftOver() {
	if r.plan == nil {
		return
	}
	for _, what := range kinds {
		topics, _ := r.told(what)
		for _, line := range render(what, r.fresh(topics)) {
			r.problem("at the end, nobody expected of the %s: %s", what, line)
		}
		for _, topic := range topics {
			if !r.k.Has(topic) {
				continue
			}
			for _, rec := range r.k.Records(topic) {
				if _, time := rec.Header(schemas.HeaderLane); time {
					continue
				}
				r.result.records = append(r.result.records, bytesOf(&rec))
				if rec.Value = nil; what != "dead letters" {
					r.result.named = append(r.result.named, bytesOf(&rec))
				}
			}
		}
	}
	slices.Sort(r.result.records)
	slices.Sort(r.result.named)
}

// bytesOf writes a record but for where it lies, when it was written, and the number that its process gave it.
func bytesOf(rec *pipeline.Record) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %q %q", rec.Topic, rec.Key, rec.Value)
	for _, h := range rec.Headers {
		if h.Key != schemas.HeaderSequence {
			fmt.Fprintf(&b, " %s=%q", h.Key, h.Value)
		}
	}
	return b.String()
}

// monotone reports a time that went back (I2), in any partition, over all restarts.
func (r *run) monotone() {
	if r.plan == nil || !r.k.Has(r.plan.Topics.Events.Name) {
		return
	}
	last := map[string]int64{}
	for _, rec := range r.k.Records(r.plan.Topics.Events.Name) {
		lane, told := rec.Header(schemas.HeaderLane)
		text, _ := rec.Header(schemas.HeaderWatermark)
		if !told || len(text) == 0 {
			continue
		}
		mark, err := strconv.ParseInt(string(text), 10, 64)
		key := fmt.Sprintf("%s in partition %d", lane, rec.Partition)
		if before, ok := last[key]; err != nil || ok && mark < before {
			r.problem("the time of lane %s goes back from %s to %s", key, clock(before), clock(mark))
		}
		last[key] = mark
	}
}

// checkWatermark compares the time that a lane told last: watermark SOURCE/PARTITION TIME, or none.
func (r *run) checkWatermark() error {
	if r.repartition > 0 {
		return nil
	}
	r.settle()
	have := "unheard"
	for _, rec := range r.k.Records(r.plan.Topics.Events.Name) {
		if lane, ok := rec.Header(schemas.HeaderLane); ok && string(lane) == r.word(1) {
			text, _ := rec.Header(schemas.HeaderWatermark)
			if have = "none"; len(text) > 0 {
				mark, err := strconv.ParseInt(string(text), 10, 64)
				if err != nil {
					return err
				}
				have = clock(mark)
			}
		}
	}
	if want := r.word(2); have != want {
		r.problem("the watermark of lane %s is %s, not %s", r.word(1), have, want)
	}
	return nil
}

// ledger stops all instances, so that their states are saved, and adds up the accounts in them.
func (r *run) ledger() ([]string, error) {
	n := len(r.running())
	if n > 0 {
		r.scale(0)
	}
	found, err := r.states()
	if err != nil {
		return nil, err
	}
	sums := map[string]map[string]int64{}
	for _, lane := range slices.Sorted(maps.Keys(found)) {
		s := found[lane][0]
		if s.Err != nil {
			return nil, fmt.Errorf("the state of lane %s: %w", lane, s.Err)
		}
		a := s.Account
		if !a.Balanced() {
			r.problem("the account of lane %s does not balance: %+v", lane, a)
		}
		if a.Source == "inbox" || a.Stage == string(pipeline.Act) {
			continue
		}
		key := a.Source
		if a.Source == "columns" || a.Stage == string(pipeline.Operate) {
			if a.Source == "columns" {
				sums["columns"] = add(sums["columns"], a.Operators)
			}
			continue
		}
		if sums[key] == nil {
			sums[key] = map[string]int64{}
		}
		sums[key]["in"] += a.In
		sums[key]["on"] += a.On
		for reason, lost := range a.Lost {
			sums[key][reason] += lost
		}
		sums[key] = add(sums[key], a.Operators)
	}
	var out []string
	for _, source := range slices.Sorted(maps.Keys(sums)) {
		line := source
		for _, word := range slices.Sorted(maps.Keys(sums[source])) {
			if sums[source][word] != 0 || word == "in" || word == "on" {
				line += fmt.Sprintf(" %s=%d", word, sums[source][word])
			}
		}
		if line != "columns" {
			out = append(out, line)
		}
	}
	if n > 0 {
		r.scale(n)
	}
	return out, nil
}

func add(to map[string]int64, operators map[string]map[string]int64) map[string]int64 {
	if to == nil {
		to = map[string]int64{}
	}
	for op, lost := range operators {
		for reason, n := range lost {
			to[op+"."+reason] += n
		}
	}
	return to
}

// difference is one line that is not as expected; at is its place in the expectation, -1 for the whole.
type difference struct {
	at   int
	text string
}

// differences says how what was found is not what was expected.
func differences(want, have []string) (out []difference) {
	wanted, had := map[string]int{}, map[string]int{}
	for _, l := range want {
		wanted[l]++
	}
	for _, l := range have {
		had[l]++
	}
	seen := map[string]int{}
	for i, l := range want {
		if seen[l]++; seen[l] > had[l] {
			out = append(out, difference{i, "it did not come: " + l})
		}
	}
	seen = map[string]int{}
	for _, l := range have {
		if seen[l]++; seen[l] <= wanted[l] {
			continue
		}
		if at := slices.Index(want, l); at >= 0 {
			out = append(out, difference{at, fmt.Sprintf("it came %d times, not %d: %s", had[l], wanted[l], l)})
			continue
		}
		out = append(out, difference{-1, "it came and is not expected: " + l})
	}
	if len(out) > 0 {
		return out
	}
	for i := range want {
		if want[i] != have[i] {
			return []difference{{i, fmt.Sprintf("the order is wrong: here came %s, expected was %s", have[i], want[i])}}
		}
	}
	return nil
}

package alarm

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

var testConfig = Config{Hold: 2, Of: 3, Clear: 3, Rest: 4, Update: 5, Gone: 6, Habit: 2, Within: 1000}

// play feeds one series' scores, window k being [10k, 10k+10), and says what was found: O, U, C with the window it was
// found in. '!' is a score of 1, digits one more, '-' one that neither raises nor calms, '.' a calm one, ' ' no window of
// the series.
func play(scores string) (string, []pipeline.Finding) {
	t := New(testConfig)
	t.Grow(1)
	var found []pipeline.Finding
	for k, c := range scores {
		start, end := int64(10*k+10), int64(10*k+20)
		n := len(found)
		found = t.Begin(start, end, found)
		if c != ' ' {
			score := map[rune]float64{'!': 1, '-': 0.7, '.': 0.1}[c]
			if c >= '1' && c <= '9' {
				score = float64(c - '0')
			}
			if change := t.Step(0, start, end, score, score < 0.5); change != None {
				found = t.Append(found, pipeline.Finding{Start: start, End: end, Score: score}, change)
			}
		}
		if len(found) > n+1 {
			panic("two findings in one window")
		}
	}
	var out []string
	for _, f := range found {
		kind := "U"
		if !f.Open {
			kind = "C"
		} else if f.Revision == 0 {
			kind = "O"
		}
		out = append(out, fmt.Sprintf("%s%d", kind, f.Start/10-1))
	}
	return strings.Join(out, " "), found
}

func TestAlarm(t *testing.T) {
	for _, c := range []struct{ fact, scores, want string }{
		{"one abnormal window is nothing", "...!.....", ""},
		{"two of three are a finding", "..!!......", "O3 C6"},
		{"two of three need not be adjacent", "..!.!....", "O4 C7"},
		{"two of four are nothing", "..!..!...", ""},
		{"a window between calm and abnormal keeps it open", "!!-..-...", "O1 U6 C8"},
		{"calm windows must be in a row", "!!..!..!...", "O1 U6 C10"},
		{"an update each five windows", "!!!!!!!!!!!!", "O1 U6 U11"},
		{"an update when the score doubles, no sooner", "!!123459999", "O1 U3 U5 U7"},
		{"after the end it rests", "!!...!!!!!!!", "O1 C4 O9"},
		{"what is quiet again after the rest is not found", "!!...!!......!!", "O1 C4 O14"},
		{"absent windows neither calm", "!!.   .  .!!", "O1 C9"},
		{"nor raise", "!  !", "O3"},
		{"who is gone too long is closed", "!!            ", "O1 C8"},
	} {
		if got, _ := play(c.scores); got != c.want {
			t.Errorf("%s: %q gives %q, want %q", c.fact, c.scores, got, c.want)
		}
	}
}

func TestOnsetIsWhereTheRunBegan(t *testing.T) {
	for scores, want := range map[string]int64{
		"...!!":     40,
		"..-!!":     30, // a window that is not calm counts
		"..-.!!":    30, // a short calm does not end the run
		"..-...!!":  70, // a long one does
		"..!..-.!!": 30,
	} {
		_, found := play(scores)
		if len(found) != 1 || found[0].Onset != want {
			t.Errorf("%q: findings %+v, want one with onset %d", scores, found, want)
		}
	}
}

func TestRevisionsShareTheOnset(t *testing.T) {
	_, found := play("..!!!!!!!!....")
	if len(found) != 3 {
		t.Fatalf("found %+v", found)
	}
	for i, f := range found {
		if f.Revision != i || f.Onset != 30 || f.Open != (i < 2) {
			t.Errorf("finding %d: %+v", i, f)
		}
	}
}

// severities is what is said of findings when they open (lower case for info), and where an open one becomes more than a habit.
func severities(found []pipeline.Finding) string {
	var out strings.Builder
	last := ""
	for _, f := range found {
		switch {
		case f.Revision == 0 && f.Severity == info:
			out.WriteByte('h')
		case f.Revision == 0:
			out.WriteByte('O')
		case f.Severity != last:
			out.WriteByte('!')
		}
		last = f.Severity
	}
	return out.String()
}

func TestHabit(t *testing.T) {
	again := strings.Repeat("!!.......", 4)
	for _, c := range []struct{ fact, scores, want string }{
		{"the third finding is a habit, and so are all that follow", again + again, "OOhhhhhh"},
		{"what is given up for long enough is none any more", again + strings.Repeat(".", 110) + again, "OOhhOOhh"},
		{"a finding that is higher is news, and raises what is", again + "44......." + "33......." + again, "OOhhOhhhhh"},
		{"one that rises turns into news", again + "!!4......", "OOhhh!"},
		{"one that is too rare never is a habit", strings.Repeat("!!"+strings.Repeat(".", 60), 5), "OOOOO"},
	} {
		if _, found := play(c.scores); severities(found) != c.want {
			t.Errorf("%s: %q gives %s, want %s", c.fact, c.scores, severities(found), c.want)
		}
	}
	_, found := play(again)
	if f := found[len(found)-1]; f.Open || f.Severity != info || f.Evidence[0] != (pipeline.Evidence{Name: "habit", Value: 2}) {
		t.Errorf("the last: %+v", f)
	}
}

// TestSeverityOfTheDetector: what a detector says itself stays.
func TestSeverityOfTheDetector(t *testing.T) {
	table := New(testConfig)
	table.Grow(1)
	for k := range int64(40) {
		start, score := 10*k, float64(k%8/4)
		if c := table.Step(0, start, start+10, score, score < 0.5); c != None {
			for _, f := range table.Append(nil, pipeline.Finding{Start: start, End: start + 10, Score: score, Severity: "critical"}, c) {
				if f.Severity != "critical" {
					t.Errorf("window %d: %s", k, f.Severity)
				}
			}
		}
	}
	if len(table.past[0]) != 2 {
		t.Errorf("it has %d findings that are over, want the last 2", len(table.past[0]))
	}
	table.Begin(0, int64(2*time.Hour), nil)
	if len(table.past) > 0 {
		t.Error("what is long over is not forgotten")
	}
}

// TestSettling: for a while after a change a score counts half, of what it concerns; then what remains is found.
func TestSettling(t *testing.T) {
	series := pipeline.NewSeriesTable(func(metric string, _ pipeline.Labels) pipeline.Scope {
		return pipeline.Scope{Entity: metric, System: "shop"}
	}, 0)
	for _, m := range []string{"cart", "web"} {
		if _, err := series.Intern(m, "", pipeline.Gauge, nil); err != nil {
			t.Fatal(err)
		}
	}
	cfg := testConfig
	cfg.Settle = 50
	opened := func(score float64, changes ...pipeline.Change) string {
		table := New(cfg)
		table.Use(series)
		table.Grow(2)
		at := map[uint32]int64{}
		for start := int64(0); start < 200; start += 10 {
			if start == 100 {
				for i := range changes {
					table.Heed(&changes[i])
				}
			}
			found := table.Begin(start, start+10, nil)
			for s := range uint32(2) {
				v := 0.1
				if start >= 100 {
					v = score
				}
				if c := table.Step(s, start, start+10, v, v < 0.5); c == Opened {
					at[s] = start
					found = table.Append(found, pipeline.Finding{Series: s, Start: start, End: start + 10, Score: v}, c)
				}
			}
		}
		if len(table.settling) > 0 {
			t.Errorf("%+v is not settled", table.settling)
		}
		return fmt.Sprint(at)
	}
	deploy := pipeline.Change{Kind: "deploy", Entities: []string{"cart"}, System: "shop", Time: 100}
	whole, other, early, late := deploy, deploy, deploy, deploy
	whole.Entities, other.System, early.Time, late.Time = nil, "bank", 40, 120
	for _, c := range []struct {
		fact, want string
		score      float64
		changes    []pipeline.Change
	}{
		{"no change", "map[0:110 1:110]", 1.5, nil},
		{"what was changed settles", "map[0:160 1:110]", 1.5, []pipeline.Change{deploy}},
		{"what is twice as far off is found at once", "map[0:110 1:110]", 2, []pipeline.Change{deploy}},
		{"all of the system was changed", "map[0:160 1:160]", 1.5, []pipeline.Change{whole}},
		{"another system", "map[0:110 1:110]", 1.5, []pipeline.Change{other}},
		{"a change that is settled", "map[0:110 1:110]", 1.5, []pipeline.Change{early}},
		{"two changes, and the later one was heard of first", "map[0:180 1:110]", 1.5, []pipeline.Change{late, deploy}},
	} {
		if got := opened(c.score, c.changes...); got != c.want {
			t.Errorf("%s: opened %s, want %s", c.fact, got, c.want)
		}
	}
}

func TestGone(t *testing.T) {
	table := New(testConfig)
	table.Grow(2)
	var found []pipeline.Finding
	for k := range int64(20) {
		start, end := 10*k, 10*k+10
		found = table.Begin(start, end, found)
		found = table.Begin(start, end, found) // a window may come in parts
		table.Step(0, start, end, 0, true)
		if k < 2 {
			if c := table.Step(1, start, end, 3, false); c != None {
				found = table.Append(found, pipeline.Finding{Series: 1, Start: start, End: end, Score: 3}, c)
			}
		}
	}
	if len(found) != 2 || found[1].Open || found[1].Revision != 1 || found[1].End != 90 || found[1].Onset != found[0].Onset {
		t.Errorf("found %+v; want a finding that is closed when its series was absent for more than 6 windows", found)
	}
	if table.Open(1) {
		t.Error("it is still open")
	}
}

func TestSaveLoad(t *testing.T) {
	table := New(testConfig)
	table.Grow(3)
	var found []pipeline.Finding
	for k := range int64(3) {
		for s := range uint32(3) {
			if c := table.Step(s, 10*k, 10*k+10, float64(s), s == 0); c != None {
				found = table.Append(found, pipeline.Finding{Series: s, Start: 10 * k, End: 10*k + 10, Score: float64(s), Direction: "up"}, c)
			}
		}
	}
	save := func(t *Table) []byte {
		var b bytes.Buffer
		w := state.NewWriter(&b, "alarm")
		f := t.Freeze()
		defer f.Release()
		f.Write(w)
		w.Close()
		return b.Bytes()
	}
	table.settling = settling{{Kind: "deploy", System: "shop", Entities: []string{"a", "b"}, Time: 5}, {Kind: "flag", System: "shop", Time: 6}}
	table.past[0] = []past{{peak: 3, end: 20}, {peak: 2, end: 30}}
	saved := save(table)
	load := func(data []byte) (*Table, error) {
		r := state.NewReader(bytes.NewReader(data), "alarm")
		t := New(testConfig)
		t.Load(r)
		return t, r.Close()
	}
	again, err := load(saved)
	if err != nil || again.cells.Len() != 3 || !bytes.Equal(save(again), saved) || !again.Open(1) || !again.Open(2) || again.Open(0) || len(found) != 2 || len(again.past[0]) != 2 || len(again.settling) != 2 || len(again.settling[0].Entities) != 2 {
		t.Errorf("the restored table differs: open %v %v %v, %v", again.Open(0), again.Open(1), again.Open(2), err)
	}
	for n := 0; n < len(saved); n += 7 {
		if _, err := load(saved[:n]); err == nil {
			t.Fatalf("a snapshot of %d of %d bytes was taken", n, len(saved))
		}
	}
	var b bytes.Buffer
	w := state.NewWriter(&b, "alarm")
	frozen := table.Freeze()
	table.Begin(1000, 1010, found) // all are gone
	table.settling = nil
	table.past.keep(0, past{peak: 1, end: 40}, &testConfig)
	frozen.Write(w)
	frozen.Release()
	if w.Close(); !bytes.Equal(b.Bytes(), saved) || table.Open(1) {
		t.Error("what happened after the freeze is in it")
	}
}

func TestReadRefusesWhatCantBe(t *testing.T) {
	s := pipeline.Settings{}
	for _, d := range Settings(testConfig) {
		s[d.Name] = d.Default
	}
	if c, err := Read(s); err != nil || c != testConfig {
		t.Fatalf("defaults: %+v, %v", c, err)
	}
	s["hold"] = int64(4)
	if _, err := Read(s); pipeline.Code(err) != "alarm.hold.range" {
		t.Errorf("4 of 3: %v", err)
	}
}

// TestSpaced: in irregular windows patience follows the distance of a series' windows, and is looked at once a minute.
func TestSpaced(t *testing.T) {
	const second = int64(1e9)
	table := New(Config{Hold: 1, Of: 1, Clear: 5, Update: 100, Gone: 3})
	table.Grow(2)
	table.Spaced(&pipeline.Env{}, func(series uint32) int64 { return []int64{second, 3600 * second}[series] })
	var found []pipeline.Finding
	for s := range uint32(2) {
		if c := table.Step(s, 0, 1, 2, false); c != Opened {
			t.Fatalf("series %d: change %d", s, c)
		}
		found = table.Append(found, pipeline.Finding{Series: s, Start: 0, End: 1, Score: 2}, Opened)
	}
	at := func(end int64) []pipeline.Finding { return table.Begin(end-1, end, nil) }
	for end := second; end < 60*second; end += second {
		if got := at(end); len(got) > 0 {
			t.Fatalf("%d s: closed within the minute: %+v", end/second, got)
		}
	}
	got := at(61 * second)
	if len(got) != 1 || got[0].Series != 0 || got[0].Open || got[0].Start >= got[0].End || table.Open(0) || !table.Open(1) {
		t.Fatalf("after a minute: %+v", got)
	}
	if got := at(61 * second); len(got) > 0 {
		t.Errorf("twice: %+v", got)
	}
	if got := at(3 * 3600 * second); len(got) > 0 {
		t.Errorf("after three of its distances: %+v", got)
	}
	if got := at(3*3600*second + 60*second); len(got) != 1 || got[0].Series != 1 || got[0].Evidence[0].Value < 3*3600 {
		t.Errorf("after more than three: %+v", got)
	}
}

package presence

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

func made(changes pipeline.Settings) func() (pipeline.Detector, error) {
	s := operatortest.Settings(Spec())
	maps.Copy(s, changes)
	return func() (pipeline.Detector, error) { return New(s) }
}

var quick = pipeline.Settings{"warmup": int64(10), "history": int64(100), "rare": 1.0, "sure": 4.0, "clear": int64(2), "gone": int64(12), "most": int64(2)}

// key of a template's series on a pod.
func key(template, pod string) string {
	return fmt.Sprintf(`log.templates:delta{pod="%s",system="shop",template="%s",text="it is <*>"}`, pod, template)
}

func TestFindings(t *testing.T) {
	always := "windows " + key("a", "p") + " at 0s every 10s: 5x45\n"
	for _, c := range []struct{ fact, input, want string }{{
		fact:  "a new template",
		input: always + "windows " + key("b", "p") + " at 200s every 10s: 7 3",
		want: `
			[3m20s,3m30s) ` + key("b", "p") + ` open rev=0 onset=3m20s score=1.29297 value=7 expect=0..0 up p=0.949063 evidence{records=7 new_at_once=1 expected=0.0522798}
			[3m40s,3m50s) ` + key("b", "p") + ` closed rev=1 onset=3m20s score=0 value=0 expect=0..0 up`,
	}, {
		fact:  "a new template in the last window",
		input: "windows " + key("a", "p") + " at 0s every 10s: 5x21\nwindows " + key("b", "p") + " at 200s every 10s: 7",
		want: `
			[3m20s,3m30s) ` + key("b", "p") + ` open rev=0 onset=3m20s score=1.29297 value=7 expect=0..0 up p=0.949063 evidence{records=7 new_at_once=1 expected=0.0522798}`,
	}, {
		fact:  "not before the system was watched for a while",
		input: always + "windows " + key("b", "p") + " at 190s every 10s: 7x25",
	}, {
		fact:  "another pod with what is known",
		input: always + "windows " + key("a", "q") + " at 200s every 10s: 7x25",
	}, {
		fact:  "a pod that was just started",
		input: always + "windows " + key("b", "q") + " at 200s every 10s: 7x25\nwindows " + key("b", "p") + " at 300s every 10s: 7x15",
	}, {
		fact:  "something new where there always is something new",
		input: always + news(200) + "windows " + key("zz", "p") + " at 400s every 10s: 1x5",
	}, {
		fact: "of many at once those with the most records",
		input: always + "windows " + key("b", "p") + " at 200s every 10s: 7\nwindows " + key("c", "p") + " at 200s every 10s: 9\nwindows " +
			key("d", "p") + " at 200s every 10s: 8\nwindows " + key("d", "q") + " at 200s every 10s: 2",
		want: `
			[3m20s,3m30s) ` + key("c", "p") + ` open rev=0 onset=3m20s score=4.64016 value=9 expect=0..0 up p=0.999977 evidence{records=9 new_at_once=3 expected=0.0522798}
			[3m20s,3m30s) ` + key("d", "p") + ` open rev=0 onset=3m20s score=4.64016 value=8 expect=0..0 up p=0.999977 evidence{records=8 new_at_once=3 expected=0.0522798}
			[3m40s,3m50s) ` + key("c", "p") + ` closed rev=1 onset=3m20s score=0 value=0 expect=0..0 up
			[3m40s,3m50s) ` + key("d", "p") + ` closed rev=1 onset=3m20s score=0 value=0 expect=0..0 up`,
	}, {
		fact:  "a template that vanished, came back, and vanished for longer than it had",
		input: always + "windows " + key("b", "p") + " at 0s every 10s: 4x19 _x4 4x5",
		want: `
			[3m50s,4m) ` + key("b", "p") + ` open rev=0 onset=3m20s score=1.2837 value=0 expect=4..4 down p=0.999993 evidence{absent_windows=4 longest_before=0 share=1}
			[4m10s,4m20s) ` + key("b", "p") + ` closed rev=1 onset=3m20s score=0 value=4 expect=3.31446..3.31446 down evidence{absent_windows=0 longest_before=4 share=0.828615}
			[6m10s,6m20s) ` + key("b", "p") + ` open rev=0 onset=5m score=1 value=0 expect=3.4178..3.4178 down p=0.9999 evidence{absent_windows=8 longest_before=4 share=0.85445}
			[7m,7m10s) ` + key("b", "p") + ` closed rev=1 onset=5m score=0 value=0 expect=3.4178..3.4178 down evidence{absent_windows=13 longest_before=4 share=0.85445}`,
	}, {
		fact:  "one that stays away: it is forgotten in the end",
		input: always + "windows " + key("b", "p") + " at 0s every 10s: 4x19",
		want: `
			[3m50s,4m) ` + key("b", "p") + ` open rev=0 onset=3m20s score=1.2837 value=0 expect=4..4 down p=0.999993 evidence{absent_windows=4 longest_before=0 share=1}
			[4m30s,4m40s) ` + key("b", "p") + ` open rev=1 onset=3m20s score=2.5674 value=0 expect=4..4 down p=1 evidence{absent_windows=8 longest_before=0 share=1}
			[5m20s,5m30s) ` + key("b", "p") + ` closed rev=2 onset=3m20s score=0 value=0 expect=4..4 down evidence{absent_windows=13 longest_before=0 share=1}`,
	}, {
		fact:  "one that has its pauses",
		input: always + "windows " + key("b", "p") + " at 0s every 10s: 4x5 _x5 4x12 _x5 4x10",
	}, {
		fact:  "a pod that ended",
		input: always + "windows " + key("a", "q") + " at 0s every 10s: 4x19\nwindows " + key("b", "q") + " at 0s every 10s: 4x19",
	}, {
		fact:  "other counters",
		input: strings.ReplaceAll(always+"windows "+key("b", "p")+" at 200s every 10s: 7 3", "log.templates", "requests"),
	}} {
		t.Run(c.fact, func(t *testing.T) {
			operatortest.RunDetector(t, operatortest.DetectorCase{New: made(quick), Input: operatortest.Script(t, c.input), Want: c.want, Silent: c.want == ""})
		})
	}
}

// news has a new template every 20 seconds up to a time.
func news(until int) string {
	var b strings.Builder
	for at := 10; at < until; at += 20 {
		fmt.Fprintf(&b, "windows %s at %ds every 10s: 1\n", key(fmt.Sprintf("n%d", at), "p"), at)
	}
	return b.String()
}

// TestQuiet bounds false findings with the defaults: a day of 200 templates of all rates, some of them in bursts, and something new
// about once in a quarter of an hour.
func TestQuiet(t *testing.T) {
	operatortest.OneGoroutine(t)
	d, err := made(nil)()
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(3, 3))
	table := pipeline.NewSeriesTable(nil, 0)
	if err := d.Open(&pipeline.Env{Series: table}); err != nil {
		t.Fatal(err)
	}
	const templates = 200
	intern := func(n int) uint32 {
		s, err := table.Intern(metric, "", pipeline.Delta, pipeline.NewLabels([]pipeline.Label{{Name: templateLabel, Value: fmt.Sprint(n)}}))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	var found []pipeline.Finding
	late, silent := templates, make([]int, templates)
	for k := range int64(8640) {
		w := pipeline.Window{Table: table, Start: k * 10e9, End: k*10e9 + 10e9}
		add := func(n int) {
			w.Series, w.Count, w.Sum = append(w.Series, intern(n)), append(w.Count, 1), append(w.Sum, 1+float64(rnd.IntN(9)))
		}
		for i := range templates {
			rate := 1 / float64(1+i%50)
			if i%3 == 0 && silent[i] == 0 && rnd.IntN(60) == 0 {
				silent[i] = 1 + rnd.IntN(20)
			}
			if silent[i] > 0 {
				silent[i]--
			} else if rnd.Float64() < rate {
				add(i)
			}
		}
		if rnd.IntN(90) == 0 {
			add(late)
			late++
		}
		if found, err = d.Detect(&w, found); err != nil {
			t.Fatal(err)
		}
	}
	if len(found) > 2 {
		t.Errorf("%d statements about a quiet day, such as %+v", len(found), found[0])
	}
}

func TestSettingsThatDontFit(t *testing.T) {
	if _, err := made(pipeline.Settings{"warmup": int64(51), "history": int64(100)})(); pipeline.Code(err) != "presence.warmup" {
		t.Errorf("got %v", err)
	}
}

// A window that waited for the next one when an older program saved it is judged as soon as it is complete. What comes of it after that is late.
func TestWindowOfAnOlderSnapshot(t *testing.T) {
	made, err := made(nil)()
	if err != nil {
		t.Fatal(err)
	}
	d := made.(*Detector)
	older := laneTable
	older.Version, older.Fields = 1, older.Fields[:3]
	operatortest.OlderWindow(t, d, name, func(w *state.Writer) {
		w.Table(older).Int64(10e9).Int64(20e9).Bool(true)
		w.Table(seriesTable)
		w.Table(systemTable)
		d.alarm.Freeze().Write(w)
	}, metric, pipeline.Delta)
}

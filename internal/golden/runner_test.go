package golden

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/schemas"
)

// sample is a script that holds.
const sample = `pipeline
  sources:
    - {name: metrics, topic: metrics, codec: lines, keyed: true, disorder: 0s, late: dead_letter, max_future_skew: 0s}
  detect:
    - window: {size: 10s}
  declare: [{metric: cpu}]
  operate: [correlate]
topic metrics partitions 1
start
load metrics/0
  cpu{host="a"} 0s every 5s: 1 2 3 4 5
  cpu{host="a"} 1s: 7
watermark metrics/0 20s
expect events
  10s window a cpu{host="a"} 0s..10s count=2 sum=3 min=1 max=2 last=2
  20s window a cpu{host="a"} 10s..20s count=2 sum=7 min=3 max=4 last=4
expect dead letters
  late cpu{host="a"} 1s: 7
expect ledger
  metrics in=6 late=1 on=5
`

// windowAt says whether a message is the window that ends so long after the epoch.
func windowAt(m *broker.Message, end string) bool {
	t, _ := at(end)
	value := map[string]string{}
	for _, h := range m.Headers {
		value[h.Key] = string(h.Value)
	}
	return value[schemas.HeaderType] == schemas.TypeWindow && value[schemas.HeaderTime] == schemas.FormatTime(t)
}

// lose, repeat and swap do that to windows, as a faulty engine might.
func lose(messages []broker.Message) []broker.Message {
	return slices.DeleteFunc(slices.Clone(messages), func(m broker.Message) bool { return windowAt(&m, "10s") })
}

func repeat(messages []broker.Message) (out []broker.Message) {
	for _, m := range messages {
		if out = append(out, m); windowAt(&m, "20s") {
			out = append(out, m)
		}
	}
	return out
}

func swap(messages []broker.Message) []broker.Message {
	out := slices.Clone(messages)
	find := func(end string) int {
		return slices.IndexFunc(out, func(m broker.Message) bool { return windowAt(&m, end) })
	}
	if a, b := find("10s"), find("20s"); a >= 0 && b >= 0 {
		out[a], out[b] = out[b], out[a]
	}
	return out
}

// TestRunnerReports holds that the runner finds what it is there to find, and says where in the script.
func TestRunnerReports(t *testing.T) {
	one(t)
	for _, c := range []struct {
		name, old, new string
		tamper         func([]broker.Message) []broker.Message
		want           []string
	}{
		{name: "nothing when all is as expected"},
		{name: "a wrong value", old: "sum=7", new: "sum=8", want: []string{
			"sample.txt:16: [test] expect events: it did not come: 20s window a",
			"sample.txt:14: [test] expect events: it came and is not expected: 20s window a"}},
		{name: "a lost record", tamper: lose, want: []string{"sample.txt:15: [test] expect events: it did not come: 10s window a"}},
		{name: "a duplicate", tamper: repeat, want: []string{"sample.txt:16: [test] expect events: it came 2 times, not 1: 20s window a"}},
		{name: "a wrong order", tamper: swap, want: []string{"sample.txt:15: [test] expect events: the order is wrong: here came 20s window a"}},
		{name: "a wrong watermark", old: "0 20s\n", new: "0 10s\n", want: []string{"sample.txt:13: [test] the watermark of lane metrics/0 is 20s, not 10s"}},
		{name: "a wrong ledger", old: "late=1 on=5", new: "on=6", want: []string{
			"sample.txt:20: [test] expect ledger: it did not come: metrics in=6 on=6",
			"sample.txt:19: [test] expect ledger: it came and is not expected: metrics in=6 late=1 on=5"}},
		{name: "what nobody expected", old: "expect dead letters\n  late cpu{host=\"a\"} 1s: 7\n", want: []string{
			"sample.txt:17: [test] at the end, nobody expected of the dead letters: late cpu"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := parse("sample.txt", strings.Replace(sample, c.old, c.new, 1))
			if err != nil {
				t.Fatal(err)
			}
			// All records in one batch are committed together, so that there is something to swap.
			got := execute(t, s, variant{name: "test", seed: 1, many: 1, batch: whole, tamper: c.tamper})
			if len(got.problems) != len(c.want) {
				t.Fatalf("%d problems, not %d: %v", len(got.problems), len(c.want), got.problems)
			}
			for i, p := range got.problems {
				if !strings.HasPrefix(p.String(), c.want[i]) {
					t.Errorf("reported is %q, not %q…", p, c.want[i])
				}
			}
		})
	}
}

// TestRewrite holds that what -update writes is what a run found, and nothing else changes.
func TestRewrite(t *testing.T) {
	one(t)
	wrong := strings.Replace(strings.Replace(sample, "sum=7", "sum=8", 1), "  metrics in=6 late=1 on=5\n", "", 1)
	s, err := parse("sample.txt", wrong)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.rewritten(execute(t, s, straight).found); got != sample {
		t.Errorf("rewritten to\n%s", got)
	}
}

func TestRows(t *testing.T) {
	got, err := rows([]string{`cpu{host="a", b="c d"} 1s every 500ms: 1 _x2 2x2`, "! rubbish", `x 1h: -3`})
	if err != nil {
		t.Fatal(err)
	}
	var text []string
	for _, r := range got {
		text = append(text, fmt.Sprint((r.time-epoch)/1e6, " ", strings.ReplaceAll(r.value, fmt.Sprint(r.time), "T")))
	}
	want := []string{`1000 cpu{host="a", b="c d"} 1 T`, `2500 cpu{host="a", b="c d"} 2 T`, `3000 cpu{host="a", b="c d"} 2 T`, "3000 ! rubbish", "3600000 x -3 T"}
	if !slices.Equal(text, want) {
		t.Errorf("%q", text)
	}
	for _, bad := range []string{"cpu 1s 2", "cpu: 1", "cpu 1s every: 1", "cpu soon: 1", "cpu 1s: 1xmany", `cpu{host="a" 1s: 1`} {
		if _, err := rows([]string{bad}); err == nil {
			t.Errorf("%q is taken for rows", bad)
		}
	}
}

func TestScriptFaults(t *testing.T) {
	for text, want := range map[string]string{
		"start\nrubbish\n":            `s.txt:2: there is no statement "rubbish"`,
		"  indented\n":                "s.txt:1: the statement above has no block",
		"start\n  indented\n":         "s.txt:2: the statement above has no block",
		"also in any other way\n":     `s.txt:1: "also in any other way" is not understood`,
		"# a comment\nsame as ever\n": `s.txt:2: "same as ever" is not understood`,
	} {
		if _, err := parse("s.txt", text); err == nil || err.Error() != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}

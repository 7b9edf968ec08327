package window

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/pipeline"
)

// with makes the operator with settings and the default limit of tests.
func with(s pipeline.Settings) func() (pipeline.Operator, error) {
	return func() (pipeline.Operator, error) {
		all := pipeline.Settings{"limit": int64(4 << 20)}
		for k, v := range s {
			all[k] = v
		}
		return New(all)
	}
}

var (
	hopping   = pipeline.Settings{"size": 30 * time.Second, "every": 10 * time.Second}
	silence   = pipeline.Settings{"session": pipeline.Settings{"gap": 5 * time.Second, "max": 20 * time.Second}}
	threeRows = pipeline.Settings{"count": int64(3)}
	atMostTwo = pipeline.Settings{"size": 10 * time.Second, "max_rows": int64(2)}
	tumbling  = pipeline.Settings{"size": 10 * time.Second}
)

func TestKinds(t *testing.T) {
	for _, c := range []struct {
		fact        string
		settings    pipeline.Settings
		input, want string
		lost        map[string]int
	}{{
		fact:     "a row is in each window that holds its time",
		settings: hopping,
		input: `
			points cpu{} at 10s every 10s: 1 2 4
			points load{} at 35s: 5
			watermark 70s`,
		want: `
			[-10s,20s) cpu{} count=1 sum=1 min=1 max=1 last=1
			[0s,30s) cpu{} count=2 sum=3 min=1 max=2 last=2
			[10s,40s) cpu{} count=3 sum=7 min=1 max=4 last=4
			[10s,40s) load{} count=1 sum=5 min=5 max=5 last=5
			[20s,50s) cpu{} count=2 sum=6 min=2 max=4 last=4
			[20s,50s) load{} count=1 sum=5 min=5 max=5 last=5
			[30s,1m) cpu{} count=1 sum=4 min=4 max=4 last=4
			[30s,1m) load{} count=1 sum=5 min=5 max=5 last=5`,
	}, {
		fact:     "windows that overlap have gaps where there are no rows",
		settings: hopping,
		input: `
			points cpu{} at 10s: 1
			points cpu{} at 80s: 2
			watermark 91s`,
		want: `
			[-10s,20s) cpu{} count=1 sum=1 min=1 max=1 last=1
			[0s,30s) cpu{} count=1 sum=1 min=1 max=1 last=1
			[10s,40s) cpu{} count=1 sum=1 min=1 max=1 last=1
			[1m,1m30s) cpu{} count=1 sum=2 min=2 max=2 last=2`,
	}, {
		fact:     "a counter's increases add up over windows that overlap",
		settings: hopping,
		input: `
			points hits:cumulative{} at 15s every 10s: 100 103 1 6
			watermark 60s`,
		want: `
			[-10s,20s) hits:cumulative{} count=1 sum=0 min=100 max=100 last=100
			[0s,30s) hits:cumulative{} count=2 sum=3 min=100 max=103 last=103
			[10s,40s) hits:cumulative{} count=3 sum=4 min=1 max=103 last=1
			[20s,50s) hits:cumulative{} count=3 sum=9 min=1 max=103 last=6
			[30s,1m) hits:cumulative{} count=2 sum=6 min=1 max=6 last=6`,
	}, {
		fact:     "a row whose first window has closed is late for all",
		settings: hopping,
		input: `
			points cpu{} at 10s: 1
			watermark 20s
			points cpu{} at 19s every 1s: 7 2
			watermark 30s`,
		want: `
			[-10s,20s) cpu{} count=1 sum=1 min=1 max=1 last=1
			[0s,30s) cpu{} count=2 sum=3 min=1 max=2 last=2`,
		lost: map[string]int{"late": 1},
	}, {
		fact:     "a session ends when its series is silent",
		settings: silence,
		input: `
			points a{} at 1s every 4s: 1 2 3
			points b{} at 3s: 9
			points a{} at 14s: 4
			watermark 25s`,
		want: `
			[3s,8s) b{} count=1 sum=9 min=9 max=9 last=9
			[1s,14s) a{} count=3 sum=6 min=1 max=3 last=3
			[14s,19s) a{} count=1 sum=4 min=4 max=4 last=4`,
	}, {
		fact:     "a session of greatest length ends, and another begins",
		settings: silence,
		input: `
			points a{} at 1s every 4s: 1x7
			watermark 40s`,
		want: `
			[1s,21s) a{} count=5 sum=5 min=1 max=1 last=1
			[21s,34s) a{} count=3 sum=3 min=1 max=1 last=1`,
	}, {
		fact:     "a row in any place joins two sessions",
		settings: silence,
		input: `
			points a{} at 1s: 1
			points a{} at 9s: 2
			points a{} at 5s: 4
			watermark 20s`,
		want: `[1s,14s) a{} count=3 sum=7 min=1 max=4 last=2`,
	}, {
		fact:     "sessions of one time come together",
		settings: silence,
		input: `
			points a{} at 1s: 1
			points b{} at 1s: 2
			logs app:stream{} at 1s: 17
			watermark 20s`,
		want: `
			[1s,6s) a{} count=1 sum=1 min=1 max=1 last=1
			[1s,6s) b{} count=1 sum=2 min=2 max=2 last=2
			[1s,6s) app:stream{} count=1 sum=1 min=17 max=17 last=17`,
	}, {
		fact:     "rows before the watermark are late for sessions",
		settings: silence,
		input: `
			points a{} at 10s: 1
			watermark 12s
			points a{} at 11s every 2s: 5 2
			watermark 30s`,
		want: `[10s,18s) a{} count=2 sum=3 min=1 max=2 last=2`,
		lost: map[string]int{"late": 1},
	}, {
		fact:     "a window of so many rows ends behind the last of them",
		settings: threeRows,
		input: `
			points a{} at 1s every 1s: 1 2 3 4 5
			points b{} at 1s: 1
			watermark 3s
			watermark 4s
			points a{} at 6s: 6
			watermark 20s`,
		want: `
			[1s,3.000000001s) a{} count=3 sum=6 min=1 max=3 last=3
			[4s,6.000000001s) a{} count=3 sum=15 min=4 max=6 last=6`,
	}, {
		fact:     "rows of one time are not cut apart",
		settings: threeRows,
		input: `
			points a{} at 1s every 0s: 1 2 3 4 5
			points a{} at 2s: 6
			watermark 20s`,
		want: `[1s,1.000000001s) a{} count=5 sum=15 min=1 max=5 last=5`,
	}, {
		fact:     "a counter's increases go on over windows that end by number",
		settings: threeRows,
		input: `
			points hits:cumulative{} at 1s every 1s: 10 11 13 14 2 3
			watermark 20s`,
		want: `
			[1s,3.000000001s) hits:cumulative{} count=3 sum=3 min=10 max=13 last=13
			[4s,6.000000001s) hits:cumulative{} count=3 sum=4 min=2 max=14 last=3`,
	}, {
		fact:     "a window with too many rows ends early, and the rest of its time is another",
		settings: atMostTwo,
		input: `
			points a{} at 11s every 2s: 1 2 3 4 5
			points b{} at 11s: 9
			watermark 40s`,
		want: `
			[10s,13.000000001s) a{} count=2 sum=3 min=1 max=2 last=2
			[13.000000001s,17.000000001s) a{} count=2 sum=7 min=3 max=4 last=4
			[10s,20s) b{} count=1 sum=9 min=9 max=9 last=9
			[17.000000001s,20s) a{} count=1 sum=5 min=5 max=5 last=5`,
	}} {
		t.Run(c.fact, func(t *testing.T) {
			operatortest.Run(t, operatortest.Case{New: with(c.settings), Input: operatortest.Script(t, c.input), Want: c.want, Lost: c.lost, AnyOrder: true})
		})
	}
}

// TestKindsConserveRows feeds disordered rows of all types to all kinds of windows: each row is in one window, or lost by a
// reason, or still open at the end; and order, batches and restores change nothing.
func TestKindsConserveRows(t *testing.T) {
	for name, c := range map[string]struct {
		settings pipeline.Settings
		windows  int // that a row is in
		reopen   time.Duration
	}{
		"tumbling": {tumbling, 1, 0}, "hopping": {hopping, 3, 0}, "sessions": {silence, 1, 0}, "max_rows": {atMostTwo, 1, 0},
		"reopened": {tumbling, 1, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(3, 9))
			in, rows, mark := operatortest.NewInput(), 0, int64(100e9)
			for range 10 {
				for range 20 {
					at := mark + rnd.Int64N(40e9)
					if rnd.IntN(10) == 0 {
						at = mark - rnd.Int64N(90e9) // late, mostly
					}
					at -= at % 1e9 // with equal times
					rows++
					switch i := rnd.IntN(4); rnd.IntN(3) {
					case 0:
						in.Point(fmt.Sprintf(`g{i="%d"}`, i), at, 0, rnd.NormFloat64()*float64(uint64(1)<<rnd.IntN(60)))
					case 1:
						in.Point(fmt.Sprintf(`c:cumulative{i="%d"}`, i), at, 1e9*int64(rnd.IntN(3)), float64(at/1e9%17)+rnd.Float64())
					default:
						in.Log(fmt.Sprintf(`l:stream{i="%d"}`, i), at, uint8(rnd.IntN(25)), "")
					}
				}
				mark += rnd.Int64N(15e9)
				in.Watermark(mark)
			}
			in.Watermark(mark + 200e9)
			lost := lateRows(in, with(c.settings), c.reopen, t)
			operatortest.Run(t, operatortest.Case{
				New: with(c.settings), Input: in, AnyOrder: true, FixedTime: false, Lost: lost,
				Env: func(env *pipeline.Env) { env.Reopen = int64(c.reopen) },
				Check: func(t testing.TB, out *operatortest.Output) {
					counts := map[string]int64{}
					newest := map[string]int64{}
					windows := operatortest.Windows(out)
					for i, b := range out.Batches {
						w := windows[i]
						for k, s := range w.Series {
							id := fmt.Sprint(s, w.Start, w.End)
							if b.Revision == 0 && counts[id] != 0 || b.Revision > 0 && b.Revision <= newest[id] {
								t.Errorf("window %s came twice", id)
							}
							if w.Count[k] < counts[id] {
								t.Errorf("window %s lost rows when it was opened again", id)
							}
							counts[id], newest[id] = w.Count[k], b.Revision
						}
					}
					total := int64(0)
					for _, n := range counts {
						total += n
					}
					if want := int64((rows - lost["late"]) * c.windows); total != want || lost["late"] == 0 {
						t.Errorf("I1 conservation: %d rows less %d late in %d windows each make %d, got %d", rows, lost["late"], c.windows, want, total)
					}
				},
			})
		})
	}
}

// lateRows drives the input once and returns what was lost; the case then demands the same of every other way to feed it.
func lateRows(in *operatortest.Input, make func() (pipeline.Operator, error), reopen time.Duration, t *testing.T) map[string]int {
	t.Helper()
	var lost map[string]int
	operatortest.Once(t, operatortest.Case{
		New: make, Input: in, Env: func(env *pipeline.Env) { env.Reopen = int64(reopen) },
		Check: func(_ testing.TB, out *operatortest.Output) { lost = out.Lost },
	})
	return lost
}

// TestQuietSource tells time alone: each kind of window ends by the watermark of its end, without another row.
func TestQuietSource(t *testing.T) {
	for name, c := range map[string]struct {
		settings pipeline.Settings
		want     string
	}{
		"tumbling": {tumbling, `[10s,20s) cpu{} count=1 sum=1 min=1 max=1 last=1`},
		"hopping":  {hopping, `[-10s,20s) cpu{} count=1 sum=1 min=1 max=1 last=1`},
		"sessions": {silence, `[15s,20s) cpu{} count=1 sum=1 min=1 max=1 last=1`},
		"max_rows": {atMostTwo, `[10s,20s) cpu{} count=1 sum=1 min=1 max=1 last=1`},
	} {
		t.Run(name, func(t *testing.T) {
			operatortest.Run(t, operatortest.Case{
				New:   with(c.settings),
				Input: operatortest.Script(t, "points cpu{} at 15s: 1\nwatermark 19s\nwatermark 20s"), Want: c.want,
			})
			operatortest.Run(t, operatortest.Case{
				New:   with(c.settings),
				Input: operatortest.Script(t, "points cpu{} at 15s: 1\nwatermark 19.999999999s"), Silent: true,
			})
		})
	}
}

func TestSettingsThatDontFit(t *testing.T) {
	for code, list := range map[string][]pipeline.Settings{
		"window.kind": {
			{"size": time.Second, "count": int64(3)}, {"size": time.Second, "session": silence["session"]}, {"count": int64(3), "session": silence["session"]},
			{"count": int64(3), "max_rows": int64(3)}, {"size": 10 * time.Second, "every": 5 * time.Second, "max_rows": int64(3)},
		},
		"window.every":       {{"size": 10 * time.Second, "every": 3 * time.Second}, {"every": 11 * time.Second}, {"size": time.Hour, "every": time.Second}},
		"window.session.gap": {{"session": pipeline.Settings{"gap": time.Minute, "max": time.Second}}},
	} {
		for _, s := range list {
			if _, err := with(s)(); pipeline.Code(err) != code {
				t.Errorf("%v: got %v, want %s", s, err, code)
			}
		}
	}
}

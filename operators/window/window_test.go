package window

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/pipeline"
)

func made(size time.Duration, limit int64) func() (pipeline.Operator, error) {
	return func() (pipeline.Operator, error) {
		return New(pipeline.Settings{"size": size, "limit": limit})
	}
}

func TestWindow(t *testing.T) {
	for _, c := range []struct {
		fact, input, want string
		lost              map[string]int
	}{{
		fact: "a gauge's values are counted",
		input: `
			points cpu{host="a"} at 10s every 2s: 1 5 3
			watermark 20s`,
		want: `[10s,20s) cpu{host="a"} count=3 sum=9 min=1 max=5 last=3`,
	}, {
		fact: "the end belongs to the next window",
		input: `
			points cpu{} at 19s every 1s: 1 2
			watermark 30s`,
		want: `
			[10s,20s) cpu{} count=1 sum=1 min=1 max=1 last=1
			[20s,30s) cpu{} count=1 sum=2 min=2 max=2 last=2`,
	}, {
		fact: "a window stays open until the watermark reaches its end",
		input: `
			points cpu{} at 10s: 1
			watermark 19s
			points cpu{} at 19s: 2
			watermark 20s
			points cpu{} at 20s: 3`,
		want: `[10s,20s) cpu{} count=2 sum=3 min=1 max=2 last=2`,
	}, {
		fact: "windows close in order of their end, rows in order of first sight",
		input: `
			points b{} at 25s: 2
			points a{} at 25s: 1
			points a{} at 12s: 3
			points b{} at 13s: 4
			watermark 30s`,
		want: `
			[10s,20s) b{} count=1 sum=4 min=4 max=4 last=4
			[10s,20s) a{} count=1 sum=3 min=3 max=3 last=3
			[20s,30s) b{} count=1 sum=2 min=2 max=2 last=2
			[20s,30s) a{} count=1 sum=1 min=1 max=1 last=1`,
	}, {
		fact: "last is the latest in time, not in the input",
		input: `
			points cpu{} at 15s: 9
			points cpu{} at 12s: 7
			watermark 20s`,
		want: `[10s,20s) cpu{} count=2 sum=16 min=7 max=9 last=9`,
	}, {
		fact: "rows of a closed window are lost",
		input: `
			points cpu{} at 10s: 1
			watermark 20s
			points cpu{} at 19s every 1s: 2 3
			watermark 30s`,
		want: `
			[10s,20s) cpu{} count=1 sum=1 min=1 max=1 last=1
			[20s,30s) cpu{} count=1 sum=3 min=3 max=3 last=3`,
		lost: map[string]int{"late": 1},
	}, {
		fact: "rows before the watermark whose window is open are kept",
		input: `
			points cpu{} at 10s: 1
			watermark 17s
			points cpu{} at 11s: 2
			watermark 20s`,
		want: `[10s,20s) cpu{} count=2 sum=3 min=1 max=2 last=2`,
	}, {
		fact: "what is no finite number is lost",
		input: `
			points cpu{} at 10s: 1 NaN +Inf -Inf 2
			watermark 20s`,
		want: `[10s,20s) cpu{} count=2 sum=3 min=1 max=2 last=2`,
		lost: map[string]int{"not_finite": 3},
	}, {
		fact: "a delta's sum is its increase",
		input: `
			points requests:delta{} at 10s every 3s: 4 0 2
			watermark 20s`,
		want: `[10s,20s) requests:delta{} count=3 sum=6 min=0 max=4 last=2`,
	}, {
		fact: "a counter's sum is what it gained since the window before",
		input: `
			points requests:cumulative{} at 10s every 5s: 100 103 110 110 111
			watermark 40s`,
		want: `
			[10s,20s) requests:cumulative{} count=2 sum=3 min=100 max=103 last=103
			[20s,30s) requests:cumulative{} count=2 sum=7 min=110 max=110 last=110
			[30s,40s) requests:cumulative{} count=1 sum=1 min=111 max=111 last=111`,
	}, {
		fact: "a counter's first value counts when the counter began in this window",
		input: `
			points requests:cumulative{} at 15s every 5s start 12s: 7 9
			watermark 30s`,
		want: `
			[10s,20s) requests:cumulative{} count=1 sum=7 min=7 max=7 last=7
			[20s,30s) requests:cumulative{} count=1 sum=2 min=9 max=9 last=9`,
	}, {
		fact: "a counter that began earlier only sets its base",
		input: `
			points requests:cumulative{} at 15s start 5s: 7
			watermark 20s`,
		want: `[10s,20s) requests:cumulative{} count=1 sum=0 min=7 max=7 last=7`,
	}, {
		fact: "a counter that fell began at 0, within a window and between two",
		input: `
			points requests:cumulative{} at 10s every 4s: 100 104 3
			points requests:cumulative{} at 20s every 4s: 1 2
			watermark 30s`,
		want: `
			[10s,20s) requests:cumulative{} count=3 sum=7 min=3 max=104 last=3
			[20s,30s) requests:cumulative{} count=2 sum=2 min=1 max=2 last=2`,
	}, {
		fact: "a counter with a new start time began at 0 although it did not fall",
		input: `
			points requests:cumulative{} at 10s start 1s: 5
			points requests:cumulative{} at 12s start 11s: 6
			points requests:cumulative{} at 20s start 19s: 7
			watermark 30s`,
		want: `
			[10s,20s) requests:cumulative{} count=2 sum=6 min=5 max=6 last=6
			[20s,30s) requests:cumulative{} count=1 sum=7 min=7 max=7 last=7`,
	}, {
		fact: "an unknown start time is no reset",
		input: `
			points requests:cumulative{} at 10s start 1s: 5
			points requests:cumulative{} at 12s: 6
			watermark 20s`,
		want: `[10s,20s) requests:cumulative{} count=2 sum=1 min=5 max=6 last=6`,
	}, {
		fact: "points of a counter may come in any order",
		input: `
			points requests:cumulative{} at 18s: 108
			points requests:cumulative{} at 10s: 100
			points requests:cumulative{} at 14s: 104
			points requests:cumulative{} at 28s: 120
			points requests:cumulative{} at 21s: 110
			watermark 30s`,
		want: `
			[10s,20s) requests:cumulative{} count=3 sum=8 min=100 max=108 last=108
			[20s,30s) requests:cumulative{} count=2 sum=12 min=110 max=120 last=120`,
	}, {
		fact: "a counter keeps its base over windows without points",
		input: `
			points requests:cumulative{} at 10s: 100
			points cpu{} at 20s: 1
			points requests:cumulative{} at 35s: 150
			watermark 40s`,
		want: `
			[10s,20s) requests:cumulative{} count=1 sum=0 min=100 max=100 last=100
			[20s,30s) cpu{} count=1 sum=1 min=1 max=1 last=1
			[30s,40s) requests:cumulative{} count=1 sum=50 min=150 max=150 last=150`,
	}, {
		fact: "log records are counted, with those of severity ERROR and above",
		input: `
			logs app:stream{service="cart"} at 10s: 9 17"boom" 16 21 0
			watermark 20s`,
		want: `[10s,20s) app:stream{service="cart"} count=5 sum=2 min=0 max=21 last=0`,
	}, {
		fact: "points and records share a window",
		input: `
			logs app:stream{} at 10s: 9
			points cpu{} at 11s: 1
			logs app:stream{} at 12s: 9
			watermark 20s`,
		want: `
			[10s,20s) app:stream{} count=2 sum=0 min=9 max=9 last=9
			[10s,20s) cpu{} count=1 sum=1 min=1 max=1 last=1`,
	}, {
		fact: "times before 1970 have windows too",
		input: `
			points cpu{} at -1s: 1 2
			watermark 10s`,
		want: `
			[-10s,0s) cpu{} count=1 sum=1 min=1 max=1 last=1
			[0s,10s) cpu{} count=1 sum=2 min=2 max=2 last=2`,
	}} {
		t.Run(c.fact, func(t *testing.T) {
			operatortest.Run(t, operatortest.Case{
				New: made(10*time.Second, 1<<20), Input: operatortest.Script(t, c.input), Want: c.want, Lost: c.lost, AnyOrder: true,
			})
		})
	}
}

func TestLimit(t *testing.T) {
	operatortest.Run(t, operatortest.Case{
		New: made(10*time.Second, 4*cellPage), FixedTime: true, // room for four windows of one series
		Input: operatortest.Script(t, `
			points cpu{} at 10s every 10s: 1x9
			watermark 110s
			points cpu{} at 110s: 5
			watermark 120s`),
		Want: `
			[10s,20s) cpu{} count=1 sum=1 min=1 max=1 last=1
			[20s,30s) cpu{} count=1 sum=1 min=1 max=1 last=1
			[30s,40s) cpu{} count=1 sum=1 min=1 max=1 last=1
			[40s,50s) cpu{} count=1 sum=1 min=1 max=1 last=1
			[1m50s,2m) cpu{} count=1 sum=5 min=5 max=5 last=5`,
		Lost: map[string]int{"window_limit": 6},
	})
}

// TestRandom compares many disordered points with sums computed by hand, and checks that no row disappears.
func TestRandom(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	in := operatortest.NewInput()
	type cell struct {
		count int64
		sum   float64
	}
	want := map[string]cell{}
	mark := int64(100e9)
	for range 20 {
		for range 60 {
			key := fmt.Sprintf(`m{i="%d"}`, rnd.IntN(9))
			at, v := mark+rnd.Int64N(40e9), math.Floor(rnd.NormFloat64()*1000)
			in.Point(key, at, 0, v)
			k := fmt.Sprintf("%s/%d", key, at/10e9)
			want[k] = cell{want[k].count + 1, want[k].sum + v}
		}
		mark += rnd.Int64N(15e9)
		in.Watermark(mark)
	}
	in.Watermark(mark + 100e9)
	operatortest.Run(t, operatortest.Case{New: made(10*time.Second, 1<<20), Input: in, AnyOrder: true, Check: func(t testing.TB, out *operatortest.Output) {
		rows := int64(0)
		for _, w := range operatortest.Windows(out) {
			for i, s := range w.Series {
				k := fmt.Sprintf("%s/%d", out.Series.At(s).Key(), w.Start/10e9)
				if want[k] != (cell{w.Count[i], w.Sum[i]}) {
					t.Errorf("%s: %v points with sum %v, want %v", k, w.Count[i], w.Sum[i], want[k])
				}
				rows += w.Count[i]
			}
		}
		if rows != 20*60 {
			t.Errorf("I1 conservation: %d rows in, %d out", 20*60, rows)
		}
	}})
}

func TestRestoreRefusesAnotherSize(t *testing.T) {
	var b bytes.Buffer
	from, _ := made(10*time.Second, 1<<20)()
	to, _ := made(5*time.Second, 1<<20)()
	save(t, from.(*Window), &b)
	if err := to.(*Window).Restore(&b); pipeline.Code(err) != "window.snapshot.size" {
		t.Fatalf("got %v", err)
	}
}

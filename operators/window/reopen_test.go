package window

import (
	"testing"

	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/pipeline"
)

func TestReopen(t *testing.T) {
	for _, c := range []struct {
		fact, input, want string
		lost              map[string]int
	}{{
		fact: "a late row opens its window again, which comes whole and with a higher revision",
		input: `
			points a{} at 10s: 1
			points b{} at 10s: 2
			watermark 30s
			points a{} at 11s: 5
			points a{} at 31s: 7
			watermark 40s
			points a{} at 12s: 6
			watermark 45s`,
		want: `
			[10s,20s) a{} count=1 sum=1 min=1 max=1 last=1
			[10s,20s) b{} count=1 sum=2 min=2 max=2 last=2
			[10s,20s) a{} count=2 sum=6 min=1 max=5 last=5 rev=1
			[10s,20s) b{} count=1 sum=2 min=2 max=2 last=2 rev=1
			[30s,40s) a{} count=1 sum=7 min=7 max=7 last=7
			[10s,20s) a{} count=3 sum=12 min=1 max=6 last=6 rev=2
			[10s,20s) b{} count=1 sum=2 min=2 max=2 last=2 rev=2`,
	}, {
		fact: "a window that comes after its time is a revision from the start",
		input: `
			points a{} at 30s: 1
			watermark 40s
			points a{} at 11s: 5
			watermark 41s`,
		want: `
			[30s,40s) a{} count=1 sum=1 min=1 max=1 last=1
			[10s,20s) a{} count=1 sum=5 min=5 max=5 last=5 rev=1`,
	}, {
		fact: "what is later than that is lost",
		input: `
			points a{} at 10s: 1
			watermark 49s
			points a{} at 10s: 2
			watermark 50s
			points a{} at 10s: 3
			watermark 60s`,
		want: `
			[10s,20s) a{} count=1 sum=1 min=1 max=1 last=1
			[10s,20s) a{} count=2 sum=3 min=1 max=2 last=2 rev=1`,
		lost: map[string]int{"late": 1},
	}, {
		fact: "a counter's next window counts from the late point",
		input: `
			points hits:cumulative{} at 10s: 100
			points hits:cumulative{} at 20s: 110
			points hits:cumulative{} at 30s: 120
			watermark 40s
			points hits:cumulative{} at 15s: 104
			watermark 41s
			points hits:cumulative{} at 12s: 102
			points hits:cumulative{} at 41s: 121
			watermark 50s`,
		want: `
			[10s,20s) hits:cumulative{} count=1 sum=0 min=100 max=100 last=100
			[20s,30s) hits:cumulative{} count=1 sum=10 min=110 max=110 last=110
			[30s,40s) hits:cumulative{} count=1 sum=10 min=120 max=120 last=120
			[10s,20s) hits:cumulative{} count=2 sum=4 min=100 max=104 last=104 rev=1
			[20s,30s) hits:cumulative{} count=1 sum=6 min=110 max=110 last=110 rev=1
			[10s,20s) hits:cumulative{} count=3 sum=4 min=100 max=104 last=104 rev=2
			[40s,50s) hits:cumulative{} count=1 sum=1 min=121 max=121 last=121`,
	}, {
		fact: "a counter's late window counts from the window before, and the next from it",
		input: `
			points hits:cumulative{} at 20s: 100
			points hits:cumulative{} at 40s: 120
			watermark 50s
			points hits:cumulative{} at 35s: 117
			watermark 51s
			points hits:cumulative{} at 45s: 125
			watermark 52s
			points hits:cumulative{} at 55s: 126
			watermark 60s`,
		want: `
			[20s,30s) hits:cumulative{} count=1 sum=0 min=100 max=100 last=100
			[40s,50s) hits:cumulative{} count=1 sum=20 min=120 max=120 last=120
			[30s,40s) hits:cumulative{} count=1 sum=17 min=117 max=117 last=117 rev=1
			[40s,50s) hits:cumulative{} count=1 sum=3 min=120 max=120 last=120 rev=1
			[40s,50s) hits:cumulative{} count=2 sum=8 min=120 max=125 last=125 rev=2
			[50s,1m) hits:cumulative{} count=1 sum=1 min=126 max=126 last=126`,
	}} {
		t.Run(c.fact, func(t *testing.T) {
			operatortest.Run(t, operatortest.Case{
				New: with(tumbling), Input: operatortest.Script(t, c.input), Want: c.want, Lost: c.lost, AnyOrder: true,
				Env: func(env *pipeline.Env) { env.Reopen = 30e9 },
			})
		})
	}
}

// TestReopenGivesWayToTheOpen has room for three windows: those that closed make room, the oldest first, and what would
// open them again is lost.
func TestReopenGivesWayToTheOpen(t *testing.T) {
	operatortest.Run(t, operatortest.Case{
		New: made(10e9, 3*cellPage), FixedTime: true,
		Env: func(env *pipeline.Env) { env.Reopen = 1000e9 },
		Input: operatortest.Script(t, `
			points a{} at 10s: 1
			watermark 20s
			points a{} at 20s: 2
			watermark 30s
			points a{} at 30s: 3
			watermark 40s
			points a{} at 40s: 4
			watermark 50s
			points a{} at 12s: 9
			points a{} at 32s: 9
			watermark 60s`),
		Want: `
			[10s,20s) a{} count=1 sum=1 min=1 max=1 last=1
			[20s,30s) a{} count=1 sum=2 min=2 max=2 last=2
			[30s,40s) a{} count=1 sum=3 min=3 max=3 last=3
			[40s,50s) a{} count=1 sum=4 min=4 max=4 last=4
			[30s,40s) a{} count=2 sum=12 min=3 max=9 last=9 rev=1`,
		Lost: map[string]int{"window_evicted": 1},
	})
}

func TestOnlyPlainWindowsReopen(t *testing.T) {
	for _, s := range []pipeline.Settings{hopping, silence, threeRows, atMostTwo} {
		op, err := with(s)()
		if err != nil {
			t.Fatal(err)
		}
		if err := op.Open(&pipeline.Env{Reopen: 1}); pipeline.Code(err) != "window.reopen" {
			t.Errorf("%v: got %v", s, err)
		}
	}
}

package forecast

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/pipeline"
)

func made(changes ...any) func() (pipeline.Detector, error) {
	return func() (pipeline.Detector, error) { return New(operatortest.Settings(Spec(), changes...)) }
}

func detector(t testing.TB, changes ...any) *Detector {
	t.Helper()
	d, err := made(changes...)()
	if err != nil {
		t.Fatal(err)
	}
	return d.(*Detector)
}

// days writes values of days, one in two hours, of which each letter is one: w a day with a peak from eight to four, m one whose peak stays away,
// j one whose peak is twice as high, _ one without a word.
func days(letters string) string {
	var out []string
	for day, letter := range letters {
		for hour := 0; hour < 24; hour += 2 {
			v := 20 + (day+hour/2)%2
			if hour >= 8 && hour < 16 {
				v += map[rune]int{'w': 60, 'j': 140}[letter]
			}
			if letter == '_' {
				out = append(out, "_")
				continue
			}
			out = append(out, fmt.Sprint(v))
		}
	}
	return strings.Join(out, " ")
}

func TestFindings(t *testing.T) {
	quick := []any{"hold", int64(2), "of", int64(3), "clear", int64(2)}
	for _, c := range []struct {
		fact, days, want string
		changes          []any
	}{{
		fact: "a peak that stays away", days: "wwwwm",
		want: `
			[106h,108h) rps{host="a"} open rev=0 onset=104h score=2.76407 value=21 expect=57.8362..99.6268 down p=0.996377 evidence{expected=78.7454 scale=3.48024 z=-16.5844 season_days=1}
			[114h,116h) rps{host="a"} closed rev=1 onset=104h score=0.087234 value=21 expect=-1.24727..39.6773 up p=0.215041 evidence{expected=19.215 scale=3.41038 z=0.523404 season_days=1}`,
	}, {
		fact: "a peak that is too high", days: "wwwwj", changes: []any{"direction", "up"},
		want: `
			[106h,108h) rps{host="a"} open rev=0 onset=104h score=3.85448 value=161 expect=59.6038..101.394 up p=0.998134 evidence{expected=80.513 scale=3.48024 z=23.1269 season_days=1}
			[114h,116h) rps{host="a"} closed rev=1 onset=104h score=0 value=21 expect=0.661188..42.0761 down p=0.0112794 evidence{expected=21.3686 scale=3.45124 z=-0.106808 season_days=1}`,
	}, {
		fact: "days that are as those before", days: "wwwww",
	}, {
		fact: "days without a word", days: "www_ww",
	}, {
		fact: "one side only", days: "wwwwm", changes: []any{"direction", "up"},
	}} {
		t.Run(c.fact, func(t *testing.T) {
			operatortest.RunDetector(t, operatortest.DetectorCase{
				New: made(append(c.changes, quick...)...), Input: operatortest.Script(t, `windows rps{host="a"} at 0s every 2h: `+days(c.days)),
				Want: c.want, Silent: c.want == "",
			})
		})
	}
}

// kinds are quiet series: what they are t seconds after their beginning.
var kinds = map[string]func(rnd *rand.Rand) func(t float64) float64{
	"sine":     daily24(func(x float64) float64 { return 100 + 60*math.Sin(2*math.Pi*x) }),
	"square":   daily24(func(x float64) float64 { return map[bool]float64{true: 80, false: 20}[x > 0.375 && x < 0.75] }),
	"sawtooth": daily24(func(x float64) float64 { return 100 * x }),
	"jump":     daily24(func(x float64) float64 { return map[bool]float64{true: 200, false: 20}[x < 0.02] }),
	"trend": func(rnd *rand.Rand) func(float64) float64 {
		f := daily24(func(x float64) float64 { return 100 + 60*math.Sin(2*math.Pi*x) })(rnd)
		return func(t float64) float64 { return f(t) + t/86400*20 }
	},
	"busier days": func(rnd *rand.Rand) func(float64) float64 {
		f := daily24(func(x float64) float64 { return 100 + 60*math.Sin(2*math.Pi*x) })(rnd)
		day, by := -1, 1.0
		return func(t float64) float64 {
			if d := int(t / 86400); d != day {
				day, by = d, 1+0.08*rnd.NormFloat64()
			}
			return f(t) * by
		}
	},
	"walk": func(rnd *rand.Rand) func(float64) float64 {
		x := 1000.0
		return func(float64) float64 { x += rnd.NormFloat64(); return x }
	},
	"week": func(rnd *rand.Rand) func(float64) float64 {
		phase := rnd.Float64() * 86400
		return func(t float64) float64 {
			x := math.Mod(t+phase, 86400) / 86400
			v := 20 + 3*rnd.NormFloat64()
			if x > 0.375 && x < 0.75 {
				v += 60
				if int(t+phase)/86400%7 >= 5 {
					v -= 50
				}
			}
			return v
		}
	},
	"some nights": func(rnd *rand.Rand) func(float64) float64 {
		return func(t float64) float64 {
			x := math.Mod(t, 86400) / 86400
			if x > 0.1 && x < 0.15 && rnd.Float64() < 0.6 {
				return 100 + 400*rnd.Float64()
			}
			return 100 + 3*rnd.NormFloat64()
		}
	},
}

// daily24 is a shape of the day, x being the part of it that is over, at any phase, with noise.
func daily24(shape func(x float64) float64) func(*rand.Rand) func(float64) float64 {
	return func(rnd *rand.Rand) func(float64) float64 {
		phase := rnd.Float64() * 86400
		return func(t float64) float64 { return shape(math.Mod(t+phase, 86400)/86400) + 3*rnd.NormFloat64() }
	}
}

// opening is a finding that opened.
type opening struct{ day, onset float64 }

// run gives series of a kind, in windows of a size, to a detector and returns when findings opened, of each.
func run(t testing.TB, size time.Duration, length, series int, of func(s int) func(t float64) float64) [][]opening {
	t.Helper()
	out := make([][]opening, series)
	for s := range out {
		d := detector(t)
		w := pipeline.Window{Table: pipeline.NewSeriesTable(nil, 0)}
		o, err := w.Table.Intern("m", "", pipeline.Gauge, nil)
		if err != nil {
			t.Fatal(err)
		}
		w.Series, w.Count = []uint32{o}, []int64{1}
		next := of(s)
		var found []pipeline.Finding
		for at := int64(0); at < int64(length)*int64(24*time.Hour); at += int64(size) {
			w.Start, w.End, w.Sum = at, at+int64(size), []float64{next(float64(at) / 1e9)}
			if found, err = d.Detect(&w, found[:0]); err != nil {
				t.Fatal(err)
			}
			for _, f := range found {
				if f.Open && f.Revision == 0 {
					out[s] = append(out[s], opening{float64(f.Start) / 86400e9, float64(f.Onset) / 86400e9})
				}
			}
		}
	}
	return out
}

func seeded(kind string) func(s int) func(float64) float64 {
	return func(s int) func(float64) float64 { return kinds[kind](rand.New(rand.NewPCG(uint64(s), 3))) }
}

// TestSeasons: four weeks of twenty series of each kind, in which nothing happens; what nobody can know is found on the days that it is new.
func TestSeasons(t *testing.T) {
	operatortest.OneGoroutine(t)
	known := map[string]float64{"jump": 2, "some nights": 5, "week": 7.5, "busier days": 3.1} // from this day on
	for kind := range kinds {
		for s, found := range run(t, 5*time.Minute, 28, 20, seeded(kind)) {
			for _, f := range found {
				if f.day > known[kind] {
					t.Errorf("%s %d: a finding on day %.2f", kind, s, f.day)
				}
			}
		}
	}
}

// TestFaults: in each of twenty series of a season the value stays for a day what it was at the beginning of the day, or is off for five hours.
func TestFaults(t *testing.T) {
	operatortest.OneGoroutine(t)
	const day, begin, end = 22, 8.0 / 24, 13.0 / 24
	for _, c := range []struct {
		kind   string
		by     float64 // 0 stays
		least  int     // that are found of 20
		within float64 // hours, of what is off
	}{
		{"sine", 0, 20, 0}, {"square", 0, 20, 0}, {"sawtooth", 0, 20, 0}, {"week", 0, 19, 0}, {"trend", 0, 20, 0},
		{"sine", 40, 20, 0.5}, {"sine", -40, 20, 0.5}, {"square", 40, 19, 0.5}, {"square", -40, 19, 0.5}, {"sawtooth", -40, 17, 0.5}, {"jump", 40, 17, 0.5}, // where the day itself jumps, more is expected
	} {
		found := run(t, 5*time.Minute, 26, 20, func(s int) func(float64) float64 {
			f, held := seeded(c.kind)(s), 0.0
			return func(t float64) float64 {
				v, x := f(t), t/86400-day
				if x <= 0 {
					held = v
				}
				switch {
				case c.by == 0 && x >= 0 && x < 1:
					return held + v - f(t) // with the noise of both
				case c.by != 0 && x >= begin && x < end:
					return v + c.by
				}
				return v
			}
		})
		hits := 0
		for s, list := range found {
			hit := false
			for _, f := range list {
				x := f.day - day
				switch {
				case c.by == 0 && x >= 0 && x < 1:
					hit = true
				case c.by != 0 && x >= begin && x < begin+c.within/24:
					hit = true
					if math.Abs(f.onset-day-begin) > 0.01 {
						t.Errorf("%s by %g, series %d: onset %.3f, not %.3f", c.kind, c.by, s, f.onset-day, begin)
					}
				case f.day > 8 && !(x >= begin && x < end): // it may calm down and come again
					t.Errorf("%s by %g, series %d: a finding on day %.3f", c.kind, c.by, s, f.day)
				}
			}
			if hit {
				hits++
			}
		}
		if hits < c.least {
			t.Errorf("%s by %g: found in %d of 20 series", c.kind, c.by, hits)
		}
	}
}

// TestWindows: the same season and the same fault in windows of any size.
func TestWindows(t *testing.T) {
	operatortest.OneGoroutine(t)
	for _, size := range []time.Duration{10 * time.Second, time.Minute, 30 * time.Minute, time.Hour} {
		for s, found := range run(t, size, 12, 3, func(s int) func(float64) float64 {
			f := seeded("square")(s)
			return func(t float64) float64 {
				if int(t/86400) == 10 {
					return f(0)
				}
				return f(t)
			}
		}) {
			if len(found) != 1 || int(found[0].day) != 10 {
				t.Errorf("windows of %s, series %d: %v, want one finding on day 10", size, s, found)
			}
		}
	}
}

// TestLevel: what lasts for longer than adapt is normal then, and what came before is not.
func TestLevel(t *testing.T) {
	operatortest.OneGoroutine(t)
	for s, found := range run(t, 5*time.Minute, 16, 5, func(s int) func(float64) float64 {
		f := seeded("sine")(s)
		return func(t float64) float64 {
			if t > 10.5*86400 {
				return f(t) + 300
			}
			return f(t)
		}
	}) {
		if len(found) != 1 || found[0].day < 10.5 || found[0].day > 10.6 {
			t.Errorf("series %d: %v, want one finding on day 10", s, found)
		}
	}
}

// TestBar: what comes at all hours is told a few times.
func TestBar(t *testing.T) {
	operatortest.OneGoroutine(t)
	for s, found := range run(t, 5*time.Minute, 28, 5, func(s int) func(float64) float64 {
		rnd := rand.New(rand.NewPCG(uint64(s), 9))
		burst := 0
		return func(t float64) float64 {
			if burst--; burst < 0 && rnd.Float64() < 0.01 {
				burst = 6
			}
			if burst > 0 && t > 4*86400 {
				return 300 + 10*rnd.NormFloat64()
			}
			return 100 + 3*rnd.NormFloat64()
		}
	}) {
		if late := len(found) - countBefore(found, 10); len(found) < 2 || late > 6 {
			t.Errorf("series %d: %v, want a few findings and then at most one in three days", s, found)
		}
	}
}

func countBefore(found []opening, day float64) (n int) {
	for _, f := range found {
		if f.day < day {
			n++
		}
	}
	return n
}

// TestQuiet: five days of ten series of each noise of the kit. The first is silence.
func TestQuiet(t *testing.T) {
	operatortest.OneGoroutine(t)
	for kind, noise := range operatortest.Noises {
		found := operatortest.Scan(t, detector(t), 10, 5*operatortest.Day, func(s int) func(int) float64 {
			next := noise(rand.New(rand.NewPCG(uint64(s), 5)))
			return func(int) float64 { return next() }
		})
		if n := operatortest.Opened(found); n > 0 {
			t.Errorf("%d false findings in 10 series and five days of %s", n, kind)
		}
	}
}

func TestHostile(t *testing.T) { operatortest.Hostile(t, made()) }

// BenchmarkQuiet says what a window of a series costs that is known for four days: in windows of which 180 are in a bin, 6, and one in two.
func BenchmarkQuiet(b *testing.B) {
	for _, size := range []time.Duration{10 * time.Second, 5 * time.Minute, time.Hour} {
		b.Run(size.String(), func(b *testing.B) { bench(b, size) })
	}
}

func bench(b *testing.B, size time.Duration) {
	const series = 2000
	d := detector(b)
	w := pipeline.Window{Table: pipeline.NewSeriesTable(nil, 0)}
	for s := range series {
		o, err := w.Table.Intern(fmt.Sprintf("m%d", s), "", pipeline.Gauge, nil)
		if err != nil {
			b.Fatal(err)
		}
		w.Series, w.Count, w.Sum = append(w.Series, o), append(w.Count, 1), append(w.Sum, 0)
	}
	rnd := rand.New(rand.NewPCG(1, 1))
	var found []pipeline.Finding
	step := func(size time.Duration) {
		w.Start, w.End = w.End, w.End+int64(size)
		at := rnd.Float64()
		for s := range w.Sum {
			w.Sum[s] = 100 + 10*math.Mod(at+float64(s)*0.618, 1)
		}
		found, _ = d.Detect(&w, found[:0])
	}
	for range 4 * 24 {
		step(time.Hour)
	}
	b.ReportAllocs()
	for b.Loop() {
		step(size)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/series, "ns/value")
}

// TestIrregular: rows as they come, a few minutes or an hour apart, and a finding of a series that is gone.
func TestIrregular(t *testing.T) {
	d := detector(t)
	if err := d.Open(&pipeline.Env{}); err != nil {
		t.Fatal(err)
	}
	table := pipeline.NewSeriesTable(nil, 0)
	for _, name := range []string{"m", "other"} {
		if _, err := table.Intern(name, "", pipeline.Gauge, nil); err != nil {
			t.Fatal(err)
		}
	}
	rnd := rand.New(rand.NewPCG(1, 4))
	f := kinds["square"](rnd)
	var found []pipeline.Finding
	day := int64(24 * time.Hour)
	give := func(series uint32, at int64, v float64) {
		w := pipeline.Window{Start: at, End: at, Series: []uint32{series}, Count: []int64{1}, Sum: []float64{v}, Table: table}
		var err error
		if found, err = d.Detect(&w, found); err != nil {
			t.Fatal(err)
		}
	}
	at := int64(0)
	for at < 10*day {
		v := f(float64(at) / 1e9)
		if at > 9*day+day/2 {
			v += 100
		}
		give(0, at, v)
		at += int64(time.Minute) + rnd.Int64N(int64(20*time.Minute))
		if rnd.IntN(50) == 0 {
			at += int64(time.Hour)
		}
	}
	for end := at + day; at < end; at += int64(time.Hour) {
		give(1, at, 1)
	}
	first, last := &found[0], &found[len(found)-1]
	if first.Onset < 9*day+day/2 || first.End > 9*day+day/2+3*int64(time.Hour) {
		t.Errorf("the first at %s from %s", time.Duration(first.End), time.Duration(first.Onset))
	}
	if last.Open || last.Series != 0 || last.Evidence[0].Name != "absent_seconds" {
		t.Errorf("the last is %+v", last)
	}
}

// TestSize: what the package comment says of memory.
func TestSize(t *testing.T) {
	if n := unsafe.Sizeof(head{}) + 4*(pastBins+2*dayBins); n > 3600 {
		t.Errorf("a series takes %d bytes", n)
	}
}

package plant

import (
	"testing"
	"time"
)

// The event loop allocates nothing; only observations and log lines do.
func TestAdvanceAllocatesNothing(t *testing.T) {
	sc, err := Lookup("quiet")
	must(t, err)
	cfg := Default()
	cfg.LogInterval = 10 * time.Hour
	cfg.App.ErrorShare = 0
	s, err := New(cfg, sc, 1, epoch)
	must(t, err)
	s.Advance(10 * time.Minute)
	before := len(s.log.lines)
	if n := testing.AllocsPerRun(20, func() { s.Advance(s.Now() + 5*time.Second) }); n != 0 {
		t.Errorf("%v allocations in five seconds, %d log lines", n, len(s.log.lines)-before)
	}
}

// BenchmarkAdvance reports how many simulated seconds a second of processor time gives, observations
// every five seconds included.
func BenchmarkAdvance(b *testing.B) {
	for _, scenario := range []string{"quiet", "ceiling", "blip"} {
		b.Run(scenario, func(b *testing.B) {
			b.ReportAllocs()
			var simulated time.Duration
			for i := range b.N {
				s := build(b, scenario, uint64(i)+1)
				for s.Now() < time.Hour {
					s.Advance(s.Now() + step)
					s.Observe()
				}
				simulated += s.Now()
			}
			b.ReportMetric(simulated.Seconds()/b.Elapsed().Seconds(), "simulated-s/s")
		})
	}
}

package plant

import (
	"fmt"
	"testing"
	"time"

	"github.com/homeostat/homeostat/operators/operatortest"
)

// eachSeed runs the claim for the seeds from 1, in parallel.
func eachSeed(t *testing.T, seeds uint64, claim func(t *testing.T, seed uint64)) {
	operatortest.OneGoroutine(t)
	t.Parallel()
	for seed := uint64(1); seed <= seeds; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			claim(t, seed)
		})
	}
}

func TestQuietIsHealthyInEverySeed(t *testing.T) {
	eachSeed(t, 50, func(t *testing.T, seed uint64) {
		s := build(t, "quiet", seed)
		all := record(s, 60*time.Minute)
		if share := badShare(t, all); share == 0 || share > 0.002 {
			t.Errorf("bad share %.4f, want a few errors and less than 0.002", share)
		}
		for _, o := range all {
			if n := o.Database.Connections; n > float64(s.cfg.Database.Knee()) {
				t.Errorf("%v: %.1f queries at work, beyond the knee", o.To, n)
			}
		}
		if len(s.Faults()) != 0 {
			t.Errorf("faults %v in quiet", s.Faults())
		}
	})
}

// ceilingAct is when the tests act, after the begin of the burst: the burst is over then.
const ceilingAct = 4 * time.Minute

// jam plays ceiling to the moment of action, aligned to steps.
func jam(t *testing.T, seed uint64) (s *System, before []Observation, burst Fault) {
	t.Helper()
	s = build(t, "ceiling", seed)
	burst = s.Faults()[0]
	before = record(s, (burst.At + ceilingAct).Truncate(step))
	return s, before, burst
}

func TestCeilingStaysJammedWithoutAction(t *testing.T) {
	eachSeed(t, 20, func(t *testing.T, seed uint64) {
		s, before, burst := jam(t, seed)
		after := record(s, 70*time.Minute)
		db := s.cfg.Database
		calm := window(before, 0, burst.At)
		if share := badShare(t, calm); share > 0.002 {
			t.Errorf("bad share %.4f before the burst", share)
		}
		if len(calm) < 20*60/5 {
			t.Errorf("only %d steps before the burst", len(calm))
		}
		for i := 0; i+60 <= len(after); i += 60 {
			if share := badShare(t, after[i:i+60]); share < 0.7 {
				t.Errorf("bad share %.3f in the five minutes after %v", share, after[i].From)
			}
		}
		// The cause, as it can be observed.
		normal := window(before, burst.At-5*time.Minute, burst.At)
		if x := average(after, queries); x > 0.9*average(normal, queries) {
			t.Errorf("the jammed database does %.0f queries a second, normally %.0f", x, average(normal, queries))
		}
		if n, knee := average(after, connections), db.Knee(); n < 3*float64(knee) {
			t.Errorf("%.0f queries at work, knee %d", n, knee)
		}
		if was, is := average(normal, contention), average(after, contention); was > 0.4 || is < 0.9 {
			t.Errorf("contention was %.2f and is %.2f", was, is)
		}
		if cpu := average(after, busiestCPU); cpu > 0.3 {
			t.Errorf("processors are used to %.2f: the hardware has no room", cpu)
		}
		// The demand is not the cause: at its knee the database could do it.
		if u, best := average(after, users), db.Throughput(db.Knee()); u > 0.8*best || u < 0.5*best {
			t.Errorf("%.0f users a second, the database does %.0f at best", u, best)
		}
	})
}

// The two actions that come to mind first: restart an instance, then add some.
func TestCeilingResistsRestartAndScaling(t *testing.T) {
	eachSeed(t, 20, func(t *testing.T, seed uint64) {
		s, before, burst := jam(t, seed)
		jammed := badShare(t, window(before, burst.Until, s.Now()))
		must(t, s.Restart("app-1"))
		acted := s.Now()
		after := window(record(s, acted+5*time.Minute), acted+time.Minute, time.Hour)
		restarted, x := badShare(t, after), average(after, queries)
		if restarted < jammed-0.05 {
			t.Errorf("bad share %.3f after a restart, %.3f before", restarted, jammed)
		}
		must(t, s.Scale(8))
		acted = s.Now()
		after = window(record(s, acted+8*time.Minute), acted+2*time.Minute, time.Hour)
		if share := badShare(t, after); share < restarted+0.08 || share < 0.98 {
			t.Errorf("bad share %.3f with 8 instances, %.3f with 4", share, restarted)
		}
		if is := average(after, queries); is > 0.7*x {
			t.Errorf("%.0f queries a second with 8 instances, %.0f with 4", is, x)
		}
	})
}

func TestCeilingEndsWithAdmissionLimit(t *testing.T) {
	// The whole range in which a runbook's limit may lie.
	limits := []int{20, 24, 32, 40}
	eachSeed(t, 20, func(t *testing.T, seed uint64) {
		s, _, burst := jam(t, seed)
		must(t, s.SetAdmissionLimit(limits[seed%uint64(len(limits))]))
		acted := s.Now()
		after := record(s, acted+15*time.Minute)
		shed := badShare(t, window(after, acted, acted+2*time.Minute))
		if shed < 0.02 || shed > 0.4 {
			t.Errorf("bad share %.3f while shedding", shed)
		}
		healthy := window(after, acted+2*time.Minute, 70*time.Minute)
		if share := badShare(t, healthy); share > 0.01 {
			t.Errorf("bad share %.4f after shedding", share)
		}
		now, then := average(healthy, users), s.script.rate(burst.At-time.Second)
		if now < 0.9*then {
			t.Errorf("%.0f users a second, %.0f before the burst: it is the load that went away", now, then)
		}
		// Once the jam is gone the limit is not needed any more.
		must(t, s.SetAdmissionLimit(0))
		if share := badShare(t, record(s, s.Now()+5*time.Minute)); share > 0.002 {
			t.Errorf("bad share %.4f after the limit was lifted", share)
		}
	})
}

func TestBlipHealsByItself(t *testing.T) {
	eachSeed(t, 40, func(t *testing.T, seed uint64) {
		s := build(t, "blip", seed)
		f := s.Faults()[0]
		all := record(s, 60*time.Minute)
		if share := badShare(t, window(all, 0, f.At)); share > 0.002 {
			t.Errorf("bad share %.4f before the fault", share)
		}
		during := window(all, f.At, f.Until)
		if share := badShare(t, during); share < 0.1 || share > 0.6 {
			t.Errorf("bad share %.3f during the fault", share)
		}
		if share := badShare(t, window(all, f.Until+30*time.Second, 60*time.Minute)); share > 0.002 {
			t.Errorf("bad share %.4f from half a minute after the fault", share)
		}
		// What tells it from a ceiling: the database is not beyond its knee, nor asked for more than it can do.
		db := s.cfg.Database
		if n := average(during, connections); n > float64(db.Knee()) {
			t.Errorf("%.0f queries at work on average, knee %d", n, db.Knee())
		}
		if rate, best := average(during, attempts), db.Throughput(db.Knee()); rate > 0.85*best {
			t.Errorf("%.0f attempts a second, the database does %.0f at best", rate, best)
		}
	})
}

func TestBlipComesInBothKinds(t *testing.T) {
	kinds := map[FaultKind]int{}
	for seed := uint64(1); seed <= 20; seed++ {
		kinds[build(t, "blip", seed).Faults()[0].Kind]++
	}
	if kinds[Stall] < 4 || kinds[IOErrors] < 4 {
		t.Errorf("kinds %v", kinds)
	}
}

func TestSeedsDiffer(t *testing.T) {
	a, b := build(t, "ceiling", 1), build(t, "ceiling", 2)
	if a.Faults()[0] == b.Faults()[0] || a.cfg.Database == b.cfg.Database || a.script.base == b.script.base {
		t.Error("seeds 1 and 2 have the same burst, database or load")
	}
}

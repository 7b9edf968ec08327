package plant

import (
	"math"
	"testing"
	"time"

	"github.com/homeostat/homeostat/operators/operatortest"
)

// Nothing that arrives disappears, at every step of stories with all kinds of ends.
func TestConservation(t *testing.T) {
	operatortest.OneGoroutine(t)
	for _, scenario := range []string{"quiet", "ceiling", "blip"} {
		for seed := uint64(1); seed <= 2; seed++ {
			s := build(t, scenario, seed)
			var web Web
			var lb Balancer
			arrived, gone := map[string]int64{}, map[string]int64{}
			for to := step; to <= 50*time.Minute; to += step {
				s.Advance(to)
				switch to {
				case 5 * time.Minute:
					must(t, s.Scale(6))
				case 15 * time.Minute:
					must(t, s.Scale(4))
				case 30*time.Minute + step:
					must(t, s.Restart("app-1"))
				case 34 * time.Minute:
					must(t, s.Scale(2))
				case 36 * time.Minute:
					must(t, s.SetAdmissionLimit(32))
				case 45 * time.Minute:
					must(t, s.Scale(5))
				}
				o := s.Observe()
				w := o.Web
				if w.Total != w.Good+w.Bad || w.Good != w.OK || w.Bad != w.Refused+w.Timeout+w.Error {
					t.Fatalf("%s %d %v: outcomes do not add up: %+v", scenario, seed, to, w)
				}
				web.Started += w.Started
				web.Total += w.Total
				web.Refused += w.Refused
				if web.Started != web.Total+int64(w.Waiting) {
					t.Fatalf("%s %d %v: %d attempts started, %d ended, %d wait", scenario, seed, to, web.Started, web.Total, w.Waiting)
				}
				web.Arrived += w.Arrived
				web.Served += w.Served
				web.Unserved += w.Unserved
				if open := web.Arrived - web.Served - web.Unserved; open < int64(w.Waiting) {
					t.Fatalf("%s %d %v: %d users are there, %d of them wait", scenario, seed, to, open, w.Waiting)
				}
				lb.Admitted += o.Balancer.Admitted
				lb.Refused += o.Balancer.Refused
				lb.Unroutable += o.Balancer.Unroutable
				if lb.Refused != web.Refused || lb.Admitted+lb.Refused+lb.Unroutable != web.Started {
					t.Fatalf("%s %d %v: balancer %+v, clients %+v", scenario, seed, to, lb, web)
				}
				inFlight, admitted := 0, int64(0)
				for _, in := range o.Instances {
					arrived[in.Entity] += in.Arrived
					gone[in.Entity] += in.Finished + in.Rejected + in.Lost
					if arrived[in.Entity] != gone[in.Entity]+int64(in.InFlight) {
						t.Fatalf("%s %d %v %s: %d arrived, %d gone, %d in flight", scenario, seed, to, in.Entity,
							arrived[in.Entity], gone[in.Entity], in.InFlight)
					}
					inFlight += in.InFlight
				}
				for _, n := range arrived {
					admitted += n
				}
				if inFlight != o.Balancer.InFlight || admitted != lb.Admitted {
					t.Fatalf("%s %d %v: %d and %d in flight, %d and %d admitted", scenario, seed, to,
						inFlight, o.Balancer.InFlight, admitted, lb.Admitted)
				}
			}
		}
	}
}

func TestLimitsHold(t *testing.T) {
	operatortest.OneGoroutine(t)
	s, _, _ := jam(t, 2)
	must(t, s.Scale(16)) // sixteen pools of 20 are more than the database takes
	for _, o := range record(s, s.Now()+5*time.Minute) {
		if o.Database.Active > o.Database.Limit {
			t.Fatalf("%v: %d connections, limit %d", o.To, o.Database.Active, o.Database.Limit)
		}
		for _, in := range o.Instances {
			if in.ThreadsBusy > float64(in.Threads) || in.Queue > float64(in.QueueLimit) || in.Connections > float64(in.Pool) || in.CPU > 1 {
				t.Fatalf("%v: over a limit: %+v", o.To, in)
			}
		}
	}
	if n := s.database.len(); n != s.cfg.Database.Connections {
		t.Errorf("%d connections in use, want all %d", n, s.cfg.Database.Connections)
	}
	for _, in := range s.instances {
		if in.connections == 0 {
			t.Errorf("%s gets no connection", in.name)
		}
	}
}

// Little's law ties the three numbers that are measured independently.
func TestLittlesLaw(t *testing.T) {
	operatortest.OneGoroutine(t)
	s := build(t, "quiet", 1)
	s.Advance(50 * time.Minute)
	o := s.Observe()
	span := (o.To - o.From).Seconds()
	near := func(what string, n, xw float64) {
		if math.Abs(n-xw) > 0.01*n {
			t.Errorf("%s: N = %.3f, X·W = %.3f", what, n, xw)
		}
	}
	for _, in := range o.Instances {
		near(in.Entity, in.MeanInFlight, float64(in.Finished)/span*in.MeanResidence().Seconds())
	}
	near(o.Database.Entity, o.Database.Connections, float64(o.Database.Done)/span*o.Database.MeanQueryTime().Seconds())
}

// With a fixed number of queries at work the database does what the scalability law says.
func TestDatabaseFollowsTheLaw(t *testing.T) {
	operatortest.OneGoroutine(t)
	s, _, _ := jam(t, 1)
	s.Advance(s.Now() + 10*time.Minute)
	s.Observe()
	s.Advance(s.Now() + 20*time.Minute)
	o := s.Observe()
	full := s.cfg.App.Instances * s.cfg.App.Pool
	if math.Abs(o.Database.Connections-float64(full)) > 0.5 {
		t.Fatalf("%.1f connections in use, want about %d", o.Database.Connections, full)
	}
	if progress, law := 1-o.Database.Contention, s.cfg.Database.speed(full); math.Abs(progress-law) > 0.01*law {
		t.Errorf("a query gets on at %.4f of its speed alone, the law says %.4f", progress, law)
	}
	// Somewhat fewer than the law says, since it is users with heavy queries who time out and come again.
	if x, law := queries(&o), s.cfg.Database.Throughput(full); x > law || x < 0.85*law {
		t.Errorf("%.1f queries a second, the law says %.1f", x, law)
	}
}

func TestKneeIsTheBest(t *testing.T) {
	db := Default().Database
	knee := db.Knee()
	for n := 1; n <= db.Connections; n++ {
		if db.Throughput(n) > db.Throughput(knee) {
			t.Errorf("%d queries give more than %d", n, knee)
		}
	}
}

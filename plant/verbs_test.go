package plant

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/homeostat/homeostat/pipeline"
)

func phases(s *System) (all []string) {
	for _, in := range s.State().Instances {
		all = append(all, in.Name+" "+string(in.Phase))
	}
	return all
}

func TestScaleTakesTime(t *testing.T) {
	s := build(t, "quiet", 1)
	s.Advance(time.Minute)
	must(t, s.Scale(5))
	if got := phases(s); !slices.Contains(got, "app-5 starting") {
		t.Fatalf("phases %v", got)
	}
	s.Advance(time.Minute + 19*time.Second)
	if o := s.Observe(); o.Instances[4].Arrived != 0 {
		t.Errorf("a starting instance got %d requests", o.Instances[4].Arrived)
	}
	s.Advance(time.Minute + 21*time.Second)
	if got := phases(s); !slices.Contains(got, "app-5 running") {
		t.Errorf("phases %v", got)
	}
	s.Advance(time.Minute + 50*time.Second)
	o := s.Observe()
	cold, warm := o.Instances[4], o.Instances[0]
	if cold.Arrived == 0 || float64(cold.MeanResidence()) < 1.15*float64(warm.MeanResidence()) {
		t.Errorf("cold instance takes %v for each of %d, warm one %v", cold.MeanResidence(), cold.Arrived, warm.MeanResidence())
	}
	s.Advance(4 * time.Minute)
	s.Observe()
	s.Advance(9 * time.Minute)
	o = s.Observe()
	if a, b := o.Instances[4].MeanResidence(), o.Instances[0].MeanResidence(); float64(a) > 1.05*float64(b) {
		t.Errorf("warmed instance takes %v, the others %v", a, b)
	}
}

func TestScaleDownLosesNothing(t *testing.T) {
	s, _, _ := jam(t, 1)
	must(t, s.Scale(2))
	if got := phases(s); !slices.Contains(got, "app-4 draining") {
		t.Fatalf("phases %v", got)
	}
	s.Observe()
	s.Advance(s.Now() + 30*time.Second)
	if got := phases(s); !slices.Equal(got, []string{"app-1 running", "app-2 running"}) {
		t.Errorf("phases %v", got)
	}
	o := s.Observe()
	for _, in := range o.Instances {
		if in.Lost != 0 || in.Phase == Stopped && (in.Finished == 0 || in.Arrived != 0) {
			t.Errorf("%+v", in)
		}
	}
	s.Advance(s.Now() + time.Minute)
	if o := s.Observe(); len(o.Instances) != 2 {
		t.Errorf("%d instances are observed, want 2", len(o.Instances))
	}
	if n := len(s.Topology().Calls); n != 5 {
		t.Errorf("%d calls in the topology, want 5", n)
	}
}

func TestRestartLosesWhatItHad(t *testing.T) {
	s, _, _ := jam(t, 1)
	had := s.instances[0].jobs
	must(t, s.Restart("app-1"))
	o := s.Observe()
	in := o.Instances[0]
	if had < 40 || in.Lost != int64(had) || in.InFlight != 0 || in.Phase != Starting || in.Restarts != 1 {
		t.Errorf("had %d, then %+v", had, in)
	}
	if o.Database.Active < 75 {
		t.Errorf("%d queries at work: the database should go on with those of the killed instance", o.Database.Active)
	}
	s.Advance(s.Now() + 25*time.Second)
	if in := s.Observe().Instances[0]; in.Phase != Running || in.Arrived == 0 {
		t.Errorf("%+v", in)
	}
}

func TestRestartEndsAStall(t *testing.T) {
	var s *System
	var f Fault
	for seed := uint64(1); f.Kind != Stall; seed++ {
		s = build(t, "blip", seed)
		f = s.Faults()[0]
	}
	s.Advance(f.At + 10*time.Second)
	must(t, s.Restart(f.Entity))
	s.Advance(f.At + 35*time.Second)
	s.Observe()
	s.Advance(f.Until - time.Second)
	if share := badShare(t, []Observation{s.Observe()}); share > 0.01 {
		t.Errorf("bad share %.3f after the frozen instance was restarted", share)
	}
	s.Advance(f.Until + time.Minute)
	for _, l := range s.Observe().Logs {
		if strings.Contains(l.Message, "paused") {
			t.Errorf("the restarted instance says %q", l.Message)
		}
	}
}

func TestVersionsRiseWithChangesOnly(t *testing.T) {
	s := build(t, "quiet", 1)
	first := s.State()
	if first.Version != 1 || first.ReplicasVersion != 1 || first.LimitVersion != 1 || first.Instances[3].Version != 1 {
		t.Errorf("versions at the start: %+v", first)
	}
	must(t, s.Scale(4))
	must(t, s.SetAdmissionLimit(0))
	if got := s.State().Version; got != 1 {
		t.Errorf("version %d after commands that change nothing", got)
	}
	must(t, s.SetAdmissionLimit(10))
	must(t, s.Restart("app-2"))
	must(t, s.Scale(3))
	st := s.State()
	if st.Version != 4 || st.LimitVersion != 2 || st.ReplicasVersion != 2 || st.AdmissionLimit != 10 || st.Replicas != 3 {
		t.Errorf("%+v", st)
	}
	if st.Instances[1].Version != 2 || st.Instances[0].Version != 1 {
		t.Errorf("versions of instances: %+v", st.Instances)
	}
	s.Advance(time.Minute)
	if got := s.State().Version; got != 4 {
		t.Errorf("version %d after a start that was ordered before", got)
	}
}

func TestErrors(t *testing.T) {
	s := build(t, "quiet", 1)
	_, unknown := Lookup("storm")
	_, empty := New(Default(), Scenario{}, 1, epoch)
	broken := Default()
	broken.App.Threads = 0
	quiet, _ := Lookup("quiet")
	_, config := New(broken, quiet, 1, epoch)
	for _, f := range []struct {
		err  error
		code string
	}{
		{s.Scale(0), "plant.scale.range"},
		{s.Scale(17), "plant.scale.range"},
		{s.Restart("app-5"), "plant.instance.unknown"},
		{s.Restart("db-main"), "plant.instance.unknown"},
		{s.SetAdmissionLimit(-1), "plant.limit.range"},
		{unknown, "plant.scenario.unknown"},
		{empty, "plant.scenario.unknown"},
		{config, "plant.config.invalid"},
	} {
		if pipeline.Code(f.err) != f.code {
			t.Errorf("got %v, want code %s", f.err, f.code)
		}
	}
	if s.State().Version != 1 {
		t.Error("a refused command changed the version")
	}
}

func TestLogs(t *testing.T) {
	s := build(t, "ceiling", 1)
	burst := s.Faults()[0]
	errorLines := map[bool]int{}
	for s.Now() < burst.At+10*time.Minute {
		s.Advance(s.Now() + step)
		o := s.Observe()
		info := map[string]int{}
		last := epoch.Add(o.From)
		for _, l := range o.Logs {
			if l.Time.Before(last) || l.Time.After(o.Time) {
				t.Fatalf("line of %v after one of %v in an interval to %v", l.Time, last, o.Time)
			}
			last = l.Time
			if l.Severity == Info {
				info[l.Entity]++
			}
			if l.Severity == Error {
				errorLines[o.From >= burst.At]++
			}
		}
		for _, entity := range []string{"lb", "app-1", "app-2", "app-3", "app-4", "db-main"} {
			if info[entity] == 0 {
				t.Fatalf("%v: no info line of %s", o.To, entity)
			}
		}
	}
	before, after := float64(errorLines[false])/burst.At.Minutes(), float64(errorLines[true])/10
	if before > 10 || after < 60 || after > 600 {
		t.Errorf("%.1f error lines a minute before the burst, %.1f after", before, after)
	}
}

package plant

import (
	"time"

	"github.com/homeostat/homeostat/pipeline"
)

// InstanceState is what a command to an instance needs to know.
type InstanceState struct {
	Name     string
	Phase    Phase
	Restarts int
	// Version rises with every start, stop and restart that was ordered.
	Version uint64
}

// State is what can be set, as it is set.
type State struct {
	// Version rises with every change that was ordered, whatever it changed. All versions start at 1.
	Version uint64
	// Replicas is the number of instances that was ordered; ReplicasVersion rises when it changes.
	Replicas        int
	ReplicasVersion uint64
	// AdmissionLimit is the most requests that the balancer lets be in flight, 0 for no limit;
	// LimitVersion rises when it changes.
	AdmissionLimit int
	LimitVersion   uint64
	// Instances are those that are not stopped, by number.
	Instances []InstanceState
}

// State returns what is set now. The caller owns it.
func (s *System) State() State {
	st := State{
		Version: s.version, Replicas: s.replicas, ReplicasVersion: s.appLevel,
		AdmissionLimit: s.balancer.limit, LimitVersion: s.balancer.version,
	}
	for _, in := range s.instances {
		if in.phase != Stopped {
			st.Instances = append(st.Instances, InstanceState{in.name, in.phase, in.restarts, in.version})
		}
	}
	return st
}

// Scale sets the number of instances. New ones take App.StartDelay and then have cold caches; those
// with the highest numbers stop, after they have finished what they have (plant.scale.range).
func (s *System) Scale(instances int) error {
	if instances < 1 || instances > s.cfg.App.MaxInstances {
		return pipeline.Errorf("plant.scale.range",
			"plant: cannot scale %s to %d instances: it takes 1 to %d", entityApp, instances, s.cfg.App.MaxInstances)
	}
	if instances == s.replicas {
		return nil
	}
	s.version++
	s.appLevel++
	s.replicas = instances
	for i, in := range s.instances {
		switch {
		case i < instances && in.phase == Stopped:
			in.version++
			s.launch(in)
		case i < instances && in.phase == Draining:
			in.version++
			in.phase = Running
		case i >= instances && in.phase == Running:
			in.version++
			in.phase = Draining
			s.logStopping(in)
			if in.jobs == 0 {
				s.drained(in)
			}
		case i >= instances && in.phase == Starting:
			in.version++
			s.drained(in)
		}
	}
	return nil
}

// Restart kills an instance and starts it again: clients whose requests it had get an error at once,
// and the queries it had sent go on in the database (plant.instance.unknown).
func (s *System) Restart(name string) error {
	for _, in := range s.instances {
		if in.name != name || in.phase == Stopped || in.phase == Draining {
			continue
		}
		s.version++
		in.version++
		in.restarts++
		s.logStopping(in)
		s.kill(in)
		s.launch(in)
		return nil
	}
	return pipeline.Errorf("plant.instance.unknown",
		"plant: cannot restart %q: no instance of that name is starting or running: take one from the state", name)
}

// SetAdmissionLimit sets how many requests the balancer lets be in flight in the instances, work that
// no client waits for any more included; 0 lifts the limit. What is in flight stays (plant.limit.range).
func (s *System) SetAdmissionLimit(limit int) error {
	if limit < 0 {
		return pipeline.Errorf("plant.limit.range",
			"plant: admission limit %d is negative: give the number of requests in flight, or 0 for no limit", limit)
	}
	if limit == s.balancer.limit {
		return nil
	}
	s.version++
	s.balancer.version++
	s.balancer.limit = limit
	s.logLimit(limit)
	return nil
}

func (s *System) startTimer(in *instance) int32 {
	return timerInstances + int32(s.cfg.App.MaxInstances+in.number)
}

func (s *System) launch(in *instance) {
	in.phase = Starting
	s.timers.set(s.startTimer(in), s.now+s.cfg.App.StartDelay)
}

func (s *System) started(in *instance) {
	in.phase = Running
	in.coldUntil = s.now + s.cfg.App.ColdTime
	s.logStarted(in)
}

// drained takes an idle instance away.
func (s *System) drained(in *instance) {
	in.phase = Stopped
	in.frozen = false
	in.cpu.setFactor(s.now, 1)
	s.timers.clear(s.startTimer(in))
}

// kill loses all that the instance has.
func (s *System) kill(in *instance) {
	in.measure(s.now)
	for in.queue.n > 0 {
		s.lose(in, in.queue.pop())
	}
	for in.waiting.n > 0 {
		s.lose(in, in.waiting.pop())
	}
	for _, v := range in.cpu.visits {
		s.lose(in, v.job)
	}
	in.cpu.empty(s.now)
	s.timers.clear(in.timer())
	for _, v := range s.database.visits {
		jb := &s.jobs[v.job]
		if int(jb.in) == in.number && !jb.orphan {
			jb.orphan = true
			s.abort(in, jb)
		}
	}
	in.threads, in.connections = 0, 0
	in.frozen = false
	in.cpu.setFactor(s.now, 1)
}

func (s *System) lose(in *instance, j int32) {
	s.abort(in, &s.jobs[j])
	s.dropJob(j)
}

// abort breaks the connection of the client that waits for the job.
func (s *System) abort(in *instance, jb *job) {
	in.jobs--
	in.lost++
	s.balancer.measure(s.now)
	s.balancer.inFlight--
	if jb.client >= 0 {
		c := jb.client
		jb.client = -1
		s.end(c, failed)
	}
}

// since turns a moment of the simulation into a time.
func (s *System) since(at time.Duration) time.Time { return s.start.Add(at) }

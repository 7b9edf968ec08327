package plant

import (
	"math/rand/v2"
	"strconv"
	"time"
)

// The entities; an instance is called app-1, app-2 and so on.
const (
	entityWeb      = "web"
	entityBalancer = "lb"
	entityApp      = "app"
	entityDatabase = "db-main"
)

func instanceName(i int) string { return entityApp + "-" + strconv.Itoa(i+1) }

// The streams of randomness. Demand does not share one with what the system does, so that twins have
// the same users.
const (
	streamScript = iota + 1
	streamDemand
	streamChance
)

// System is the simulated web system. It is not safe for concurrent use.
type System struct {
	cfg    Config
	script script
	start  time.Time
	now    time.Duration
	seen   observed

	load   *load
	chance *rand.Rand

	timers  timers
	clients []client
	jobs    []job
	// Heads of the lists of free slots; -1: none.
	freeClient, freeJob int32

	instances []*instance // by number, MaxInstances of them, also those that do not run
	balancer  balancer
	database  database
	web       web
	replicas  int
	version   uint64
	appLevel  uint64 // version of the number of instances

	nextFault int
	events    []faultEvent
	log       log
}

// The first timers; those of the instances and then those of the clients follow.
const (
	timerArrival = iota
	timerFault
	timerLog
	timerDatabase
	timerInstances
)

// New makes a system at its first moment, which start names in log lines and observations. The same
// arguments always give the same system (plant.config.invalid, plant.scenario.unknown).
func New(cfg Config, scenario Scenario, seed uint64, start time.Time) (*System, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if scenario.write == nil {
		_, err := Lookup(scenario.Name)
		return nil, err
	}
	stream := func(n uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, n)) }
	s := &System{start: start, chance: stream(streamChance), freeClient: -1, freeJob: -1, replicas: cfg.App.Instances}
	s.version, s.appLevel, s.balancer.version = 1, 1, 1
	s.script = scenario.write(stream(streamScript), &cfg)
	s.cfg = cfg
	s.load = newLoad(stream(streamDemand), &s.script)
	s.database.station = newStation(cfg.Database.Connections, cfg.Database.Knee(), cfg.Database.speed)
	s.timers.grow(timerInstances + 2*cfg.App.MaxInstances)
	for i := range cfg.App.MaxInstances {
		in := newInstance(cfg.App, i)
		if i < cfg.App.Instances {
			in.phase, in.version = Running, 1
		}
		s.instances = append(s.instances, in)
	}
	s.events = faultEvents(s.script.faults)
	s.timers.set(timerArrival, s.load.next(0))
	s.timers.set(timerLog, cfg.LogInterval)
	s.setFaultTimer()
	return s, nil
}

// Faults says what goes wrong in this system, and when. It is for people and tests, not for operators.
func (s *System) Faults() []Fault { return append([]Fault(nil), s.script.faults...) }

// Config returns the sizes of this system, which depend a little on the seed.
func (s *System) Config() Config { return s.cfg }

// Now is the time since the start.
func (s *System) Now() time.Duration { return s.now }

// Advance simulates all that happens up to and including that time since the start. How a stretch is
// cut into calls makes no difference. A time that has passed does nothing.
func (s *System) Advance(to time.Duration) {
	for len(s.timers.heap) > 0 && s.timers.heap[0].at <= to {
		next := s.timers.heap[0]
		s.timers.clear(next.id)
		s.now = next.at
		s.fire(next.id)
	}
	s.now = max(s.now, to)
}

func (s *System) fire(id int32) {
	room := int32(s.cfg.App.MaxInstances)
	switch {
	case id == timerArrival:
		s.arrive()
	case id == timerFault:
		s.changeFaults()
	case id == timerLog:
		s.writePeriodic()
		s.timers.set(timerLog, s.now+s.cfg.LogInterval)
	case id == timerDatabase:
		s.queryDone()
	case id < timerInstances+room:
		s.cpuDone(s.instances[id-timerInstances])
	case id < timerInstances+2*room:
		s.started(s.instances[id-timerInstances-room])
	default:
		s.clientTimer(id - timerInstances - 2*room)
	}
}

// faultEvent is the begin or the end of a fault that changes the system.
type faultEvent struct {
	at    time.Duration
	begin bool
	fault Fault
}

// faultEvents lists what the faults change, in order of time. Bursts are in the load.
func faultEvents(faults []Fault) []faultEvent {
	var events []faultEvent
	for _, f := range faults {
		if f.Kind != Burst {
			events = append(events, faultEvent{f.At, true, f}, faultEvent{f.Until, false, f})
		}
	}
	// A handful, nearly in order.
	for i := range events {
		for j := i; j > 0 && events[j].at < events[j-1].at; j-- {
			events[j], events[j-1] = events[j-1], events[j]
		}
	}
	return events
}

func (s *System) setFaultTimer() {
	if s.nextFault < len(s.events) {
		s.timers.set(timerFault, s.events[s.nextFault].at)
	}
}

func (s *System) changeFaults() {
	e := s.events[s.nextFault]
	s.nextFault++
	s.setFaultTimer()
	switch e.fault.Kind {
	case Stall:
		for _, in := range s.instances {
			if in.name == e.fault.Entity {
				s.stall(in, e)
			}
		}
	case IOErrors:
		s.database.errorShare = 0
		if e.begin {
			s.database.errorShare = e.fault.Size
		}
	}
}

// stall freezes an instance or lets it go on. An instance that was restarted meanwhile works already.
func (s *System) stall(in *instance, e faultEvent) {
	if e.begin {
		if in.phase == Running || in.phase == Draining {
			in.frozen, in.frozenAt = true, s.now
			in.cpu.setFactor(s.now, 0)
			s.setStationTimer(in.timer(), &in.cpu)
		}
		return
	}
	if !in.frozen {
		return
	}
	in.frozen = false
	in.cpu.setFactor(s.now, 1)
	s.setStationTimer(in.timer(), &in.cpu)
	s.logResumed(in, s.now-in.frozenAt)
}

func (s *System) setStationTimer(id int32, st *station) {
	if at, ok := st.next(s.now); ok {
		s.timers.set(id, at)
	} else {
		s.timers.clear(id)
	}
}

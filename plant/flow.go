package plant

import "time"

// outcome is how an attempt ended for the client that made it.
type outcome uint8

const (
	answered outcome = iota
	refused          // by the admission limit of the balancer
	timedOut         // the client gave up; the system goes on with the work
	failed           // an error was answered, or the connection broke
	outcomes
)

// client is a user with one request, which takes one or more attempts.
type client struct {
	job     int32         // that works for the current attempt; -1: none, the client pauses
	next    int32         // free slot
	attempt int32         // 1 for the first
	began   time.Duration // of the attempt
	cpu     float64       // seconds of work, the same in each attempt
	query   float64
}

// job is the work of the system for one attempt. It outlives the client's patience.
type job struct {
	client  int32 // -1: nobody waits any more
	in      int32 // instance
	next    int32 // free slot
	began   time.Duration
	asked   time.Duration // when the query began
	cpu     float64
	query   float64
	replied bool // by the database: what is left is the second part of the processor time
	broken  bool // the answer will be an error
	orphan  bool // the instance is gone, only the query is left
}

type web struct {
	webCounts
	waiting int
	latency histogram
}

type webCounts struct {
	begun                     int64
	ended                     [outcomes]int64
	arrived, served, unserved int64 // users
}

type balancer struct {
	balancerCounts
	limit    int // 0: none
	version  uint64
	inFlight int
	last     int // instance that got the last request
	measured time.Duration
	limiter  limiter
}

type balancerCounts struct {
	admitted, refused, unroutable int64
	flight                        time.Duration // ∫ inFlight dt
}

type database struct {
	station
	databaseCounts
	errorShare float64
	turn       int // instance that got the last connection when all were in use
	limiter    limiter
}

type databaseCounts struct {
	done, failed int64
	time         time.Duration // that the done queries took
}

// measure comes before every change of inFlight.
func (b *balancer) measure(now time.Duration) {
	b.flight += (now - b.measured) * time.Duration(b.inFlight)
	b.measured = now
}

// arrive brings a new user and sets the clock for the next.
func (s *System) arrive() {
	r := s.load.random
	cpu := s.cfg.App.CPU.Seconds() * (0.5 + r.Float64())
	query := s.cfg.Database.Demand.Seconds() * r.ExpFloat64()
	s.timers.set(timerArrival, s.load.next(s.now))

	c := s.newClient()
	s.clients[c] = client{job: -1, cpu: cpu, query: query}
	s.web.arrived++
	s.attempt(c)
}

func (s *System) newClient() int32 {
	c := s.freeClient
	if c >= 0 {
		s.freeClient = s.clients[c].next
		return c
	}
	s.clients = append(s.clients, client{})
	s.timers.grow(int(s.clientTimerID(int32(len(s.clients)))))
	return int32(len(s.clients) - 1)
}

func (s *System) clientTimerID(c int32) int32 {
	return timerInstances + 2*int32(s.cfg.App.MaxInstances) + c
}

// attempt sends the client's request to the balancer, for the first time or again.
func (s *System) attempt(c int32) {
	cl := &s.clients[c]
	cl.attempt++
	cl.began = s.now
	s.web.begun++
	s.web.waiting++
	if b := &s.balancer; b.limit > 0 && b.inFlight >= b.limit {
		b.refused++
		s.logRefused()
		s.end(c, refused)
		return
	}
	in := s.route()
	if in == nil {
		s.balancer.unroutable++
		s.end(c, failed)
		return
	}
	in.arrived++
	if in.threads == s.cfg.App.Threads && in.queue.n == s.cfg.App.Queue {
		in.rejected++
		s.balancer.admitted++
		s.logQueueFull(in)
		s.end(c, failed)
		return
	}
	s.balancer.admitted++
	s.balancer.measure(s.now)
	s.balancer.inFlight++
	j := s.newJob()
	s.jobs[j] = job{client: c, in: int32(in.number), began: s.now, cpu: cl.cpu, query: cl.query}
	cl.job = j
	in.measure(s.now)
	in.jobs++
	s.timers.set(s.clientTimerID(c), s.now+s.cfg.Clients.Timeout)
	if in.threads < s.cfg.App.Threads {
		s.begin(in, j)
	} else {
		in.queue.push(j)
	}
}

// route takes the running instances in turn.
func (s *System) route() *instance {
	n := len(s.instances)
	for k := 1; k <= n; k++ {
		in := s.instances[(s.balancer.last+k)%n]
		if in.phase == Running {
			s.balancer.last = in.number
			return in
		}
	}
	return nil
}

func (s *System) newJob() int32 {
	j := s.freeJob
	if j >= 0 {
		s.freeJob = s.jobs[j].next
		return j
	}
	s.jobs = append(s.jobs, job{})
	return int32(len(s.jobs) - 1)
}

func (s *System) dropJob(j int32) {
	s.jobs[j].next = s.freeJob
	s.freeJob = j
}

// begin gives the job a thread.
func (s *System) begin(in *instance, j int32) {
	in.measure(s.now)
	in.threads++
	s.compute(in, j, s.jobs[j].cpu/3)
}

func (s *System) compute(in *instance, j int32, work float64) {
	in.cpu.enter(s.now, j, work)
	s.setStationTimer(in.timer(), &in.cpu)
}

// cpuDone goes on with the job whose processor time has passed.
func (s *System) cpuDone(in *instance) {
	j := in.cpu.leave(s.now)
	s.setStationTimer(in.timer(), &in.cpu)
	if s.jobs[j].replied {
		s.finish(in, j)
		return
	}
	if s.connectable(in) {
		s.ask(in, j)
		return
	}
	in.measure(s.now)
	in.waiting.push(j)
	s.logPoolExhausted(in)
}

func (s *System) connectable(in *instance) bool {
	return in.connections < s.cfg.App.Pool && s.database.len() < s.cfg.Database.Connections
}

// ask sends the query.
func (s *System) ask(in *instance, j int32) {
	in.measure(s.now)
	in.connections++
	work := s.jobs[j].query
	if s.now < in.coldUntil {
		work *= s.cfg.App.ColdFactor
	}
	s.jobs[j].asked = s.now
	s.database.enter(s.now, j, work)
	s.setStationTimer(timerDatabase, &s.database.station)
}

// queryDone takes the answer back to the instance and gives the connection to who waits for it.
func (s *System) queryDone() {
	db := &s.database
	j := db.leave(s.now)
	s.setStationTimer(timerDatabase, &db.station)
	jb := &s.jobs[j]
	in := s.instances[jb.in]
	took := s.now - jb.asked
	db.done++
	db.time += took
	s.logSlowQuery(took, in)
	if db.errorShare > 0 && s.chance.Float64() < db.errorShare {
		db.failed++
		jb.broken = true
		s.logQueryFailed(in)
	}
	if jb.orphan {
		s.dropJob(j)
	} else {
		in.measure(s.now)
		in.connections--
		jb.replied = true
		s.compute(in, j, jb.cpu*2/3)
		if in.waiting.n > 0 && s.connectable(in) {
			s.ask(in, in.waiting.pop())
		}
	}
	if db.len() == s.cfg.Database.Connections-1 {
		s.askBlocked()
	}
}

// askBlocked gives the last free connection of the database to the instances in turn.
func (s *System) askBlocked() {
	n := len(s.instances)
	for k := 1; k <= n; k++ {
		in := s.instances[(s.database.turn+k)%n]
		if in.waiting.n > 0 && s.connectable(in) {
			s.database.turn = in.number
			s.ask(in, in.waiting.pop())
			return
		}
	}
}

// finish answers the request and gives the thread to the next.
func (s *System) finish(in *instance, j int32) {
	jb := &s.jobs[j]
	in.measure(s.now)
	in.threads--
	in.jobs--
	in.finished++
	in.residence += s.now - jb.began
	s.balancer.measure(s.now)
	s.balancer.inFlight--
	if s.cfg.App.ErrorShare > 0 && s.chance.Float64() < s.cfg.App.ErrorShare {
		jb.broken = true
		s.logRequestFailed(in)
	}
	if jb.broken {
		in.failed++
	}
	if jb.client < 0 {
		in.wasted++
	} else if jb.broken {
		s.end(jb.client, failed)
	} else {
		s.end(jb.client, answered)
	}
	s.dropJob(j)
	if in.queue.n > 0 {
		s.begin(in, in.queue.pop())
	} else if in.phase == Draining && in.jobs == 0 {
		s.drained(in)
	}
}

// clientTimer ends the client's patience or its pause.
func (s *System) clientTimer(c int32) {
	j := s.clients[c].job
	if j < 0 {
		s.attempt(c)
		return
	}
	s.jobs[j].client = -1
	s.logTimeout(s.instances[s.jobs[j].in])
	s.end(c, timedOut)
}

// end is the end of an attempt: the client is content, tries again after a pause or gives up.
func (s *System) end(c int32, how outcome) {
	cl := &s.clients[c]
	cl.job = -1
	s.web.waiting--
	s.web.ended[how]++
	if how == answered || how == timedOut {
		s.web.latency.add(s.now - cl.began)
	}
	switch {
	case how == answered:
		s.web.served++
	case int(cl.attempt) < s.cfg.Clients.Attempts:
		mean := s.cfg.Clients.Backoff.Seconds() * float64(int64(1)<<min(cl.attempt-1, 20))
		s.timers.set(s.clientTimerID(c), s.now+seconds(mean*(0.5+s.chance.Float64())))
		return
	default:
		s.web.unserved++
	}
	s.timers.clear(s.clientTimerID(c))
	cl.next = s.freeClient
	s.freeClient = c
}

package plant

import "time"

// Observation is what the parts of the system export about the time between two moments. Counts are of
// that time only; averages are over that time. The caller owns it.
type Observation struct {
	// From and To are times since the start; Time is To as a time of day.
	From, To time.Duration
	Time     time.Time

	Web      Web
	Balancer Balancer
	// Instances are those that were not stopped all the time, by number.
	Instances []Instance
	Database  Database
	// Logs are in order of time.
	Logs []Line
}

// Web is the front door as clients see it. Each attempt is a request, so that retries count.
type Web struct {
	Entity string
	// Started is the number of attempts that clients began.
	Started int64
	// Total = Good + Bad is the number of attempts that ended; Good = OK, Bad = Refused + Timeout + Error.
	Total, Good, Bad int64
	// OK was answered within the client's patience, Refused turned away by the balancer's limit,
	// Timeout given up by the client, Error answered with an error or cut off.
	OK, Refused, Timeout, Error int64
	// Waiting is the number of attempts that are open at the end.
	Waiting int
	// Latency is that of the attempts that ended OK or with Timeout.
	Latency Latency
	// Arrived users each made one or more attempts; Served ones got their answer, Unserved ones gave up.
	Arrived, Served, Unserved int64
}

// Balancer hands the requests to the instances in turn.
type Balancer struct {
	Entity string
	// Refused is what the limit turned away, Unroutable what found no running instance, Admitted the rest.
	Admitted, Refused, Unroutable int64
	// InFlight is the number of requests in the instances at the end, MeanInFlight its average.
	InFlight     int
	MeanInFlight float64
	// Limit on InFlight; 0 for none.
	Limit int
}

// Instance is one server of the application.
type Instance struct {
	Entity   string
	Phase    Phase
	Restarts int // since the start of the simulation
	// Arrived = Finished + Rejected (queue full) + Lost (killed) + what InFlight grew by.
	Arrived, Finished, Rejected, Lost int64
	// Failed of the Finished were answered with an error; nobody waited any more for Wasted of them.
	Failed, Wasted int64
	// Residence is the summed time that Finished requests spent in the instance.
	Residence time.Duration
	// InFlight is the number of requests in the instance at the end, MeanInFlight its average.
	InFlight     int
	MeanInFlight float64
	// Averages of busy threads, of requests that wait for a thread, of connections in use, and of
	// threads that wait for a connection.
	ThreadsBusy, Queue, Connections, ConnectionWaiters float64
	// The limits of the former.
	Threads, QueueLimit, Pool int
	// CPU is the share of the processor time that was used, 0..1.
	CPU float64
}

// MeanResidence is the average time of a request in the instance.
func (in *Instance) MeanResidence() time.Duration { return mean(in.Residence, in.Finished) }

// Database is the one database.
type Database struct {
	Entity string
	// Connections is the average number of connections in use, each with one query at work, of at most
	// Limit; Active is their number at the end.
	Connections float64
	Active      int
	Limit       int
	// Done is the number of queries that ended, Failed of them with an error; QueryTime is their summed time.
	Done, Failed int64
	QueryTime    time.Duration
	// Contention is the share of the queries' time, 0..1, in which they waited for one another's locks
	// and data instead of working.
	Contention float64
	// Utilization is the average share of the processors that queries keep busy, waiting for locks included.
	Utilization float64
}

// MeanQueryTime is the average time of a query.
func (d *Database) MeanQueryTime() time.Duration { return mean(d.QueryTime, d.Done) }

// observed is what the counters were at the last observation.
type observed struct {
	at       time.Duration
	web      webCounts
	balancer balancerCounts
	database databaseCounts
}

// Observe says what happened since the last call, up to now. It changes nothing in the system.
func (s *System) Observe() Observation {
	o := Observation{
		From: s.seen.at, To: s.now, Time: s.since(s.now),
		Web: s.observeWeb(), Balancer: s.observeBalancer(), Database: s.observeDatabase(),
		Logs: s.log.lines,
	}
	for _, in := range s.instances {
		if in.phase != Stopped || in.instanceCounts != in.seen {
			o.Instances = append(o.Instances, s.observeInstance(in))
		}
	}
	s.log.lines = nil
	s.seen = observed{s.now, s.web.webCounts, s.balancer.balancerCounts, s.database.databaseCounts}
	return o
}

// average of an integral since the last observation.
func (s *System) average(integral time.Duration) float64 {
	if s.now == s.seen.at {
		return 0
	}
	return float64(integral) / float64(s.now-s.seen.at)
}

func (s *System) observeWeb() Web {
	now, then := s.web.webCounts, s.seen.web
	w := Web{
		Entity: entityWeb, Started: now.begun - then.begun,
		OK:      now.ended[answered] - then.ended[answered],
		Refused: now.ended[refused] - then.ended[refused],
		Timeout: now.ended[timedOut] - then.ended[timedOut],
		Error:   now.ended[failed] - then.ended[failed],
		Waiting: s.web.waiting, Latency: s.web.latency.take(),
		Arrived: now.arrived - then.arrived, Served: now.served - then.served, Unserved: now.unserved - then.unserved,
	}
	w.Good = w.OK
	w.Bad = w.Refused + w.Timeout + w.Error
	w.Total = w.Good + w.Bad
	return w
}

func (s *System) observeBalancer() Balancer {
	b := &s.balancer
	b.measure(s.now)
	now, then := b.balancerCounts, s.seen.balancer
	return Balancer{
		Entity: entityBalancer, Limit: b.limit,
		Admitted: now.admitted - then.admitted, Refused: now.refused - then.refused,
		Unroutable: now.unroutable - then.unroutable,
		InFlight:   b.inFlight, MeanInFlight: s.average(now.flight - then.flight),
	}
}

func (s *System) observeInstance(in *instance) Instance {
	in.measure(s.now)
	in.cpu.measure(s.now)
	now, then := in.instanceCounts, in.seen
	in.seen = now
	o := Instance{
		Entity: in.name, Phase: in.phase, Restarts: in.restarts,
		Arrived: now.arrived - then.arrived, Finished: now.finished - then.finished,
		Rejected: now.rejected - then.rejected, Lost: now.lost - then.lost,
		Failed: now.failed - then.failed, Wasted: now.wasted - then.wasted,
		Residence: now.residence - then.residence,
		InFlight:  in.jobs, MeanInFlight: s.average(now.jobTime - then.jobTime),
		ThreadsBusy:       s.average(now.threadTime - then.threadTime),
		Queue:             s.average(now.queueTime - then.queueTime),
		Connections:       s.average(now.connectionTime - then.connectionTime),
		ConnectionWaiters: s.average(now.waitingTime - then.waitingTime),
		Threads:           s.cfg.App.Threads, QueueLimit: s.cfg.App.Queue, Pool: s.cfg.App.Pool,
		CPU: in.cpu.work / float64(in.cpu.cores),
	}
	if span := (s.now - s.seen.at).Seconds(); span > 0 {
		o.CPU /= span
	}
	in.cpu.resetIntegrals()
	return o
}

func (s *System) observeDatabase() Database {
	db := &s.database
	db.station.measure(s.now)
	now, then := db.databaseCounts, s.seen.database
	d := Database{
		Entity: entityDatabase, Limit: s.cfg.Database.Connections,
		Connections: s.average(db.jobTime), Active: db.len(),
		Done: now.done - then.done, Failed: now.failed - then.failed, QueryTime: now.time - then.time,
		Utilization: s.average(db.coreTime) / float64(db.cores),
	}
	if db.jobTime > 0 {
		d.Contention = 1 - db.work/db.jobTime.Seconds()
	}
	db.resetIntegrals()
	return d
}

package plant

import "time"

// Phase is where an instance is in its life.
type Phase string

const (
	Stopped  Phase = "stopped"
	Starting Phase = "starting"
	Running  Phase = "running"
	// Draining instances finish what they have and get nothing new.
	Draining Phase = "draining"
)

// instance is one server of the application. A request waits in the queue for a thread, computes, waits
// for a connection of the pool, queries, computes again and is answered.
type instance struct {
	name      string
	number    int
	phase     Phase
	version   uint64
	restarts  int
	coldUntil time.Duration
	frozen    bool
	frozenAt  time.Duration

	cpu         station
	queue       ring // waiting for a thread
	waiting     ring // threads waiting for a connection
	threads     int  // busy
	connections int  // in use
	jobs        int  // in the instance

	instanceCounts
	measured time.Duration
	logged   instanceCounts // at the last periodic line
	seen     instanceCounts // at the last observation
	limiter  limiter
}

type instanceCounts struct {
	sums
	arrived, finished, failed, rejected, lost, wasted int64
	residence                                         time.Duration // of finished requests
}

// sums are integrals over time of numbers in the instance.
type sums struct{ jobTime, threadTime, queueTime, connectionTime, waitingTime time.Duration }

func newInstance(cfg AppConfig, i int) *instance {
	cores := cfg.Cores
	return &instance{
		name: instanceName(i), number: i, phase: Stopped,
		cpu: newStation(cfg.Threads, cores, func(n int) float64 {
			return min(1, float64(cores)/float64(n))
		}),
		queue: newRing(cfg.Queue), waiting: newRing(cfg.Threads),
	}
}

func (in *instance) timer() int32 { return timerInstances + int32(in.number) }

// measure brings the integrals up to date; it comes before every change of what they integrate.
func (in *instance) measure(now time.Duration) {
	dt := now - in.measured
	in.measured = now
	in.jobTime += dt * time.Duration(in.jobs)
	in.threadTime += dt * time.Duration(in.threads)
	in.queueTime += dt * time.Duration(in.queue.n)
	in.connectionTime += dt * time.Duration(in.connections)
	in.waitingTime += dt * time.Duration(in.waiting.n)
}

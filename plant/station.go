package plant

import (
	"math"
	"time"
)

// station is a server that all its jobs share equally; how fast each gets on depends on how many
// there are (egalitarian processor sharing with a rate that depends on the state). The progress that
// every job would have made since the station was last empty is a virtual clock: a job that needs
// work w and comes at clock v leaves at clock v+w.
type station struct {
	speed  []float64 // speed[n]: seconds of work a second that each of n jobs gets
	factor float64   // slows the whole station; 0 stops it
	visits []visit   // a heap, first to leave on top
	clock  float64
	since  time.Duration // when clock was right
	seq    uint64

	// Integrals since the last observation. They are kept apart from the clock, so that observing a
	// system does not change by a rounding what happens in it.
	measured time.Duration
	jobTime  time.Duration // ∫ n dt
	coreTime time.Duration // ∫ min(n, cores) dt
	work     float64       // ∫ n·speed dt, seconds of work done
	cores    int
}

type visit struct {
	leave float64
	seq   uint64
	job   int32
}

func (a visit) before(b visit) bool {
	return a.leave < b.leave || a.leave == b.leave && a.seq < b.seq
}

func newStation(most, cores int, speed func(n int) float64) station {
	s := station{speed: make([]float64, most+1), factor: 1, visits: make([]visit, 0, most), cores: cores}
	for n := 1; n <= most; n++ {
		s.speed[n] = speed(n)
	}
	return s
}

func (s *station) len() int { return len(s.visits) }

// touch brings clock and integrals up to date; it comes before every change.
func (s *station) touch(now time.Duration) {
	s.measure(now)
	s.clock += (now - s.since).Seconds() * s.speed[len(s.visits)] * s.factor
	s.since = now
	if len(s.visits) == 0 {
		s.clock = 0 // keeps the sum precise
	}
}

func (s *station) measure(now time.Duration) {
	dt := now - s.measured
	s.measured = now
	n := len(s.visits)
	s.jobTime += dt * time.Duration(n)
	s.coreTime += dt * time.Duration(min(n, s.cores))
	s.work += dt.Seconds() * float64(n) * s.speed[n] * s.factor
}

func (s *station) enter(now time.Duration, job int32, work float64) {
	s.touch(now)
	s.seq++
	v := visit{leave: s.clock + work, seq: s.seq, job: job}
	s.visits = append(s.visits, v)
	i := len(s.visits) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !v.before(s.visits[parent]) {
			break
		}
		s.visits[i] = s.visits[parent]
		i = parent
	}
	s.visits[i] = v
}

// leave takes out the job whose time has come.
func (s *station) leave(now time.Duration) int32 {
	s.touch(now)
	top := s.visits[0]
	s.clock = max(s.clock, top.leave)
	last := len(s.visits) - 1
	v := s.visits[last]
	s.visits = s.visits[:last]
	if last == 0 {
		return top.job
	}
	i := 0
	for {
		child := 2*i + 1
		if child >= last {
			break
		}
		if child+1 < last && s.visits[child+1].before(s.visits[child]) {
			child++
		}
		if !s.visits[child].before(v) {
			break
		}
		s.visits[i] = s.visits[child]
		i = child
	}
	s.visits[i] = v
	return top.job
}

// next is when the first job leaves if nothing changes; false if never. The station must have been
// touched now.
func (s *station) next(now time.Duration) (time.Duration, bool) {
	rate := s.speed[len(s.visits)] * s.factor
	if len(s.visits) == 0 || rate == 0 {
		return 0, false
	}
	left := max(0, s.visits[0].leave-s.clock) / rate
	return now + time.Duration(math.Ceil(left*float64(time.Second))), true
}

// setFactor slows the station from now on.
func (s *station) setFactor(now time.Duration, factor float64) {
	s.touch(now)
	s.factor = factor
}

// empty throws all jobs out.
func (s *station) empty(now time.Duration) {
	s.touch(now)
	s.visits = s.visits[:0]
}

func (s *station) resetIntegrals() {
	s.jobTime, s.coreTime, s.work = 0, 0, 0
}

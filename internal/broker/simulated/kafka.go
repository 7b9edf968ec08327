package simulated

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
)

// Rates say how often what goes wrong, as probabilities by request, and how slow the cluster is.
type Rates struct {
	// Lost requests never arrive; Late ones arrive after their sender gave up; Unheard ones are carried out, but their
	// answer is lost.
	Lost, Late, Unheard float64
	// Doubt is how often a writer gives up on the end of a transaction that has no answer, rather than to ask again.
	Doubt float64
	// Slow answers come after other things have happened.
	Slow float64
	// Markers is how long a transaction's markers may take after its end was decided.
	Markers time.Duration
}

// Kafka is a simulated cluster. Processes talk to it from any goroutine; all other methods are the driver's, and are called
// only while every goroutine of the processes waits.
type Kafka struct {
	Rates
	// Unfenced makes group coordinators take positions of any generation, Unstable makes Committed return what pending
	// transactions may still move: faults that a simulation has to find, or it would find nothing.
	Unfenced, Unstable bool
	// Trace, if set, is told of everything that happens, in order.
	Trace func(string)

	random     *rand.Rand
	fate       *rand.Rand // of the read that is carried out, and of all that are the same
	hash       uint64
	topics     []*topic
	groups     []*group
	writers    []*coordinator
	processes  []*Process
	travelling []*travelling
	markers    []*marker
	until      time.Time // the end of an outage
	violations []string

	mu     sync.Mutex // guards what follows, which processes' goroutines use as well
	byName map[string]*topic
	parked []*request
}

// New returns an empty cluster that takes its chances from random.
func New(random *rand.Rand) *Kafka {
	return &Kafka{random: random, byName: map[string]*topic{}, hash: 14695981039346656037}
}

// Hash tells two runs apart that did not do the same in the same order.
func (k *Kafka) Hash() uint64 { return k.hash }

// Violations are the promises of Kafka's own that processes broke.
func (k *Kafka) Violations() []string { return k.violations }

func (k *Kafka) violate(format string, args ...any) {
	k.violations = append(k.violations, fmt.Sprintf(format, args...))
	k.note("violation", k.violations[len(k.violations)-1])
}

// note adds to the trace. Words are formatted only if somebody listens.
func (k *Kafka) note(words ...string) {
	for _, w := range words {
		for i := range len(w) {
			k.hash = (k.hash ^ uint64(w[i])) * 1099511628211
		}
		k.hash = (k.hash ^ 0xff) * 1099511628211
	}
	if k.Trace != nil {
		k.Trace(fmt.Sprint(words))
	}
}

func (k *Kafka) chance(p float64) bool { return p > 0 && k.random.Float64() < p }

// during returns a random time up to d, with odd nanoseconds, so that no two timers end at the same time.
func (k *Kafka) during(d time.Duration) time.Duration {
	return time.Duration(k.random.Int64N(int64(d)+1)) | 1
}

// request is one request of a process, parked until the driver has it carried out and answered.
type request struct {
	process    *Process
	kind, name string // with the process the key by which what is parked is ordered
	ctx        context.Context
	since      time.Time
	// ready says whether the cluster would answer now; nil is always. What it answers "not yet" to and the client repeats is
	// one waiting request here.
	ready func() bool
	do    func() (any, error)
	// reads change nothing, so that losing them only costs time.
	reads  bool
	answer chan answer
	done   *answer // carried out, and the answer is under way
}

type answer struct {
	value any
	err   error
}

// travelling is a request whose sender does not wait for it any more.
type travelling struct {
	*request
	due time.Time
}

var (
	errUnanswered = errors.New("the request has no answer")
	errGivenUp    = errors.New("the request has no answer, and is not repeated")
	errDead       = errors.New("the process is dead")
)

// ask parks a request and waits for its answer: errUnanswered, errDead, ctx's error, or what the cluster says.
func (p *Process) ask(ctx context.Context, r request) (any, error) {
	r.process, r.ctx, r.since, r.answer = p, ctx, time.Now(), make(chan answer, 1)
	p.k.mu.Lock()
	if p.dead {
		p.k.mu.Unlock()
		return nil, errDead
	}
	p.k.parked = append(p.k.parked, &r)
	p.k.mu.Unlock()
	a := <-r.answer
	return a.value, a.err
}

// Step does one thing that can be done now: carry out or answer a request, write a marker, let a member see that its
// generation is over. False says that nothing can be done before time moves.
func (k *Kafka) Step() bool {
	k.clockwork()
	k.mu.Lock()
	slices.SortStableFunc(k.parked, func(a, b *request) int {
		return cmp.Or(cmp.Compare(a.process.number, b.process.number), cmp.Compare(a.kind, b.kind), cmp.Compare(a.name, b.name))
	})
	parked := k.parked
	k.mu.Unlock()
	var can []func()
	now := time.Now()
	parked = slices.DeleteFunc(slices.Clone(parked), func(r *request) bool { return !k.can(r, now) })
	for len(parked) > 0 {
		same := 1
		for same < len(parked) && parked[0].same(parked[same]) {
			same++
		}
		twins := parked[:same]
		can, parked = append(can, func() { k.serve(twins) }), parked[same:]
	}
	if !k.down() {
		for _, t := range k.travelling {
			if !now.Before(t.due) && (t.ready == nil || t.ready()) {
				can = append(can, func() { k.arrive(t) })
			}
		}
		for _, m := range k.markers {
			if !now.Before(m.due) {
				can = append(can, func() { k.mark(m) })
			}
		}
		for _, p := range k.processes {
			for _, m := range p.members {
				if m.outdated() {
					can = append(can, m.learn)
				}
			}
		}
	}
	if len(can) == 0 {
		return false
	}
	can[k.random.IntN(len(can))]()
	return true
}

// can says whether the driver may do something about a request now.
func (k *Kafka) can(r *request, now time.Time) bool {
	paused := now.Before(r.process.paused)
	switch {
	case r.done != nil:
		return !paused
	case !paused && r.ctx.Err() != nil:
		return true
	case k.down():
		return false
	}
	// A process that stands still has sent its request already.
	return r.ready == nil || r.ready()
}

// same says whether two requests are reads that the key does not tell apart. They share their fate: in which order goroutines
// came to ask is not the seed's to decide.
func (r *request) same(o *request) bool {
	return r.reads && o.reads && r.process == o.process && r.kind == o.kind && r.name == o.name
}

// serve carries out or answers one request, or reads that are the same.
func (k *Kafka) serve(twins []*request) {
	if r := twins[0]; !r.reads {
		k.change(r)
		return
	}
	now := time.Now()
	slow, seed := k.chance(k.Slow), k.random.Uint64()
	slices.SortStableFunc(twins, func(a, b *request) int { return cmp.Compare(a.fallen(), b.fallen()) })
	for _, r := range twins {
		switch {
		case r.done != nil:
			k.deliver(r, *r.done, "answer")
		case r.ctx.Err() != nil:
			k.deliver(r, answer{err: context.Cause(r.ctx)}, "ended")
		default:
			k.fate = rand.New(rand.NewPCG(seed, 0))
			value, err := r.do()
			k.finish(r, answer{value, err}, slow || now.Before(r.process.paused))
		}
	}
}

// fallen says what can't change any more about a request.
func (r *request) fallen() string {
	switch {
	case r.done != nil:
		return "done " + said(r.done.err)
	case r.ctx.Err() != nil:
		return "ended " + said(context.Cause(r.ctx))
	}
	return ""
}

// finish answers a request that was carried out, or leaves the answer under way.
func (k *Kafka) finish(r *request, a answer, slow bool) {
	if !slow {
		k.deliver(r, a, "answer")
		return
	}
	r.done = &a
	k.note("done", r.process.label, r.kind, r.name, said(a.err))
}

// change serves a request that is no read: it may be lost on its way, and its answer too.
func (k *Kafka) change(r *request) {
	switch {
	case r.done != nil:
		k.deliver(r, *r.done, "answer")
		return
	case r.ctx.Err() != nil:
		if k.random.IntN(2) == 0 {
			k.delay(r)
		}
		k.deliver(r, answer{err: context.Cause(r.ctx)}, "ended")
		return
	case k.chance(k.Lost):
		k.deliver(r, k.unanswered(r), "lost")
		return
	case k.chance(k.Late):
		k.delay(r)
		k.deliver(r, k.unanswered(r), "late")
		return
	}
	value, err := r.do()
	if k.chance(k.Unheard) {
		k.deliver(r, k.unanswered(r), "unheard")
		return
	}
	k.finish(r, answer{value, err}, k.chance(k.Slow) || time.Now().Before(r.process.paused))
}

func (k *Kafka) unanswered(r *request) answer {
	if r.kind == endKind && k.chance(k.Doubt) {
		return answer{err: errGivenUp}
	}
	return answer{err: errUnanswered}
}

func said(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func (k *Kafka) deliver(r *request, a answer, how string) {
	k.note(how, r.process.label, r.kind, r.name, said(a.err))
	k.mu.Lock()
	k.parked = slices.DeleteFunc(slices.Clone(k.parked), func(q *request) bool { return q == r })
	k.mu.Unlock()
	r.answer <- a
}

// lateness is how long a request may be under way after its sender gave up.
const lateness = 12 * time.Second

func (k *Kafka) delay(r *request) {
	limit := 100 * time.Millisecond
	if k.random.IntN(3) == 0 {
		limit = lateness
	}
	k.travelling = append(k.travelling, &travelling{r, time.Now().Add(k.during(limit))})
}

func (k *Kafka) arrive(t *travelling) {
	k.travelling = slices.DeleteFunc(k.travelling, func(o *travelling) bool { return o == t })
	_, err := t.do()
	k.note("arrives", t.process.label, t.kind, t.name, said(err))
}

func (k *Kafka) down() bool { return time.Now().Before(k.until) }

// Restart makes the cluster unreachable for d. Members have to join anew with a new id, as kafka-go's do: whether they
// see it before their session ends is left to chance.
func (k *Kafka) Restart(d time.Duration) {
	k.note("restart", d.String())
	k.until = time.Now().Add(d)
	for _, p := range k.processes {
		for _, m := range p.members {
			m.estranged = k.random.IntN(2) == 0
		}
	}
	k.mu.Lock()
	parked := slices.Clone(k.parked)
	k.mu.Unlock()
	for _, r := range parked {
		if r.done == nil && !r.reads && k.random.IntN(2) == 0 && !time.Now().Before(r.process.paused) {
			k.deliver(r, k.unanswered(r), "lost")
		}
	}
}

// Idle says that nothing is on its way: no request without a sender, no open transaction, no marker to be written.
func (k *Kafka) Idle() bool {
	return len(k.travelling) == 0 && len(k.markers) == 0 && !slices.ContainsFunc(k.writers, func(c *coordinator) bool { return c.open })
}

// clockwork does what time alone brings about.
func (k *Kafka) clockwork() {
	now := time.Now()
	for _, g := range k.groups {
		g.tick(now)
	}
	if k.down() {
		return
	}
	for _, t := range k.topics {
		t.compact(k)
	}
	for _, c := range k.writers {
		if c.open && now.After(c.expires) {
			k.note("time-out", c.id)
			c.epoch++
			c.decide(false)
		}
	}
}

// Process is one process's connection to the cluster. It implements broker.Cluster.
type Process struct {
	k       *Kafka
	label   string
	number  int
	paused  time.Time
	dead    bool // guarded by k.mu
	members []*Member
}

var _ broker.Cluster = (*Process)(nil)

// Process adds a process. label names it in the trace.
func (k *Kafka) Process(label string) *Process {
	p := &Process{k: k, label: fmt.Sprintf("%s%d", label, len(k.processes)), number: len(k.processes)}
	k.processes = append(k.processes, p)
	return p
}

// Label names the process in the trace.
func (p *Process) Label() string { return p.label }

// Kill ends a process: what it asked without an answer may still arrive, and nothing after that.
func (p *Process) Kill() {
	k := p.k
	k.note("kill", p.label)
	k.mu.Lock()
	p.dead = true
	var mine []*request
	k.parked = slices.DeleteFunc(slices.Clone(k.parked), func(r *request) bool {
		if r.process == p {
			mine = append(mine, r)
		}
		return r.process == p
	})
	k.mu.Unlock()
	slices.SortStableFunc(mine, func(a, b *request) int { return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.name, b.name)) })
	for _, r := range mine {
		if r.done == nil && !r.reads && k.random.IntN(2) == 0 {
			k.delay(r)
		}
		r.answer <- answer{err: errDead}
	}
}

// Pause leaves all answers to a process undelivered for d; then it goes on, a zombie by then if d is longer than its session.
func (p *Process) Pause(d time.Duration) {
	p.k.note("pause", p.label, d.String())
	p.paused = time.Now().Add(d)
}

// Wake ends a pause.
func (p *Process) Wake() { p.paused = time.Time{} }

// reachable says whether the process sends heartbeats.
func (p *Process) reachable(now time.Time) bool { return !p.dead && !now.Before(p.paused) }

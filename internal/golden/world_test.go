package golden

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/internal/broker/simulated"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/config"
	"github.com/homeostat/homeostat/pipeline/engine"
	"github.com/homeostat/homeostat/pipeline/engine/snapshot"
	"github.com/homeostat/homeostat/pipeline/plan"
	kafkasink "github.com/homeostat/homeostat/sinks/kafka"
)

// epoch is the 0s of scripts, and when the clock of a bubble begins: midnight UTC of 2000-01-01, in nanoseconds.
const epoch = int64(946684800) * int64(time.Second)

// most bounds the instances of a run.
const most = 4

// world is a cluster with a pipeline's instances on it, in which one run of a script happens. The goroutine of the run is the
// driver of the cluster.
type world struct {
	*variant
	k         *simulated.Kafka
	random    *rand.Rand
	yaml      string // of the pipeline
	registry  *pipeline.Registry
	plan      *plan.Plan // as all instances have it
	plans     map[string]*plan.Plan
	instances []*instance
	wanted    int // instances that are to run
	gates     *gates
	trouble   error // the first that ends the run
	logs      []string
	logsMu    sync.Mutex
}

// instance is one process of the pipeline.
type instance struct {
	name    string
	process *simulated.Process
	cancel  context.CancelFunc
	mu      sync.Mutex // guards what follows
	runner  *engine.Runner
	ended   bool
	err     error
	stopped bool // it was told to, or killed
}

func newWorld(v *variant) *world {
	w := &world{variant: v, random: rand.New(rand.NewPCG(v.seed, 7)), gates: &gates{open: map[string]bool{}, once: map[string]bool{}}}
	w.k = simulated.New(w.random)
	w.k.Markers = time.Millisecond
	return w
}

// read makes a plan of the pipeline for an instance.
func (w *world) read(name string) (*plan.Plan, error) {
	yaml := strings.Replace(prelude(w.yaml), "instance: a\n", "instance: "+name+"\n", 1)
	if w.repartition > 0 {
		yaml = strings.ReplaceAll(yaml, "keyed: true", "keyed: false") + "columns: {partitions: 3}\n"
	}
	cfg, err := config.Parse("pipeline.yaml", []byte(yaml), w.registry, func(string) (string, bool) { return "", false }, nil)
	if err != nil {
		return nil, err
	}
	p, err := plan.New(cfg, w.registry)
	if err != nil {
		return nil, err
	}
	p.Topics.Events.Partitions, p.Topics.Inbox.Partitions, p.Topics.DeadLetters.Partitions = 2, 1, 1
	p.Topics.Incidents.Partitions, p.Topics.Remediations.Partitions = 1, 1
	return p, nil
}

// planOf is the plan of an instance. One that comes back has the one from before.
func (w *world) planOf(name string) (p *plan.Plan, err error) {
	if p = w.plans[name]; p == nil {
		p, err = w.read(name)
		w.plans[name] = p
	}
	return p, err
}

// prelude is what a pipeline says of itself unless the script says it.
func prelude(yaml string) string {
	var b strings.Builder
	for _, line := range []string{
		"version: 1", "name: golden", "instance: a", "kafka: {commit_interval: 50ms}", "state: {interval: 20s}",
		`scope: {entity: ["{{.host}}", "{{metric}}"], system: "shop"}`,
	} {
		key, _, _ := strings.Cut(line, ":")
		if !strings.HasPrefix(yaml, key+":") && !strings.Contains(yaml, "\n"+key+":") {
			b.WriteString(line + "\n")
		}
	}
	return b.String() + yaml
}

// configure takes a pipeline on.
func (w *world) configure(yaml string, registry *pipeline.Registry) (err error) {
	w.yaml, w.registry, w.plans = yaml, registry, map[string]*plan.Plan{}
	if w.plan, err = w.read("a"); err != nil {
		return err
	}
	return nil
}

// place does for the driver's plan what each instance does for its own.
func (w *world) place() {
	n := map[string]int{}
	for _, s := range w.plan.Sources {
		n[s.Topic] = len(w.k.Ends(s.Topic))
	}
	w.plan.Place(n)
}

// start begins an instance under the first name that is free.
func (w *world) start() {
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		if !slices.ContainsFunc(w.instances, func(i *instance) bool { return i.name == name }) {
			w.begin(name)
			return
		}
	}
}

func (w *world) begin(name string) {
	i := &instance{name: name, process: w.k.Process(name)}
	ctx, cancel := context.WithCancel(context.Background())
	i.cancel = cancel
	w.instances = append(w.instances, i)
	p, err := w.planOf(name)
	if err != nil {
		w.fail(err)
		return
	}
	var cluster broker.Cluster = gated{i.process, w.gates}
	if w.tamper != nil {
		cluster = tampered{cluster, w.tamper}
	}
	cfg := kafkasink.Config{Routes: kafkasink.Routes(p.Topics.Events.Name, p.Topics.Incidents.Name, p.Topics.Remediations.Name), Sequences: &kafkasink.Sequences{}}
	o := engine.RunOptions{Cluster: cluster, Options: engine.Options{
		NewOutput: func() engine.Output { return kafkasink.NewSink(cfg) },
		Logger:    slog.New(slog.NewTextHandler(journal{w, name}, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}}
	go func() {
		r, err := engine.NewRunner(ctx, p, o)
		if err == nil {
			i.mu.Lock()
			i.runner = r
			i.mu.Unlock()
			err = errors.Join(r.Run(ctx), r.Close())
		}
		i.mu.Lock()
		i.ended, i.err = true, err
		i.mu.Unlock()
	}()
}

// journal keeps what instances log.
type journal struct {
	*world
	name string
}

func (j journal) Write(p []byte) (int, error) {
	j.logsMu.Lock()
	defer j.logsMu.Unlock()
	if len(j.logs) < 200 {
		j.logs = append(j.logs, j.name+": "+strings.TrimSpace(string(p)))
	}
	return len(p), nil
}

func (w *world) fail(err error) {
	if w.trouble == nil {
		w.trouble = err
	}
}

// over says whether the instance has ended, and why.
func (i *instance) over() (bool, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.ended, i.err
}

// ready says whether its lanes all stand where they should.
func (i *instance) ready() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.runner != nil && i.runner.Ready() == nil
}

// reap removes the instances that ended. One that ends by itself comes back if it was fenced; any other end is a fault.
func (w *world) reap() {
	var rest []*instance
	var again []string
	for _, i := range w.instances {
		ended, err := i.over()
		switch {
		case !ended:
			rest = append(rest, i)
		case i.stopped:
		case errors.Is(err, broker.ErrFenced):
			again = append(again, i.name)
		default:
			w.fail(fmt.Errorf("instance %s ended: %w", i.name, err))
		}
	}
	w.instances = rest
	for _, name := range again {
		w.begin(name)
	}
}

// turn lets one thing happen. It says whether anything could.
func (w *world) turn() bool {
	synctest.Wait()
	w.reap()
	if w.k.Step() {
		return true
	}
	time.Sleep(time.Duration(w.random.Int64N(int64(150*time.Millisecond))) | 1)
	return false
}

// limit is how long, in time of the bubble, anything may take.
const limit = 10 * time.Minute

// until lets things happen until something is so for that long.
func (w *world) until(what string, lasts time.Duration, so func() bool) {
	began := time.Now()
	var since time.Time
	for w.trouble == nil {
		if w.turn() {
			if w.random.IntN(4) == 0 {
				time.Sleep(time.Duration(w.random.Int64N(int64(time.Millisecond))) | 1)
			}
			continue
		}
		switch {
		case !so():
			since = time.Time{}
		case since.IsZero():
			since = time.Now()
		case time.Since(since) >= lasts:
			return
		}
		if time.Since(began) > limit {
			w.fail(fmt.Errorf("%s did not come about within %s: %s", what, limit, w.where()))
		}
	}
}

// pass lets that much time pass.
func (w *world) pass(d time.Duration) {
	for end := time.Now().Add(d); w.trouble == nil && time.Now().Before(end); {
		w.turn()
	}
}

// settle waits until all that was written is processed by all stages, and nothing moves.
func (w *world) settle() {
	if len(w.running()) == 0 {
		return
	}
	w.place()
	before := ""
	w.until("the end of all work", 1500*time.Millisecond, func() bool {
		now := w.where()
		same := now == before
		before = now
		return same && w.settled()
	})
}

func (w *world) settled() bool {
	if !w.k.Idle() {
		return false
	}
	for _, i := range w.running() {
		if !i.ready() {
			return false
		}
	}
	for _, s := range w.plan.Stages() {
		for _, topic := range s.Inputs {
			for tp, end := range w.k.Ends(topic) {
				if end > 0 && w.k.Position(s.Group, tp) < end {
					return false
				}
			}
		}
	}
	return true
}

// where says how far the stages have come.
func (w *world) where() string {
	var b strings.Builder
	for _, s := range w.plan.Stages() {
		for _, topic := range s.Inputs {
			ends := w.k.Ends(topic)
			for p := range len(ends) {
				tp := broker.TopicPartition{Topic: topic, Partition: int32(p)}
				fmt.Fprintf(&b, "%s %s/%d %d of %d, ", s.Group, topic, p, w.k.Position(s.Group, tp), ends[tp])
			}
		}
	}
	return b.String()
}

// running are the instances that were not told to stop.
func (w *world) running() (out []*instance) {
	for _, i := range w.instances {
		if !i.stopped {
			out = append(out, i)
		}
	}
	return out
}

// scale starts or stops instances.
func (w *world) scale(n int) {
	w.wanted = n
	for len(w.running()) < n {
		w.start()
	}
	for _, i := range w.running()[n:] {
		i.stopped = true
		i.cancel()
		w.until("the end of instance "+i.name, 0, func() bool { return !slices.Contains(w.instances, i) })
	}
}

// crash kills an instance and starts it again.
func (w *world) crash(i *instance) {
	i.stopped = true
	i.process.Kill()
	i.cancel()
	w.until("the end of instance "+i.name, 0, func() bool { return !slices.Contains(w.instances, i) })
	w.begin(i.name)
}

// ask calls f, which talks to the cluster, while the driver goes on.
func (w *world) ask(f func(broker.Cluster) error) error {
	done := make(chan error, 1)
	p := w.k.Process("reader")
	go func() { done <- f(p) }()
	var err error
	answered := false
	w.until("an answer of the cluster", 0, func() bool {
		select {
		case err = <-done:
			answered = true
		default:
		}
		return answered
	})
	if !answered {
		p.Kill()
		<-done
	}
	return errors.Join(err, w.trouble)
}

// states reads the snapshots of lanes.
func (w *world) states() (found map[string][]snapshot.Stored, err error) {
	err = w.ask(func(c broker.Cluster) error {
		found, err = engine.StateStore(w.plan, c).Load(context.Background())
		return err
	})
	return found, err
}

// end ends all that runs.
func (w *world) end() {
	for _, i := range w.instances {
		i.stopped = true
		i.process.Kill()
		i.cancel()
	}
	synctest.Wait()
}

// within runs f in a bubble with a virtual clock.
func within(t *testing.T, f func()) { synctest.Test(t, func(*testing.T) { f() }) }

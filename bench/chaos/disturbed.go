package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/homeostat/homeostat/bench/stand"
)

// disturbed is the run with the faults, and what it is compared with.
type disturbed struct {
	*settings
	mode   *mode
	dir    string
	report *report

	proxy   *proxy
	cluster *stand.Cluster
	engines []*stand.Engine
	monitor *monitor
	feeder  *feeder

	log     *slog.Logger
	logFile *os.File
	pending sync.WaitGroup // faults that end later
	mu      sync.Mutex     // guards report.violations and report.ended
}

// stages of the engines: some run all, others share the work in another way.
var stages = []string{"", "", "detect", "operate"}

// drainLimit is how long an engine may take to end after SIGTERM.
const drainLimit = 30 * time.Second

// compare runs the disturbed run, the undisturbed one on the same input, and compares them.
func (d *disturbed) compare(ctx context.Context) (err error) {
	if d.logFile, err = os.Create(filepath.Join(d.dir, "schedule.log")); err != nil {
		return err
	}
	defer d.logFile.Close()
	d.log = slog.New(slog.NewTextHandler(d.logFile, nil))
	if d.proxy, err = listen(d.seed); err != nil {
		return err
	}
	defer d.proxy.close()
	d.proxy.distance(d.distance)
	if d.cluster, err = stand.Open(filepath.Join(d.dir, "kafka"), d.proxy.port()); err != nil {
		return err
	}
	d.proxy.connectTo(d.cluster.Broker.ProxiedAddr())
	defer func() { err = errors.Join(err, d.cluster.Stop()) }()
	if err := d.topics(ctx, d.cluster); err != nil {
		return err
	}
	if err := d.disturb(ctx); err != nil {
		return err
	}
	got, err := d.read(ctx, d.cluster)
	if err != nil {
		return err
	}
	want, err := d.undisturbed(ctx)
	if err != nil {
		return err
	}
	d.report.verdict = stand.Compare(want, got)
	d.report.verdict.CompareTime(want, got, d.feeder.lastTick())
	return nil
}

// topics makes the input's topics. The inbox has the settings that the pipeline asks for.
func (d *disturbed) topics(ctx context.Context, c *stand.Cluster) error {
	own := map[string]string{"cleanup.policy": "delete", "retention.ms": "604800000", "message.timestamp.type": "LogAppendTime"}
	return errors.Join(
		c.CreateTopic(ctx, metricsIn, metricPartitions, map[string]string{"retention.ms": "-1"}),
		c.CreateTopic(ctx, logsIn, logPartitions, map[string]string{"retention.ms": "-1"}),
		c.CreateTopic(ctx, inboxTopic, inboxPartitions, own))
}

// disturb runs the engines and the faults, and lets all settle. When it returns without an error, nobody writes any more.
func (d *disturbed) disturb(ctx context.Context) (err error) {
	defer func() {
		for _, e := range d.engines {
			e.Kill()
		}
		d.pending.Wait()
	}()
	for i, s := range stages {
		if s == "operate" && !d.mode.operates {
			s = ""
		}
		instance := fmt.Sprintf("e%d", i+1)
		config, err := d.mode.write(d.dir, instance, d.proxy.addr(), d.session, !d.atLeastOnce)
		if err != nil {
			return err
		}
		if out, err := exec.Command(d.program, "validate", "-c", config).CombinedOutput(); err != nil {
			return fmt.Errorf("%s validate: %w: %s", d.program, err, out)
		}
		e := stand.NewEngine(d.program, d.dir, instance, config, s, d.note)
		d.engines = append(d.engines, e)
		if err := e.Start(); err != nil {
			return err
		}
	}
	inputs, err := d.inputs(ctx)
	if err != nil {
		return err
	}
	d.monitor = newMonitor(d.cluster, d.mode.groups(), inputs)
	d.report.monitor = d.monitor
	d.feeder = newFeeder(d.seed, d.cluster.Client, inboxTopic, inboxPartitions, d.mode.spread)
	d.report.rows = d.feeder.rows

	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	go d.monitor.run(watching)
	feeding, stopFeeding := context.WithCancel(ctx)
	fed := make(chan error, 1)
	go func() { fed <- d.feeder.run(feeding) }()
	d.monitor.fault("start")
	stuck := !d.monitor.calm(ctx, d.limit)
	if !stuck {
		select {
		case <-ctx.Done():
		case <-time.After(d.calm):
		}
		stuck, err = d.rounds(ctx)
	}
	d.proxy.slow(0, 0)
	stopFeeding()
	if feedErr := <-fed; err == nil {
		err = feedErr
	}
	if err != nil || ctx.Err() != nil {
		return errors.Join(err, context.Cause(ctx))
	}
	if stuck {
		d.violate("the pipeline did not come to itself within %s, its positions: %v", d.limit, d.monitor.where())
	}
	return d.settle(ctx)
}

// inputs waits for the pipeline's topics and lists the partitions that each group reads.
func (d *disturbed) inputs(ctx context.Context) (map[string][]stand.Partition, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("the engines did not make their topics within a minute"))
	defer cancel()
	for {
		have, err := d.cluster.Partitions(ctx, d.mode.topics()...)
		if err != nil {
			return nil, err
		}
		by := map[string][]stand.Partition{}
		for _, p := range have {
			by[p.Topic] = append(by[p.Topic], p)
		}
		if len(by) == len(d.mode.topics()) {
			read := map[string][]stand.Partition{}
			for _, g := range d.mode.groups() {
				for _, topic := range d.mode.reads(g) {
					read[g] = append(read[g], by[topic]...)
				}
			}
			return read, nil
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// rounds runs the schedule. stuck says that it ended early because nothing moved any more.
func (d *disturbed) rounds(ctx context.Context) (stuck bool, err error) {
	for i, f := range schedule(d.seed, d.settings.rounds, len(d.engines), d.session) {
		if f.Kind == killBroker && d.brokerKills >= 0 && d.report.faults[killBroker] >= d.brokerKills {
			f.Kind, f.Engines = killEngine, []int{i % len(d.engines)}
		}
		d.log.Info("round", "round", i+1, "fault", f.String())
		if i%10 == 9 || d.settings.rounds < 20 {
			fmt.Printf("%s round %d of %d: %s\n", time.Now().UTC().Format(time.TimeOnly), i+1, d.settings.rounds, f.String())
		}
		d.report.faults[f.Kind]++
		if f.Kind != killBroker {
			d.monitor.fault(f.Kind)
		}
		if err := d.inject(ctx, &f); err != nil {
			return false, err
		}
		if f.Kind == killBroker {
			// How long it takes to start is not the engines' time.
			d.monitor.fault(f.Kind)
			d.log.Info("the broker is up again")
		}
		select {
		case <-ctx.Done():
			return false, nil
		case <-time.After(f.Dwell):
		}
		// Faults without end would show nothing but that nobody can work under them.
		if f.Await || d.monitor.oldest() > 4*d.session {
			if !d.monitor.calm(ctx, d.limit) {
				return true, nil
			}
		}
	}
	return false, nil
}

// later runs f after a while, beside the rounds.
func (d *disturbed) later(ctx context.Context, after time.Duration, f func()) {
	d.pending.Go(func() {
		select {
		case <-ctx.Done():
		case <-time.After(after):
		}
		f()
	})
}

// inject does what a round asks for. An error is the harness's own.
func (d *disturbed) inject(ctx context.Context, f *fault) error {
	restart := func(e *stand.Engine) {
		d.later(ctx, f.Down, func() {
			if ctx.Err() == nil {
				d.check(e.Start())
			}
		})
	}
	switch f.Kind {
	case killEngine, killTwo:
		for _, i := range f.Engines {
			d.engines[i].Kill()
			restart(d.engines[i])
		}
	case drain:
		e := d.engines[f.Engines[0]]
		d.pending.Go(func() {
			e.Drain(drainLimit)
			restart(e)
		})
	case freeze:
		e := d.engines[f.Engines[0]]
		pid := e.Signal(syscall.SIGSTOP)
		d.later(ctx, f.Down, func() { e.Thaw(pid) })
	case killBroker:
		if err := d.cluster.Broker.Crash(); err != nil {
			return err
		}
		time.Sleep(f.Down)
		return d.cluster.Broker.Restart()
	case resets:
		d.log.Info("connections reset", "count", d.proxy.resetSome(f.Share))
	case stalls:
		n, end := d.proxy.stallSome(f.Share)
		d.log.Info("connections half-open", "count", n)
		d.later(ctx, f.Down, func() { end(f.Late) })
	case delays, throttles:
		d.proxy.slow(f.Delay, f.Rate)
		d.later(ctx, f.Down, func() { d.proxy.slow(0, 0) })
	}
	return nil
}

// settle waits until all input is processed, and drains the engines.
func (d *disturbed) settle(ctx context.Context) error {
	d.pending.Wait()
	for _, e := range d.engines {
		d.check(e.Start())
	}
	if err := d.caughtUp(ctx, d.cluster, d.mode.groups(), 2*d.limit); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		d.violate("%v", err)
	}
	d.end(d.engines)
	var err error
	if d.report.ledgers[0], err = ledger(d.program, filepath.Join(d.dir, "e1.yaml")); err != nil {
		d.violate("%v", err)
	}
	return ctx.Err()
}

// end drains engines and gathers what they tell of themselves.
func (d *disturbed) end(engines []*stand.Engine) {
	var all sync.WaitGroup
	for _, e := range engines {
		all.Go(func() { e.Drain(drainLimit) })
	}
	all.Wait()
	for _, e := range engines {
		d.mu.Lock()
		d.report.ended = append(d.report.ended, e.Failures()...)
		d.report.violations = append(d.report.violations, e.Confess()...)
		d.mu.Unlock()
	}
}

// caughtUp waits until each group stands at the end of what it reads, as it is when the group before it has come there.
func (d *disturbed) caughtUp(ctx context.Context, c *stand.Cluster, groups []string, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for _, g := range groups {
		topics := d.mode.reads(g)
		var ends map[stand.Partition]int64
		var behind string
		for done := false; !done; {
			partitions, err := c.Partitions(ctx, topics...)
			if err == nil && ends == nil {
				ends, err = c.Ends(ctx, partitions, false)
			}
			var at map[stand.Partition]int64
			if err == nil {
				at, err = c.Positions(ctx, g)
			}
			if done = err == nil; done {
				behind = ""
				for p, end := range ends {
					if have, ok := at[p]; end > 0 && (!ok || have < end) {
						behind += fmt.Sprintf(" %s %d of %d", p, have, end)
					}
				}
				done = behind == ""
			}
			if done {
				break
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("group %s did not come to the end of its input within %s:%s %w", g, limit, behind, errors.Join(err, context.Cause(ctx)))
			case <-time.After(pollEach):
			}
		}
	}
	return nil
}

// read reads what a run wrote.
func (d *disturbed) read(ctx context.Context, c *stand.Cluster) (*stand.Outputs, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 5*time.Minute, errors.New("the outputs could not be read within five minutes"))
	defer cancel()
	partitions, err := c.Partitions(ctx, outputTopics()...)
	if err != nil {
		return nil, err
	}
	out := stand.NewOutputs(deadTopic)
	return out, c.Each(ctx, partitions, out.Add)
}

// undisturbed runs one engine over a copy of the input on a broker of its own, and returns what it wrote.
func (d *disturbed) undisturbed(ctx context.Context) (_ *stand.Outputs, err error) {
	c, err := stand.Open(filepath.Join(d.dir, "kafka-undisturbed"), 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	if err := d.topics(ctx, c); err != nil {
		return nil, err
	}
	inputs, err := d.cluster.Partitions(ctx, metricsIn, logsIn, inboxTopic)
	if err != nil {
		return nil, err
	}
	if d.report.input, err = d.cluster.CopyTo(ctx, c, inputs); err != nil {
		return nil, err
	}
	config, err := d.mode.write(d.dir, "undisturbed", c.Broker.Addr(), 10*time.Second, true)
	if err != nil {
		return nil, err
	}
	e := stand.NewEngine(d.program, d.dir, "undisturbed", config, "", d.note)
	defer e.Kill()
	if err := e.Start(); err != nil {
		return nil, err
	}
	if err := d.caughtUp(ctx, c, d.mode.groups(), 5*time.Minute); err != nil {
		return nil, err
	}
	d.end([]*stand.Engine{e})
	if d.report.ledgers[1], err = ledger(d.program, config); err != nil {
		return nil, err
	}
	for _, wrong := range judgeLedgers(d.report.ledgers[0], d.report.ledgers[1]) {
		d.violate("%s", wrong)
	}
	return d.read(ctx, c)
}

// note writes to the schedule what happened by itself.
func (d *disturbed) note(format string, args ...any) { d.log.Warn(fmt.Sprintf(format, args...)) }

// violate notes what must not be.
func (d *disturbed) violate(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.report.violations = append(d.report.violations, fmt.Sprintf(format, args...))
}

func (d *disturbed) check(err error) {
	if err != nil {
		d.violate("%v", err)
	}
}

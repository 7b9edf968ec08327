package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"golang.org/x/term"

	"github.com/homeostat/homeostat/examples"
	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/config"
	"github.com/homeostat/homeostat/pipeline/engine"
	"github.com/homeostat/homeostat/pipeline/plan"
	"github.com/homeostat/homeostat/plant"
)

// demoInterval is the simulated time between two exports of the plant's telemetry.
const demoInterval = 5 * time.Second

// demoOptions are the flags of demo.
type demoOptions struct {
	scenario  string
	seed      uint64
	lockstep  bool
	json      bool
	bootstrap string
	config    string
	out       string
	speed     float64
}

func demoCommand() *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run a simulated web system beside a pipeline that keeps it healthy, and tell the story",
		Long: "Run a simulated web system (the plant) and a pipeline over Kafka (an embedded broker unless --bootstrap names one),\n" +
			"faster than real time, tell what happens, and compare with the same system without any action.\n" +
			"The exit status is 0 if every incident got a verdict, the objective holds at the end, and whatever was done was better\n" +
			"than doing nothing. With --lockstep plant and pipeline share one goroutine and a virtual clock: the same seed\n" +
			"gives the same bytes.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runDemo(cmd.Context(), o, cmd.OutOrStdout()) },
	}
	f := cmd.Flags()
	f.StringVar(&o.scenario, "scenario", "ceiling", "what happens to the system: "+scenarioNames())
	f.Uint64Var(&o.seed, "seed", 1, "seed of the system and of what happens")
	f.BoolVar(&o.lockstep, "lockstep", false, "without Kafka, on a virtual clock, deterministic")
	f.BoolVar(&o.json, "json", false, "print the outcome as JSON instead of the story")
	f.StringVar(&o.bootstrap, "bootstrap", "", "a broker's host:port instead of the embedded broker")
	f.StringVarP(&o.config, "config", "c", "", "a pipeline's file, of which only kafka: is used: how to connect to the brokers")
	f.StringVar(&o.out, "out", "", "a folder for all events, as JSON lines")
	f.Float64Var(&o.speed, "speed", 60, "how many times faster than real time it runs over Kafka")
	return cmd
}

func scenarioNames() string {
	names := ""
	for _, s := range plant.Scenarios() {
		names += s.Name + " "
	}
	return names
}

// demo is one run: a plant, a pipeline, and who tells of them.
type demo struct {
	demoOptions
	plan  *plan.Plan
	rig   *plant.Rig
	start time.Time
	tell  *timeline
	calm  calm
	log   *slog.Logger
}

func runDemo(ctx context.Context, o demoOptions, out io.Writer) error {
	d, err := newDemo(o, out)
	if err != nil {
		return err
	}
	if !o.json {
		s, _ := plant.Lookup(o.scenario)
		fmt.Fprintf(d.tell.out, "scenario %s, seed %d: %s\n", s.Name, o.seed, s.Summary)
	}
	if o.lockstep {
		err = d.lockstep(ctx)
	} else {
		err = d.live(ctx)
	}
	if err != nil {
		return err
	}
	return d.conclude(ctx, out)
}

// slowest and fastest bound the speed: beyond them the pause between two exports is no time that a clock can keep.
const slowest, fastest = 0.001, 100_000

func newDemo(o demoOptions, out io.Writer) (*demo, error) {
	if !(o.speed >= slowest && o.speed <= fastest) {
		return nil, pipeline.Errorf("demo.speed", "speed %g is none: give one from %g to %d", o.speed, slowest, fastest)
	}
	d := &demo{demoOptions: o, start: demoStart(o.lockstep)}
	registry := newRegistry()
	text, err := examples.Files.ReadFile("shop.yaml")
	if err != nil {
		return nil, err
	}
	cfg, err := config.Parse("shop.yaml", text, registry, os.LookupEnv, examples.Files.ReadFile)
	if err != nil {
		return nil, err
	}
	if d.plan, err = plan.New(cfg, registry); err != nil {
		return nil, err
	}
	if o.out != "" {
		if err := redirect(d.plan, o.out); err != nil {
			return nil, err
		}
	}
	d.calm = newCalm(d.plan.SLOs[0])
	d.log = newLogger(os.Stderr, cfg.Log)
	if d.rig, err = d.newRig(); err != nil {
		return nil, err
	}
	story := out
	if o.json {
		story = io.Discard
	}
	d.tell = newTimeline(story, d.start, story == os.Stdout && term.IsTerminal(int(os.Stdout.Fd())))
	return d, nil
}

// demoStart is the simulation's first moment: fixed in lockstep, and far enough in the past that it ends before now.
func demoStart(lockstep bool) time.Time {
	if lockstep {
		return time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	}
	return time.Now().Add(-3 * time.Hour).Truncate(time.Minute).UTC()
}

func (d *demo) newRig() (*plant.Rig, error) {
	scenario, err := plant.Lookup(d.scenario)
	if err != nil {
		return nil, err
	}
	return plant.NewRig(plant.RigConfig{
		Scenario: scenario, Seed: d.seed, Start: d.start, Interval: demoInterval,
		MetricsTopic: d.plan.Sources[0].Topic, LogsTopic: d.plan.Sources[1].Topic, InboxTopic: d.plan.Topics.Inbox.Name, Logger: d.log,
	})
}

// lockstep runs plant and pipeline in this goroutine.
func (d *demo) lockstep(ctx context.Context) error {
	local, err := engine.NewLocal(ctx, d.plan, false, engine.Options{NewOutput: newOutput(d.plan), Logger: d.log})
	if err != nil {
		return err
	}
	var told error
	local.Watch(func(rec pipeline.Record) {
		if err := d.tell.record(rec); err != nil && told == nil {
			told = err
		}
	})
	err = plant.Lockstep(ctx, d.rig, local, d.plan.Topics.Remediations.Name, func() { d.calm.see(d.rig.Bad()) })
	return errors.Join(err, told, local.Close())
}

// live runs plant and pipeline over Kafka, and a reader that tells the story from the pipeline's topics.
func (d *demo) live(ctx context.Context) (err error) {
	kafka, err := accessBy(d.bootstrap, d.config)
	if err != nil {
		return err
	}
	if len(kafka.bootstrap) > 0 {
		d.plan.Instance = fmt.Sprintf("demo-%d", os.Getpid())
	}
	client, stop, err := connect(ctx, kafka, d.plan.Instance, d.log)
	if err != nil {
		return err
	}
	defer stop()
	if err := sourceTopics(ctx, client, d.plan); err != nil {
		return err
	}
	runner, err := engine.NewRunner(ctx, d.plan, engine.RunOptions{Options: engine.Options{NewOutput: newOutput(d.plan), Metrics: newMetrics(), Logger: d.log}, Cluster: client.Cluster()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, runner.Close()) }()
	ctx, end := context.WithCancel(ctx)
	defer end()
	g, running := errgroup.WithContext(ctx)
	g.Go(func() error { return runner.Run(running) })
	g.Go(func() error { return d.follow(running, client) })
	g.Go(func() error {
		defer end()
		if err := awaitReady(running, runner); err != nil {
			return err
		}
		if err := plant.Live(running, d.rig, client, d.plan.Topics.Remediations.Name, d.speed, func() { d.calm.see(d.rig.Bad()) }); err != nil {
			return err
		}
		return d.settle(running, client)
	})
	return g.Wait()
}

// settle waits, for a while, until the pipeline has read and committed what there is.
func (d *demo) settle(ctx context.Context, client *broker.Client) error {
	limit, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	for limit.Err() == nil {
		idle, err := d.caughtUp(limit, client)
		if err != nil && limit.Err() == nil {
			return err
		}
		if idle {
			break
		}
		select {
		case <-limit.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
	return ctx.Err()
}

// caughtUp says whether all stages have committed all that their topics hold.
func (d *demo) caughtUp(ctx context.Context, client *broker.Client) (bool, error) {
	for _, s := range d.plan.Stages() {
		tps, err := client.AllPartitions(ctx, s.Inputs...)
		if err != nil {
			return false, err
		}
		bounds, err := client.Bounds(ctx, tps)
		if err != nil {
			return false, err
		}
		positions, err := client.Committed(ctx, s.Group, tps)
		if err != nil {
			return false, err
		}
		for tp, b := range bounds {
			if b.Stable > b.Start && positions[tp] < b.Stable {
				return false, nil
			}
		}
	}
	return true, nil
}

func awaitReady(ctx context.Context, r *engine.Runner) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for r.Ready() != nil {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// follow reads the pipeline's topics and tells the story until ctx ends.
func (d *demo) follow(ctx context.Context, client *broker.Client) error {
	fetcher := client.NewFetcher(broker.FetchConfig{MaxWait: 100 * time.Millisecond})
	defer fetcher.Close()
	tps, err := client.AllPartitions(ctx, d.plan.Topics.Events.Name, d.plan.Topics.Incidents.Name, d.plan.Topics.Remediations.Name)
	if err != nil {
		return err
	}
	bounds, err := client.Bounds(ctx, tps)
	if err != nil {
		return err
	}
	for _, tp := range tps {
		fetcher.Assign(tp, bounds[tp].Stable)
	}
	held := heldBack{tell: d.tell}
	defer held.release(time.Time{})
	for {
		chunks, err := fetcher.Poll(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		for i := range chunks {
			for _, rec := range chunks[i].Records {
				held.add(rec)
			}
			chunks[i].Release()
			if chunks[i].Err != nil {
				return chunks[i].Err
			}
		}
		if err := held.release(time.Now().Add(-500 * time.Millisecond)); err != nil {
			return err
		}
	}
}

// calm counts for how long the objective has held: the burn rate over its shortest window below 1.
type calm struct {
	budget float64 // share of bad requests that the objective allows
	window time.Duration
	ring   []plant.Score
	since  int // intervals
}

func newCalm(slo pipeline.SLO) calm {
	c := calm{budget: 1 - slo.Objective, window: time.Minute}
	for i, rule := range slo.Burn {
		if short := time.Duration(rule.Short); i == 0 || short < c.window {
			c.window = short
		}
	}
	return c
}

// see takes one interval.
func (c *calm) see(s plant.Score) {
	c.ring = append(c.ring, s)
	if n := max(1, int(c.window/demoInterval)); len(c.ring) > n {
		c.ring = c.ring[1:]
	}
	var sum plant.Score
	for _, r := range c.ring {
		sum.Total += r.Total
		sum.Bad += r.Bad
	}
	if c.since++; sum.BadShare() >= c.budget {
		c.since = 0
	}
}

// lasted returns for how long it has held.
func (c *calm) lasted() time.Duration { return time.Duration(c.since) * demoInterval }

// outcome is what the demo comes to.
type outcome struct {
	Scenario string  `json:"scenario"`
	Seed     uint64  `json:"seed"`
	BadShare float64 `json:"badshare"`
	// TwinBadShare is that of the same seed without any action.
	TwinBadShare float64 `json:"twinbadshare"`
	// Restored is for how many seconds the short-window burn rate has been below 1 at the end.
	Restored float64 `json:"restored"`
	Closed   bool    `json:"closed"`
	story
}

// conclude runs the twin, prints both shares, and says whether the loop closed.
func (d *demo) conclude(ctx context.Context, out io.Writer) error {
	twin, err := d.newRig()
	if err != nil {
		return err
	}
	if err := plant.Alone(ctx, twin); err != nil {
		return err
	}
	o := outcome{
		Scenario: d.scenario, Seed: d.seed, BadShare: d.rig.Score().BadShare(), TwinBadShare: twin.Score().BadShare(),
		Restored: d.calm.lasted().Seconds(), story: d.tell.story,
	}
	why := d.open(&o)
	o.Closed = why == ""
	if d.json {
		if err := json.NewEncoder(out).Encode(o); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(out, "\nbad requests once it was put to the test: %.1f %%; its twin, the same seed without any action: %.1f %%\n", 100*o.BadShare, 100*o.TwinBadShare)
		fmt.Fprintf(out, "the short-window burn rate has been below 1 for the last %s\n", d.calm.lasted())
	}
	if why != "" {
		return pipeline.Errorf("demo.open", "the loop did not close: %s", why)
	}
	if !d.json {
		fmt.Fprintln(out, "the loop closed")
	}
	return nil
}

// open says what keeps the loop from being closed, "" if nothing does.
func (d *demo) open(o *outcome) string {
	switch {
	case d.calm.lasted() < 5*time.Minute:
		return fmt.Sprintf("the objective has held for only %s at the end", d.calm.lasted())
	case len(o.judged) < o.Incidents:
		return fmt.Sprintf("%d of %s got no verdict", o.Incidents-len(o.judged), plural(o.Incidents, "incident"))
	case o.Requested > 0 && o.Executed == 0:
		return "no remediation was carried out"
	case len(o.carriedOut) > 0:
		return fmt.Sprintf("%s got no verdict", plural(len(o.carriedOut), "action"))
	case o.Executed > 0 && o.BadShare >= o.TwinBadShare:
		return "doing nothing would have been as good"
	}
	return ""
}

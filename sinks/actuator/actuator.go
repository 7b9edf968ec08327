package actuator

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// Func carries a command out and returns when it is done. ctx ends with the command's maximum duration; a function that
// goes on after that is given up, and its domain refuses commands until it returns. An error says that it failed; a
// panic is one. It has to honour limits.maxconcurrent itself, and to hand the token to what can check it.
type Func func(ctx context.Context, c Command) (Outcome, error)

// Command is a remediation that may be carried out now. Its content belongs to the function.
type Command struct {
	Event       schemas.Event
	Remediation schemas.Remediation
	// Domain is the lock domain.
	Domain string
	// Token fences: what is acted on may refuse a smaller token than it has seen for the key.
	Token int64
}

// Outcome says what a function did.
type Outcome struct {
	// Execution is schemas.ExecutionSucceeded, which "" means too, or schemas.ExecutionPartial.
	Execution string
	// Detail is for people.
	Detail string
	// Targets are the states before and after, for undo. They have to be JSON values.
	Targets []schemas.TargetResult
	Cost    float64
}

// Config describes an actuator. Hooks are called by the goroutines that call Handle; one that panics has failed.
type Config struct {
	// Name is what commands call the actuator.
	Name string
	// Instance names this process. It stays the same over restarts and is unique among those that share Claims: with two
	// of one name, each takes the other's command at work for what its own crash left. Default Name, where Claims is a
	// Memory or a File, which one process has for itself; required with any other.
	Instance string
	// Verbs are what it can do, by the words of schemas.Verbs.
	Verbs map[string]Func
	// Redrivable lists verbs whose function may be called again after a crash that left it unknown how far it came.
	Redrivable []string
	// Claims is where claims are kept. Required.
	Claims Claims
	// Epoch returns the policy epoch of a lock domain; not known refuses. Required.
	Epoch func(domain string) (epoch int64, known bool)
	// Inhibited is the kill switch: it tells whether nothing may be done, and why. It has to say so also when it has
	// lost sight of the switch. Required: who wants none says so with a function that never inhibits.
	Inhibited func(domain string) (inhibited bool, why string)
	// Guards reads the metric of a guard anew and tells whether the condition holds and the reading is fresh. Without it a
	// command that has guards is refused.
	Guards func(ctx context.Context, g schemas.Guard) (holds, fresh bool, err error)
	// Population counts anew what the targets are part of. Nil takes the command's word for it.
	Population func(ctx context.Context, p schemas.Population, targets []schemas.Target) (size int, err error)
	// Clock is what deadlines are compared with. Default time.Now.
	Clock func() time.Time
	// MaxDuration bounds each call, also when the command has no or a longer bound. Default 10 minutes.
	MaxDuration time.Duration
	// Grace is how long a function has to return after its context ended, before it is given up. Default 5 s.
	Grace time.Duration
	// Logger gets what no result can tell. Default: nothing is logged.
	Logger *slog.Logger
}

// Actuator checks commands and has them carried out. Any number of goroutines may call Handle.
type Actuator struct {
	cfg     Config
	domains domains
}

// New checks the configuration.
func New(cfg Config) (*Actuator, error) {
	switch {
	case cfg.Name == "":
		return nil, pipeline.Errorf("actuator.name.missing", "actuator has no name: set the one that runbooks use")
	case cfg.Claims == nil:
		return nil, pipeline.Errorf("actuator.claims.missing", "actuator %s has no claims, so it could act twice: set Claims", cfg.Name)
	case cfg.Epoch == nil:
		return nil, pipeline.Errorf("actuator.epoch.missing", "actuator %s knows no epochs, so it could obey a stale policy: set Epoch", cfg.Name)
	case cfg.Inhibited == nil:
		return nil, pipeline.Errorf("actuator.inhibited.missing", "actuator %s has no kill switch: set Inhibited, if only to a function that never inhibits", cfg.Name)
	case len(cfg.Verbs) == 0:
		return nil, pipeline.Errorf("actuator.verbs.missing", "actuator %s can do nothing: give it at least one verb", cfg.Name)
	}
	for verb, f := range cfg.Verbs {
		if f == nil || !slices.Contains(schemas.Verbs(), verb) {
			return nil, pipeline.Errorf("actuator.verbs.unknown", "actuator %s has verb %q, which has no function or is not in the closed list %v", cfg.Name, verb, schemas.Verbs())
		}
	}
	for _, verb := range cfg.Redrivable {
		if cfg.Verbs[verb] == nil {
			return nil, pipeline.Errorf("actuator.redrivable.unknown", "actuator %s has re-drivable verb %q, but no such verb", cfg.Name, verb)
		}
	}
	if cfg.Instance == "" {
		switch cfg.Claims.(type) {
		case *Memory, *File:
			cfg.Instance = cfg.Name
		default:
			return nil, pipeline.Errorf("actuator.instance.missing", "actuator %s keeps claims that other processes may share, and has no name of its own, so it could take their commands for its own: set Instance", cfg.Name)
		}
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.MaxDuration <= 0 {
		cfg.MaxDuration = 10 * time.Minute
	}
	if cfg.Grace <= 0 {
		cfg.Grace = 5 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	return &Actuator{cfg: cfg}, nil
}

// Handle takes one record of the remediations topic and returns the results to be written to the inbox, in order; none for
// what is not a live command to this actuator. It borrows the record until it returns.
//
// It waits for the command to end, and before that for its turn in the lock domain; for order within a domain, call it from
// one goroutine per partition. Results that come with an error are true and to be written all the same. An error with
// code actuator.record concerns this record alone: it is no CloudEvent, keep it as a dead letter and go on. Any other
// error means that claims can't be kept or that ctx ended: the caller must not move its position past the record, and
// hands it in again later, when it is answered by what the claims say.
func (a *Actuator) Handle(ctx context.Context, rec pipeline.Record) ([]schemas.Event, error) {
	e, err := schemas.ReadEvent(&rec)
	if err != nil {
		return nil, pipeline.Errorf("actuator.record", "record can't be obeyed: %w", err)
	}
	if e.Type != schemas.TypeRemediationRequested || below(e.Mode) {
		return nil, nil
	}
	c, fault, mine := a.read(e, &rec)
	if !mine {
		return nil, nil
	}
	if fault != "" {
		// Its key can't be trusted to be its own, so nothing is stored under it.
		return []schemas.Event{a.answer(c, schemas.Result{Phase: schemas.PhaseRejected, Reason: schemas.ReasonBadSchema, Detail: fault}, c.Event.ID)}, nil
	}
	leave, err := a.domains.enter(ctx, c.Domain)
	if err != nil {
		return nil, err
	}
	defer leave()
	return a.obey(ctx, c)
}

// below tells whether a mode is one that does not act. A missing or unknown mode does not act either, but is a fault
// that somebody is told of.
func below(mode string) bool {
	return mode == schemas.ModeReplay || mode == schemas.ModeShadow || mode == schemas.ModePropose
}

// obey answers from the claims, or checks the circumstances, claims and runs. The caller is in the domain.
func (a *Actuator) obey(ctx context.Context, c *Command) ([]schemas.Event, error) {
	known, found, err := a.cfg.Claims.Lookup(ctx, c.Event.Idempotency)
	if err != nil {
		return nil, err
	}
	redrive := found && a.redrives(c, known)
	if found && !redrive {
		return a.known(ctx, c, known)
	}
	no := a.circumstances(ctx, c)
	claim := a.claim(c)
	if redrive {
		claim.Over = known.Token
	}
	entry, won, err := a.cfg.Claims.Claim(ctx, claim)
	if err != nil {
		return nil, err
	}
	if !won {
		return a.known(ctx, c, entry)
	}
	c.Token = entry.Token
	if no == nil {
		no = a.last(c) // guards and claims take time
	}
	if no != nil {
		return a.end(ctx, c, no.result(redrive))
	}
	return a.run(ctx, c)
}

// run calls the function and tells what came of it.
func (a *Actuator) run(ctx context.Context, c *Command) ([]schemas.Event, error) {
	accepted := a.answer(c, schemas.Result{Phase: schemas.PhaseAccepted}, c.Event.Idempotency)
	started := a.answer(c, schemas.Result{Phase: schemas.PhaseStarted}, c.Event.Idempotency)
	final, err := a.end(ctx, c, a.call(ctx, c))
	return append([]schemas.Event{accepted, started}, final...), err
}

// end stores the final result and returns it.
func (a *Actuator) end(ctx context.Context, c *Command, r schemas.Result) ([]schemas.Event, error) {
	final := a.answer(c, r, c.Event.Idempotency)
	// What has happened is kept even when the caller is stopping.
	err := a.cfg.Claims.Done(context.WithoutCancel(ctx), c.Event.Idempotency, c.Token, final)
	if pipeline.Code(err) == "claims.lost" {
		a.cfg.Logger.Warn("another instance answered a command that this one carried out", "key", c.Event.Idempotency, "execution", r.Execution)
		err = nil
	}
	return []schemas.Event{final}, err
}

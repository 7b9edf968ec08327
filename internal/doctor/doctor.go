// Package doctor looks at everything between this machine and a healthy pipeline, and says what to do. Each check is a function
// about one subject in a file of its own, and a line in checks. It changes nothing, joins no group and ends no transaction, unless
// Options.Write allows what a check says it writes.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/config"
	"github.com/homeostat/homeostat/pipeline/plan"
)

// Status is what a check came to.
type Status string

// What a check can come to. A fault keeps the pipeline from running or loses data, a warning may do so later.
const (
	OK      Status = "ok"
	Warning Status = "warning"
	Fault   Status = "fault"
	Skipped Status = "skipped"
)

// Finding is one line of the examination.
type Finding struct {
	Check  string `json:"check"`
	Status Status `json:"status"`
	// Subject is what of the pipeline or the cluster it is about, "" for all of it.
	Subject string `json:"subject,omitempty"`
	// Text says what was found and why it matters; with Skipped why it was not looked at.
	Text string `json:"text"`
	// Code is the stable code of the error behind it, "" if there is none.
	Code string `json:"code,omitempty"`
	// Remedy says what to do; never empty with Warning and Fault.
	Remedy string `json:"remedy,omitempty"`
}

// Options say what to examine.
type Options struct {
	// File is the pipeline's, for messages. Load reads and plans it.
	File string
	Load func() (*config.Config, *plan.Plan, error)
	// Connect opens a client for the brokers of a plan; stop closes it.
	Connect func(ctx context.Context, p *plan.Plan) (client *broker.Client, stop func(), err error)
	// Stages are those whose rights are looked at; none means all.
	Stages []string
	// Sample is how many of the newest records of each source are decoded; 0 is 1000.
	Sample int
	// Timeout bounds all of it; 0 is 30 s. Each check gets a share, so that one that hangs does not take the time of the others.
	Timeout time.Duration
	// Write allows checks to write what they say they do.
	Write bool
	// Each, if set, is told each finding as it is made.
	Each func(Finding)
}

// examination is what checks share. They run one after the other.
type examination struct {
	Options
	config *config.Config
	plan   *plan.Plan
	client *broker.Client
	now    time.Time

	check    string
	findings []Finding

	// view is nil while no broker has answered.
	view     *broker.View
	probes   map[string]*broker.Probe // by address
	settings map[string]map[string]string
	samples  map[string]*sample // by source
}

// check is one subject.
type check struct {
	name string
	// cluster says that it needs a broker that answers.
	cluster bool
	look    func(ctx context.Context, e *examination)
}

// Examine runs all checks and returns what they found, in their order. It returns within Options.Timeout and a little.
func Examine(ctx context.Context, o Options) []Finding {
	if o.Sample <= 0 {
		o.Sample = 1000
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	e := &examination{Options: o, now: time.Now(), probes: map[string]*broker.Probe{}, settings: map[string]map[string]string{}, samples: map[string]*sample{}}
	e.check = "configuration"
	if !e.configured() {
		return e.findings
	}
	if len(e.plan.Bootstrap) > 0 {
		client, stop, err := o.Connect(ctx, e.plan)
		if err != nil {
			e.check = "brokers"
			e.failed("", err, "correct the section kafka of "+o.File)
		} else {
			defer stop()
			e.client = client
		}
	}
	for i := range checks {
		e.run(ctx, &checks[i])
	}
	return e.findings
}

// run runs one check, if there is time and what it needs.
func (e *examination) run(ctx context.Context, c *check) {
	e.check = c.name
	switch {
	case len(e.plan.Bootstrap) == 0 && (c.cluster || c.name == "brokers"):
		e.skip("", "the pipeline runs on an embedded broker of its own: there is no cluster to look at")
		return
	case e.client == nil && c.name == "brokers":
		return // that is told already
	case c.cluster && e.view == nil:
		e.skip("", "it needs a broker that answers")
		return
	case ctx.Err() != nil:
		e.skip("", "there is no time left: allow more with --timeout")
		return
	}
	deadline, _ := ctx.Deadline()
	own, cancel := context.WithTimeout(ctx, max(time.Until(deadline)/2, time.Second))
	defer cancel()
	before := len(e.findings)
	c.look(own, e)
	if len(e.findings) == before {
		e.skip("", "there is nothing to look at")
	}
}

// configured reads the configuration and says whether it can be used.
func (e *examination) configured() bool {
	cfg, p, err := e.Load()
	var faults config.Faults
	switch {
	case errors.As(err, &faults):
		for _, f := range faults {
			e.add(Finding{Status: Fault, Subject: f.Path, Text: fmt.Sprintf("%s:%d:%d: %s", f.File, f.Line, f.Column, f.Message), Code: f.Code, Remedy: remedyOf(f)})
		}
		e.skip("", "all other checks need a configuration without faults")
		return false
	case err != nil:
		e.failed("", err, "correct "+e.File)
		return false
	}
	e.config, e.plan = cfg, p
	e.ok("", "%s is valid: pipeline %s, %s", e.File, p.Pipeline, plural(len(p.Sources), "source"))
	return true
}

func remedyOf(f config.Fault) string {
	if f.Suggestion != "" {
		return "did you mean " + f.Suggestion + "?"
	}
	return "correct the file as it says"
}

func (e *examination) add(f Finding) {
	f.Check = e.check
	e.findings = append(e.findings, f)
	if e.Each != nil {
		e.Each(f)
	}
}

func (e *examination) ok(subject, format string, args ...any) {
	e.add(Finding{Status: OK, Subject: subject, Text: fmt.Sprintf(format, args...)})
}

func (e *examination) warn(subject, remedy, format string, args ...any) {
	e.add(Finding{Status: Warning, Subject: subject, Text: fmt.Sprintf(format, args...), Remedy: remedy})
}

func (e *examination) fault(subject, remedy, format string, args ...any) {
	e.add(Finding{Status: Fault, Subject: subject, Text: fmt.Sprintf(format, args...), Remedy: remedy})
}

func (e *examination) skip(subject, format string, args ...any) {
	e.add(Finding{Status: Skipped, Subject: subject, Text: fmt.Sprintf(format, args...)})
}

// failed is a fault that is an error. A check that ran out of time was not made.
func (e *examination) failed(subject string, err error, remedy string) {
	if errors.Is(err, context.DeadlineExceeded) && pipeline.Code(err) == "" {
		e.skip(subject, "it took too long: %v; allow more with --timeout", err)
		return
	}
	text := err.Error()
	var coded *pipeline.Error
	if errors.As(err, &coded) && coded == err {
		text = coded.Message()
	}
	e.add(Finding{Status: Fault, Subject: subject, Text: text, Code: pipeline.Code(err), Remedy: remedy})
}

// Worst returns the worst status among findings; skipped ones count as ok.
func Worst(findings []Finding) Status {
	worst := OK
	for _, f := range findings {
		if f.Status == Fault || f.Status == Warning && worst == OK {
			worst = f.Status
		}
	}
	return worst
}

// counted writes a count with its noun and its verb.
func counted(n int, noun, one, many string) string {
	if n == 1 {
		return plural(n, noun) + " " + one
	}
	return plural(n, noun) + " " + many
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

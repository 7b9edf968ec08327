package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// brokers asks each broker that is named, and each that these announce, on a connection of its own: where one that is announced can't
// be reached, clients hang although the first connection works.
func brokers(ctx context.Context, e *examination) {
	how := "unencrypted"
	if e.plan.TLS() != nil {
		how = "by TLS"
	}
	if sasl := e.plan.SASL(); sasl != nil {
		how += ", authenticated by " + sasl.Mechanism
	}
	answered := false
	for _, addr := range e.plan.Bootstrap {
		answered = e.probe(ctx, addr, addr, how, "see that it runs and that this machine reaches it (nc -vz "+strings.Replace(addr, ":", " ", 1)+"), and that address, TLS and password are right in kafka of "+e.File) || answered
	}
	if !answered {
		return
	}
	view, err := e.client.View(ctx, e.topicNames()...)
	if err != nil {
		e.failed("", err, "see the brokers' logs")
		return
	}
	e.view = view
	for _, b := range view.Brokers {
		if e.probes[b.Addr] == nil {
			e.probe(ctx, b.Addr, fmt.Sprintf("broker %d", b.ID), how, "the brokers announce this address: set advertised.listeners of broker "+fmt.Sprint(b.ID)+" to one that this machine reaches, or make its name known here")
		}
	}
	e.ok("", "cluster %s has %s; the controller is %d", orUnknown(view.ID), plural(len(view.Brokers), "broker"), view.Controller)
}

func (e *examination) probe(ctx context.Context, addr, subject, how, remedy string) bool {
	// One that does not answer must not take all the time.
	deadline, _ := ctx.Deadline()
	own, cancel := context.WithTimeout(ctx, min(5*time.Second, max(time.Until(deadline)/3, time.Second)))
	defer cancel()
	p, err := e.client.Probe(own, addr)
	switch {
	case err != nil:
		e.failed(subject, err, remedy)
		return false
	case len(p.Lacks) > 0:
		e.fault(subject, "use Apache Kafka 2.5 or newer, or what speaks its protocol", "%s answers, and does not understand %s", addr, strings.Join(p.Lacks, ", "))
	case p.RoundTrip > 100*time.Millisecond:
		e.warn(subject, "run the pipeline nearer to the brokers: each commit takes several round trips", "%s answers %s, and takes %s for a request", addr, how, p.RoundTrip.Round(time.Millisecond))
	default:
		e.ok(subject, "%s answers %s in %s and understands all that is needed", addr, how, p.RoundTrip.Round(10*time.Microsecond))
	}
	e.probes[addr] = p
	return true
}

// topicNames are those of the pipeline: the producers' and its own.
func (e *examination) topicNames() []string {
	var names []string
	for _, s := range e.plan.Sources {
		if s.Topic != "" {
			names = append(names, s.Topic)
		}
	}
	for _, t := range e.plan.Topics.All() {
		names = append(names, t.Name)
	}
	return names
}

func orUnknown(s string) string {
	if s == "" {
		return "(without an id)"
	}
	return s
}

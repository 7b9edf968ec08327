package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"maps"
	"slices"
	"time"
)

// soon is when a certificate ought to be renewed by.
const soon = 21 * 24 * time.Hour

// certificates looks at how long those of the brokers and this client's own are valid.
func certificates(_ context.Context, e *examination) {
	own := e.plan.TLS()
	if own == nil {
		e.skip("", "connections are not encrypted")
		return
	}
	if own.Cert != "" {
		pair, err := tls.LoadX509KeyPair(own.Cert, own.Key)
		if err != nil {
			e.failed(own.Cert, err, "correct kafka.tls.cert and kafka.tls.key")
		} else {
			e.valid(own.Cert, "this client's certificate", pair.Leaf)
		}
	}
	for _, addr := range slices.Sorted(maps.Keys(e.probes)) {
		if chain := e.probes[addr].Certificates; len(chain) > 0 {
			first := chain[0]
			for _, c := range chain {
				if c.NotAfter.Before(first.NotAfter) {
					first = c
				}
			}
			e.valid(addr, "the broker's certificate", first)
		}
	}
}

func (e *examination) valid(subject, what string, c *x509.Certificate) {
	left, until := c.NotAfter.Sub(e.now), c.NotAfter.UTC().Format(time.DateOnly)
	switch {
	case left < 0:
		e.fault(subject, "renew it", "%s, of %s, was valid until %s", what, c.Subject, until)
	case left < soon:
		e.warn(subject, "renew it", "%s, of %s, is valid until %s, for %d more days", what, c.Subject, until, int(left.Hours()/24))
	default:
		e.ok(subject, "%s, of %s, is valid until %s", what, c.Subject, until)
	}
}

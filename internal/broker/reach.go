package broker

import (
	"context"
	"errors"
	"sync"
	"time"
)

// reach knows whether the brokers answer. Any answer of any broker counts, also a refusal.
type reach struct {
	mu sync.Mutex
	// since is when the first request after the last answer failed; zero while they answer. why is what the last one said.
	since time.Time
	why   error
	told  time.Time // when it was last logged
}

// answered notes that a broker has said something.
func (c *Client) answered() {
	r := &c.reach
	r.mu.Lock()
	since, told := r.since, r.told
	r.since, r.why, r.told = time.Time{}, nil, time.Time{}
	r.mu.Unlock()
	if !told.IsZero() {
		c.log.Info("kafka: the brokers answer again", "after", time.Since(since).Round(time.Second))
	}
}

// unheard notes that a request got no answer, and says so now and then.
func (c *Client) unheard(ctx context.Context, err error) {
	if errors.Is(ctx.Err(), context.Canceled) || !unanswered(err) {
		return // it was not waited for, or it is an answer of another kind
	}
	r, now := &c.reach, time.Now()
	r.mu.Lock()
	if r.since.IsZero() {
		r.since = now
	}
	r.why = err
	since, tell := r.since, now.Sub(r.since) > complainAfter && (r.told.IsZero() || now.Sub(r.told) >= complainEach)
	if tell {
		r.told = now
	}
	r.mu.Unlock()
	if tell {
		c.log.Error("kafka: no broker answers, and everything waits for them; nothing is lost meanwhile. See that they run, that this machine reaches them, and that address, TLS and password are right",
			"for", now.Sub(since).Round(time.Second), "brokers", c.cfg.Bootstrap, "error", err)
	}
}

// complainEach is how often an outage is logged.
const complainEach = time.Minute

// Unreachable says for how long no broker has answered, and what the last attempt came to; 0 and nil while they answer, and
// while nothing is asked.
func (c *Client) Unreachable() (time.Duration, error) {
	c.reach.mu.Lock()
	defer c.reach.mu.Unlock()
	if c.reach.since.IsZero() {
		return 0, nil
	}
	return time.Since(c.reach.since), c.reach.why
}

// limited bounds the wait for what the brokers know: by Config.Patience, a minute if that is not set.
func (c *Client) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	switch {
	case c.cfg.Patience < 0:
		return context.WithCancel(ctx)
	case c.cfg.Patience == 0:
		return context.WithTimeout(ctx, startLimit)
	}
	return context.WithTimeout(ctx, c.cfg.Patience)
}

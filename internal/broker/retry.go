package broker

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/segmentio/kafka-go"
)

// check turns an answer's error code into an error.
func check(code int16) error {
	if code == 0 {
		return nil
	}
	return kafka.Error(code)
}

// refused says that the broker answered that it can not now, and that the same request may succeed later.
func refused(err error) bool {
	var code kafka.Error
	if !errors.As(err, &code) {
		return false
	}
	switch code {
	case kafka.GroupLoadInProgress, kafka.GroupCoordinatorNotAvailable, kafka.NotCoordinatorForGroup, kafka.ConcurrentTransactions,
		kafka.LeaderNotAvailable, kafka.NotLeaderForPartition, kafka.RequestTimedOut, kafka.BrokerNotAvailable, kafka.ReplicaNotAvailable,
		kafka.NetworkException, kafka.NotEnoughReplicas, kafka.NotEnoughReplicasAfterAppend, kafka.NotController, kafka.KafkaStorageError,
		kafka.ListenerNotFound, kafka.FencedLeaderEpoch, kafka.UnknownLeaderEpoch, kafka.OffsetNotAvailable, kafka.UnstableOffsetCommit,
		kafka.ThrottlingQuotaExceeded:
		return true
	}
	return false
}

// unanswered says that a request got no answer: it may have been carried out or not.
func unanswered(err error) bool {
	var code kafka.Error
	if errors.As(err, &code) || shut(err) {
		return false
	}
	var network net.Error
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.As(err, &network)
}

// unsent says that no connection came about, so that the request was certainly not carried out.
func unsent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// transient says that a request that changes nothing, or that may be carried out twice, is worth repeating.
func transient(err error) bool { return refused(err) || unanswered(err) }

// backoff waits between attempts, ever longer.
type backoff struct {
	first, longest time.Duration
	last           time.Duration
}

// wait waits for the next attempt; its error is ctx's.
func (b *backoff) wait(ctx context.Context) error {
	b.last = min(max(b.first, 2*b.last), b.longest)
	return sleep(ctx, b.last)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// complainAfter is how long something is repeated before it is logged.
const complainAfter = 5 * time.Second

// repeat calls try until it succeeds, fails for good, or ctx ends; then the error names the last failure.
func (c *Client) repeat(ctx context.Context, what string, b backoff, worth func(error) bool, try func(context.Context) error) error {
	start, told := time.Now(), false
	var before error
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		if !worth(err) && ctx.Err() == nil {
			return named(what, err)
		}
		if before != nil && errors.Is(err, context.Cause(ctx)) && ctx.Err() != nil {
			err = before // it says more than that the time is over
		}
		before = err
		if ctx.Err() != nil || b.wait(ctx) != nil {
			return gaveUp(ctx, what, err)
		}
		if !told && time.Since(start) > complainAfter {
			told = true
			c.log.Warn("kafka: still trying to "+what, "for", time.Since(start).Round(time.Second), "error", err)
		}
	}
}

// named gives a code and a context to an error that has none.
func named(what string, err error) error {
	if pipeline.Code(err) != "" || errors.As(err, new(*LostGroupError)) {
		return err
	}
	if out := shutOut(what, err); out != nil {
		return out
	}
	if out := withheld(err, rights{}); out != nil {
		return out
	}
	return pipeline.Errorf("kafka.refused", "could not %s: %w", what, err)
}

// gaveUp is the error of something that was repeated until ctx ended.
func gaveUp(ctx context.Context, what string, last error) error {
	cause := context.Cause(ctx)
	over := errors.Is(last, cause)
	// That the time is over says of the brokers that they did not answer in it; that somebody ended it says nothing.
	if last == nil || over && !errors.Is(cause, context.DeadlineExceeded) {
		return pipeline.Errorf("kafka.stopped", "gave up to %s: %w", what, cause)
	}
	if !over {
		last = &caused{cause, last}
	}
	return pipeline.Errorf("kafka.unreachable", "gave up to %s, are the brokers up, and address, TLS and password right?: %w", what, last)
}

// caused is an error with the one that led to it; both are found by errors.Is and As.
type caused struct{ err, cause error }

func (e *caused) Error() string   { return e.err.Error() + " after: " + e.cause.Error() }
func (e *caused) Unwrap() []error { return []error{e.err, e.cause} }

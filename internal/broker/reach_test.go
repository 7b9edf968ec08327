package broker

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/homeostat/homeostat/internal/broker/embedded"
	"github.com/homeostat/homeostat/pipeline"
)

// How long brokers that don't answer are waited for is the patience, or ctx alone; meanwhile the client says since when.
func TestPatience(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, patience := range []time.Duration{150 * time.Millisecond, -1} {
		c, err := Open(Config{Bootstrap: []string{dead}, Patience: patience})
		if err != nil {
			t.Fatal(err)
		}
		if d, why := c.Unreachable(); d != 0 || why != nil {
			t.Errorf("before anything was asked: %s, %v", d, why)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 600*time.Millisecond)
		start := time.Now()
		_, err = c.Partitions(ctx, "t")
		if took := time.Since(start); pipeline.Code(err) != "kafka.unreachable" || (patience > 0) != (took < 600*time.Millisecond) {
			t.Errorf("patience %s: %v after %s", patience, err, took)
		}
		if d, why := c.Unreachable(); d <= 0 || why == nil {
			t.Errorf("after an attempt: %s, %v", d, why)
		}
		cancel()
		c.Close()
	}
	b, err := embedded.Start(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	c, err := Open(Config{Bootstrap: []string{b.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.unheard(context.Background(), context.DeadlineExceeded)
	if d, _ := c.Unreachable(); d <= 0 {
		t.Error("a request without an answer is not noted")
	}
	if _, err := c.Partitions(context.Background(), "t"); pipeline.Code(err) != "kafka.topic.missing" {
		t.Error(err)
	}
	if d, why := c.Unreachable(); d != 0 || why != nil {
		t.Errorf("a broker that says no has answered all the same: %s, %v", d, why)
	}
}

// An outage is logged after a while, and then once a minute, however much is waited for.
func TestOutageIsLoggedOnceAMinute(t *testing.T) {
	var log bytes.Buffer
	c, err := Open(Config{Bootstrap: []string{"127.0.0.1:1"}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fail := func(since, told time.Duration) {
		c.unheard(context.Background(), context.DeadlineExceeded)
		c.reach.since = time.Now().Add(-since)
		if told > 0 {
			c.reach.told = time.Now().Add(-told)
		}
	}
	fail(complainAfter+time.Second, 0)
	fail(complainAfter+time.Second, 0) // logged here
	fail(complainAfter+time.Second, 0)
	fail(2*complainEach, complainEach)
	fail(2*complainEach, 0) // and here
	c.answered()
	said := log.String()
	if n := strings.Count(said, "no broker answers"); n != 2 || strings.Count(said, "answer again") != 1 {
		t.Errorf("%d lines:\n%s", n, said)
	}
}

// What is asked for after the end fails, and starts nothing that goes on (goleak looks).
func TestClosedForGood(t *testing.T) {
	b, err := embedded.Start(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	c, err := Open(Config{Bootstrap: []string{b.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Partitions(context.Background(), "t"); pipeline.Code(err) != "kafka.topic.missing" {
		t.Fatal(err)
	}
	c.Close()
	if _, err := c.Partitions(context.Background(), "u"); pipeline.Code(err) != "kafka.client.closed" {
		t.Errorf("after the end: %v", err)
	}
	c.Close()
}

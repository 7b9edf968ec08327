package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/internal/broker/embedded"
)

// child is the program as a process of its own, as it is built: without the race detector and without assertions.
type child struct {
	t     *testing.T
	cmd   *exec.Cmd
	log   *bytes.Buffer
	admin string
	done  chan error
}

// built builds the program once a test.
func built(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("the test builds the program, and -short is set")
	}
	bin := filepath.Join(t.TempDir(), "homeostat")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

// spawn runs a pipeline of the broker at address, with what is added to its configuration.
func spawn(t *testing.T, bin, address, yaml string, env ...string) *child {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &child{t: t, log: &bytes.Buffer{}, admin: l.Addr().String(), done: make(chan error, 1)}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "p.yaml")
	yaml += fmt.Sprintf("admin: {listen: %q}\nkafka: {bootstrap: [%q]}\n", c.admin, address)
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	c.cmd = exec.Command(bin, "run", "-c", file)
	c.cmd.Env = append(os.Environ(), env...)
	c.cmd.Stdout, c.cmd.Stderr = c.log, c.log
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { c.done <- c.cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill() // it may have ended
		<-ended
		if t.Failed() {
			t.Logf("the process said:\n%s", c.log.String())
		}
	})
	return c
}

// get asks the admin listener; "" while nobody answers.
func (c *child) get(path string) (status int, body string) {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get("http://" + c.admin + path)
	if err != nil {
		return 0, ""
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, ""
	}
	return res.StatusCode, string(b)
}

// until waits for a condition while the process lives.
func (c *child) until(what string, limit time.Duration, holds func() bool) {
	c.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(limit); !holds(); <-tick.C {
		select {
		case err := <-c.done:
			c.done <- err
			c.t.Fatalf("%s: the process has ended: %v", what, err)
		default:
		}
		if time.Now().After(end) {
			c.t.Fatalf("%s: not within %s", what, limit)
		}
	}
}

// metric sums the samples of a metric whose labels contain all texts.
func (c *child) metric(name string, texts ...string) (sum float64) {
	_, body := c.get("/metrics")
lines:
	for line := range strings.Lines(body) {
		if !strings.HasPrefix(line, name+"{") && !strings.HasPrefix(line, name+" ") {
			continue
		}
		for _, text := range texts {
			if !strings.Contains(line, text) {
				continue lines
			}
		}
		if v, err := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndexByte(line, ' ')+1:]), 64); err == nil {
			sum += v
		}
	}
	return sum
}

// peak is the most memory that the process has had, in MiB.
func (c *child) peak() int {
	c.t.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		c.t.Skip("there is no /proc to read the memory of a process from")
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if kb, ok := strings.CutPrefix(s.Text(), "VmHWM:"); ok {
			n, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(kb, "kB")))
			if err != nil {
				c.t.Fatal(err)
			}
			return n >> 10
		}
	}
	c.t.Fatal("/proc does not say how much memory the process has had")
	return 0
}

const logsPipeline = `version: 1
name: child
instance: a
scope: {entity: ["{{.who}}"], system: shop}
sources:
  - name: logs
    topic: child.logs
    keyed: true
    codec: {json_logs: {labels: [who]}}
    disorder: 1s
    late: dead_letter
    max_future_skew: 1h
detect: [window, errorlogs]
limits: {series: 20000, memory: 32MiB, record: 1MiB}
state: {interval: 5s}
`

func embeddedFor(t *testing.T) (*embedded.Broker, *broker.Client) {
	t.Helper()
	b, err := embedded.Start(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	client, err := broker.Open(broker.Config{Bootstrap: []string{b.Addr()}, MaxBatchBytes: 80 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	if err := client.EnsureTopics(context.Background(), []broker.Topic{{Name: "child.logs", Partitions: 2, Settings: map[string]string{"max.message.bytes": "90000000"}}}); err != nil {
		t.Fatal(err)
	}
	return b, client
}

// I9 bounded: with little memory a process lives through records that are too large, ever new series and batches that grow a
// thousandfold when they are unpacked; what it refuses is counted, and what is good among it comes through.
func TestMemoryStaysBoundedWhateverComes(t *testing.T) {
	bin := built(t)
	b, client := embeddedFor(t)
	const limit = 256
	c := spawn(t, bin, b.Addr(), logsPipeline, fmt.Sprintf("GOMEMLIMIT=%dMiB", limit))
	c.until("ready", time.Minute, func() bool { status, _ := c.get("/readyz"); return status == http.StatusOK })
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	good, tooLarge, distinct := 0, 0, 0
	random := rand.New(rand.NewPCG(1, 2))
	now := func() string { return time.Now().UTC().Format(time.RFC3339Nano) }
	line := func(who, body string) []byte {
		return fmt.Appendf(nil, `{"who":%q,"time":%q,"severity":"error","body":%q}`, who, now(), body)
	}
	send := func(ms ...broker.Message) {
		t.Helper()
		if err := client.Produce(ctx, ms); err != nil {
			t.Fatal(err)
		}
	}
	for round := range hostileRounds {
		// Records beyond the limit, which do not compress well.
		for range 4 {
			noise := make([]byte, 6<<20)
			for i := range noise {
				noise[i] = byte('a' + random.IntN(26))
			}
			send(broker.Message{Topic: "child.logs", Partition: 0, Value: noise})
			tooLarge++
		}
		// A batch of some kilobytes that becomes 60 MiB: bombs of a single letter.
		send(broker.Message{Topic: "child.logs", Partition: 1, Value: bytes.Repeat([]byte("x"), 60<<20)})
		tooLarge++
		// Series that never come again: hundreds of thousands in the end.
		for part := range 2 {
			var ms []broker.Message
			for range 25 {
				var value bytes.Buffer
				for range 2500 {
					fmt.Fprintf(&value, `{"who":"u-%d-%d","time":%q,"severity":"info","body":"hello"}`+"\n", round, distinct, now())
					distinct++
				}
				ms = append(ms, broker.Message{Topic: "child.logs", Partition: int32(part), Value: value.Bytes()})
			}
			send(ms...)
		}
		send(broker.Message{Topic: "child.logs", Partition: 0, Value: line("web", "ok")}, broker.Message{Topic: "child.logs", Partition: 1, Value: line("web", "ok")})
		good += 2
	}
	tps := []broker.TopicPartition{{Topic: "child.logs"}, {Topic: "child.logs", Partition: 1}}
	bounds, err := client.Bounds(ctx, tps)
	if err != nil {
		t.Fatal(err)
	}
	c.until("all is processed", 2*time.Minute, func() bool {
		have, err := client.Committed(ctx, "child.detect", tps)
		if err != nil {
			t.Fatal(err)
		}
		return have[tps[0]] >= bounds[tps[0]].End && have[tps[1]] >= bounds[tps[1]].End
	})
	refused := c.metric("homeostat_rows_total", `"undecodable"`)
	series := c.metric("homeostat_rows_total", `"series_limit"`)
	peak := c.peak()
	t.Logf("peak %d MiB of a limit of %d MiB; %d series in %d good rows; refused: %g records and %g rows; paused %g times", peak, limit, distinct, good, refused, series, c.metric("homeostat_memory_pauses_total"))
	if peak > limit+128 {
		t.Errorf("the process had %d MiB with a limit of %d MiB", peak, limit)
	}
	if refused < float64(tooLarge) {
		t.Errorf("%g records are counted as refused, want %d or more", refused, tooLarge)
	}
	if status, why := c.get("/livez"); status != http.StatusOK {
		t.Errorf("it is not live: %s", why)
	}
}

// The first signal ends the process in order and within a limit; without brokers that takes as long as a last attempt to commit.
// The second ends it at once.
func TestSignals(t *testing.T) {
	bin := built(t)
	b, _ := embeddedFor(t)
	c := spawn(t, bin, b.Addr(), logsPipeline)
	c.until("ready", time.Minute, func() bool { status, _ := c.get("/readyz"); return status == http.StatusOK })
	signal := func(c *child) {
		t.Helper()
		if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	signal(c)
	select {
	case err := <-c.done:
		if err != nil {
			t.Errorf("it ended with %v", err)
		}
		c.done <- err
	case <-time.After(25 * time.Second):
		t.Fatal("it did not end in the time of a drain")
	}

	// Nobody listens there: the start waits, is alive and not ready, says what it tries, and two signals end it at once.
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := dead.Addr().String()
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	c = spawn(t, bin, address, logsPipeline)
	c.until("it says what it waits for", time.Minute, func() bool {
		status, why := c.get("/readyz")
		return status == http.StatusServiceUnavailable && strings.Contains(why, "engine.starting") && strings.Contains(why, "have not done")
	})
	if status, why := c.get("/livez"); status != http.StatusOK {
		t.Errorf("a start that waits is not live: %s", why)
	}
	if v := c.metric("homeostat_kafka_unreachable_seconds"); v <= 0 {
		t.Errorf("homeostat_kafka_unreachable_seconds is %g", v)
	}
	start := time.Now()
	signal(c)
	signal(c)
	select {
	case err := <-c.done:
		if err == nil {
			t.Error("it ended without an error")
		}
		c.done <- err
	case <-time.After(10 * time.Second):
		t.Fatal("it did not end")
	}
	t.Logf("ended after %s", time.Since(start).Round(time.Millisecond))
}

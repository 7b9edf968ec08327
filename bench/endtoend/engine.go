package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// job is a pipeline to be measured.
type job struct {
	name, topic string
	instance    string
	keyed       bool
	window      time.Duration
	session     time.Duration
	snapshots   time.Duration
	// robustz are the detector's settings; without them findings open at once.
	robustz string
	// commit is the commit_interval; 0 leaves it to the program.
	commit time.Duration
	admin  int
}

const quickly = "{history: 8, warmup: 4, hold: 1, of: 1, clear: 1, rest: 0}"

// warmup is how many windows a series needs before it is judged, with quickly.
const warmup = 4

// write writes the configuration and returns its path.
func (j *job) write(dir, addr string) (string, error) {
	if j.instance == "" {
		j.instance = "one"
	}
	if j.session == 0 {
		j.session = 10 * time.Second
	}
	if j.snapshots == 0 {
		j.snapshots = 30 * time.Second
	}
	if j.robustz == "" {
		j.robustz = quickly
	}
	commit := ""
	if j.commit > 0 {
		commit = fmt.Sprintf(", commit_interval: %s", j.commit)
	}
	var err error
	if j.admin, err = freePort(); err != nil {
		return "", err
	}
	text := fmt.Sprintf(`version: 1
name: %s
instance: %s
kafka: {bootstrap: [%q], session: %s%s}
scope: {entity: ["{{.host.name}}"], system: "{{.service.name}}"}
sources:
  - {name: metrics, topic: %s, codec: otlp_metrics, keyed: %t, disorder: %s, late: dead_letter, max_future_skew: 0s}
detect:
  - window: {size: %s}
  - robustz: %s
limits: {series: 4000000}
state: {interval: %s}
admin: {listen: "127.0.0.1:%d"}
`, j.name, j.instance, addr, j.session, commit, j.topic, j.keyed, time.Duration(disorder), j.window, j.robustz, j.snapshots, j.admin)
	path := filepath.Join(dir, j.name+"-"+j.instance+".yaml")
	return path, os.WriteFile(path, []byte(text), 0o644)
}

// topics are those that the pipeline makes, so that they can be deleted.
func (j *job) topics() []string {
	out := []string{j.topic}
	for _, t := range []string{"events", "incidents", "remediations", "dead-letters", "inbox", "columns", "state", "times"} {
		out = append(out, j.name+"."+t)
	}
	return out
}

// engine is one process of the engine.
type engine struct {
	*job
	cmd   *exec.Cmd
	log   string
	began time.Time
	ended chan error
}

// start starts a process for the job.
func (b *bench) start(j *job, args ...string) (*engine, error) {
	j.commit = b.commit
	path, err := j.write(b.dir, b.cluster.addr)
	if err != nil {
		return nil, err
	}
	e := &engine{job: j, log: filepath.Join(b.dir, j.name+"-"+j.instance+".log"), ended: make(chan error, 1)}
	log, err := os.OpenFile(e.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the process has its own
	e.cmd = exec.Command(b.program, append([]string{"run", "-c", path}, args...)...)
	e.cmd.Stdout, e.cmd.Stderr = log, log
	e.began = time.Now()
	if err := e.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { e.ended <- e.cmd.Wait() }()
	return e, nil
}

// ready waits until the process has its partitions and states.
func (e *engine) ready(ctx context.Context) error {
	return e.until(ctx, 2*time.Minute, func() (bool, error) {
		res, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/readyz", e.admin))
		if err != nil {
			return false, nil // it does not listen yet
		}
		return res.StatusCode == http.StatusOK, res.Body.Close()
	})
}

// until waits for a condition, looking each 20 ms.
func (e *engine) until(ctx context.Context, limit time.Duration, holds func() (bool, error)) error {
	over := time.After(limit)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := holds(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-over:
			return fmt.Errorf("%s did not come so far within %s: %s", e.name, limit, e.log)
		case err := <-e.ended:
			e.ended <- err
			return fmt.Errorf("%s ended by itself: %v: %s", e.name, err, e.log)
		case <-tick.C:
		}
	}
}

// metrics returns the values of the process's metrics, those of one name added up.
func (e *engine) metrics() (map[string]float64, error) {
	res, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/metrics", e.admin))
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	all := map[string]float64{}
	s := bufio.NewScanner(res.Body)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		at := strings.LastIndexByte(s.Text(), ' ')
		if at < 0 || s.Text()[0] == '#' {
			continue
		}
		name, labels, _ := strings.Cut(s.Text()[:at], "{")
		v, err := strconv.ParseFloat(s.Text()[at+1:], 64)
		if err != nil {
			continue
		}
		all[name] += v
		if in := `way="in"`; strings.Contains(labels, in) {
			all[name+" "+in] += v
		}
	}
	return all, errors.Join(s.Err(), discard(res.Body))
}

func discard(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}

// usage is what the process has used.
func (e *engine) usage() (usage, error) { return usageOf(e.cmd.Process.Pid) }

// drain asks the process to end and waits for it.
func (e *engine) drain() error {
	_ = e.cmd.Process.Signal(syscall.SIGTERM) // it has ended if this fails
	return e.wait(time.Minute)
}

// kill ends the process like a crash.
func (e *engine) kill() {
	_ = e.cmd.Process.Kill() // it has ended if this fails
	err := <-e.ended
	e.ended <- err
}

// wait waits for the process's end.
func (e *engine) wait(limit time.Duration) error {
	select {
	case err := <-e.ended:
		e.ended <- err
		if err != nil {
			return fmt.Errorf("%s: %w: %s", e.name, err, e.log)
		}
		return nil
	case <-time.After(limit):
		e.kill()
		return fmt.Errorf("%s did not end within %s: %s", e.name, limit, e.log)
	}
}

// used is the CPU time of a process that has ended.
func (e *engine) used() time.Duration {
	return e.cmd.ProcessState.UserTime() + e.cmd.ProcessState.SystemTime()
}

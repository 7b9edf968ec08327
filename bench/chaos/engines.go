package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"time"
)

// engine is one `homeostat run` process and its successors: the same instance each time, as a supervisor would have it.
type engine struct {
	instance string
	args     []string // of the program
	log      string   // path; all its processes write there
	program  string
	note     func(format string, args ...any)

	mu      sync.Mutex
	process *exec.Cmd
	ended   chan struct{} // closed when process has ended
	want    bool          // that there is a process
	drained bool          // whether the last process was asked to end
	failure []string      // how processes ended that nobody had told to
	starts  int
}

// newEngine makes one that runs the given stages, all if none is named.
func newEngine(program, dir, instance, config, stages string, note func(string, ...any)) *engine {
	e := &engine{instance: instance, args: []string{"run", "-c", config}, log: filepath.Join(dir, instance+".log"), program: program, note: note}
	if stages != "" {
		e.args = append(e.args, "--stages", stages)
	}
	return e
}

// restartAfter is how long a supervisor waits before it starts an engine again that ended by itself.
const restartAfter = 500 * time.Millisecond

// start starts the process if there is none.
func (e *engine) start() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.want = true
	return e.launch()
}

func (e *engine) launch() error {
	if e.process != nil {
		return nil
	}
	log, err := os.OpenFile(e.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer log.Close() // the process has its own
	cmd := exec.Command(e.program, e.args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("engine %s: %w", e.instance, err)
	}
	e.starts++
	fmt.Fprintf(log, "--- %s start %d, process %d\n", time.Now().UTC().Format(time.RFC3339Nano), e.starts, cmd.Process.Pid)
	e.process, e.ended, e.drained = cmd, make(chan struct{}), false
	go e.watch(cmd, e.ended)
	return nil
}

// watch waits for a process's end, and starts the next if nobody wanted it.
func (e *engine) watch(cmd *exec.Cmd, ended chan struct{}) {
	err := cmd.Wait()
	e.mu.Lock()
	e.process = nil
	again := e.want
	if again || e.drained && err != nil {
		why := fmt.Sprintf("%s ended by itself: %v: %s", e.instance, err, e.lastWords())
		if !again {
			why = fmt.Sprintf("%s did not drain: %v: %s", e.instance, err, e.lastWords())
		}
		e.failure = append(e.failure, why)
		e.note("%s", why)
	}
	close(ended)
	e.mu.Unlock()
	if !again {
		return
	}
	time.Sleep(restartAfter)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.want {
		if err := e.launch(); err != nil {
			e.note("%v", err)
		}
	}
}

// lastWords is the last line of the log.
func (e *engine) lastWords() string {
	f, err := os.Open(e.log)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > 4096 {
		_, _ = f.Seek(-4096, 2) // or it reads from the start
	}
	last := ""
	for s := bufio.NewScanner(f); s.Scan(); {
		last = s.Text()
	}
	return last
}

// kill ends the process like a crash and waits until it is gone.
func (e *engine) kill() { e.end(syscall.SIGKILL, false) }

// drain asks the process to finish and waits until it is gone; past the limit it is killed, and that is a failure.
func (e *engine) drain(limit time.Duration) {
	done := time.AfterFunc(limit, func() {
		e.note("%s does not end within %s of SIGTERM: SIGKILL", e.instance, limit)
		e.signal(syscall.SIGKILL)
	})
	defer done.Stop()
	e.end(syscall.SIGTERM, true)
}

func (e *engine) end(s syscall.Signal, drained bool) {
	e.mu.Lock()
	e.want = false
	e.drained = drained
	ended := e.ended
	if e.process == nil {
		e.mu.Unlock()
		return
	}
	_ = e.process.Process.Signal(s) // it has ended if this fails
	if drained {
		_ = e.process.Process.Signal(syscall.SIGCONT) // a frozen one would not hear
	}
	e.mu.Unlock()
	<-ended
}

// signal sends a signal to the process, if there is one, and tells which it was.
func (e *engine) signal(s syscall.Signal) (pid int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.process == nil {
		return 0
	}
	_ = e.process.Process.Signal(s) // it has ended if this fails
	return e.process.Process.Pid
}

// thaw lets a process go on that was stopped, if it is still there.
func (e *engine) thaw(pid int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.process != nil && e.process.Process.Pid == pid {
		_ = e.process.Process.Signal(syscall.SIGCONT) // it has ended if this fails
	}
}

// failures tells how processes ended that nobody had told to.
func (e *engine) failures() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string(nil), e.failure...)
}

// impossible is what a log must never hold.
var impossible = regexp.MustCompile(`BUG:|^panic:|^fatal error:|DATA RACE|invariant`)

// confess returns the lines of the log that tell of an impossible state.
func (e *engine) confess() []string {
	data, err := os.ReadFile(e.log)
	if err != nil {
		return []string{err.Error()}
	}
	var found []string
	for line := range bytes.Lines(data) {
		if impossible.Match(line) {
			found = append(found, e.instance+": "+string(bytes.TrimSpace(line)))
		}
	}
	return found
}

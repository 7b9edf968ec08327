package stand

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

// Engine is one `homeostat run` process and its successors: the same instance each time, as a supervisor would have it.
type Engine struct {
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

// NewEngine makes one that runs the given stages, all if none is named.
func NewEngine(program, dir, instance, config, stages string, note func(string, ...any)) *Engine {
	e := &Engine{instance: instance, args: []string{"run", "-c", config}, log: filepath.Join(dir, instance+".log"), program: program, note: note}
	if stages != "" {
		e.args = append(e.args, "--stages", stages)
	}
	return e
}

// restartAfter is how long a supervisor waits before it starts an engine again that ended by itself.
const restartAfter = 500 * time.Millisecond

// Start starts the process if there is none.
func (e *Engine) Start() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.want = true
	return e.launch()
}

func (e *Engine) launch() error {
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
func (e *Engine) watch(cmd *exec.Cmd, ended chan struct{}) {
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
func (e *Engine) lastWords() string {
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

// Kill ends the process like a crash and waits until it is gone.
func (e *Engine) Kill() { e.end(syscall.SIGKILL, false) }

// Drain asks the process to finish and waits until it is gone; past the limit it is killed, and that is a failure.
func (e *Engine) Drain(limit time.Duration) {
	done := time.AfterFunc(limit, func() {
		e.note("%s does not end within %s of SIGTERM: SIGKILL", e.instance, limit)
		e.Signal(syscall.SIGKILL)
	})
	defer done.Stop()
	e.end(syscall.SIGTERM, true)
}

func (e *Engine) end(s syscall.Signal, drained bool) {
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

// Signal sends a signal to the process, if there is one, and tells which it was.
func (e *Engine) Signal(s syscall.Signal) (pid int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.process == nil {
		return 0
	}
	_ = e.process.Process.Signal(s) // it has ended if this fails
	return e.process.Process.Pid
}

// Thaw lets a process go on that was stopped, if it is still there.
func (e *Engine) Thaw(pid int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.process != nil && e.process.Process.Pid == pid {
		_ = e.process.Process.Signal(syscall.SIGCONT) // it has ended if this fails
	}
}

// Failures tells how processes ended that nobody had told to.
func (e *Engine) Failures() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string(nil), e.failure...)
}

// impossible is what a log must never hold.
var impossible = regexp.MustCompile(`BUG:|^panic:|^fatal error:|DATA RACE|invariant`)

// Confess returns the lines of the log that tell of an impossible state.
func (e *Engine) Confess() []string {
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

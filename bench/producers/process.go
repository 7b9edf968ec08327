package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a program that runs beside this one. Whoever starts it ends it, by its id.
type process struct {
	name  string
	log   string
	cmd   *exec.Cmd
	ended chan struct{}
	err   error // once ended is closed
}

// start starts the site's program; what it says goes to a log in the site's folder.
func (s *site) start(name string, args ...string) (*process, error) {
	return s.launch(name, s.tools, args...)
}

func (s *site) launch(name string, t tools, args ...string) (*process, error) {
	p := &process{name: name, log: filepath.Join(s.dir, name+".log"), ended: make(chan struct{})}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the process has its own
	p.cmd = exec.Command(t.program, args...)
	p.cmd.Dir, p.cmd.Env = s.dir, append(os.Environ(), t.env...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s can't be started: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// stopLimit is how long a producer may take to send what it still holds and end.
const stopLimit = 30 * time.Second

// stop asks it to finish and waits until it has. It is killed when it does not.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it has ended if this fails
	select {
	case <-p.ended:
	case <-time.After(stopLimit):
		_ = p.cmd.Process.Kill()
		<-p.ended
		return fmt.Errorf("%s does not end within %s of SIGTERM and was killed, see %s", p.name, stopLimit, p.log)
	}
	// That it ended by the signal is what was asked for.
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGTERM {
		return nil
	}
	if p.err != nil {
		return fmt.Errorf("%s ended with %w: %s", p.name, p.err, lastLine(p.log))
	}
	return nil
}

// kill ends it in any case; after stop it does nothing.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it has ended if this fails
	<-p.ended
}

// wait waits until it has ended by itself.
func (p *process) wait(ctx context.Context) error {
	select {
	case <-p.ended:
	case <-ctx.Done():
		p.kill()
		return context.Cause(ctx)
	}
	if p.err != nil {
		return fmt.Errorf("%s ended with %w: %s", p.name, p.err, lastLine(p.log))
	}
	return nil
}

// listens waits until somebody listens at an address.
func (p *process) listens(ctx context.Context, network, addr string) error {
	for {
		c, err := net.DialTimeout(network, addr, time.Second)
		if err == nil {
			return c.Close()
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s ended at once (%v): %s", p.name, p.err, lastLine(p.log))
		case <-ctx.Done():
			return fmt.Errorf("%s does not listen at %s: %w", p.name, addr, errors.Join(err, context.Cause(ctx)))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func lastLine(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	text := strings.TrimSpace(string(b))
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// freePort finds a port on 127.0.0.1 that nobody listens at.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

func local(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// send writes bytes to an address and closes the connection.
func send(ctx context.Context, network, addr string, data []byte) error {
	c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil {
		return err
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = c.SetDeadline(deadline) // it goes without
	}
	_, err = c.Write(data)
	// What the other side answers is not looked at, but its end has to be seen before the connection goes, or what was sent could be lost.
	if half, ok := c.(interface{ CloseWrite() error }); ok && err == nil {
		if err = half.CloseWrite(); err == nil {
			_, err = io.Copy(io.Discard, c)
		}
	}
	return errors.Join(err, c.Close())
}

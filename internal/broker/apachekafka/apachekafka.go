// Package apachekafka runs a real Apache Kafka broker for tests, from jars that Maven downloads once to the user's cache
// folder. It needs Java 17 or newer and Maven, a shell, and no container.
package apachekafka

import (
	"bytes"
	_ "embed"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

//go:embed broker.sh
var script []byte

//go:embed pom.xml
var pom []byte

// Broker is one broker on loopback. Its methods are for one goroutine at a time.
type Broker struct {
	dir   string
	port  int
	proxy int
}

// Options of a broker outside of a test.
type Options struct {
	// Dir is an empty folder for the broker's data and its log.
	Dir string
	// Proxy, if set, is the port on 127.0.0.1 of a proxy to ProxiedAddr: who connects to that is told to come by the proxy
	// for all the rest.
	Proxy int
}

// Missing names the first tool that a broker needs and that this machine does not have; "" if all are there.
func Missing() string {
	for _, tool := range []string{"sh", "java", "mvn"} {
		if _, err := exec.LookPath(tool); err != nil {
			return tool
		}
	}
	return ""
}

// Open starts a broker. It ends with Stop, Kill, or this process.
func Open(o Options) (*Broker, error) {
	b := &Broker{dir: o.Dir, proxy: o.Proxy}
	for name, content := range map[string][]byte{"broker.sh": script, "pom.xml": pom} {
		if err := os.WriteFile(filepath.Join(b.dir, name), content, 0o600); err != nil {
			return nil, err
		}
	}
	var err error
	if b.port, err = freePorts(3); err != nil {
		return nil, err
	}
	return b, b.Restart()
}

// Start starts a broker for a test and ends it with the test. Without Java or Maven it skips the test.
func Start(t testing.TB) *Broker {
	t.Helper()
	if tool := Missing(); tool != "" {
		t.Skipf("no %s found: the test needs Apache Kafka, which needs Java 17 or newer and Maven", tool)
	}
	if testing.Short() {
		t.Skip("the test needs Apache Kafka, and -short is set")
	}
	b, err := Open(Options{Dir: t.TempDir()})
	if b == nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the broker's last words:\n%s", b.lastWords())
		}
		if err := b.Kill(); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Addr is the address to connect to, host:port.
func (b *Broker) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(b.port)) }

// ProxiedAddr is where the proxy of Options connects to.
func (b *Broker) ProxiedAddr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(b.port+2)) }

// Kill ends the broker like a crash. Its data stays as the operating system has it.
func (b *Broker) Kill() error { return b.run("kill") }

// Stop ends the broker in order.
func (b *Broker) Stop() error { return b.run("stop") }

// Restart starts the broker again on its data, after Kill or Stop.
func (b *Broker) Restart() error {
	args := []string{"--port", strconv.Itoa(b.port), "--with", strconv.Itoa(os.Getpid())}
	if b.proxy > 0 {
		args = append(args, "--proxy", strconv.Itoa(b.proxy))
	}
	return b.run("start", args...)
}

func (b *Broker) run(verb string, args ...string) error {
	args = append([]string{filepath.Join(b.dir, "broker.sh"), verb, "--dir", filepath.Join(b.dir, "broker")}, args...)
	if out, err := exec.Command("sh", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("broker.sh %s: %w: %s", verb, err, strings.TrimSpace(string(out)))
	}
	return nil
}

func (b *Broker) lastWords() []byte {
	log, err := os.ReadFile(filepath.Join(b.dir, "broker", "broker.log"))
	if err != nil {
		return []byte(err.Error())
	}
	lines := bytes.Split(bytes.TrimSpace(log), []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-20):], []byte("\n"))
}

// freePorts finds n ports in a row and returns the first.
func freePorts(n int) (int, error) {
	for range 50 {
		first, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 0, err
		}
		port := first.Addr().(*net.TCPAddr).Port
		held := []net.Listener{first}
		for i := 1; i < n; i++ {
			l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port+i)))
			if err != nil {
				break
			}
			held = append(held, l)
		}
		for _, l := range held {
			_ = l.Close()
		}
		if len(held) == n {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no %d free ports in a row on 127.0.0.1", n)
}

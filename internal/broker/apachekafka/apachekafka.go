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
	dir  string
	port int
}

// Start starts a broker for a test and ends it with the test. Without Java or Maven it skips the test.
func Start(t testing.TB) *Broker {
	t.Helper()
	for _, tool := range []string{"sh", "java", "mvn"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s found: the test needs Apache Kafka, which needs Java 17 or newer and Maven", tool)
		}
	}
	if testing.Short() {
		t.Skip("the test needs Apache Kafka, and -short is set")
	}
	b := &Broker{dir: t.TempDir()}
	for name, content := range map[string][]byte{"broker.sh": script, "pom.xml": pom} {
		if err := os.WriteFile(filepath.Join(b.dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if b.port, err = freePorts(); err != nil {
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
	if err := b.Restart(); err != nil {
		t.Fatal(err)
	}
	return b
}

// Addr is the address to connect to, host:port.
func (b *Broker) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(b.port)) }

// Kill ends the broker like a crash. Its data stays as the operating system has it.
func (b *Broker) Kill() error { return b.run("kill") }

// Stop ends the broker in order.
func (b *Broker) Stop() error { return b.run("stop") }

// Restart starts the broker again on its data, after Kill or Stop.
func (b *Broker) Restart() error {
	return b.run("start", "--port", strconv.Itoa(b.port), "--with", strconv.Itoa(os.Getpid()))
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

// freePorts finds two ports in a row.
func freePorts() (int, error) {
	for range 50 {
		a, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 0, err
		}
		port := a.Addr().(*net.TCPAddr).Port
		b, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port+1)))
		_ = a.Close()
		if err == nil {
			_ = b.Close()
			return port, nil
		}
	}
	return 0, fmt.Errorf("no two free ports in a row on 127.0.0.1")
}

package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
)

// facts reads lines of key=value.
func facts(out string) map[string]string {
	m := map[string]string{}
	for _, line := range strings.Split(out, "\n") {
		if k, v, ok := strings.Cut(line, "="); ok {
			m[k] = v
		}
	}
	return m
}

// TestKafkaCommand starts a real Apache Kafka, uses it, and finds its data again after stop and start.
func TestKafkaCommand(t *testing.T) {
	for _, tool := range []string{"sh", "java", "mvn"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("no %s found: the test needs Apache Kafka, which needs Java 17 or newer and Maven", tool)
		}
	}
	if testing.Short() {
		t.Skip("the test needs Apache Kafka, and -short is set")
	}
	dir := filepath.Join(t.TempDir(), "a folder") // with a space
	port := freePair(t)
	args := []string{"kafka", "start", "--dir", dir, "--port", strconv.Itoa(port)}
	if _, err := run(t, "kafka", "status", "--dir", dir); pipeline.Code(err) != "kafka.node.stopped" {
		t.Errorf("before it was ever started: %v", err)
	}
	t.Cleanup(func() { mustRun(t, "kafka", "stop", "--dir", dir) })
	started := facts(mustRun(t, args...))
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	if started["bootstrap"] != address || started["dir"] != dir || started["pid"] == "" {
		t.Fatalf("start says %v", started)
	}
	if got := facts(mustRun(t, "kafka", "status", "--dir", dir)); got["pid"] != started["pid"] || got["bootstrap"] != address {
		t.Errorf("status says %v, start said %v", got, started)
	}
	if _, err := run(t, args...); pipeline.Code(err) != "kafka.node.running" || !strings.Contains(err.Error(), started["pid"]) {
		t.Errorf("started twice: %v", err)
	}
	if _, err := run(t, "kafka", "start", "--dir", t.TempDir(), "--port", strconv.Itoa(port)); pipeline.Code(err) != "kafka.node.port" {
		t.Errorf("another one on the same port: %v", err)
	}
	mustRun(t, "feed", series(t), "--topic", "nab", "-c", "../../examples/nab.yaml", "--bootstrap", address)
	before := mustRun(t, "tap", "nab", "--bootstrap", address)
	if out := mustRun(t, "kafka", "stop", "--dir", dir); !strings.Contains(out, "process "+started["pid"]+" has ended") {
		t.Errorf("stop says %s", out)
	}
	if out := mustRun(t, "kafka", "stop", "--dir", dir); !strings.Contains(out, "does not run") {
		t.Errorf("the second stop says %s", out)
	}
	mustRun(t, args...)
	if after := mustRun(t, "tap", "nab", "--bootstrap", address); after != before || before == "" {
		t.Errorf("after the restart the topic has\n%s\nbefore\n%s", after, before)
	}
}

// What is missing on the machine is said, with what to install.
func TestKafkaNeeds(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh found")
	}
	port := strconv.Itoa(freePair(t))
	tools := func(names ...string) {
		bin := t.TempDir()
		for _, name := range names {
			path, err := exec.LookPath(name)
			if err != nil {
				t.Skipf("no %s found", name)
			}
			if err := os.Symlink(path, filepath.Join(bin, name)); err != nil {
				t.Fatal(err)
			}
		}
		defer t.Setenv("PATH", bin)
		if err := os.Symlink(sh, filepath.Join(bin, "sh")); err != nil {
			t.Fatal(err)
		}
	}
	path := os.Getenv("PATH")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("JAVA_HOME", "")
	for _, c := range []struct {
		code  string
		tools []string
		args  []string
	}{
		{"kafka.node.java", []string{"dirname"}, []string{"kafka", "start", "--dir", t.TempDir(), "--port", port}},
		{"kafka.node.maven", []string{"dirname", "java", "cksum", "tr"}, []string{"kafka", "start", "--dir", t.TempDir(), "--port", port}},
		{"kafka.node.port", nil, []string{"kafka", "start", "--dir", t.TempDir(), "--port", "65535"}},
		{"cli.usage", nil, []string{"kafka"}},
		{"cli.usage", nil, []string{"kafka", "begin"}},
		{"cli.usage", nil, []string{"kafka", "start", "now"}},
		{"kafka.node.stopped", nil, []string{"kafka", "status", "--dir", filepath.Join(t.TempDir(), "none")}},
	} {
		t.Setenv("PATH", path)
		if c.tools != nil {
			tools(c.tools...)
		}
		if _, err := run(t, c.args...); pipeline.Code(err) != c.code {
			t.Errorf("homeostat %s with only %v: %v, want code %s", strings.Join(c.args, " "), c.tools, err, c.code)
		}
	}
}

// A folder that names a process of somebody else ends nobody.
func TestKafkaStopsOnlyItsOwn(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("no sh found")
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "broker"), 0o700); err != nil {
		t.Fatal(err)
	}
	// This process: a mistake would end the test.
	if err := os.WriteFile(filepath.Join(dir, "broker", "pid"), []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := mustRun(t, "kafka", "stop", "--dir", dir); !strings.Contains(out, "does not run") {
		t.Errorf("stop says %s", out)
	}
}

// freePair returns the first of two free ports in a row.
func freePair(t *testing.T) int {
	t.Helper()
	for range 100 {
		a, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := a.Addr().(*net.TCPAddr).Port
		b, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port+1)))
		a.Close()
		if err == nil {
			b.Close()
			return port
		}
	}
	t.Fatal("no two free ports in a row")
	return 0
}

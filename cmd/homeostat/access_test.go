package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/homeostat/homeostat/internal/broker/authority"
	"github.com/homeostat/homeostat/internal/broker/embedded"
	"github.com/homeostat/homeostat/pipeline"
)

// nabWith writes examples/nab.yaml with more settings of kafka into a folder and returns its path.
func nabWith(t *testing.T, dir, kafka string) string {
	t.Helper()
	nab, err := os.ReadFile("../../examples/nab.yaml")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "nab.yaml")
	if err := os.WriteFile(file, []byte(strings.Replace(string(nab), "kafka:\n", "kafka:\n"+kafka, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// Every command that connects does so by mutual TLS and SASL when the pipeline's file says so, and says which file or
// password is wrong.
func TestCommandsConnectSecurely(t *testing.T) {
	a := authority.New(t)
	b, err := embedded.Start(embedded.Options{TLS: a.Server(t, true), Users: []embedded.User{{Mechanism: "SCRAM-SHA-256", Name: "nab", Password: "secret"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	t.Setenv("KAFKA_BOOTSTRAP", b.Addr())
	t.Setenv("NAB_USER", "nab")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "password"), []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	client := a.Issue(t, "nab", time.Now().Add(time.Hour))
	const sasl = "  sasl: {mechanism: scram-sha-256, user: \"${NAB_USER}\", password: file:password}\n"
	with := func(ca, cert, key string) string {
		return nabWith(t, dir, fmt.Sprintf("  tls: {ca: %q, cert: %q, key: %q}\n", ca, cert, key)+sasl)
	}
	file := with(a.CA, client.Cert, client.Key)
	mustRun(t, "feed", series(t), "--topic", "nab", "-c", file)
	mustRun(t, "run", "--until-end", "-c", file)
	if out := mustRun(t, "tap", "nab.events", "-c", file); !strings.Contains(out, "finding.v1") {
		t.Errorf("tap prints\n%s", out)
	}
	if out := mustRun(t, "explain", file); !strings.Contains(out, "SASL SCRAM-SHA-256") || strings.Contains(out, "secret") {
		t.Errorf("explain prints\n%s", out)
	}
	old := a.Issue(t, "old", time.Now().Add(-time.Hour))
	for _, f := range []struct{ code, ca, cert, key string }{
		{"kafka.tls.file", "nowhere.pem", client.Cert, client.Key},
		{"kafka.tls.content", a.CA, client.Cert, old.Key},
		{"kafka.tls.expired", a.CA, old.Cert, old.Key},
		{"kafka.tls.refused", authority.New(t).CA, client.Cert, client.Key},
	} {
		file := with(f.ca, f.cert, f.key)
		for _, args := range [][]string{{"run", "-c", file}, {"tap", "nab", "-c", file}, {"demo", "-c", file}} {
			if _, err := run(t, args...); pipeline.Code(err) != f.code {
				t.Errorf("homeostat %s: %v, want code %s", args[0], err, f.code)
			}
		}
	}
}

package plan

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/homeostat/homeostat/pipeline"
)

// TestExplainSecurity looks at what explain and the notes say of connections, and that neither says a secret.
func TestExplainSecurity(t *testing.T) {
	const user = `user: "${TOKEN}", password: "${TOKEN}"`
	for _, f := range []struct{ kafka, says, note string }{
		{`{bootstrap: ["k:9092"]}`, "not encrypted; no SASL", ""},
		{`{bootstrap: ["k:9092"], tls: true}`, "TLS, brokers checked against the system's CA certificates; no SASL", ""},
		{`{bootstrap: ["k:9092"], tls: {ca: /etc/ca.pem, cert: /etc/c.pem, key: /etc/c.key}}`, "TLS, brokers checked against /etc/ca.pem; client certificate /etc/c.pem; no SASL", ""},
		{`{bootstrap: ["k:9092"], tls: true, sasl: {mechanism: plain, ` + user + `}}`, "CA certificates; SASL PLAIN", ""},
		{`{bootstrap: ["k:9092"], sasl: {mechanism: plain, ` + user + `}}`, "not encrypted; SASL PLAIN", "SASL PLAIN without TLS: user and password can be read by anybody"},
		{`{bootstrap: ["k:9092"], sasl: {mechanism: scram-sha-512, ` + user + `}}`, "not encrypted; SASL SCRAM-SHA-512", "SASL without TLS: the password is not sent"},
		{`{tls: true}`, "embedded broker", "kafka.tls and kafka.sasl are not used"},
	} {
		p, _ := made(t, strings.Replace(lean, "kafka: {transactions: false}", "kafka: "+f.kafka, 1))
		var b strings.Builder
		if err := p.Explain(&b); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), f.says) || strings.Contains(b.String(), "hunter2") {
			t.Errorf("%s is explained as\n%s\nwant %q and no secret", f.kafka, b.String(), f.says)
		}
		if notes := strings.Join(p.Notes, "\n"); f.note != "" && !strings.Contains(notes, f.note) || f.note == "" && strings.Contains(notes, "SASL") {
			t.Errorf("%s: notes are %q, want %q", f.kafka, notes, f.note)
		}
	}
}

// TestExplainACLs compares the whole script. Run with -update to write it anew. That the rights are enough and none is
// too many is tested with Apache Kafka, in cmd/homeostat.
func TestExplainACLs(t *testing.T) {
	p, _ := made(t, shop)
	var b strings.Builder
	if err := p.ExplainACLs(&b); err != nil {
		t.Fatal(err)
	}
	const file = "testdata/shop.acls.txt"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func TestACLs(t *testing.T) {
	p, _ := made(t, lean)
	detect, err := p.ACLs(pipeline.Detect)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range detect {
		if a.Resource == "transactional-id" {
			t.Error("without transactions there is no transactional id to write as")
		}
	}
	ingest, err := p.ACLs(pipeline.Ingest)
	if diff := cmp.Diff(detect, ingest); err != nil || diff != "" {
		t.Errorf("ingest is a part of detect, but (-detect +ingest), %v:\n%s", err, diff)
	}
	if _, err := p.ACLs(pipeline.Act); pipeline.Code(err) != "plan.stage.unknown" {
		t.Errorf("a stage that does not run: %v", err)
	}
}

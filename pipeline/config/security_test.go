package config

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/homeostat/homeostat/pipeline"
)

func TestSecurity(t *testing.T) {
	for _, f := range []struct {
		name, kafka string
		tls         *TLS
		mechanism   string
	}{
		{"none", "{transactions: true}", nil, ""},
		{"the system's certificates", "{tls: true}", &TLS{}, ""},
		{"the same as a mapping", "{tls: {}}", &TLS{}, ""},
		{"off", "{tls: false}", nil, ""},
		{"files beside the configuration", "{tls: {ca: ca.pem, cert: /etc/kafka/c.pem, key: c.key, server_name: k}}",
			&TLS{CA: "conf/ca.pem", Cert: "/etc/kafka/c.pem", Key: "conf/c.key", ServerName: "k"}, ""},
		{"a user", `{tls: true, sasl: {mechanism: scram-sha-256, user: "${TOPIC}", password: "${TOKEN}"}}`, &TLS{}, "SCRAM-SHA-256"},
	} {
		k := mustRead(t, small+"kafka: "+f.kafka+"\n", nil).Kafka
		if diff := cmp.Diff(f.tls, k.TLS); diff != "" {
			t.Errorf("%s (-want +got):\n%s", f.name, diff)
		}
		if (k.SASL != nil) != (f.mechanism != "") || k.SASL != nil && k.SASL.Mechanism != f.mechanism {
			t.Errorf("%s: SASL is %+v", f.name, k.SASL)
		}
	}
}

// A secret is read from the environment or from a file, anew each time, and nothing prints it.
func TestSecrets(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("shop.yaml", small+"kafka:\n  sasl: {mechanism: plain, user: \"${TOPIC}\", password: file:kafka.password}\n"+
		"sinks:\n  - webhook: {url: x, token: file:token, port: file:port}\n")
	write("kafka.password", "s3cret\r\n")
	write("token", "t0ken")
	write("port", "7\n")
	c, err := Load(filepath.Join(dir, "shop.yaml"), registry(), environment)
	if err != nil {
		t.Fatal(err)
	}
	if s := c.Sinks[0].Settings; s.Text("token") != "t0ken" || s.Int("port") != 7 {
		t.Errorf("secrets of a sink are %v", s)
	}
	expect := func(s Secret, want string) {
		t.Helper()
		if got, err := s.Read(); err != nil || got != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
	expect(c.Kafka.SASL.User, "shop.metrics")
	expect(c.Kafka.SASL.Password, "s3cret")
	write("kafka.password", "renewed\n")
	expect(c.Kafka.SASL.Password, "renewed")
	write("kafka.password", "\n")
	if _, err := c.Kafka.SASL.Password.Read(); pipeline.Code(err) != "config.secret.empty" {
		t.Errorf("an emptied file: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "kafka.password")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Kafka.SASL.Password.Read(); pipeline.Code(err) != "config.secret.unreadable" {
		t.Errorf("a file that is gone: %v", err)
	}
	user := c.Kafka.SASL.User
	if out, err := json.Marshal(user); err == nil {
		t.Errorf("a secret is encoded as %s", out)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if out := fmt.Sprintf(verb, user); strings.Contains(out, "shop.metrics") {
			t.Errorf("%s prints a secret: %s", verb, out)
		}
	}
}

// What is in the environment is the secret itself, also if it looks like the name of a file.
func TestSecretOfEnvironmentIsNoPath(t *testing.T) {
	getenv := func(string) (string, bool) { return "file:hosts", true }
	c, err := Parse("conf/shop.yaml", []byte(small+`kafka: {sasl: {mechanism: plain, user: "${USER_OF_KAFKA}", password: "${PASSWORD}"}}`+"\n"), registry(), getenv, files{}.read)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Kafka.SASL.Password.Read(); err != nil || got != "file:hosts" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestFaultsOfSecurity(t *testing.T) {
	const literal = "a secret does not stand in the file: put it into an environment variable and write ${NAME}, or into a file of its own and write file:PATH (config.secret.literal)"
	for _, f := range []struct{ kafka, want string }{
		{"{tls: yes}", `6:14: kafka.tls: "yes" is no mapping: write tls: {ca: ca.pem} (config.value.type)`},
		{"{tls: {cert: a.pem}}", "6:14: kafka.tls: a client's certificate goes with its key: write both cert: and key:, or none (config.kafka.tls.pair)"},
		{"{tls: {cafile: a.pem}}", `6:15: kafka.tls.cafile: this key is not known: correct or remove it (known: ca, cert, key, server_name) (config.key.unknown)`},
		{"{sasl: {mechanism: gssapi, user: lane, password: x}}",
			`6:27: kafka.sasl.mechanism: "gssapi" is not one of plain, scram-sha-256, scram-sha-512: choose one of them (config.value.enum)` + "\n" +
				"6:41: kafka.sasl.user: " + literal + "\n6:57: kafka.sasl.password: " + literal},
		{`{sasl: {mechanism: plain, user: "${TOPIC}", password: "${NOBODY:-hunter2}"}}`, "6:62: kafka.sasl.password: " + literal},
		{`{sasl: {mechanism: plain, user: "${TOPIC}", password: "x${TOKEN}"}}`, "6:62: kafka.sasl.password: " + literal},
		{`{sasl: {mechanism: plain, user: "${TOPIC}", password: "${EMPTY}"}}`,
			"6:62: kafka.sasl.password: the environment variable is empty: put the password into it (config.secret.empty)"},
		{`{sasl: {mechanism: plain, user: "${TOPIC}"}}`, "6:15: kafka.sasl.password: is required: write password: ${KAFKA_PASSWORD} (config.key.missing)"},
		{`{sasl: {mechanism: plain, user: "${TOPIC}", password: file:none}}`,
			"6:62: kafka.sasl.password: there is no file conf/none: paths are relative to the configuration's folder (config.file.missing)"},
		{`{sasl: {mechanism: plain, user: "${TOPIC}", password: file:two}}`,
			"6:62: kafka.sasl.password: the file conf/two has more than one line: it may hold nothing but the secret (config.secret.lines)"},
		{`{sasl: {mechanism: plain, user: "${TOPIC}", password: file:empty}}`,
			"6:62: kafka.sasl.password: the file conf/empty is empty: write the secret into it (config.secret.empty)"},
	} {
		_, err := read(small+"kafka: "+f.kafka+"\n", files{"conf/two": "a\nb\n", "conf/empty": "\n"})
		if err == nil {
			t.Errorf("%s is accepted", f.kafka)
			continue
		}
		got := strings.ReplaceAll(err.Error(), "conf/shop.yaml:", "")
		if diff := cmp.Diff(f.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", f.kafka, diff)
		}
	}
}

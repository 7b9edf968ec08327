// Package apachekafka runs a real Apache Kafka broker for tests. Without Java or Maven they are skipped.
package apachekafka

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/homeostat/homeostat/internal/broker/authority"
	"github.com/homeostat/homeostat/internal/broker/kraft"
)

// Broker is one broker on loopback. Its methods are for one goroutine at a time.
type Broker struct {
	node    *kraft.Broker
	options kraft.Options
}

// Start starts a broker for a test and ends it with the test. Without Java or Maven it skips the test.
func Start(t testing.TB) *Broker {
	t.Helper()
	need(t)
	ports, err := freePorts(2)
	if err != nil {
		t.Fatal(err)
	}
	return start(t, kraft.Options{Port: ports})
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

// Open starts a broker outside of a test, on the data in dir. It ends with Kill, or this process. With proxy, the port on
// 127.0.0.1 of a proxy to ProxiedAddr, those who connect there are told to come by the proxy for all the rest.
func Open(dir string, proxy int) (*Broker, error) {
	node, err := kraft.New(dir)
	if err != nil {
		return nil, err
	}
	port, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	b := &Broker{node: node, options: kraft.Options{Port: port, With: os.Getpid(), Small: true}}
	if proxy > 0 {
		b.options.Settings = map[string]string{
			"listeners":                      fmt.Sprintf("PLAINTEXT://%s,PROXIED://%s", b.Addr(), b.ProxiedAddr()),
			"advertised.listeners":           fmt.Sprintf("PLAINTEXT://%s,PROXIED://%s", b.Addr(), address(proxy)),
			"listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT",
		}
	}
	return b, b.Restart()
}

// need skips the test where Apache Kafka cannot run.
func need(t testing.TB) {
	t.Helper()
	if tool := Missing(); tool != "" {
		t.Skipf("no %s found: the test needs Apache Kafka, which needs Java 17 or newer and Maven", tool)
	}
	if testing.Short() {
		t.Skip("the test needs Apache Kafka, and -short is set")
	}
}

func start(t testing.TB, o kraft.Options) *Broker {
	t.Helper()
	node, err := kraft.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	o.With, o.Small = os.Getpid(), true
	b := &Broker{node: node, options: o}
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
func (b *Broker) Addr() string { return address(b.options.Port) }

// ProxiedAddr is where the proxy of Open connects to.
func (b *Broker) ProxiedAddr() string { return address(b.options.Port + 2) }

// Kill ends the broker and its controller like a crash.
func (b *Broker) Kill() error { return b.node.Kill(context.Background()) }

// Crash ends the broker alone like a crash. Its data stays as the operating system has it.
func (b *Broker) Crash() error { return b.node.Crash(context.Background()) }

// Restart starts the broker on its data, after Crash or Kill.
func (b *Broker) Restart() error {
	_, err := b.node.Start(context.Background(), b.options)
	return err
}

func (b *Broker) lastWords() []byte {
	log, err := os.ReadFile(b.node.LogFile())
	if err != nil {
		return []byte(err.Error())
	}
	lines := bytes.Split(bytes.TrimSpace(log), []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-20):], []byte("\n"))
}

// Secured is a broker that asks who is there, and lets users do only what ACLs allow. Whoever comes to Addr may do all.
type Secured struct {
	*Broker
	// TLS, Mutual, SASL and Plain are addresses: TLS without a client's certificate, TLS with one, SASL over TLS, and SASL
	// without TLS.
	TLS, Mutual, SASL, Plain string
	// Authority made the broker's certificate, and makes those that it accepts.
	Authority *authority.Authority
}

// StartSecured is Start for a Secured broker. users are passwords by user, for SASL PLAIN and SCRAM. Users named super
// may do all, as may the client certificates of these names.
func StartSecured(t testing.TB, users map[string]string, super ...string) *Secured {
	t.Helper()
	need(t)
	port, err := freePorts(6)
	if err != nil {
		t.Fatal(err)
	}
	s := &Secured{TLS: address(port + 2), Mutual: address(port + 3), SASL: address(port + 4), Plain: address(port + 5), Authority: authority.New(t)}
	own := s.Authority.Issue(t, "broker", time.Now().Add(24*time.Hour))
	listeners := fmt.Sprintf("PLAINTEXT://%s,TLS://%s,MUTUAL://%s,SASL://%s,BARE://%s", address(port), s.TLS, s.Mutual, s.SASL, s.Plain)
	logins := "org.apache.kafka.common.security.plain.PlainLoginModule required"
	for _, user := range slices.Sorted(maps.Keys(users)) {
		logins += fmt.Sprintf(" user_%s=%q", user, users[user])
	}
	const scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
	principals := "User:ANONYMOUS"
	for _, name := range super {
		principals += ";User:" + name + ";User:CN=" + name
	}
	settings := map[string]string{
		"listeners":                      listeners,
		"advertised.listeners":           listeners,
		"listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,TLS:SSL,MUTUAL:SSL,SASL:SASL_SSL,BARE:SASL_PLAINTEXT",
		"ssl.keystore.type":              "PEM", "ssl.keystore.location": own.Both,
		"ssl.truststore.type": "PEM", "ssl.truststore.location": s.Authority.CA,
		"listener.name.mutual.ssl.client.auth": "required",
		"sasl.enabled.mechanisms":              "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
		"authorizer.class.name":                "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"super.users":                          principals,
	}
	for _, listener := range []string{"sasl", "bare"} {
		settings["listener.name."+listener+".plain.sasl.jaas.config"] = logins + ";"
		settings["listener.name."+listener+".scram-sha-256.sasl.jaas.config"] = scram
		settings["listener.name."+listener+".scram-sha-512.sasl.jaas.config"] = scram
	}
	s.Broker = start(t, kraft.Options{Port: port, Settings: settings, Users: users})
	return s
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// freePorts finds so many ports in a row and returns the first. They lie below those that systems give to outgoing connections, of
// which one could take a port before the broker has it.
func freePorts(n int) (int, error) {
	for range 200 {
		port := 10_000 + rand.IntN(20_000)
		var held []net.Listener
		var err error
		for i := 0; i < n && err == nil; i++ {
			var l net.Listener
			if l, err = net.Listen("tcp", address(port+i)); err == nil {
				held = append(held, l)
			}
		}
		for _, l := range held {
			_ = l.Close() // it only held the port
		}
		if err == nil {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no %d free ports in a row on 127.0.0.1", n)
}

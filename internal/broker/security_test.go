package broker

import (
	"context"
	"crypto/tls"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/homeostat/homeostat/internal/broker/apachekafka"
	"github.com/homeostat/homeostat/internal/broker/authority"
	"github.com/homeostat/homeostat/internal/broker/embedded"
	"github.com/homeostat/homeostat/pipeline"
)

// secured is a way to a broker: an address, with what Config needs.
type secured struct {
	name, bootstrap string
	tls             TLSFiles
	open            bool // without TLS
	mechanism       string
	password        string
}

// client opens a client for that way.
func (s secured) client(r *rig) *Client {
	r.t.Helper()
	var cfg Config
	var err error
	if !s.open {
		if cfg.TLS, err = s.tls.Open(); err != nil {
			r.t.Fatal(err)
		}
	}
	if s.mechanism != "" {
		if cfg.SASL, err = NewSASL(s.mechanism, func() (string, string, error) { return "lane", s.password, nil }); err != nil {
			r.t.Fatal(err)
		}
	}
	r.bootstrap = s.bootstrap
	return r.client(func(c *Config) { c.TLS, c.SASL = cfg.TLS, cfg.SASL })
}

// works uses every kind of connection: metadata, topics, produce, a group, a transaction and fetch.
func (s secured) works(t *testing.T, apache bool) {
	t.Run(s.name, func(t *testing.T) {
		r := &rig{t: t, apache: apache, prefix: strings.ReplaceAll(s.name, " ", "-")}
		c := s.client(r)
		l := r.lane(c, "lane")
		if err := c.Produce(r.context(), []Message{{Topic: l.out, Value: []byte("plain")}}); err != nil {
			t.Fatal(err)
		}
		if err := r.transactor(c, "tx", 0).Commit(r.context(), l.outputs("x"), []Share{l.share(1)}); err != nil {
			t.Fatal(err)
		}
		l.expect(1, "plain", "x")
	})
}

// fails looks a topic up and expects an error, at once and not after a repetition.
func (s secured) fails(t *testing.T, code, why string) {
	t.Run(s.name, func(t *testing.T) {
		c := s.client(&rig{t: t})
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_, err := c.Partitions(ctx, "t")
		if pipeline.Code(err) != code || !strings.Contains(err.Error(), why) {
			t.Errorf("the error is %v, want code %s and %q", err, code, why)
		}
		g, err := c.JoinGroup(GroupConfig{ID: "g", Topics: []string{"t"}})
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		if _, err := g.Next(ctx); pipeline.Code(err) != code {
			t.Errorf("a group: %v, want code %s", err, code)
		}
		f := c.NewFetcher(FetchConfig{})
		defer f.Close()
		f.Assign(TopicPartition{Topic: "t"}, 0)
		chunks, err := f.Poll(ctx)
		if err != nil || len(chunks) != 1 || pipeline.Code(chunks[0].Err) != code {
			t.Errorf("a fetcher: %+v, %v, want code %s", chunks, err, code)
		}
	})
}

func TestSecuredEmbedded(t *testing.T) {
	a := authority.New(t)
	client := a.Issue(t, "lane", time.Now().Add(time.Hour))
	start := func(cfg *tls.Config, users ...embedded.User) string {
		b, err := embedded.Start(embedded.Options{TLS: cfg, Users: users})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(b.Close)
		return b.Addr()
	}
	mutual := start(a.Server(t, true))
	secured{name: "tls", bootstrap: start(a.Server(t, false)), tls: TLSFiles{CA: a.CA}}.works(t, false)
	secured{name: "mutual", bootstrap: mutual, tls: TLSFiles{CA: a.CA, Cert: client.Cert, Key: client.Key, ServerName: "localhost"}}.works(t, false)
	for _, m := range Mechanisms {
		addr := start(a.Server(t, false), embedded.User{Mechanism: m, Name: "lane", Password: "secret"})
		secured{name: m, bootstrap: addr, tls: TLSFiles{CA: a.CA}, mechanism: m, password: "secret"}.works(t, false)
	}
	secured{name: "no certificate", bootstrap: mutual, tls: TLSFiles{CA: a.CA}}.fails(t, "kafka.tls.refused", "check kafka.tls")
	secured{name: "another authority", bootstrap: mutual, tls: TLSFiles{CA: authority.New(t).CA}}.fails(t, "kafka.tls.refused", "unknown authority")
	secured{name: "another name", bootstrap: mutual, tls: TLSFiles{CA: a.CA, ServerName: "kafka.example.org"}}.fails(t, "kafka.tls.refused", "not kafka.example.org")
}

func TestSecuredApache(t *testing.T) {
	t.Parallel()
	b := apachekafka.StartSecured(t, map[string]string{"lane": "secret", "guest": "guest-secret"}, "lane")
	client := b.Authority.Issue(t, "lane", time.Now().Add(time.Hour))
	ca := TLSFiles{CA: b.Authority.CA}
	secured{name: "tls", bootstrap: b.TLS, tls: ca}.works(t, true)
	secured{name: "mutual", bootstrap: b.Mutual, tls: TLSFiles{CA: ca.CA, Cert: client.Cert, Key: client.Key}}.works(t, true)
	for _, m := range Mechanisms {
		secured{name: m, bootstrap: b.SASL, tls: ca, mechanism: m, password: "secret"}.works(t, true)
	}
	secured{name: "scram without tls", bootstrap: b.Plain, open: true, mechanism: "SCRAM-SHA-512", password: "secret"}.works(t, true)

	secured{name: "no certificate", bootstrap: b.Mutual, tls: ca}.fails(t, "kafka.tls.refused", "check kafka.tls")
	foreign := authority.New(t).Issue(t, "lane", time.Now().Add(time.Hour))
	secured{name: "a foreign certificate", bootstrap: b.Mutual, tls: TLSFiles{CA: ca.CA, Cert: foreign.Cert, Key: foreign.Key}}.fails(t, "kafka.tls.refused", "check kafka.tls")
	for _, m := range Mechanisms {
		secured{name: "a wrong password by " + m, bootstrap: b.SASL, tls: ca, mechanism: m, password: "guess"}.fails(t, "kafka.sasl.refused", "user and password")
	}
	secured{name: "sasl where there is none", bootstrap: b.TLS, tls: ca, mechanism: "PLAIN", password: "secret"}.fails(t, "kafka.sasl.refused", "does not take SASL")
}

// A client's certificate that is renewed is used by the next connection; files that do not fit are not.
func TestCertificateIsRenewed(t *testing.T) {
	a := authority.New(t)
	p := a.Issue(t, "lane", time.Now().Add(time.Hour))
	cfg, err := TLSFiles{CA: a.CA, Cert: p.Cert, Key: p.Key}.Open()
	if err != nil {
		t.Fatal(err)
	}
	serial := func() string {
		t.Helper()
		c, err := cfg.GetClientCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return c.Leaf.SerialNumber.String()
	}
	first := serial()
	a.Issue(t, "lane", time.Now().Add(time.Hour))
	second := serial()
	if second == first {
		t.Error("a renewed certificate is not used")
	}
	if err := os.Remove(p.Key); err != nil {
		t.Fatal(err)
	}
	if serial() != second {
		t.Error("while a file is missing, the certificate is another one")
	}
}

func TestFilesOfTLS(t *testing.T) {
	a := authority.New(t)
	good, old := a.Issue(t, "good", time.Now().Add(time.Hour)), a.Issue(t, "old", time.Now().Add(-time.Hour))
	empty := t.TempDir() + "/empty.pem"
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, f := range []struct {
		name  string
		files TLSFiles
		code  string
		says  string
	}{
		{"no CA file", TLSFiles{CA: "nowhere.pem"}, "kafka.tls.file", "nowhere.pem"},
		{"an empty CA file", TLSFiles{CA: empty}, "kafka.tls.content", "holds no certificate"},
		{"a key for a CA", TLSFiles{CA: good.Key}, "kafka.tls.content", "holds no certificate"},
		{"an expired CA", TLSFiles{CA: old.Cert}, "kafka.tls.expired", "renew it"},
		{"no certificate", TLSFiles{Cert: "nowhere.pem", Key: good.Key}, "kafka.tls.file", "nowhere.pem"},
		{"no key", TLSFiles{Cert: good.Cert, Key: "nowhere.key"}, "kafka.tls.file", "nowhere.key"},
		{"another's key", TLSFiles{Cert: good.Cert, Key: old.Key}, "kafka.tls.content", "of one pair"},
		{"an expired certificate", TLSFiles{Cert: old.Cert, Key: old.Key}, "kafka.tls.expired", "CN=old"},
	} {
		if _, err := f.files.Open(); pipeline.Code(err) != f.code || !strings.Contains(err.Error(), f.says) {
			t.Errorf("%s: %v, want code %s and %q", f.name, err, f.code, f.says)
		}
	}
}

// What cannot be read when a connection is made is an error, and not a reason to try again.
func TestLoginIsRead(t *testing.T) {
	if _, err := NewSASL("GSSAPI", nil); pipeline.Code(err) != "kafka.sasl.mechanism" {
		t.Errorf("an unknown mechanism: %v", err)
	}
	b, err := embedded.Start(embedded.Options{Users: []embedded.User{{Mechanism: "PLAIN", Name: "lane", Password: "second"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	_, missing := os.ReadFile("nowhere")
	reading := pipeline.Errorf("config.secret.unreadable", "the password cannot be read: %w", missing)
	mechanism, err := NewSASL("PLAIN", func() (string, string, error) { return "lane", "second", reading })
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, bootstrap: b.Addr()}
	c := r.client(func(cfg *Config) { cfg.SASL = mechanism })
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if _, err := c.Partitions(ctx, "t"); pipeline.Code(err) != "config.secret.unreadable" {
		t.Errorf("a password that cannot be read: %v", err)
	}
	reading = nil
	c = r.client(func(cfg *Config) { cfg.SASL = mechanism })
	if _, err := c.Partitions(ctx, "t"); pipeline.Code(err) != "kafka.topic.missing" {
		t.Errorf("with the password: %v", err)
	}
}

func TestOpen(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		code string
	}{
		{Config{}, "kafka.bootstrap.missing"},
		{Config{Bootstrap: []string{"nowhere"}}, "kafka.bootstrap.address"},
		{Config{Bootstrap: []string{"a:1"}, Compression: 9}, "kafka.compression.unknown"},
		{Config{Bootstrap: []string{"a:1"}, MaxBatchBytes: 10}, "kafka.batch.limit"},
	} {
		if _, err := Open(c.cfg); pipeline.Code(err) != c.code {
			t.Errorf("%+v: %v", c.cfg, err)
		}
	}
	c, err := Open(Config{Bootstrap: []string{"127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if _, err := c.Partitions(ctx, "t"); pipeline.Code(err) != "kafka.unreachable" {
		t.Errorf("nobody there: %v", err)
	}
	for _, cfg := range []TransactorConfig{{}, {TransactionalID: "x", Timeout: time.Minute}, {TransactionalID: "x", Timeout: time.Millisecond}} {
		if _, err := c.NewTransactor(ctx, cfg); err == nil {
			t.Errorf("%+v was accepted", cfg)
		}
	}
}

package broker

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/twmb/franz-go/pkg/kfake"
)

func TestSecured(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	own, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(own)
	fake, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser("PLAIN", "lane", "secret"),
		kfake.TLS(&tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}))
	if err != nil {
		t.Fatal(err)
	}
	defer fake.Close()
	r := &rig{t: t, bootstrap: fake.ListenAddrs()[0], prefix: "s"}
	secure := func(roots *x509.CertPool, password string) *Client {
		return r.client(func(cfg *Config) {
			cfg.TLS, cfg.SASL = &tls.Config{RootCAs: roots}, plain.Mechanism{Username: "lane", Password: password}
		})
	}
	c := secure(roots, "secret")
	l := r.lane(c, "lane")
	if err := r.transactor(c, "tx", 0).Commit(r.context(), l.outputs("x"), []Share{l.share(1)}); err != nil {
		t.Fatal(err)
	}
	l.expect(1, "x")
	for _, wrong := range []struct {
		name, code string
		client     *Client
	}{
		{"a wrong password", "kafka.unreachable", secure(roots, "guess")}, // this broker hangs up without a word
		{"an unknown certificate", "kafka.refused", secure(x509.NewCertPool(), "secret")},
	} {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		if _, err := wrong.client.Partitions(ctx, l.out); pipeline.Code(err) != wrong.code {
			t.Errorf("%s: %v", wrong.name, err)
		}
		cancel()
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

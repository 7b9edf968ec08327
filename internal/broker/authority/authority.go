// Package authority makes certificates for tests: a CA, a server's for loopback and clients'.
package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority is a CA whose files are in a folder of the test.
type Authority struct {
	// CA is the path of the CA's certificate.
	CA string

	dir         string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// Pair are the paths of a certificate and its key. Both holds the key and then the certificates, as Kafka's PEM key
// stores want it.
type Pair struct{ Cert, Key, Both string }

// New makes an authority.
func New(t testing.TB) *Authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &Authority{dir: t.TempDir(), key: key}
	template := &x509.Certificate{
		SerialNumber: serial(t), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if a.certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.CA = a.write(t, "ca.pem", block("CERTIFICATE", der))
	return a
}

// Issue makes a certificate for 127.0.0.1, localhost and the name, for servers and clients, valid until the given time.
// Issued again, a name has the same files with another certificate.
func (a *Authority) Issue(t testing.TB, name string, until time.Time) Pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial(t), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"localhost", name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert, private := block("CERTIFICATE", der), block("PRIVATE KEY", pkcs8)
	chain := append(append([]byte{}, cert...), block("CERTIFICATE", a.certificate.Raw)...)
	return Pair{
		Cert: a.write(t, name+".pem", cert), Key: a.write(t, name+".key", private),
		Both: a.write(t, name+".both.pem", append(append([]byte{}, private...), chain...)),
	}
}

// Server makes what a server in this process needs. Clients must show a certificate of the authority if mutual is true.
func (a *Authority) Server(t testing.TB, mutual bool) *tls.Config {
	t.Helper()
	p := a.Issue(t, "server", time.Now().Add(time.Hour))
	pair, err := tls.LoadX509KeyPair(p.Cert, p.Key)
	if err != nil {
		t.Fatal(err)
	}
	cfg := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	if mutual {
		cfg.ClientAuth, cfg.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		cfg.ClientCAs.AddCert(a.certificate)
	}
	return cfg
}

func serial(t testing.TB) *big.Int {
	t.Helper()
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 64))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func (a *Authority) write(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(a.dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

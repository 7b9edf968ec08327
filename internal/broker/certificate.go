package broker

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"sync"
	"time"

	"github.com/homeostat/homeostat/pipeline"
)

// TLSFiles names what a TLS connection needs, as PEM files.
type TLSFiles struct {
	// CA holds the certificates that the brokers' must come from; "" means those of the system.
	CA string
	// Cert and Key are this client's certificate, followed by those between it and the brokers' CA, and its key without a
	// password. Both or none.
	Cert, Key string
	// ServerName is the name in the brokers' certificates; "" means the host that is dialled.
	ServerName string
}

// Open reads the files. Cert and Key are read again at each new connection, so that they may be renewed meanwhile; CA
// is read once.
func (f TLSFiles) Open() (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: f.ServerName}
	if f.CA != "" {
		var err error
		if cfg.RootCAs, err = readAuthorities(f.CA); err != nil {
			return nil, err
		}
	}
	if f.Cert == "" && f.Key == "" {
		return cfg, nil
	}
	own := &renewed{cert: f.Cert, key: f.Key}
	if _, err := own.get(nil); err != nil {
		return nil, err
	}
	cfg.GetClientCertificate = own.get
	return cfg, nil
}

// readAuthorities reads the certificates that brokers' must come from.
func readAuthorities(path string) (*x509.CertPool, error) {
	rest, err := os.ReadFile(path)
	if err != nil {
		return nil, pipeline.Errorf("kafka.tls.file", "the CA certificates of Kafka cannot be read: %w: correct kafka.tls.ca, or make the file readable", err)
	}
	pool, valid := x509.NewCertPool(), 0
	var last error
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err == nil {
			err = inForce(path, certificate)
		}
		if err != nil {
			last = err
			continue
		}
		pool.AddCert(certificate)
		valid++
	}
	switch {
	case valid > 0:
		return pool, nil
	case pipeline.Code(last) != "":
		return nil, last
	case last != nil:
		return nil, pipeline.Errorf("kafka.tls.content", "%s holds no certificate that can be read: %w: give the CA's certificate as PEM", path, last)
	}
	return nil, pipeline.Errorf("kafka.tls.content", "%s holds no certificate: give the CA's certificate as PEM (it begins with -----BEGIN CERTIFICATE-----)", path)
}

// inForce checks the time of a certificate.
func inForce(path string, c *x509.Certificate) error {
	now := time.Now()
	switch {
	case now.After(c.NotAfter):
		return pipeline.Errorf("kafka.tls.expired", "the certificate of %s in %s was valid until %s: renew it", c.Subject, path, c.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(c.NotBefore):
		return pipeline.Errorf("kafka.tls.expired", "the certificate of %s in %s is valid only from %s on: set the clock, or use another", c.Subject, path, c.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}

// renewed is a client certificate that is read anew for each connection. While its two files do not fit, as in the
// moment between the renewal of one and the other, it is the last one that did.
type renewed struct {
	cert, key string

	mu   sync.Mutex
	last *tls.Certificate
}

// get implements tls.Config.GetClientCertificate.
func (r *renewed) get(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	now, err := r.read()
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.last = now
		return now, nil
	}
	if r.last != nil && inForce(r.cert, r.last.Leaf) == nil {
		return r.last, nil
	}
	return nil, &lasting{err}
}

func (r *renewed) read() (*tls.Certificate, error) {
	cert, err := os.ReadFile(r.cert)
	if err != nil {
		return nil, pipeline.Errorf("kafka.tls.file", "the certificate for Kafka cannot be read: %w: correct kafka.tls.cert, or make the file readable", err)
	}
	key, err := os.ReadFile(r.key)
	if err != nil {
		return nil, pipeline.Errorf("kafka.tls.file", "the key for Kafka cannot be read: %w: correct kafka.tls.key, or make the file readable", err)
	}
	if bytes.Contains(key, []byte("ENCRYPTED")) {
		return nil, pipeline.Errorf("kafka.tls.content", "the key in %s has a password, which is not supported: store it without one, readable by this user only", r.key)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, pipeline.Errorf("kafka.tls.content", "%s and %s are no certificate with its key: %w: give both as PEM, of one pair", r.cert, r.key, err)
	}
	return &pair, inForce(r.cert, pair.Leaf)
}

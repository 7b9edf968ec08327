package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"time"

	"github.com/homeostat/homeostat/pipeline"
)

// schemaRegistry asks the schema registries that codecs need whether they answer.
func schemaRegistry(ctx context.Context, e *examination) {
	asked := map[string]bool{}
	for i := range e.plan.Sources {
		s := &e.plan.Sources[i]
		if s.Codec == nil {
			continue
		}
		registry := s.Codec.Settings.Object("registry")
		url := registry.Text("url")
		if url == "" || asked[url] {
			continue
		}
		asked[url] = true
		start := time.Now()
		status, err := askRegistry(ctx, url, registry)
		remedy := "see that it runs and that this machine reaches it, and correct codec registry of source " + s.Name + "; lanes wait until then"
		switch {
		case err != nil:
			e.failed(url, pipeline.Errorf("doctor.registry.unreachable", "the schema registry of source %s does not answer: %w", s.Name, err), remedy)
		case status == http.StatusUnauthorized || status == http.StatusForbidden:
			e.fault(url, "correct registry.user and registry.password of source "+s.Name, "the schema registry of source %s refuses this process (status %d)", s.Name, status)
		case status >= 500:
			e.fault(url, remedy, "the schema registry of source %s answers with status %d", s.Name, status)
		default:
			e.ok(url, "the schema registry of source %s answers in %s", s.Name, time.Since(start).Round(time.Millisecond))
		}
	}
	if len(asked) == 0 {
		e.skip("", "no codec needs one")
	}
}

// askRegistry asks for the types of schemas, which changes nothing and any registry knows.
func askRegistry(ctx context.Context, url string, s pipeline.Settings) (status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	secure := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: s.Object("tls").Text("server_name")}
	if ca := s.Object("tls").Text("ca"); ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return 0, err
		}
		secure.RootCAs = x509.NewCertPool()
		secure.RootCAs.AppendCertsFromPEM(pem)
	}
	if cert := s.Object("tls").Text("cert"); cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, s.Object("tls").Text("key"))
		if err != nil {
			return 0, err
		}
		secure.Certificates = []tls.Certificate{pair}
	}
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: secure, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/schemas/types", nil)
	if err != nil {
		return 0, err
	}
	if s.Has("user") {
		req.SetBasicAuth(s.Text("user"), s.Text("password"))
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

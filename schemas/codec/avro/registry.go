package avro

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	twmb "github.com/twmb/avro"

	"github.com/homeostat/homeostat/pipeline"
)

// registry is a client of a schema registry (docs.confluent.io/platform/current/schema-registry/develop/api.html) that keeps what it
// has learned. Schemas never change under their id, so they are kept for good; what is of no use is asked for again after a
// time. It is used by one goroutine.
type registry struct {
	url            string
	user, password string
	files          tlsFiles
	timeout        time.Duration
	forget         time.Duration
	client         *http.Client // made at the first question

	plans   map[uint32]*plan
	useless map[uint32]useless
}

type tlsFiles struct{ ca, cert, key, serverName string }

// useless is a schema that the registry has not, or that is of no use, until it is asked for again.
type useless struct {
	fault error
	until time.Time
}

// most bounds how many schemas are kept of each sort. Ids of records that nobody should write could be any.
const most = 10_000

func newRegistry(s pipeline.Settings) (*registry, error) {
	t := s.Object("tls")
	r := &registry{
		url: strings.TrimRight(s.Text("url"), "/"), user: s.Text("user"), password: s.Text("password"), timeout: s.Duration("timeout"), forget: s.Duration("forget"),
		files: tlsFiles{t.Text("ca"), t.Text("cert"), t.Text("key"), t.Text("server_name")},
		plans: map[uint32]*plan{}, useless: map[uint32]useless{},
	}
	if r.timeout == 0 {
		r.timeout = 2 * time.Second
	}
	fault := func(setting, code, format string, args ...any) error {
		return &pipeline.SettingFault{Path: "registry." + setting, Err: pipeline.Errorf(code, format, args...)}
	}
	var faults []error
	switch u, err := url.Parse(r.url); {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "":
		faults = append(faults, fault("url", "avro.registry.url", "it is no address of a schema registry: write http:// or https://, host and port"))
	case u.User != nil:
		faults = append(faults, fault("url", "avro.registry.url.secret", "user and password do not stand in the address: write registry.user and registry.password, which take references"))
	}
	if (r.user == "") != (r.password == "") {
		faults = append(faults, fault("user", "avro.registry.user", "a user goes with a password: write both user: and password:, or none"))
	}
	if (r.files.cert == "") != (r.files.key == "") {
		faults = append(faults, fault("tls", "avro.registry.tls.pair", "a client's certificate goes with its key: write both cert: and key:, or none"))
	}
	return r, errors.Join(faults...)
}

// plan returns the plan of a schema. It fails with a pipeline.Unavailable if nobody can say now what the schema is.
func (r *registry) plan(id uint32, m *mapping) (*plan, error) {
	if p := r.plans[id]; p != nil {
		return p, nil
	}
	if u, ok := r.useless[id]; ok && time.Now().Before(u.until) {
		return nil, u.fault
	}
	p, err := r.learn(id, m)
	switch {
	case err == nil:
		if len(r.plans) >= most {
			clear(r.plans)
		}
		r.plans[id] = p
		delete(r.useless, id)
	case !errors.As(err, new(*pipeline.Unavailable)):
		if len(r.useless) >= most {
			clear(r.useless)
		}
		r.useless[id] = useless{err, time.Now().Add(r.forget)}
	}
	return p, err
}

// learn asks the registry for a schema and makes its plan.
func (r *registry) learn(id uint32, m *mapping) (*plan, error) {
	which := "id " + strconv.FormatUint(uint64(id), 10)
	// One question and those for the schema's references share the time that a lane may stand still.
	ctx, cancel := context.WithTimeout(context.Background(), r.timeout)
	defer cancel()
	var cache twmb.SchemaCache
	l := learner{registry: r, ctx: ctx, cache: &cache, seen: map[string]bool{}}
	s, err := l.parse(fmt.Sprintf("/schemas/ids/%d", id), which, 0)
	if err != nil {
		return nil, err
	}
	return newPlan(s, m)
}

// learner parses a schema and, before it, those that it refers to.
type learner struct {
	registry *registry
	ctx      context.Context
	cache    *twmb.SchemaCache
	seen     map[string]bool
}

// mostReferences bounds how many schemas one refers to, and how deep.
const mostReferences, deepest = 200, 20

// answer is what the registry says of a schema.
type answer struct {
	Schema     string `json:"schema"`
	SchemaType string `json:"schemaType"`
	References []struct {
		Name    string `json:"name"`
		Subject string `json:"subject"`
		Version int    `json:"version"`
	} `json:"references"`
}

func (l *learner) parse(path, which string, depth int) (*twmb.Schema, error) {
	a, err := l.registry.ask(l.ctx, path, which)
	if err != nil {
		return nil, err
	}
	if a.SchemaType != "" && a.SchemaType != "AVRO" {
		return nil, pipeline.Errorf("avro.schema.type", "schema %s is of type %s, not Avro: use the codec that the topic's producer has", which, a.SchemaType)
	}
	for _, ref := range a.References {
		at := fmt.Sprintf("/subjects/%s/versions/%d", url.PathEscape(ref.Subject), ref.Version)
		if l.seen[at] {
			continue
		}
		if l.seen[at] = true; len(l.seen) > mostReferences || depth >= deepest {
			return nil, pipeline.Errorf("avro.schema.references", "schema %s refers to more than %d other schemas, or in a chain of more than %d: put them into one", which, mostReferences, deepest)
		}
		if _, err := l.parse(at, fmt.Sprintf("%s version %d", ref.Subject, ref.Version), depth+1); err != nil {
			return nil, err
		}
	}
	s, err := l.cache.Parse(a.Schema)
	if err != nil {
		return nil, syntaxFault(which, err)
	}
	return s, nil
}

// largest bounds an answer.
const largest = 4 << 20

// ask puts one question. Only an answer that is the registry's own, that it has the schema or that it has not, is taken for
// one; all else may be different in a moment.
func (r *registry) ask(ctx context.Context, path, which string) (*answer, error) {
	resp, err := r.get(ctx, path)
	if err != nil {
		return nil, away("avro.registry.unreachable", "schema %s can't be had: the schema registry %s does not answer: %w: see that it runs and that this machine reaches it; lanes wait until then", which, r.url, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, largest+1))
	if err != nil {
		return nil, away("avro.registry.unreachable", "schema %s can't be had: the schema registry %s does not answer: %w: see that it runs and that this machine reaches it; lanes wait until then", which, r.url, err)
	}
	var a answer
	var refusal struct {
		Code    int    `json:"error_code"`
		Message string `json:"message"`
	}
	switch status := resp.StatusCode; {
	case status == http.StatusOK && json.Unmarshal(body, &a) == nil && a.Schema != "":
		return &a, nil
	case status == http.StatusNotFound && json.Unmarshal(body, &refusal) == nil && unknown(refusal.Code):
		return nil, pipeline.Errorf("avro.schema.unknown", "schema %s is not known to the schema registry %s (it says: %.200s): see that it is the registry that the topic's producer uses, and that nobody deleted the schema", which, r.url, refusal.Message)
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return nil, away("avro.registry.refused", "schema %s can't be had: the schema registry %s refuses this process (%s): see that registry.user and registry.password are right and may read schemas; lanes wait until then", which, r.url, resp.Status)
	default:
		return nil, away("avro.registry.answer", "schema %s can't be had: %s answers %s and no schema: see that registry.url is the address of a schema registry and that it is well; lanes wait until then", which, r.url, resp.Status)
	}
}

// unknown tells whether a registry's error says that it has not what was asked for: a subject, a version or a schema.
func unknown(code int) bool { return code >= 40401 && code <= 40403 }

func away(code, format string, args ...any) error {
	return &pipeline.Unavailable{Err: pipeline.Errorf(code, format, args...)}
}

func (r *registry) get(ctx context.Context, path string) (*http.Response, error) {
	if r.client == nil {
		config, err := r.files.open()
		if err != nil {
			return nil, err
		}
		// Questions are rare: no connection is kept for the next one.
		r.client = &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, DisableKeepAlives: true, ResponseHeaderTimeout: r.timeout}}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/vnd.schemaregistry.v1+json, application/json")
	if r.user != "" {
		req.SetBasicAuth(r.user, r.password)
	}
	return r.client.Do(req)
}

// open reads the files.
func (f *tlsFiles) open() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: f.serverName}
	if f.ca != "" {
		pem, err := os.ReadFile(f.ca)
		if err != nil {
			return nil, fmt.Errorf("registry.tls.ca: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("registry.tls.ca: %s has no certificate in PEM", f.ca)
		}
	}
	if f.cert != "" {
		pair, err := tls.LoadX509KeyPair(f.cert, f.key)
		if err != nil {
			return nil, fmt.Errorf("registry.tls.cert: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

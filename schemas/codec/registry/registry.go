// Package registry asks a schema registry of Confluent's interface (docs.confluent.io/platform/current/schema-registry/develop/api.html)
// for the schemas of records with Confluent's framing (docs.confluent.io, "Wire format"): a zero, and the schema's id in four bytes.
//
// While the registry can't be reached, refuses this process or answers as no registry does, nobody knows what a record is: questions
// fail with a pipeline.Unavailable, and the lane waits (homeostat_decode_wait_seconds_total counts). Only what the registry itself
// says makes a dead letter of a record: that it has no such schema, or one of another type.
package registry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/homeostat/homeostat/pipeline"
)

// The types of schemas, as a registry names them.
const (
	Avro       = "AVRO"
	Protobuf   = "PROTOBUF"
	JSONSchema = "JSON"
)

// FrameBytes is how long the framing is that all records have.
const FrameBytes = 5

// Frame returns the id of a record's schema, and the record behind the framing. The error says what to do instead.
func Frame(b []byte, instead string) (id uint32, rest []byte, err error) {
	if len(b) < FrameBytes || b[0] != 0 {
		return 0, nil, pipeline.Errorf("registry.frame", "record of %d bytes does not begin with a zero and a schema's id: check that its producer uses Confluent's serializer, or %s", len(b), instead)
	}
	return binary.BigEndian.Uint32(b[1:]), b[FrameBytes:], nil
}

// Setting describes the setting that says where a registry is.
func Setting() pipeline.Setting {
	return pipeline.Setting{Name: "registry", Type: pipeline.Object, Example: `{url: "https://registry.example.org:8081"}`,
		Doc: "The schema registry, of Confluent's interface.",
		Fields: []pipeline.Setting{
			{Name: "url", Type: pipeline.String, Required: true, Example: "https://registry.example.org:8081", Doc: "Where it is, without user and password."},
			{Name: "user", Type: pipeline.String, Secret: true, Example: "${REGISTRY_USER}", Doc: "The user, for registries that ask for one: ${ENV} or file:PATH."},
			{Name: "password", Type: pipeline.String, Secret: true, Example: "${REGISTRY_PASSWORD}", Doc: "The password: ${ENV} or file:PATH."},
			{Name: "tls", Type: pipeline.Object, Doc: "How an https connection is made; by default with the system's certificates. Paths are from the working directory of the process; the files are opened when the registry is asked.", Fields: []pipeline.Setting{
				{Name: "ca", Type: pipeline.String, Example: "ca.pem", Doc: "A PEM file of the certificates that the registry's must come from; none means the system's."},
				{Name: "cert", Type: pipeline.String, Example: "client.pem", Doc: "A PEM file of this client's certificate, for registries that ask for one."},
				{Name: "key", Type: pipeline.String, Example: "client.key", Doc: "A PEM file of the certificate's key, without a password."},
				{Name: "server_name", Type: pipeline.String, Example: "registry.example.org", Doc: "The name in the registry's certificate; none means the host of url."},
			}},
			{Name: "timeout", Type: pipeline.Duration, Default: 2 * time.Second, Min: pipeline.Bound(float64(10 * time.Millisecond)), Max: pipeline.Bound(float64(5 * time.Second)),
				Doc: "How long one question may take. A lane stands still for as long and asks again.", Example: "2s"},
			{Name: "forget", Type: pipeline.Duration, Default: time.Minute, Min: pipeline.Bound(0), Max: pipeline.Bound(float64(24 * time.Hour)),
				Doc: "After what time the registry is asked again for a schema that it did not have, or that is of no use. Others are kept.", Example: "1m"},
		}}
}

// Client asks a registry for schemas. It is used by one goroutine.
type Client struct {
	url            string
	user, password string
	files          tlsFiles
	timeout        time.Duration
	forget         time.Duration
	client         *http.Client // made at the first question
}

type tlsFiles struct{ ca, cert, key, serverName string }

// New makes a client by the settings of Setting. It asks nothing.
func New(s pipeline.Settings) (*Client, error) {
	t := s.Object("tls")
	r := &Client{
		url: strings.TrimRight(s.Text("url"), "/"), user: s.Text("user"), password: s.Text("password"), timeout: s.Duration("timeout"), forget: s.Duration("forget"),
		files: tlsFiles{t.Text("ca"), t.Text("cert"), t.Text("key"), t.Text("server_name")},
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
		faults = append(faults, fault("url", "registry.url", "it is no address of a schema registry: write http:// or https://, host and port"))
	case u.User != nil:
		faults = append(faults, fault("url", "registry.url.secret", "user and password do not stand in the address: write registry.user and registry.password, which take references"))
	}
	if (r.user == "") != (r.password == "") {
		faults = append(faults, fault("user", "registry.user", "a user goes with a password: write both user: and password:, or none"))
	}
	if (r.files.cert == "") != (r.files.key == "") {
		faults = append(faults, fault("tls", "registry.tls.pair", "a client's certificate goes with its key: write both cert: and key:, or none"))
	}
	return r, errors.Join(faults...)
}

// Schema is a schema of a registry.
type Schema struct {
	// Which says in errors which one it is: its id, or its subject and version.
	Which string
	// Name is that by which others refer to it.
	Name string
	Text string
	// References are those that it refers to, and those that they refer to, each behind what itself refers to.
	References []*Schema
}

// Schema asks for a schema of a type, and for those that it refers to. It fails with a pipeline.Unavailable if nobody can say now
// what the schema is.
func (r *Client) Schema(id uint32, typ string) (*Schema, error) {
	// One question and those for the schema's references share the time that a lane may stand still.
	ctx, cancel := context.WithTimeout(context.Background(), r.timeout)
	defer cancel()
	root := &Schema{Which: fmt.Sprintf("id %d", id)}
	l := learner{client: r, ctx: ctx, typ: typ, root: root, seen: map[string]bool{}}
	return root, l.learn(root, fmt.Sprintf("/schemas/ids/%d", id), 0)
}

// learner asks for a schema and those that it refers to.
type learner struct {
	client *Client
	ctx    context.Context
	typ    string
	root   *Schema
	seen   map[string]bool
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

func (l *learner) learn(s *Schema, path string, depth int) error {
	a, err := l.client.ask(l.ctx, path, s.Which)
	if err != nil {
		return err
	}
	typ := a.SchemaType
	if typ == "" {
		typ = Avro
	}
	if typ != l.typ {
		return pipeline.Errorf("registry.schema.type", "schema %s is of type %s, not %s: use the codec for that type, as the topic's producer does", s.Which, typ, l.typ)
	}
	s.Text = a.Schema
	for _, ref := range a.References {
		at := fmt.Sprintf("/subjects/%s/versions/%d", url.PathEscape(ref.Subject), ref.Version)
		known := ref.Name + " " + at
		if l.seen[known] {
			continue
		}
		l.seen[known] = true
		if len(l.seen) > mostReferences || depth >= deepest {
			return pipeline.Errorf("registry.schema.references", "schema %s refers to more than %d other schemas, or in a chain of more than %d: put them into one", s.Which, mostReferences, deepest)
		}
		inner := &Schema{Which: fmt.Sprintf("%s version %d", ref.Subject, ref.Version), Name: ref.Name}
		if err := l.learn(inner, at, depth+1); err != nil {
			return err
		}
		l.root.References = append(l.root.References, inner)
	}
	return nil
}

// largest bounds an answer.
const largest = 4 << 20

// ask puts one question. Only an answer that is the registry's own, that it has the schema or that it has not, is taken for
// one; all else may be different in a moment.
func (r *Client) ask(ctx context.Context, path, which string) (*answer, error) {
	resp, err := r.get(ctx, path)
	if err != nil {
		return nil, away(pipeline.Errorf("registry.unreachable", "schema %s can't be had: the schema registry %s does not answer: %w: see that it runs and that this machine reaches it; lanes wait until then", which, r.url, err))
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, largest+1))
	if err != nil {
		return nil, away(pipeline.Errorf("registry.unreachable", "schema %s can't be had: the schema registry %s does not answer: %w: see that it runs and that this machine reaches it; lanes wait until then", which, r.url, err))
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
		return nil, pipeline.Errorf("registry.schema.unknown", "schema %s is not known to the schema registry %s (it says: %.200s): see that it is the registry that the topic's producer uses, and that nobody deleted the schema", which, r.url, refusal.Message)
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return nil, away(pipeline.Errorf("registry.refused", "schema %s can't be had: the schema registry %s refuses this process (%s): see that registry.user and registry.password are right and may read schemas; lanes wait until then", which, r.url, resp.Status))
	default:
		return nil, away(pipeline.Errorf("registry.answer", "schema %s can't be had: %s answers %s and no schema: see that registry.url is the address of a schema registry and that it is well; lanes wait until then", which, r.url, resp.Status))
	}
}

// unknown tells whether a registry's error says that it has not what was asked for: a subject, a version or a schema.
func unknown(code int) bool { return code >= 40401 && code <= 40403 }

func away(err error) error { return &pipeline.Unavailable{Err: err} }

func (r *Client) get(ctx context.Context, path string) (*http.Response, error) {
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

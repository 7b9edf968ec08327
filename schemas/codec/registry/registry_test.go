package registry_test

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
	"github.com/homeostat/homeostat/schemas/codec/registry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newCache makes a cache that keeps of schemas their texts, those that they refer to first.
func newCache(t testing.TB, r *codectest.Registry, more pipeline.Settings) *registry.Cache[string] {
	t.Helper()
	client, err := registry.New(r.Settings(more).Object("registry"))
	if err != nil {
		t.Fatal(err)
	}
	return registry.NewCache(client, registry.Avro, func(s *registry.Schema) (string, error) {
		if s.Text == "useless" {
			return "", pipeline.Errorf("test.useless", "schema %s is of no use", s.Which)
		}
		var b strings.Builder
		for _, ref := range s.References {
			fmt.Fprintf(&b, "%s=%s ", ref.Name, ref.Text)
		}
		return b.String() + s.Text, nil
	})
}

func TestSchemasAreAskedForOnce(t *testing.T) {
	r := codectest.NewRegistry(t, httptest.NewServer)
	r.Has(1, "", "one")
	r.Has(2, "AVRO", "two")
	r.Has(3, "PROTOBUF", "three")
	r.Has(4, "", "useless")
	c := newCache(t, r, nil)
	for range 3 {
		for id, want := range map[uint32]string{1: "one", 2: "two", 3: "registry.schema.type", 4: "test.useless", 5: "registry.schema.unknown"} {
			if got, err := c.Get(id); got != want && pipeline.Code(err) != want {
				t.Errorf("%d: %q, %v", id, got, err)
			}
		}
	}
	if n := r.Asked.Load(); n != 5 {
		t.Errorf("asked %d times", n)
	}
}

// TestUnknownSchemasAreAskedForAgain has a schema that is registered late.
func TestUnknownSchemasAreAskedForAgain(t *testing.T) {
	r := codectest.NewRegistry(t, httptest.NewServer)
	c := newCache(t, r, pipeline.Settings{"forget": time.Duration(0)})
	if _, err := c.Get(1); pipeline.Code(err) != "registry.schema.unknown" {
		t.Fatal(err)
	}
	r.Has(1, "", "one")
	if got, err := c.Get(1); got != "one" {
		t.Fatal(got, err)
	}
}

// TestRegistryThatIsAway has registries that say nothing of the schema: no record may become a dead letter by it.
func TestRegistryThatIsAway(t *testing.T) {
	status := func(code int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			if _, err := w.Write([]byte(body)); err != nil {
				panic(err)
			}
		}
	}
	for _, c := range []struct {
		name, code string
		answer     http.HandlerFunc
	}{
		{"internal error", "registry.answer", status(500, `{"error_code":50001,"message":"Error in the backend data store"}`)},
		{"proxy without a registry", "registry.answer", status(502, "<html>Bad Gateway</html>")},
		{"too many questions", "registry.answer", status(429, "")},
		{"not a registry, not found", "registry.answer", status(404, "<html>Not Found</html>")},
		{"not a registry, not found, in JSON", "registry.answer", status(404, `{"error_code":404,"message":"HTTP 404 Not Found"}`)},
		{"not a registry, found", "registry.answer", status(200, "<html>Welcome</html>")},
		{"an empty answer", "registry.answer", status(200, "{}")},
		{"no user", "registry.refused", status(401, `{"error_code":401,"message":"Unauthorized"}`)},
		{"no right", "registry.refused", status(403, `{"error_code":403,"message":"User is denied operation Read"}`)},
		{"a connection that breaks", "registry.unreachable", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
		{"an answer that breaks", "registry.unreachable", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			if _, err := w.Write([]byte("{")); err != nil {
				panic(err)
			}
			panic(http.ErrAbortHandler)
		}},
		{"an answer without an end", "registry.answer", func(w http.ResponseWriter, _ *http.Request) {
			for range 5 << 10 {
				if _, err := w.Write(make([]byte, 1024)); err != nil {
					return
				}
			}
		}},
	} {
		r := codectest.NewRegistry(t, httptest.NewServer)
		r.Has(1, "", "one")
		r.Answer.Store(&c.answer)
		cache := newCache(t, r, nil)
		for range 2 {
			if _, err := cache.Get(1); !errors.As(err, new(*pipeline.Unavailable)) || pipeline.Code(err) != c.code || !strings.Contains(err.Error(), "lanes wait until then") {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		r.Answer.Store(nil)
		if got, err := cache.Get(1); got != "one" {
			t.Errorf("%s, then back: %v", c.name, err)
		}
	}
}

func TestRegistryThatIsNotThere(t *testing.T) {
	r := codectest.NewRegistry(t, httptest.NewServer)
	r.Close()
	if _, err := newCache(t, r, nil).Get(1); !errors.As(err, new(*pipeline.Unavailable)) || pipeline.Code(err) != "registry.unreachable" {
		t.Error(err)
	}
}

// TestRegistryThatIsSlow is done after the time that a question may take.
func TestRegistryThatIsSlow(t *testing.T) {
	r := codectest.NewRegistry(t, httptest.NewServer)
	slow := http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() })
	r.Answer.Store(&slow)
	if _, err := newCache(t, r, pipeline.Settings{"timeout": 50 * time.Millisecond}).Get(1); !errors.As(err, new(*pipeline.Unavailable)) || pipeline.Code(err) != "registry.unreachable" {
		t.Error(err)
	}
}

// TestReferences has a schema that refers to one twice: by two ways under one name, and under another one.
func TestReferences(t *testing.T) {
	r := codectest.NewRegistry(t, httptest.NewServer)
	place, other := codectest.Reference{Name: "place", Subject: "p", Version: 1}, codectest.Reference{Name: "other", Subject: "p", Version: 1}
	r.Has(1, "", "root", codectest.Reference{Name: "tags", Subject: "a b/c", Version: 3}, place, other)
	r.HasVersion("a%20b%2Fc", 3, "", "t", place)
	r.HasVersion("p", 1, "", "p")
	if got, err := newCache(t, r, nil).Get(1); got != "place=p tags=t other=p root" {
		t.Error(got, err)
	}
}

func TestReferencesWithoutEnd(t *testing.T) {
	r := codectest.NewRegistry(t, httptest.NewServer)
	r.Has(1, "", "s", codectest.Reference{Name: "n", Subject: "s", Version: 1})
	for i := range 100 {
		r.HasVersion("s", i, "", "s", codectest.Reference{Name: "n", Subject: "s", Version: i + 1})
	}
	if _, err := newCache(t, r, nil).Get(1); pipeline.Code(err) != "registry.schema.references" {
		t.Error(err)
	}
}

func TestUserAndPassword(t *testing.T) {
	r := codectest.NewRegistry(t, httptest.NewServer)
	guarded := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if user, password, _ := req.BasicAuth(); user != "u" || password != "p" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if err := json.NewEncoder(w).Encode(map[string]any{"schema": "one"}); err != nil {
			panic(err)
		}
	})
	r.Answer.Store(&guarded)
	if got, err := newCache(t, r, pipeline.Settings{"user": "u", "password": "p"}).Get(1); got != "one" {
		t.Error(err)
	}
	if _, err := newCache(t, r, pipeline.Settings{"user": "u", "password": "hunter2"}).Get(1); pipeline.Code(err) != "registry.refused" || strings.Contains(err.Error(), "hunter2") {
		t.Error(err)
	}
}

func TestTLS(t *testing.T) {
	r := codectest.NewRegistry(t, func(h http.Handler) *httptest.Server {
		s := httptest.NewUnstartedServer(h)
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.StartTLS()
		return s
	})
	r.Has(1, "", "s")
	ca := filepath.Join(t.TempDir(), "ca.pem")
	ask := func(files pipeline.Settings) error {
		_, err := newCache(t, r, pipeline.Settings{"tls": files}).Get(1)
		return err
	}
	for _, content := range []string{"", "no certificate"} {
		if content != "" {
			if err := os.WriteFile(ca, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := ask(pipeline.Settings{"ca": ca}); !errors.As(err, new(*pipeline.Unavailable)) || !strings.Contains(err.Error(), "registry.tls.ca: ") {
			t.Error(err)
		}
	}
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := ask(pipeline.Settings{"ca": ca, "server_name": "example.com"}); err != nil {
		t.Error(err)
	}
	if err := ask(nil); pipeline.Code(err) != "registry.unreachable" {
		t.Errorf("a certificate that nobody vouches for: %v", err)
	}
	if err := ask(pipeline.Settings{"ca": ca, "cert": ca, "key": ca}); !strings.Contains(err.Error(), "registry.tls.cert: ") {
		t.Error(err)
	}
}

// TestSecrets is for those settings that may not be shown.
func TestSecrets(t *testing.T) {
	for _, f := range registry.Setting().Fields {
		if (f.Name == "user" || f.Name == "password") != f.Secret {
			t.Errorf("registry.%s: secret %v", f.Name, f.Secret)
		}
	}
}

func TestFrame(t *testing.T) {
	if id, rest, err := registry.Frame([]byte{0, 1, 2, 3, 4, 'x'}, ""); id != 0x01020304 || string(rest) != "x" || err != nil {
		t.Error(id, rest, err)
	}
	for _, b := range []string{"", "\x00\x00\x00\x00", "\x01\x00\x00\x00\x01x", `{"a":1}`} {
		if _, _, err := registry.Frame([]byte(b), "do that"); pipeline.Code(err) != "registry.frame" || !strings.Contains(err.Error(), "do that") {
			t.Errorf("%q: %v", b, err)
		}
	}
}

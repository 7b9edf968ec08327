package avro_test

import (
	"encoding/binary"
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
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/avro"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeRegistry answers as a schema registry does.
type fakeRegistry struct {
	*httptest.Server
	asked atomic.Int64
	// answer, if it is set, takes the place of the registry's own.
	answer atomic.Pointer[http.HandlerFunc]
	ids    map[string]object // by path
}

func newFakeRegistry(t testing.TB, start func(http.Handler) *httptest.Server) *fakeRegistry {
	r := &fakeRegistry{ids: map[string]object{}}
	r.Server = start(http.HandlerFunc(r.serve))
	t.Cleanup(r.Close)
	return r
}

func (r *fakeRegistry) serve(w http.ResponseWriter, req *http.Request) {
	r.asked.Add(1)
	if f := r.answer.Load(); f != nil {
		(*f)(w, req)
		return
	}
	w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	a, ok := r.ids[req.URL.EscapedPath()]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		a = object{"error_code": 40403, "message": "Schema not found"}
	}
	if err := json.NewEncoder(w).Encode(a); err != nil {
		panic(err)
	}
}

func (r *fakeRegistry) has(id int, schema string) {
	r.ids[fmt.Sprintf("/schemas/ids/%d", id)] = object{"schema": schema}
}

func (r *fakeRegistry) settings(more pipeline.Settings) pipeline.Settings {
	s := pipeline.Settings{"url": r.URL + "/", "timeout": time.Minute, "forget": time.Hour}
	for k, v := range more {
		s[k] = v
	}
	return pipeline.Settings{"registry": s}
}

func framed(id uint32, datum []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, id), datum...)
}

var stats = record(field("host", `"string"`), field("value", `"double"`))

func sound(t testing.TB, id uint32) []byte {
	return framed(id, encode(t, stats, object{"host": "a", "value": 1.5}))
}

func TestSchemasAreAskedForOnce(t *testing.T) {
	r := newFakeRegistry(t, httptest.NewServer)
	r.has(7, stats)
	r.has(8, record(field("value", `"int"`), field("host", `"string"`)))
	c, table := newCodec(r.settings(nil)), pipeline.NewSeriesTable(nil, 0)
	second := framed(8, encode(t, record(field("value", `"int"`), field("host", `"string"`)), object{"host": "a", "value": int32(2)}))
	for range 5 {
		for _, value := range [][]byte{sound(t, 7), second} {
			if got := codectest.Decode(t, c, table, codectest.Record(value)); len(got.Points) != 1 || got.Points[0].Series != `Stats{host="a"}` {
				t.Fatalf("%+v", got)
			}
		}
	}
	if n := r.asked.Load(); n != 2 || table.Len() != 1 {
		t.Errorf("asked %d times, %d series", n, table.Len())
	}
}

func TestSchemasThatAreOfNoUse(t *testing.T) {
	r := newFakeRegistry(t, httptest.NewServer)
	r.ids["/schemas/ids/2"] = object{"schema": `syntax = "proto3";`, "schemaType": "PROTOBUF"}
	r.has(3, "{")
	r.has(4, `"double"`)
	r.ids["/schemas/ids/5"] = object{"schema": stats, "references": []object{{"name": "x", "subject": "none", "version": 1}}}
	r.has(6, `{"type":"record","name":"A","fields":[{"name":"b","type":"B"}]}`)
	r.has(9, stats)
	for id, code := range map[uint32]string{1: "avro.schema.unknown", 2: "avro.schema.type", 3: "avro.schema.syntax", 4: "avro.schema.record", 5: "avro.schema.unknown", 6: "avro.schema.syntax", 1 << 31: "avro.schema.unknown"} {
		c, table := newCodec(r.settings(nil)), pipeline.NewSeriesTable(nil, 0)
		before := r.asked.Load()
		for range 3 {
			if got := codectest.Decode(t, c, table, codectest.Record(sound(t, id))); got.Code != code {
				t.Errorf("id %d: %+v, want %s", id, got, code)
			}
		}
		if n := r.asked.Load() - before; n > 2 || n > 1 && id != 5 {
			t.Errorf("id %d: asked %d times", id, n)
		}
		if got := codectest.Decode(t, c, table, codectest.Record(sound(t, 9))); len(got.Points) != 1 {
			t.Errorf("after id %d: %+v", id, got)
		}
	}
}

// TestUnknownSchemasAreAskedForAgain has a schema that is registered late.
func TestUnknownSchemasAreAskedForAgain(t *testing.T) {
	r := newFakeRegistry(t, httptest.NewServer)
	c, table := newCodec(r.settings(pipeline.Settings{"forget": time.Duration(0)})), pipeline.NewSeriesTable(nil, 0)
	if got := codectest.Decode(t, c, table, codectest.Record(sound(t, 1))); got.Code != "avro.schema.unknown" {
		t.Fatalf("%+v", got)
	}
	r.has(1, stats)
	if got := codectest.Decode(t, c, table, codectest.Record(sound(t, 1))); len(got.Points) != 1 {
		t.Fatalf("%+v", got)
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
		{"internal error", "avro.registry.answer", status(500, `{"error_code":50001,"message":"Error in the backend data store"}`)},
		{"proxy without a registry", "avro.registry.answer", status(502, "<html>Bad Gateway</html>")},
		{"too many questions", "avro.registry.answer", status(429, "")},
		{"not a registry, not found", "avro.registry.answer", status(404, "<html>Not Found</html>")},
		{"not a registry, not found, in JSON", "avro.registry.answer", status(404, `{"error_code":404,"message":"HTTP 404 Not Found"}`)},
		{"not a registry, found", "avro.registry.answer", status(200, "<html>Welcome</html>")},
		{"an empty answer", "avro.registry.answer", status(200, "{}")},
		{"no user", "avro.registry.refused", status(401, `{"error_code":401,"message":"Unauthorized"}`)},
		{"no right", "avro.registry.refused", status(403, `{"error_code":403,"message":"User is denied operation Read"}`)},
		{"a connection that breaks", "avro.registry.unreachable", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
		{"an answer that breaks", "avro.registry.unreachable", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			if _, err := w.Write([]byte("{")); err != nil {
				panic(err)
			}
			panic(http.ErrAbortHandler)
		}},
		{"an answer without an end", "avro.registry.answer", func(w http.ResponseWriter, _ *http.Request) {
			for range 5 << 10 {
				if _, err := w.Write(make([]byte, 1024)); err != nil {
					return
				}
			}
		}},
	} {
		r := newFakeRegistry(t, httptest.NewServer)
		r.has(1, stats)
		r.answer.Store(&c.answer)
		codec, table := newCodec(r.settings(nil)), pipeline.NewSeriesTable(nil, 0)
		for range 2 {
			out := pipeline.NewColumns(table)
			err := codec.Decode(codectest.Record(sound(t, 1)), out)
			if !errors.As(err, new(*pipeline.Unavailable)) || pipeline.Code(err) != c.code || !strings.Contains(err.Error(), "lanes wait until then") {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		r.answer.Store(nil)
		if got := codectest.Decode(t, codec, table, codectest.Record(sound(t, 1))); len(got.Points) != 1 {
			t.Errorf("%s, then back: %+v", c.name, got)
		}
	}
}

func TestRegistryThatIsNotThere(t *testing.T) {
	r := newFakeRegistry(t, httptest.NewServer)
	r.Close()
	err := newCodec(r.settings(nil)).Decode(codectest.Record(sound(t, 1)), pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0)))
	if !errors.As(err, new(*pipeline.Unavailable)) || pipeline.Code(err) != "avro.registry.unreachable" {
		t.Error(err)
	}
}

// TestRegistryThatIsSlow is done after the time that a question may take.
func TestRegistryThatIsSlow(t *testing.T) {
	r := newFakeRegistry(t, httptest.NewServer)
	slow := http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() })
	r.answer.Store(&slow)
	err := newCodec(r.settings(pipeline.Settings{"timeout": 50 * time.Millisecond})).Decode(codectest.Record(sound(t, 1)), pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0)))
	if !errors.As(err, new(*pipeline.Unavailable)) || pipeline.Code(err) != "avro.registry.unreachable" {
		t.Error(err)
	}
}

func TestReferences(t *testing.T) {
	r := newFakeRegistry(t, httptest.NewServer)
	r.ids["/schemas/ids/1"] = object{"schema": `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"value","type":"double"},{"name":"tags","type":"shop.Tags"},{"name":"place","type":"Place"}]}`,
		"references": []object{{"name": "shop.Tags", "subject": "shop tags/x", "version": 3}, {"name": "shop.Place", "subject": "place", "version": 1}}}
	r.ids["/subjects/shop%20tags%2Fx/versions/3"] = object{"subject": "shop tags/x", "version": 3, "id": 12, "schema": `{"type":"record","name":"Tags","namespace":"shop","fields":[{"name":"host","type":"string"},{"name":"place","type":"shop.Place"}]}`,
		"references": []object{{"name": "shop.Place", "subject": "place", "version": 1}}}
	r.ids["/subjects/place/versions/1"] = object{"schema": `{"type":"enum","name":"Place","namespace":"shop","symbols":["EU","US"]}`}
	whole := `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"value","type":"double"},{"name":"tags","type":{"type":"record","name":"Tags","fields":[{"name":"host","type":"string"},{"name":"place","type":{"type":"enum","name":"Place","symbols":["EU","US"]}}]}},{"name":"place","type":"Place"}]}`
	value := framed(1, encode(t, whole, object{"value": 2.0, "tags": object{"host": "a", "place": "US"}, "place": "EU"}))
	got := codectest.Decode(t, newCodec(r.settings(nil)), pipeline.NewSeriesTable(nil, 0), codectest.Record(value))
	if len(got.Points) != 1 || got.Points[0].Series != `Order{host="a",place="EU"}` {
		t.Errorf("%+v", got)
	}
	if n := r.asked.Load(); n != 3 {
		t.Errorf("asked %d times", n)
	}
}

func TestReferencesWithoutEnd(t *testing.T) {
	r := newFakeRegistry(t, httptest.NewServer)
	r.ids["/schemas/ids/1"] = object{"schema": stats, "references": []object{{"name": "n", "subject": "s", "version": 1}}}
	for i := range 100 {
		r.ids[fmt.Sprintf("/subjects/s/versions/%d", i)] = object{"schema": stats, "references": []object{{"name": "n", "subject": "s", "version": i + 1}}}
	}
	if got := codectest.Fresh(t, newCodec(r.settings(nil)), sound(t, 1)); got.Code != "avro.schema.references" {
		t.Errorf("%+v", got)
	}
	r.ids["/subjects/s/versions/1"] = object{"schema": record(field("x", `"int"`)), "references": []object{{"name": "n", "subject": "s", "version": 1}}}
	if got := codectest.Fresh(t, newCodec(r.settings(nil)), sound(t, 1)); got.Code != "avro.schema.syntax" {
		t.Errorf("a schema that refers to itself: %+v", got)
	}
}

func TestUserAndPassword(t *testing.T) {
	r := newFakeRegistry(t, httptest.NewServer)
	r.has(1, stats)
	guarded := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if user, password, _ := req.BasicAuth(); user != "u" || password != "p" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if err := json.NewEncoder(w).Encode(object{"schema": stats}); err != nil {
			panic(err)
		}
	})
	r.answer.Store(&guarded)
	if got := codectest.Fresh(t, newCodec(r.settings(pipeline.Settings{"user": "u", "password": "p"})), sound(t, 1)); len(got.Points) != 1 {
		t.Errorf("%+v", got)
	}
	err := newCodec(r.settings(pipeline.Settings{"user": "u", "password": "hunter2"})).Decode(codectest.Record(sound(t, 1)), pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0)))
	if pipeline.Code(err) != "avro.registry.refused" || strings.Contains(err.Error(), "hunter2") {
		t.Error(err)
	}
}

func TestTLS(t *testing.T) {
	r := newFakeRegistry(t, func(h http.Handler) *httptest.Server {
		s := httptest.NewUnstartedServer(h)
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.StartTLS()
		return s
	})
	r.has(1, stats)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	decode := func(files pipeline.Settings) (codectest.Result, error) {
		out := pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))
		err := newCodec(r.settings(pipeline.Settings{"tls": files})).Decode(codectest.Record(sound(t, 1)), out)
		return codectest.Result{Code: pipeline.Code(err)}, err
	}
	for _, content := range []string{"", "no certificate"} {
		if content != "" {
			if err := os.WriteFile(ca, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := decode(pipeline.Settings{"ca": ca}); !errors.As(err, new(*pipeline.Unavailable)) || !strings.Contains(err.Error(), "registry.tls.ca: ") {
			t.Error(err)
		}
	}
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := decode(pipeline.Settings{"ca": ca, "server_name": "example.com"}); err != nil {
		t.Error(err)
	}
	if _, err := decode(nil); pipeline.Code(err) != "avro.registry.unreachable" {
		t.Errorf("a certificate that nobody vouches for: %v", err)
	}
	if _, err := decode(pipeline.Settings{"ca": ca, "cert": ca, "key": ca}); !strings.Contains(err.Error(), "registry.tls.cert: ") {
		t.Error(err)
	}
}

// TestTheSettingsReachTheCodec is for the names in Spec.
func TestTheSettingsReachTheCodec(t *testing.T) {
	for _, s := range avro.Spec().Settings {
		if s.Name == "registry" {
			for _, f := range s.Fields {
				if (f.Name == "user" || f.Name == "password") != f.Secret {
					t.Errorf("registry.%s: secret %v", f.Name, f.Secret)
				}
			}
		}
	}
}

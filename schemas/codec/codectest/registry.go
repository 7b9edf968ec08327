package codectest

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/homeostat/homeostat/pipeline"
)

// Registry answers as a schema registry does.
type Registry struct {
	*httptest.Server
	// Asked counts questions.
	Asked atomic.Int64
	// Answer, if it is set, takes the place of the registry's own.
	Answer atomic.Pointer[http.HandlerFunc]
	// Paths are the answers.
	Paths map[string]map[string]any
}

// Reference is a schema that another one refers to.
type Reference struct {
	Name, Subject string
	Version       int
}

// NewRegistry starts a registry that has nothing, and ends it with the test.
func NewRegistry(t testing.TB, start func(http.Handler) *httptest.Server) *Registry {
	r := &Registry{Paths: map[string]map[string]any{}}
	r.Server = start(http.HandlerFunc(r.serve))
	t.Cleanup(r.Close)
	return r
}

func (r *Registry) serve(w http.ResponseWriter, req *http.Request) {
	r.Asked.Add(1)
	if f := r.Answer.Load(); f != nil {
		(*f)(w, req)
		return
	}
	w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	a, ok := r.Paths[req.URL.EscapedPath()]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		a = map[string]any{"error_code": 40403, "message": "Schema not found"}
	}
	if err := json.NewEncoder(w).Encode(a); err != nil {
		panic(err)
	}
}

// Has adds a schema by its id. typ is empty for Avro.
func (r *Registry) Has(id int, typ, schema string, references ...Reference) {
	r.add(fmt.Sprintf("/schemas/ids/%d", id), typ, schema, references)
}

// HasVersion adds a schema by its subject, as it stands in paths, and version.
func (r *Registry) HasVersion(subject string, version int, typ, schema string, references ...Reference) {
	r.add(fmt.Sprintf("/subjects/%s/versions/%d", subject, version), typ, schema, references)
}

func (r *Registry) add(path, typ, schema string, references []Reference) {
	a := map[string]any{"schema": schema}
	if typ != "" {
		a["schemaType"] = typ
	}
	var refs []map[string]any
	for _, ref := range references {
		refs = append(refs, map[string]any{"name": ref.Name, "subject": ref.Subject, "version": ref.Version})
	}
	if refs != nil {
		a["references"] = refs
	}
	r.Paths[path] = a
}

// Settings are those of a codec that asks the registry, which has all the time of the test.
func (r *Registry) Settings(more pipeline.Settings) pipeline.Settings {
	s := pipeline.Settings{"url": r.URL + "/", "timeout": time.Minute, "forget": time.Hour}
	for k, v := range more {
		s[k] = v
	}
	return pipeline.Settings{"registry": s}
}

// Framed puts Confluent's framing before a record.
func Framed(id uint32, rest []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, id), rest...)
}

package schemas_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

var update = flag.Bool("update", false, "write the golden files anew")

// fixture is the form of a golden file: a record in binary mode. Headers are in order.
type fixture struct {
	Key     string          `json:"key"`
	Headers [][2]string     `json:"headers"`
	Data    json.RawMessage `json:"data,omitempty"`
	Base64  string          `json:"data_base64,omitempty"`
}

const goldenSequence = 17

func goldenPath(typ string) string {
	return filepath.Join("testdata", "golden", strings.TrimPrefix(typ, schemas.TypePrefix)+".json")
}

func encodeFixture(t *testing.T, e schemas.Event) []byte {
	t.Helper()
	f := fixture{Key: e.Key}
	for _, h := range e.Headers(goldenSequence) {
		f.Headers = append(f.Headers, [2]string{h.Key, string(h.Value)})
	}
	if e.Content == schemas.ContentJSON {
		f.Data = e.Data
	} else {
		f.Base64 = base64.StdEncoding.EncodeToString(e.Data)
	}
	raw, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(raw, '\n')
}

// record is what a consumer would get.
func (f *fixture) record(t *testing.T) pipeline.Record {
	t.Helper()
	rec := pipeline.Record{Key: []byte(f.Key)}
	for _, h := range f.Headers {
		rec.Headers = append(rec.Headers, pipeline.Header{Key: h[0], Value: []byte(h[1])})
	}
	if f.Base64 != "" {
		var err error
		if rec.Value, err = base64.StdEncoding.DecodeString(f.Base64); err != nil {
			t.Fatal(err)
		}
		return rec
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, f.Data); err != nil {
		t.Fatal(err)
	}
	rec.Value = compact.Bytes()
	return rec
}

func readGolden(t *testing.T, typ string) (fixture, []byte) {
	t.Helper()
	raw, err := os.ReadFile(goldenPath(typ))
	if err != nil {
		t.Fatal(err)
	}
	var f fixture
	if err := json.Unmarshal(raw, &f); err != nil {
		t.Fatal(err)
	}
	return f, raw
}

func TestGolden(t *testing.T) {
	for _, s := range samples(t) {
		encoded := encodeFixture(t, s.event)
		if *update {
			if err := os.MkdirAll(filepath.Dir(goldenPath(s.event.Type)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(goldenPath(s.event.Type), encoded, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		f, raw := readGolden(t, s.event.Type)
		if d := cmp.Diff(string(raw), string(encoded)); d != "" {
			t.Errorf("%s is written differently now (-golden +now): consumers depend on it\n%s", s.event.Type, d)
		}
		rec := f.record(t)
		got, err := schemas.ReadEvent(&rec)
		if err != nil {
			t.Errorf("%s: %v", s.event.Type, err)
			continue
		}
		if d := cmp.Diff(s.event, got); d != "" {
			t.Errorf("%s is read differently (-written +read)\n%s", s.event.Type, d)
		}
		if s.data == nil {
			continue
		}
		back := reflect.New(reflect.TypeOf(s.data))
		if err := got.Into(back.Interface()); err != nil {
			t.Errorf("%s: %v", s.event.Type, err)
		}
		if d := cmp.Diff(s.data, back.Elem().Interface()); d != "" {
			t.Errorf("data of %s is read differently (-written +read)\n%s", s.event.Type, d)
		}
	}
}

// The samples are of use only if they leave nothing out.
func TestSamplesAreComplete(t *testing.T) {
	var types []string
	for _, s := range samples(t) {
		types = append(types, s.event.Type)
		if s.data != nil {
			unset(t, s.event.Type, reflect.ValueOf(s.data))
		}
	}
	if d := cmp.Diff(schemas.Types(), types); d != "" {
		t.Errorf("there is not one sample of each type (-want +got)\n%s", d)
	}
}

// mayBeZero names fields that are right to be zero in a sample.
var mayBeZero = []string{"incident.opened.v1.Closed", "incident.updated.v1.Closed", ".Excluded", ".Score"}

func unset(t *testing.T, path string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			unset(t, path+"."+v.Type().Field(i).Name, v.Field(i))
		}
		return
	case reflect.Slice:
		for i := range v.Len() {
			unset(t, path, v.Index(i))
		}
	}
	for _, suffix := range mayBeZero {
		if strings.HasSuffix(path, suffix) {
			return
		}
	}
	if v.IsZero() || (v.Kind() == reflect.Slice || v.Kind() == reflect.Map) && v.Len() == 0 {
		t.Errorf("sample leaves %s out", path)
	}
}

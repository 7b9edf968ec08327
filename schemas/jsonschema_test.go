package schemas_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

func parse(t testing.TB, raw []byte) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return v
}

// compile compiles a schema on its own: it must need no other document.
func compile(t testing.TB, id string, doc any) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource(id, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(id)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func document(t testing.TB, typ string) map[string]any {
	t.Helper()
	raw, ok := schemas.JSONSchema(typ)
	if !ok {
		t.Fatalf("type %s has no schema", typ)
	}
	return parse(t, raw).(map[string]any)
}

// shut makes a schema strict: what it does not name is refused. So a typing error in our own output is found although
// consumers have to accept what later versions add.
func shut(v any) {
	m, ok := v.(map[string]any)
	if !ok {
		return
	}
	if props, ok := m["properties"].(map[string]any); ok {
		if _, open := m["additionalProperties"]; !open {
			m["additionalProperties"] = false
		}
		for _, p := range props {
			shut(p)
		}
	}
	shut(m["items"])
	if defs, ok := m["$defs"].(map[string]any); ok {
		for _, d := range defs {
			shut(d)
		}
	}
}

func jsonSamples(t testing.TB) []sample {
	return slices.DeleteFunc(samples(t), func(s sample) bool { return s.data == nil })
}

func TestSchemasHaveTheirIDs(t *testing.T) {
	for _, typ := range schemas.Types() {
		raw, ok := schemas.JSONSchema(typ)
		if ok != (typ != schemas.TypeWindow) {
			t.Errorf("%s: schema %v", typ, ok)
		}
		if !ok {
			continue
		}
		doc := parse(t, raw).(map[string]any)
		if doc["$id"] != schemas.DataSchema(typ) || doc["title"] != typ || doc["$schema"] != "https://json-schema.org/draft/2020-12/schema" {
			t.Errorf("%s: schema has id %v, title %v", typ, doc["$id"], doc["title"])
		}
	}
	for _, typ := range []string{"", "finding.v1", "io.homeostat.finding.v2", "io.homeostat.event.v1", "io.homeostat.../json/finding.v1"} {
		if _, ok := schemas.JSONSchema(typ); ok {
			t.Errorf("type %q has a schema", typ)
		}
	}
	files, err := filepath.Glob("json/*.json")
	if err != nil || len(files) != len(schemas.Types()) { // one for each but window.v1, and event.v1
		t.Errorf("%d files of schemas, error %v", len(files), err)
	}
}

func TestSchemasAcceptWhatWeWrite(t *testing.T) {
	for _, s := range jsonSamples(t) {
		doc := document(t, s.event.Type)
		if err := compile(t, schemas.DataSchema(s.event.Type), doc).Validate(parse(t, s.event.Data)); err != nil {
			t.Errorf("%s: %v", s.event.Type, err)
		}
		shut(doc)
		if err := compile(t, schemas.DataSchema(s.event.Type), doc).Validate(parse(t, s.event.Data)); err != nil {
			t.Errorf("%s, strictly: %v", s.event.Type, err)
		}
	}
}

// Each property of a schema is one that we write: the samples leave nothing out.
func TestSchemasPromiseNothingElse(t *testing.T) {
	for _, s := range jsonSamples(t) {
		doc := document(t, s.event.Type)
		promised(t, s.event.Type, doc, doc, parse(t, s.event.Data))
	}
}

func promised(t *testing.T, path string, root, schema map[string]any, data any) {
	if ref, ok := schema["$ref"].(string); ok {
		schema = root["$defs"].(map[string]any)[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
	}
	switch data := data.(type) {
	case map[string]any:
		props, _ := schema["properties"].(map[string]any)
		for name, p := range props {
			value, there := data[name]
			if !there && !strings.HasSuffix(path+"."+name, ".candidates.excluded") {
				t.Errorf("%s.%s is in the schema and not in the sample", path, name)
			}
			promised(t, path+"."+name, root, p.(map[string]any), value)
		}
	case []any:
		items, ok := schema["items"].(map[string]any)
		for _, v := range data {
			if ok {
				promised(t, path, root, items, v)
			}
		}
	}
}

// The same word means the same in all schemas.
func TestDefinitionsAgree(t *testing.T) {
	seen, where := map[string]any{}, map[string]string{}
	for _, s := range jsonSamples(t) {
		defs, _ := document(t, s.event.Type)["$defs"].(map[string]any)
		for name, def := range defs {
			if first, ok := seen[name]; ok {
				if d := cmp.Diff(first, def); d != "" {
					t.Errorf("%s is not the same in %s and %s\n%s", name, where[name], s.event.Type, d)
				}
				continue
			}
			seen[name], where[name] = def, s.event.Type
		}
	}
}

// edit returns a copy of a document with one place changed; the path's last part is set, or deleted when value is gone.
func edit(t testing.TB, doc any, path string, value any) any {
	t.Helper()
	raw, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	copied := parse(t, raw)
	at := copied
	parts := strings.Split(path, ".")
	for i, p := range parts {
		last := i == len(parts)-1
		switch node := at.(type) {
		case map[string]any:
			switch {
			case last && value == gone:
				if _, there := node[p]; !there {
					t.Fatalf("%s is not there", path)
				}
				delete(node, p)
			case last:
				node[p] = value
			}
			at = node[p]
		case []any:
			var n int
			fmt.Sscan(p, &n)
			if last {
				node[n] = value
			}
			at = node[n]
		default:
			t.Fatalf("%s leads nowhere", path)
		}
	}
	return copied
}

type nothing struct{}

var gone = nothing{}

func TestSchemasRefuse(t *testing.T) {
	type fault struct {
		path  string
		value any
	}
	common := map[string][]fault{
		schemas.TypeFinding: {{"state", "ajar"}, {"series.type", "histogram"}, {"series.labels.env", 5.0}, {"onset", "yesterday"}, {"end", 5.0},
			{"score", "high"}, {"expected.low", gone}, {"direction", "sideways"}, {"severity", "page"}, {"evidence.0.name", ""}, {"revision", -1.0}, {"revision", 1.5}},
		schemas.TypeTopology:        {{"edges", nil}, {"edges.0.from", ""}, {"edges.0.to", gone}},
		schemas.TypeChange:          {{"kind", "weather"}, {"entities", "app"}, {"change", ""}},
		schemas.TypeIncidentOpened:  {{"state", "closed"}, {"suspects", nil}, {"findings", nil}, {"suspects.0.score", "1"}, {"impact.0.burn", gone}, {"severity", ""}},
		schemas.TypeIncidentUpdated: {{"state", "closed"}, {"detected", ""}, {"system", ""}},
		schemas.TypeIncidentClosed:  {{"state", "open"}, {"closed", gone}, {"closed", ""}},
		schemas.TypeHypothesisOpened: {{"action.verb", "rm"}, {"rivals", []any{}}, {"deduction.direction", "flat"}, {"deduction.effect", nil}, {"deduction.horizon", -1.0},
			{"test.alpha", 1.5}, {"mode", "yolo"}, {"decision.propensity", 2.0}, {"decision.candidates.0.score", nil}, {"windows.post", gone}, {"attempt", 0.0}},
		schemas.TypeHypothesisJudged:    {{"verdict", "proven"}, {"recovered", "yes"}, {"effect.interval", gone}, {"attribution.placebos", -1.0}, {"posterior", "0.5"}},
		schemas.TypeRemediationProposed: {{"action.targets", []any{}}, {"undo", "never"}, {"limits.maxtargets", gone}},
		schemas.TypeRemediationRequested: {{"action.targets", []any{}}, {"action.targets", gone}, {"action.targets.0.uid", ""}, {"action.verb", "explode"}, {"action.actuator", ""},
			{"hypothesis", ""}, {"limits.maxpercent", 101.0}, {"limits.maxtargets", -1.0}, {"guards.0.op", "!="}, {"guards.0.maxage", 0.0}, {"guards.0.value", nil},
			{"timing.startby", "soon"}, {"timing.maxduration", -1.0}, {"undo", "maybe"}, {"authority.level", 6.0}, {"population.size", 1.5}, {"incident.severity", "bad"}},
		schemas.TypeRemediationCancelled: {{"remediation", ""}},
		schemas.TypeResult:               {{"phase", "done"}, {"execution", "ok"}, {"execution", gone}, {"reason", "because"}, {"actuator", ""}, {"targets.0.id", gone}, {"cost", "1"}, {"targets.0.after", 5.0}},
	}
	for _, s := range jsonSamples(t) {
		schema, doc := compile(t, schemas.DataSchema(s.event.Type), document(t, s.event.Type)), parse(t, s.event.Data)
		faults := common[s.event.Type]
		if len(faults) == 0 {
			t.Errorf("%s: nothing is tried", s.event.Type)
		}
		for _, name := range document(t, s.event.Type)["required"].([]any) {
			faults = append(faults, fault{name.(string), gone}, fault{name.(string), map[string]any{"x": []any{}}})
		}
		for _, f := range faults {
			if f.path == "action" && f.value != gone {
				continue
			}
			if schema.Validate(edit(t, doc, f.path, f.value)) == nil {
				t.Errorf("%s accepts %s = %v", s.event.Type, f.path, f.value)
			}
		}
		for _, other := range []any{nil, "text", 5.0, []any{}, map[string]any{}} {
			if schema.Validate(other) == nil {
				t.Errorf("%s accepts %v", s.event.Type, other)
			}
		}
		if err := schema.Validate(edit(t, doc, "fieldOfALaterVersion", true)); err != nil {
			t.Errorf("%s: a later version can't add a field: %v", s.event.Type, err)
		}
	}
	rejected := `{"remediation":"","key":"","incident":"","hypothesis":"","actuator":"a","phase":"rejected"}`
	if compile(t, "r", document(t, schemas.TypeResult)).Validate(parse(t, []byte(rejected))) == nil {
		t.Error("a rejection needs no reason")
	}
}

func lineSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	raw, err := schemas.LineSchema()
	if err != nil {
		t.Fatal(err)
	}
	return compile(t, schemas.LineSchemaID, parse(t, raw))
}

func TestLineSchema(t *testing.T) {
	schema := lineSchema(t)
	for _, s := range samples(t) {
		doc := parse(t, schemas.AppendJSON(nil, s.event))
		if err := schema.Validate(doc); err != nil {
			t.Errorf("%s: %v", s.event.Type, err)
		}
		for path, value := range map[string]any{
			"specversion": "0.3", "id": "", "source": gone, "type": "io.example.finding", "time": "now", "datacontenttype": "text/plain",
			"hsmode": "yolo", "hsepoch": "7", "hskey": "x", "hsplan": "x", "expirytime": "later", "sequence": "1",
		} {
			if schema.Validate(edit(t, doc, path, value)) == nil {
				t.Errorf("%s: a line with %s = %v is accepted", s.event.Type, path, value)
			}
		}
		if s.data == nil {
			if schema.Validate(edit(t, doc, "data_base64", "?")) == nil || schema.Validate(edit(t, doc, "data_base64", gone)) == nil {
				t.Errorf("%s: bad base64 is accepted", s.event.Type)
			}
			continue
		}
		for path, value := range map[string]any{"data": map[string]any{}, "dataschema": "https://example.com", "data_base64": "AA=="} {
			if schema.Validate(edit(t, doc, path, value)) == nil {
				t.Errorf("%s: a line with %s = %v is accepted", s.event.Type, path, value)
			}
		}
		if s.event.Type == schemas.TypeRemediationRequested {
			for _, header := range []string{"hsmode", "hskey", "hsepoch", "hsplan", "expirytime", "hssystem", "partitionkey", "correlationid"} {
				if schema.Validate(edit(t, doc, header, gone)) == nil {
					t.Errorf("a command without %s is accepted", header)
				}
			}
			if schema.Validate(edit(t, doc, "hsmode", schemas.ModeShadow)) == nil {
				t.Error("a command in mode shadow is accepted")
			}
		}
	}
}

// What operators leave empty is empty, not null, and what they can't know does not break the event.
func TestEmptyAndUnknown(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for name, c := range map[string]struct {
		typ  string
		data any
		json string
	}{
		"nothing known of a series": {schemas.TypeFinding, schemas.Finding{Finding: "f", State: schemas.Open, Detector: "d", Series: schemas.Series{Metric: "m", Type: "gauge"},
			Onset: schemas.FormatTime(0), Start: schemas.FormatTime(0), End: schemas.FormatTime(0), Severity: "info",
			Score: inf, Probability: nan, Value: nan, Expected: schemas.Band{Low: -inf, High: inf}, Evidence: []pipeline.Evidence{{Name: "n", Value: nan}}},
			`"labels":{},"entity":"","domain":""},"onset":"1970-01-01T00:00:00Z","start":"1970-01-01T00:00:00Z","end":"1970-01-01T00:00:00Z",` +
				`"score":1.7976931348623157e+308,"probability":null,"value":null,"expected":{"low":-1.7976931348623157e+308,"high":1.7976931348623157e+308},"severity":"info","evidence":[{"name":"n","value":null}]}`},
		"no suspects": {schemas.TypeIncidentOpened, schemas.Incident{Incident: "i", State: schemas.Open, System: "s", Onset: schemas.FormatTime(0), Detected: schemas.FormatTime(0), Severity: "info"},
			`"suspects":[],"findings":[]}`},
		"no edges": {schemas.TypeTopology, schemas.Topology{}, `{"edges":[]}`},
		"no params": {schemas.TypeRemediationProposed, func() schemas.Remediation {
			r := sampleRemediation()
			r.Action.Params, r.Guards, r.Incident.Evidence, r.Decision.Candidates, r.Decision.Chosen = nil, nil, nil, nil, "notify"
			return r
		}(), `"decision":{"candidates":[],`},
		"params of all kinds": {schemas.TypeRemediationProposed, func() schemas.Remediation {
			r := sampleRemediation()
			r.Action.Params = map[string]any{"z": []any{1, "x<y", nil, true}, "a": map[string]any{"n": int64(5)}, "f": float32(0.5), "b": []byte("hi")}
			return r
		}(), `"params":{"a":{"n":5},"b":"aGk=","f":0.5,"z":[1,"x\u003cy",null,true]}`},
	} {
		e, err := schemas.NewEvent(c.typ, "id", 0, c.data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !strings.Contains(string(e.Data), c.json) {
			t.Errorf("%s: data is %s, want in it %s", name, e.Data, c.json)
		}
		if err := compile(t, "x", document(t, c.typ)).Validate(parse(t, e.Data)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatIsOrderedMustBeKnown(t *testing.T) {
	r := sampleRemediation()
	r.Guards[0].Value = math.NaN()
	h := schemas.Hypothesis{Deduction: schemas.Deduction{Effect: math.NaN()}}
	for typ, data := range map[string]any{schemas.TypeRemediationRequested: r, schemas.TypeRemediationProposed: &r, schemas.TypeHypothesisOpened: h} {
		if _, err := schemas.NewEvent(typ, "id", 0, data); pipeline.Code(err) != "event.encode" || !strings.Contains(err.Error(), "event.number") {
			t.Errorf("%s: error %v", typ, err)
		}
	}
	if _, err := schemas.NewEvent(schemas.TypeResult, "id", 0, map[string]any{"f": func() {}}); pipeline.Code(err) != "event.encode" {
		t.Errorf("a function is written: %v", err)
	}
}

// For all that encoding/json can write, our encoder writes the same.
func TestEncoderAgreesWithEncodingJSON(t *testing.T) {
	for _, s := range jsonSamples(t) {
		want, err := json.Marshal(s.data)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), string(s.event.Data)); d != "" {
			t.Errorf("%s (-encoding/json +ours)\n%s", s.event.Type, d)
		}
	}
}

// Another implementation, in another language, sees it the same way.
func TestPythonAgrees(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil || exec.Command(python, "-c", "from jsonschema import Draft202012Validator").Run() != nil {
		t.Skip("python3 with package jsonschema (4.18 or later) is not here")
	}
	dir := t.TempDir()
	schema, err := schemas.LineSchema()
	if err != nil {
		t.Fatal(err)
	}
	var lines []byte
	for _, s := range samples(t) {
		lines = append(schemas.AppendJSON(lines, s.event), '\n')
	}
	broken := bytes.Replace(lines, []byte(`"verdict":"supported"`), []byte(`"verdict":"proven"`), 1)
	for name, text := range map[string][]byte{"schema.json": schema, "good.jsonl": lines, "bad.jsonl": broken} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const script = `
import json, sys
from jsonschema import Draft202012Validator
schema = json.load(open("schema.json"))
Draft202012Validator.check_schema(schema)
v = Draft202012Validator(schema)
print(sum(not v.is_valid(json.loads(l)) for l in open("good.jsonl")), sum(not v.is_valid(json.loads(l)) for l in open("bad.jsonl")))
`
	cmd := exec.Command(python, "-c", script)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != "0 1\n" {
		t.Errorf("refused of the good and of the bad lines: %s, error %v", out, err)
	}
}

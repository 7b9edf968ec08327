package schemas_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// full is a command with every attribute.
func full() schemas.Event {
	return schemas.Event{
		ID: "e1", Source: "/homeostat/shop/decide", Type: schemas.TypeRemediationRequested, Time: 1_700_000_000_123_456_789,
		Subject: "prod/shop/app", System: "prod/shop", Key: "prod/shop/app", Correlation: "inc", Causation: "hyp",
		Expiry: 1_700_000_300_000_000_000, Idempotency: strings.Repeat("ab", 16), Epoch: 7, Mode: schemas.ModeLive,
		Plan: strings.Repeat("cd", 32), Content: schemas.ContentJSON,
		Trace: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", Data: []byte(`{"a":[1,2]}`),
	}
}

func TestJSONLine(t *testing.T) {
	const want = `{"specversion":"1.0","id":"e1","source":"/homeostat/shop/decide","type":"io.homeostat.remediation.requested.v1",` +
		`"time":"2023-11-14T22:13:20.123456789Z","subject":"prod/shop/app","hssystem":"prod/shop","partitionkey":"prod/shop/app",` +
		`"correlationid":"inc","causationid":"hyp","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",` +
		`"expirytime":"2023-11-14T22:18:20Z","hskey":"abababababababababababababababab","hsepoch":"00000000000000000007","hsmode":"live",` +
		`"hsplan":"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd","datacontenttype":"application/json",` +
		`"dataschema":"https://homeostat.dev/schemas/remediation.requested.v1.json","data":{"a":[1,2]}}`
	if got := string(schemas.AppendJSON([]byte("x"), full())); got != "x"+want {
		t.Errorf("line is\n%s\nwant\n%s", got, "x"+want)
	}
}

func TestJSONRoundTrip(t *testing.T) {
	for name, change := range map[string]func(*schemas.Event){
		"full": func(*schemas.Event) {},
		"bare": func(e *schemas.Event) {
			*e = schemas.Event{ID: "1", Source: "s", Type: "t", Content: "c", Epoch: schemas.NoEpoch}
		},
		"epoch 0":            func(e *schemas.Event) { e.Epoch = 0 },
		"command, no epoch":  func(e *schemas.Event) { e.Epoch = schemas.NoEpoch },
		"not JSON":           func(e *schemas.Event) { e.Content, e.Data = schemas.ContentArrow, []byte{0, 255, '\n'} },
		"JSON in name only":  func(e *schemas.Event) { e.Data = []byte(`{"a":`) },
		"JSON with bad text": func(e *schemas.Event) { e.Data = []byte("\"\xff\"") },
		"empty data":         func(e *schemas.Event) { e.Data = []byte{} },
		"null":               func(e *schemas.Event) { e.Data = []byte("null") },
		"hostile text":       func(e *schemas.Event) { e.Subject, e.Key = "a\"b\n\x00\u2028</script>", `\` },
	} {
		e := full()
		change(&e)
		line := schemas.AppendJSON(nil, e)
		if strings.ContainsAny(string(line), "\n\r") {
			t.Errorf("%s: more than one line: %s", name, line)
		}
		got, err := schemas.ReadJSON(line)
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, line)
			continue
		}
		if d := cmp.Diff(e, got); d != "" {
			t.Errorf("%s: read back differently (-wrote +read)\n%s", name, d)
		}
	}
}

func TestJSONDataIsCompacted(t *testing.T) {
	e := full()
	e.Data = []byte("{\n  \"a\": [1,\t2]\n}\n")
	got, err := schemas.ReadJSON(schemas.AppendJSON(nil, e))
	if err != nil || string(got.Data) != `{"a":[1,2]}` {
		t.Errorf("data is %s, error %v", got.Data, err)
	}
}

func TestReadJSONRefuses(t *testing.T) {
	for name, line := range map[string]string{
		"nothing":          ``,
		"no JSON":          `{"specversion"`,
		"no object":        `[1]`,
		"two objects":      `{"specversion":"1.0","id":"1","source":"s","type":"t","time":"2024-01-01T00:00:00Z"} {}`,
		"no specversion":   `{"id":"1","source":"s","type":"t","time":"2024-01-01T00:00:00Z"}`,
		"version 0.3":      `{"specversion":"0.3","id":"1","source":"s","type":"t","time":"2024-01-01T00:00:00Z"}`,
		"no id":            `{"specversion":"1.0","source":"s","type":"t","time":"2024-01-01T00:00:00Z"}`,
		"no source":        `{"specversion":"1.0","id":"1","type":"t","time":"2024-01-01T00:00:00Z"}`,
		"no type":          `{"specversion":"1.0","id":"1","source":"s","time":"2024-01-01T00:00:00Z"}`,
		"no time":          `{"specversion":"1.0","id":"1","source":"s","type":"t"}`,
		"time is a number": `{"specversion":"1.0","id":"1","source":"s","type":"t","time":5}`,
		"time is no time":  `{"specversion":"1.0","id":"1","source":"s","type":"t","time":"now"}`,
		"year 3000":        `{"specversion":"1.0","id":"1","source":"s","type":"t","time":"3000-01-01T00:00:00Z"}`,
		"negative epoch":   `{"specversion":"1.0","id":"1","source":"s","type":"t","time":"2024-01-01T00:00:00Z","hsepoch":"-1"}`,
		"expiry":           `{"specversion":"1.0","id":"1","source":"s","type":"t","time":"2024-01-01T00:00:00Z","expirytime":"soon"}`,
		"both data":        `{"specversion":"1.0","id":"1","source":"s","type":"t","time":"2024-01-01T00:00:00Z","data":1,"data_base64":"AA=="}`,
		"base64":           `{"specversion":"1.0","id":"1","source":"s","type":"t","time":"2024-01-01T00:00:00Z","data_base64":"?"}`,
	} {
		if e, err := schemas.ReadJSON([]byte(line)); pipeline.Code(err) != "event.json" {
			t.Errorf("%s: event %+v, error %v", name, e, err)
		}
	}
}

func FuzzReadJSON(f *testing.F) {
	f.Add(schemas.AppendJSON(nil, full()))
	f.Add([]byte(`{"specversion":"1.0","id":"1","source":"s","type":"t","time":"2024-01-01T00:00:00Z","data_base64":"AA=="}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		e, err := schemas.ReadJSON(line)
		if err != nil {
			return
		}
		again, err := schemas.ReadJSON(schemas.AppendJSON(nil, e))
		if err != nil {
			t.Fatalf("what was read can't be read again: %v", err)
		}
		if !e.Command() {
			e.Epoch = schemas.NoEpoch // written on commands only
		}
		if e.Content == "" {
			e.Content = schemas.ContentJSON
		}
		e.Data, again.Data = nil, nil // JSON may have lost its white space
		if d := cmp.Diff(e, again); d != "" {
			t.Fatalf("read differently the second time:\n%s", d)
		}
	})
}

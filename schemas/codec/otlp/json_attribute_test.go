package otlp_test

import (
	"math/rand/v2"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/homeostat/homeostat/schemas/codec/otlp"
)

// A value has one text, whether it comes in protobuf or in JSON, and whether it is written from a tree or not.
func TestAttributesHaveOneText(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 7))
	for range 5000 {
		ld := plog.NewLogs()
		body := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body()
		randomAttribute(r, body, 4)
		value, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
		if err != nil {
			t.Fatal(err)
		}
		// The way to the body: resource_logs 1, scope_logs 2, log_records 2, body 5; all else is empty.
		for _, number := range []uint64{1, 2, 2, 5} {
			value = content(t, value, number)
		}
		tree, written := otlp.AttributeTexts(value, 16)
		if want := canonical(body); tree != want || written != want {
			t.Fatalf("%q from a tree, %q without, %q by pdata", tree, written, want)
		}
		if body.Type() == pcommon.ValueTypeStr {
			continue // pdata has no JSON for what is not UTF-8
		}
		value, err = (&plog.JSONMarshaler{}).MarshalLogs(ld)
		if err != nil {
			t.Fatal(err)
		}
		back, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(value)
		if err != nil {
			t.Fatal(err)
		}
		const before, after = `{"resourceLogs":[{"resource":{},"scopeLogs":[{"scope":{},"logRecords":[{"body":`, `}]}]}]}`
		raw := value[len(before) : len(value)-len(after)]
		want := canonical(back.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Body())
		if text, ok := otlp.JSONAttributeText(raw, 16); !ok || text != want {
			t.Fatalf("%s: %q, %v, not %q", raw, text, ok, want)
		}
	}
}

// content returns what the first field of wire type bytes and that number holds.
func content(t *testing.T, b []byte, number uint64) []byte {
	t.Helper()
	for len(b) > 0 {
		tag, n := uvarint(b)
		b = b[n:]
		switch tag & 7 {
		case 2:
			size, n := uvarint(b)
			if tag>>3 == number {
				return b[n : n+int(size)]
			}
			b = b[n+int(size):]
		case 1:
			b = b[8:]
		case 5:
			b = b[4:]
		default:
			_, n := uvarint(b)
			b = b[n:]
		}
	}
	t.Fatalf("no field %d", number)
	return nil
}

func TestJSONAttributeText(t *testing.T) {
	for raw, want := range map[string]string{
		`null`:                                "",
		` {} `:                                "",
		`{"stringValue":"a\u2028<"}`:          "a\u2028<",
		`{"stringValue":null}`:                "",
		`{"intValue":"-9223372036854775808"}`: "-9223372036854775808",
		`{"intValue":-5}`:                     "-5",
		`{"doubleValue":"NaN"}`:               "NaN",
		`{"doubleValue":"-Infinity"}`:         "-Infinity",
		`{"doubleValue":-0.0}`:                "-0",
		`{"doubleValue":1E-7}`:                "1e-7",
		`{"doubleValue":1e20}`:                "100000000000000000000",
		`{"boolValue":false}`:                 "false",
		`{"bytesValue":"_-8"}`:                "/+8=",
		`{"bytesValue":""}`:                   "",
		`{"arrayValue":{}}`:                   "[]",
		`{"array_value":{"values":null}}`:     "[]",
		`{"kvlistValue":{"values":[{"key":"b"},{"value":{"stringValue":"\u2028\u0001"}},{"key":"b","value":{"doubleValue":"Infinity"}}]}}`: `{"":"\u2028\u0001","b":"Infinity"}`,
		`{"stringValue":"a","intValue":1}`:                          "1",
		`{"other":[{"x":[1,-2.5e3,true,null,"\"]"]}],"intValue":1}`: "1",
	} {
		if text, ok := otlp.JSONAttributeText([]byte(raw), 2); !ok || text != want {
			t.Errorf("%s: %q, %v, want %q", raw, text, ok, want)
		}
	}
	for _, raw := range []string{
		``, `5`, `"a"`, `{}x`, `{} {}`, `{`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{a:1}`, `{"intValue":"1.5"}`, `{"intValue":"9223372036854775808"}`, `{"intValue":"-9223372036854775809"}`, `{"intValue":""}`,
		`{"intValue":true}`, `{"doubleValue":"x"}`, `{"doubleValue":1e999}`, `{"boolValue":"true"}`, `{"boolValue":1}`, `{"stringValue":1}`, `{"stringValue":"\x"}`, `{"stringValue":"\u12g4"}`, `{"stringValue":"a`,
		`{"bytesValue":"*"}`, `{"bytesValue":"a"}`, `{"arrayValue":[]}`, `{"arrayValue":{"values":{}}}`, `{"arrayValue":{"values":[],"values":[]}}`, `{"kvlistValue":{"values":[null]}}`,
		`{"kvlistValue":{"values":[{"key":"a","key":"b"}]}}`, `{"a":01}`, `{"a":1.}`, `{"a":.5}`, `{"a":-}`, `{"a":1e}`, `{"a":tru}`, `{"a":[1 2]}`, `{"a":[1,]}`, `{"a":[`, `nul`,
		`{"arrayValue":{"values":[{"arrayValue":{"values":[{"arrayValue":{}}]}}]}}`,
	} {
		if text, ok := otlp.JSONAttributeText([]byte(raw), 2); ok {
			t.Errorf("%s: %q, want a defect", raw, text)
		}
	}
}

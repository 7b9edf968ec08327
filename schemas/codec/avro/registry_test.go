package avro_test

import (
	"net/http/httptest"
	"testing"

	"go.uber.org/goleak"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var stats = record(field("host", `"string"`), field("value", `"double"`))

func sound(t testing.TB, id uint32) []byte {
	return codectest.Framed(id, encode(t, stats, object{"host": "a", "value": 1.5}))
}

func TestSchemasAreAskedForOnce(t *testing.T) {
	r := codectest.NewRegistry(t, httptest.NewServer)
	r.Has(7, "", stats)
	r.Has(8, "", record(field("value", `"int"`), field("host", `"string"`)))
	c, table := newCodec(r.Settings(nil)), pipeline.NewSeriesTable(nil, 0)
	second := codectest.Framed(8, encode(t, record(field("value", `"int"`), field("host", `"string"`)), object{"host": "a", "value": int32(2)}))
	for range 5 {
		for _, value := range [][]byte{sound(t, 7), second} {
			if got := codectest.Decode(t, c, table, codectest.Record(value)); len(got.Points) != 1 || got.Points[0].Series != `Stats{host="a"}` {
				t.Fatalf("%+v", got)
			}
		}
	}
	if n := r.Asked.Load(); n != 2 || table.Len() != 1 {
		t.Errorf("asked %d times, %d series", n, table.Len())
	}
}

func TestSchemasThatAreOfNoUse(t *testing.T) {
	r := codectest.NewRegistry(t, httptest.NewServer)
	r.Has(2, "PROTOBUF", `syntax = "proto3";`)
	r.Has(3, "", "{")
	r.Has(4, "", `"double"`)
	r.Has(5, "", stats, codectest.Reference{Name: "x", Subject: "none", Version: 1})
	r.Has(6, "", `{"type":"record","name":"A","fields":[{"name":"b","type":"B"}]}`)
	r.Has(9, "", stats)
	for id, code := range map[uint32]string{1: "registry.schema.unknown", 2: "registry.schema.type", 3: "avro.schema.syntax", 4: "avro.schema.record", 5: "registry.schema.unknown", 6: "avro.schema.syntax", 1 << 31: "registry.schema.unknown"} {
		c, table := newCodec(r.Settings(nil)), pipeline.NewSeriesTable(nil, 0)
		before := r.Asked.Load()
		for range 3 {
			if got := codectest.Decode(t, c, table, codectest.Record(sound(t, id))); got.Code != code {
				t.Errorf("id %d: %+v, want %s", id, got, code)
			}
		}
		if n := r.Asked.Load() - before; n > 2 || n > 1 && id != 5 {
			t.Errorf("id %d: asked %d times", id, n)
		}
		if got := codectest.Decode(t, c, table, codectest.Record(sound(t, 9))); len(got.Points) != 1 {
			t.Errorf("after id %d: %+v", id, got)
		}
	}
}

func TestReferences(t *testing.T) {
	r := codectest.NewRegistry(t, httptest.NewServer)
	r.Has(1, "", `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"value","type":"double"},{"name":"tags","type":"shop.Tags"},{"name":"place","type":"Place"}]}`,
		codectest.Reference{Name: "shop.Tags", Subject: "shop tags/x", Version: 3}, codectest.Reference{Name: "shop.Place", Subject: "place", Version: 1})
	r.HasVersion("shop%20tags%2Fx", 3, "", `{"type":"record","name":"Tags","namespace":"shop","fields":[{"name":"host","type":"string"},{"name":"place","type":"shop.Place"}]}`,
		codectest.Reference{Name: "shop.Place", Subject: "place", Version: 1})
	r.HasVersion("place", 1, "", `{"type":"enum","name":"Place","namespace":"shop","symbols":["EU","US"]}`)
	whole := `{"type":"record","name":"Order","namespace":"shop","fields":[{"name":"value","type":"double"},{"name":"tags","type":{"type":"record","name":"Tags","fields":[{"name":"host","type":"string"},{"name":"place","type":{"type":"enum","name":"Place","symbols":["EU","US"]}}]}},{"name":"place","type":"Place"}]}`
	value := codectest.Framed(1, encode(t, whole, object{"value": 2.0, "tags": object{"host": "a", "place": "US"}, "place": "EU"}))
	got := codectest.Decode(t, newCodec(r.Settings(nil)), pipeline.NewSeriesTable(nil, 0), codectest.Record(value))
	if len(got.Points) != 1 || got.Points[0].Series != `Order{host="a",place="EU"}` {
		t.Errorf("%+v", got)
	}
	if n := r.Asked.Load(); n != 3 {
		t.Errorf("asked %d times", n)
	}
}

func TestSchemaThatRefersToItself(t *testing.T) {
	r := codectest.NewRegistry(t, httptest.NewServer)
	self := codectest.Reference{Name: "n", Subject: "s", Version: 1}
	r.Has(1, "", stats, self)
	r.HasVersion("s", 1, "", record(field("x", `"int"`)), self)
	if got := codectest.Fresh(t, newCodec(r.Settings(nil)), sound(t, 1)); got.Code != "avro.schema.syntax" {
		t.Errorf("%+v", got)
	}
}

package otlp_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/homeostat/homeostat/schemas/codec/codectest"
	"github.com/homeostat/homeostat/schemas/codec/otlp"
)

func fixtures(t testing.TB) map[string][]byte {
	t.Helper()
	return codectest.Fixtures(t, "testdata/*.binpb")
}

func jsonFixtures(t testing.TB) map[string][]byte {
	t.Helper()
	return codectest.Fixtures(t, "testdata/*.json")
}

func TestCollectorOutput(t *testing.T) {
	for name, value := range fixtures(t) {
		got, lost, err := decode(t, otlp.New(nil), value)
		if err != nil || len(lost) != 0 {
			t.Fatalf("%s: %v, lost %v", name, err, lost)
		}
		md, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(value)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(consult(md).rows, got); d != "" {
			t.Fatalf("%s (-pdata +codec):\n%s", name, d)
		}
	}
}

func TestCollectorOutputInJSON(t *testing.T) {
	for name, value := range jsonFixtures(t) {
		got, lost, err := decode(t, otlp.New(nil), value)
		if err != nil || len(lost) != 0 || len(got) == 0 {
			t.Fatalf("%s: %v, %d rows, lost %v", name, err, len(got), lost)
		}
		md, err := (&pmetric.JSONUnmarshaler{}).UnmarshalMetrics(value)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(consult(md).rows, got); d != "" {
			t.Fatalf("%s (-pdata +codec):\n%s", name, d)
		}
	}
}

func TestCollectorOutputInWords(t *testing.T) {
	for _, value := range [][]byte{fixtures(t)["otelcol-app.binpb"], jsonFixtures(t)["otelcol-app.json"]} {
		collectorOutputInWords(t, value)
	}
}

func collectorOutputInWords(t *testing.T, value []byte) {
	got, _, err := decode(t, otlp.New(nil), value)
	const from, to = 1_795_406_300_000_000_000, 1_795_406_400_000_000_000
	want := []row{
		{`http.server.duration.count:cumulative{service.name="checkout"}`, "1", to, from, 3},
		{`http.server.duration.sum:cumulative{service.name="checkout"}`, "ms", to, from, 310},
		{`requests:cumulative{service.name="checkout"}`, "", to, from, 42},
	}
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Fatalf("%v (-want +got):\n%s", err, d)
	}
}

package jsonmetrics_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
	"github.com/homeostat/homeostat/schemas/codec/jsonmetrics"
)

// manySettings are mappings that use each part of the codec.
func manySettings() []pipeline.Settings {
	return []pipeline.Settings{
		nil,
		{"preset": "telegraf"},
		{"preset": "prometheus_adapter"},
		{"metric": "fixed", "labels": list("*", "n", "tags.a"), "type_field": list("type"), "unit": list("unit", "meta.unit")},
		{"name": list(), "values": list("fields", "value", "n"), "value": list("val"), "time_unit": "s", "labels_object": list("tags", "meta")},
		{"name": list("tags.name", "name"), "time": list("meta.time", "timestamp"), "value": list("val", "value"), "labels": list("host", "meta.host", "value"), "max_attributes": int64(4), "max_label_bytes": int64(60)},
		{"time": list("timestamp", "ts"), "labels": list("timestamp", "*"), "max_points": int64(6), "max_nesting": int64(3)},
	}
}

// shape makes an object whose values are others each time: speculation has to see where two of them differ in more than that.
type shape struct {
	r     *rand.Rand
	names []string
	kinds []int
	tag   []string
}

func newShape(r *rand.Rand) *shape {
	s := &shape{r: r}
	pool := []string{"timestamp", "ts", "name", "value", "val", "host", "type", "unit", "n", "fields", "tags", "labels", "meta", "time", "x", "", "a.b", "tags.a", "meta.host", "value"}
	for range 1 + r.IntN(9) {
		s.names = append(s.names, pool[r.IntN(len(pool))])
		s.kinds = append(s.kinds, r.IntN(9))
	}
	for range r.IntN(4) {
		s.tag = append(s.tag, []string{"a", "b", "name", "host", "time", "unit", "a", "__name__"}[r.IntN(8)])
	}
	return s
}

// write makes a message; odd is how often a value is not of its kind.
func (s *shape) write(b *bytes.Buffer, odd float64) {
	b.WriteByte('{')
	for i, name := range s.names {
		if i > 0 {
			b.WriteByte(',')
		}
		if s.r.Float64() < odd/20 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(b, "%q:", name)
		kind := s.kinds[i]
		if s.r.Float64() < odd {
			kind = s.r.IntN(9)
		}
		s.value(b, name, kind, odd)
	}
	b.WriteByte('}')
}

func (s *shape) value(b *bytes.Buffer, name string, kind int, odd float64) {
	switch name {
	case "timestamp", "ts", "time":
		b.WriteString(pick(s.r, odd, []string{"1790000000123", "1790000001123", "1790000000.25", `"2026-11-23T04:36:32Z"`}, []string{"0", "-1", "1e12", `"x"`, `""`, "1790000000123.", "99999999999999999999", "null", "7"}))
		return
	case "fields", "tags", "labels", "meta":
		b.WriteByte('{')
		for i, tag := range s.tag {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(b, "%q:", tag)
			if name == "fields" && s.r.Float64() < 0.1 {
				b.WriteString(pick(s.r, 0.5, []string{"true", "false"}, []string{`"up"`, `"12"`}))
			} else if name == "fields" {
				b.WriteString(number(s.r, odd))
			} else {
				b.WriteString(label(s.r, odd))
			}
		}
		b.WriteByte('}')
		return
	}
	switch {
	case kind < 4:
		b.WriteString(number(s.r, odd))
	case kind < 8:
		b.WriteString(label(s.r, odd))
	default:
		fmt.Fprintf(b, `[%s,{"value":%s},[]]`, label(s.r, odd), number(s.r, odd))
	}
}

func pick(r *rand.Rand, odd float64, usual, strange []string) string {
	if r.Float64() < odd {
		return strange[r.IntN(len(strange))]
	}
	return usual[r.IntN(len(usual))]
}

func number(r *rand.Rand, odd float64) string {
	return pick(r, odd, []string{"1", "0", "-2.5", "123.456", "1e3", "12345678901234567", "0.1", "-0", "5.125308214649627", fmt.Sprint(r.IntN(1000))},
		[]string{"1e999", "-", "+1", "1.2.3", "NaN", "inf", "-inf", "1.", ".5", "--1", "e5", "", "1e", "true", "null", `"7"`, "007", "0x1", "1_0", "12345678901234567890123456789012345678901234567890"})
}

func label(r *rand.Rand, odd float64) string {
	return pick(r, odd, []string{`"a"`, `"host-1"`, `"host-2"`, `""`, `"counter"`, `"12.5"`, `"ü"`, `"a text that is longer than a word"`},
		[]string{`"a\"b"`, `"\\"`, `"\u0041"`, "\"\xff\"", "\"\n\"", `"a`, `a"`, `"NaN"`, `"{"`, `"}"`, `","`, "7", "false", "null", `{"a":"b"}`, `"\`, `"` + strings.Repeat("long", 20) + `"`})
}

// TestSpeculationChangesNothing decodes streams of messages of a few shapes by a codec that keeps layouts, by one that does not, and by one that
// knows nothing but the series of the messages before.
func TestSpeculationChangesNothing(t *testing.T) {
	met := 0
	for seed := range uint64(140) {
		r := rand.New(rand.NewPCG(seed, 5))
		settings := manySettings()[seed%uint64(len(manySettings()))]
		quick, even := newCodec(t, settings), jsonmetrics.Reading(newCodec(t, settings))
		quickTable, evenTable, slowTable := pipeline.NewSeriesTable(nil, int(4+seed%50)), pipeline.NewSeriesTable(nil, int(4+seed%50)), pipeline.NewSeriesTable(nil, int(4+seed%50))
		var shapes []*shape
		for range 1 + r.IntN(5) {
			shapes = append(shapes, newShape(r))
		}
		for range 100 {
			odd := []float64{0, 0, 0.02, 0.3}[r.IntN(4)]
			var b bytes.Buffer
			for range 1 + r.IntN(2)*r.IntN(3) {
				shapes[r.IntN(len(shapes))].write(&b, odd)
				b.WriteString([]string{"", "\n", " "}[r.IntN(3)])
			}
			if r.IntN(8) == 0 && odd > 0 {
				value := b.Bytes()
				value[r.IntN(len(value))] = []byte(`"\{}[]:,0x `)[r.IntN(11)]
			}
			rec := codectest.Record(b.Bytes())
			want, got := codectest.Decode(t, newCodec(t, settings), slowTable, rec), codectest.Decode(t, quick, quickTable, rec)
			if d := cmp.Diff(want, codectest.Decode(t, even, evenTable, rec)); d != "" {
				t.Fatalf("seed %d: %s (-by a new codec +read):\n%s", seed, b.Bytes(), d)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("seed %d: %s (-by a new codec +by layout):\n%s", seed, b.Bytes(), d)
			}
		}
		n, _ := jsonmetrics.Met(quick)
		met += n
	}
	if met < 4_000 {
		t.Errorf("only %d objects were of a layout that was known", met)
	}
}

// TestLayoutsAreMet counts how often a producer's messages need no reading, of four kinds by turns, and of twenty.
func TestLayoutsAreMet(t *testing.T) {
	for _, kinds := range []int{4, 20} {
		codec, table := newCodec(t, nil), pipeline.NewSeriesTable(nil, 0)
		for i := range 1000 {
			for kind := range kinds {
				codectest.Decode(t, codec, table, codectest.Record(fmt.Appendf(nil, `{"fields":{"used_%d":%d.5},"name":"mem","tags":{"host":"node-%d"},"timestamp":%d}`, kind, i, i%7, 1790000000000+i)))
			}
		}
		if met, strange := jsonmetrics.Met(codec); met < 1000*kinds-2*kinds || strange > 2*kinds || jsonmetrics.Made(codec) != kinds {
			t.Errorf("%d kinds: %d objects were met, %d read, %d layouts made", kinds, met, strange, jsonmetrics.Made(codec))
		}
	}
}

// TestChangingLayoutsCostLittle writes messages of which no two are alike, then alike ones: the codec gives up making layouts of the
// first, and still learns the others.
func TestChangingLayoutsCostLittle(t *testing.T) {
	codec, table := newCodec(t, nil), pipeline.NewSeriesTable(nil, 0)
	for i := range 5000 {
		codectest.Decode(t, codec, table, codectest.Record(fmt.Appendf(nil, `{"name":"m","key-%d":1,"value":2}`, i)))
	}
	if n := jsonmetrics.Made(codec); n > 200 {
		t.Errorf("%d layouts were made of messages that never come again", n)
	}
	for i := range 1000 {
		codectest.Decode(t, codec, table, codectest.Record(fmt.Appendf(nil, `{"name":"m","value":%d}`, i)))
	}
	if met, _ := jsonmetrics.Met(codec); met < 900 {
		t.Errorf("only %d of 1,000 messages that are alike were met", met)
	}
}

// TestWhatLiesBetweenLabelsMayDiffer has a field between the labels that is another one in each message, and one that is not.
func TestWhatLiesBetweenLabelsMayDiffer(t *testing.T) {
	for _, c := range []struct {
		trace string
		wide  int
	}{{"4bf92f", 1}, {"%d", 0}} {
		codec, table := newCodec(t, pipeline.Settings{"labels": list("host", "route")}), pipeline.NewSeriesTable(nil, 0)
		for i := range 5000 {
			trace := strings.ReplaceAll(c.trace, "%d", fmt.Sprint(i))
			got := codectest.Decode(t, codec, table, codectest.Record(fmt.Appendf(nil, `{"name":"m","host":"h%d","trace":"%s","route":"/","value":1}`, i%3, trace)))
			if d := cmp.Diff(points(gauge(fmt.Sprintf(`m{host="h%d",route="/"}`, i%3), now, 1)), got.Points); d != "" {
				t.Fatal(d)
			}
		}
		if n := jsonmetrics.Wide(codec); n != c.wide {
			t.Errorf("trace %s: %d layouts are wide, want %d", c.trace, n, c.wide)
		}
		if size := jsonmetrics.MemoBytes(codec); size > 256<<10 {
			t.Errorf("trace %s: the memo holds %d bytes for three series", c.trace, size)
		}
	}
}

// TestTruthIsRead writes points by encoding/json in the forms of the presets and reads them back.
func TestTruthIsRead(t *testing.T) {
	type labels = map[string]string
	r := rand.New(rand.NewPCG(6, 7))
	codecs, tables := map[string]pipeline.Codec{}, map[string]*pipeline.SeriesTable{}
	for _, preset := range []string{"generic", "telegraf", "prometheus_adapter"} {
		codecs[preset], tables[preset] = newCodec(t, pipeline.Settings{"preset": preset}), pipeline.NewSeriesTable(nil, 0)
	}
	texts := []string{"a", "b c", "q\"uote", "back\\slash", "ü", "\n", "<html>", "\u2028", "{}", strings.Repeat("x", 50)}
	for range 1000 {
		tags := labels{}
		for range r.IntN(4) {
			tags["l"+texts[r.IntN(len(texts))]] = texts[r.IntN(len(texts))]
		}
		name, ms := "m"+texts[r.IntN(3)], 1_790_000_000_000+r.Int64N(1e9)
		fields := map[string]any{}
		for range 1 + r.IntN(3) {
			fields["f"+texts[r.IntN(3)]] = []any{r.NormFloat64(), r.IntN(1000), r.ExpFloat64() * 1e300}[r.IntN(3)]
		}
		check := func(preset string, object map[string]any, values map[string]any, sep string) {
			value, err := json.Marshal(object)
			if err != nil {
				t.Fatal(err)
			}
			want := map[codectest.Point]bool{}
			for member, v := range values {
				var all []pipeline.Label
				for k, v := range tags {
					all = append(all, pipeline.Label{Name: k, Value: v})
				}
				f, err := json.Number(fmt.Sprint(mustJSON(t, v))).Float64()
				if err != nil {
					t.Fatal(err)
				}
				want[gauge(pipeline.SeriesKey(name+sep+member, pipeline.Gauge, pipeline.NewLabels(all)), ms*1e6, f)] = true
			}
			got := map[codectest.Point]bool{}
			for _, p := range codectest.Decode(t, codecs[preset], tables[preset], codectest.Record(value)).Points {
				got[p] = true
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("%s %s (-want +got):\n%s", preset, value, d)
			}
		}
		one := map[string]any{"": r.NormFloat64()}
		check("telegraf", map[string]any{"fields": fields, "name": name, "tags": tags, "timestamp": ms}, fields, "_")
		check("generic", map[string]any{"fields": fields, "metric": name, "tags": tags, "time": ms}, fields, "_")
		check("prometheus_adapter", map[string]any{"labels": tags, "name": name, "timestamp": fmt.Sprint(ms), "value": mustJSON(t, one[""])}, one, "")
		flat := map[string]any{"name": name, "timestamp": ms, "value": one[""]}
		for k, v := range tags {
			flat[k] = v
		}
		check("generic", flat, one, "")
	}
}

func mustJSON(t *testing.T, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestPiecesAreBounded has names that never come again among those that do: what is remembered of them is bounded, and the others are found all
// the same.
func TestPiecesAreBounded(t *testing.T) {
	codec, table := jsonmetrics.Reading(newCodec(t, nil)), pipeline.NewSeriesTable(nil, 0)
	long := strings.Repeat("x", 200)
	for i := range 40_000 {
		value := fmt.Appendf(nil, `{"name":"m","host":"h%d","a":1,"b":2,"c":3,"d":4,"e":5,"%s%d":6,"value":%d}`, i%3, long, i, i)
		rec := codectest.Record(value)
		if i%1000 != 0 {
			rec.Value = bytes.Replace(value, []byte(long), nil, 1)
		}
		got := codectest.Decode(t, codec, table, rec)
		if d := cmp.Diff(points(gauge(fmt.Sprintf(`m{host="h%d"}`, i%3), now, float64(i))), got.Points); d != "" {
			t.Fatal(d)
		}
	}
	if n, size := jsonmetrics.Pieces(codec); n > 4096 || size > 256<<10 {
		t.Errorf("%d pieces of %d bytes are remembered", n, size)
	}
	if size := jsonmetrics.MemoBytes(codec); size > 256<<10 {
		t.Errorf("the memo holds %d bytes for three series", size)
	}
}

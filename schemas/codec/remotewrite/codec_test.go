package remotewrite_test

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
	"github.com/homeostat/homeostat/schemas/codec/remotewrite"
)

const (
	ms        = 1_795_408_592_000
	at        = ms * 1e6
	staleBits = 0x7ff0000000000002
)

func newCodec(t testing.TB, settings pipeline.Settings) pipeline.Codec {
	t.Helper()
	codec, err := remotewrite.New(settings)
	if err != nil {
		t.Fatal(err)
	}
	return codec
}

// encoders holds the one encoder of zstd that the tests share: it is large.
var encoders = func() chan *zstd.Encoder {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		panic(err)
	}
	c := make(chan *zstd.Encoder, 1)
	c <- enc
	return c
}()

// inZstd compresses as producers do: in one frame that says how much it holds, or does not.
func inZstd(t testing.TB, request []byte, sized bool) []byte {
	t.Helper()
	enc := <-encoders
	defer func() { encoders <- enc }()
	if sized {
		return enc.EncodeAll(request, nil)
	}
	var b bytes.Buffer
	enc.Reset(&b)
	// In two pieces, so that the writer can't know the size when it begins.
	for _, part := range [][]byte{request[:len(request)/2], request[len(request)/2:]} {
		if _, err := enc.Write(part); err != nil {
			t.Fatal(err)
		}
		if err := enc.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := enc.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestShapes(t *testing.T) {
	point := func(series string) []codectest.Point {
		return []codectest.Point{{Series: series, Time: at, Value: 1.5}}
	}
	m, a, b, s := label("__name__", "m"), label("a", "1"), label("b", "2"), sample(1.5, ms)
	both := point(`m{a="1",b="2"}`)
	suffixes := pipeline.Settings{"cumulative_suffixes": []any{"_total", "_sum"}}
	for _, c := range []struct {
		name     string
		value    []byte
		want     []codectest.Point
		lost     map[string]int
		settings pipeline.Settings
	}{
		{name: "plain", value: one(m, a, b, s), want: both},
		{name: "labels in another order", value: one(b, m, a, s), want: both},
		{name: "labels behind the sample", value: one(s, b, m, a), want: both},
		{name: "labels apart", value: one(a, s, b, m), want: both},
		{name: "labels in three places", value: one(a, num(77, 1), b, num(77, 1), m, s), want: both},
		{name: "the last of equal names counts", value: one(m, label("a", "0"), b, a, s), want: both},
		{name: "also of names", value: one(label("__name__", "x"), m, a, b, s), want: both},
		{name: "a label without value", value: one(m, a, b, label("c", ""), s), want: both},
		{name: "a label that loses its value", value: one(m, a, label("c", "3"), b, label("c", ""), s), want: both},
		{name: "the value of a label before its name", value: one(m, msg(1, str(2, "1"), str(1, "a")), b, s), want: both},
		{name: "fields of the future", value: slices.Concat(one(m, a, msg(1, str(1, "b"), num(9, 4), str(2, "2")), msg(99, str(1, "?")), msg(2, double(1, 1.5), num(2, ms), str(9, "x"))), num(2, 1), num(900, 7), []byte{0x5d, 1, 2, 3, 4}), want: both},
		{name: "a sample backwards", value: one(m, a, b, msg(2, num(2, ms), double(1, 1.5))), want: both},
		{name: "start_timestamp is not of version 1.0", value: one(m, a, b, msg(2, double(1, 1.5), num(2, ms), num(3, 5))), want: both},
		{name: "a value of 0 is left out", value: one(m, msg(2, num(2, ms))), want: []codectest.Point{{Series: "m{}", Time: at}}},
		{name: "samples in any order, and with odd times", value: one(m, sample(1, 3), sample(2, 1), sample(3, 1<<41)),
			want: []codectest.Point{{Series: "m{}", Time: 3e6, Value: 1}, {Series: "m{}", Time: 1e6, Value: 2}, {Series: "m{}", Time: 1 << 41 * 1e6, Value: 3}}},
		{name: "a time of 0 is the record's", value: one(m, msg(2, double(1, 2))), want: []codectest.Point{{Series: "m{}", Time: codectest.Timestamp * 1e6, Value: 2}}},
		{name: "the last time", value: one(m, sample(1, 9_223_372_036_854)), want: []codectest.Point{{Series: "m{}", Time: 9_223_372_036_854 * 1e6, Value: 1}}},
		{name: "times that are none", value: one(m, sample(1, 9_223_372_036_855), sample(1, -1), sample(1, math.MaxInt64), sample(1, math.MinInt64)), lost: map[string]int{remotewrite.LostTimeRange: 4}},
		{name: "values that are none", value: one(m, sample(math.NaN(), ms), sample(math.Inf(1), ms), sample(math.Inf(-1), ms), sample(math.Float64frombits(staleBits), ms), sample(math.Float64frombits(staleBits+1), ms)),
			lost: map[string]int{remotewrite.LostNotFinite: 4, remotewrite.LostNoValue: 1}},
		{name: "no name", value: one(a, s, s), lost: map[string]int{remotewrite.LostNoName: 2}},
		{name: "an empty name", value: one(label("__name__", ""), s), lost: map[string]int{remotewrite.LostNoName: 1}},
		{name: "a name that goes", value: one(m, label("__name__", ""), s), lost: map[string]int{remotewrite.LostNoName: 1}},
		{name: "no samples", value: one(m, a)},
		{name: "an empty series", value: one()},
		{name: "not UTF-8", value: one(label("__name__", "\xffm"), label("\xfe", "a\xff"), s), want: point("\uFFFDm{\uFFFD=\"a\uFFFD\"}")},
		{name: "a long label", value: one(m, label("a", strings.Repeat("v", 5000)), s), want: point(`m{a="` + strings.Repeat("v", 5000) + `"}`)},
		{name: "exemplars", value: one(m, a, b, s, msg(3, label("trace_id", "1"), double(2, 1), num(3, ms))), want: both},
		{name: "tags in a longer form", value: one(m, a, b, msg(2, []byte{0x89, 0}, double(1, 1.5)[1:], num(2, ms))), want: both},

		{name: "ends of names", value: slices.Concat(one(label("__name__", "a_total"), s), one(label("__name__", "b_sum"), s), one(label("__name__", "c_count"), s)),
			want: append(append(point("a_total:cumulative{}"), point("b_sum:cumulative{}")...), point("c_count{}")...), settings: suffixes},
		{name: "ends of names do not count by default", value: one(label("__name__", "a_total"), s), want: point("a_total{}")},
		{name: "metadata over ends of names", value: slices.Concat(one(label("__name__", "a_total"), s), about(2, "a_total", "s")),
			want: []codectest.Point{{Series: "a_total{}", Unit: "s", Time: at, Value: 1.5}}, settings: suffixes},
		{name: "metadata of no type", value: slices.Concat(one(label("__name__", "a_total"), s), about(0, "a_total", ""), about(8, "b", "")), want: point("a_total:cumulative{}"), settings: suffixes},
		{name: "metadata by name", value: slices.Concat(about(1, "c", "bytes"), one(label("__name__", "c"), s)), want: []codectest.Point{{Series: "c:cumulative{}", Unit: "bytes", Time: at, Value: 1.5}}},
		{name: "metadata by name and suffix", value: slices.Concat(about(1, "c", ""), about(3, "h", ""), about(4, "g", ""), about(5, "s", ""), about(6, "i", ""),
			one(label("__name__", "c_total"), s), one(label("__name__", "h_bucket"), s), one(label("__name__", "h_sum"), s), one(label("__name__", "s_count"), s), one(label("__name__", "s"), s),
			one(label("__name__", "g_gcount"), s), one(label("__name__", "i_info"), s), one(label("__name__", "h_created"), s), one(label("__name__", "c_count"), s)),
			want: slices.Concat(point("c_total:cumulative{}"), point("h_bucket:cumulative{}"), point("h_sum:cumulative{}"), point("s_count:cumulative{}"), point("s{}"),
				point("g_gcount{}"), point("i_info{}"), point("h_created{}"), point("c_count{}"))},
		{name: "the last metadata of a family", value: slices.Concat(about(1, "m", "x"), one(m, a, s), about(2, "m", "y"), about(1, "l", ""), about(1, "n", "")), want: []codectest.Point{{Series: `m{a="1"}`, Unit: "y", Time: at, Value: 1.5}}},
		{name: "metadata alone", value: about(1, "m", "")},

		{name: "version 2.0", value: two(msg(2, double(1, 1.5), num(2, ms))), want: point(`m{a="1"}`)},
		{name: "references apart, packed and not", value: slices.Concat(symbols("__name__", "m", "a", "1"), msg(5, packed(1, 1), num(1, 2), s, packed(1, 3, 4))), want: point(`m{a="1"}`)},
		{name: "symbols behind the series", value: slices.Concat(msg(5, packed(1, 1, 2, 3, 4), s), symbols("__name__", "m", "a", "1")), want: point(`m{a="1"}`)},
		{name: "a first symbol that is not empty", value: slices.Concat(str(4, "__name__"), str(4, "m"), msg(5, packed(1, 0, 1), msg(5, num(4, 0)), s)), want: point("m{}")},
		{name: "a reference to the empty symbol", value: slices.Concat(symbols("__name__", "m", "a"), msg(5, packed(1, 1, 2, 3, 0), s)), want: point("m{}")},
		{name: "a counter", value: two(msg(5, num(1, 1), num(3, 2), num(4, 5)), s), want: []codectest.Point{{Series: `m:cumulative{a="1"}`, Unit: "u", Time: at, Value: 1.5}}},
		{name: "metadata in parts", value: two(msg(5, num(1, 1)), s, msg(5, num(4, 5))), want: []codectest.Point{{Series: `m:cumulative{a="1"}`, Unit: "u", Time: at, Value: 1.5}}},
		{name: "a start", value: two(msg(5, num(1, 1)), msg(2, double(1, 1.5), num(2, ms), num(3, 7))), want: []codectest.Point{{Series: `m:cumulative{a="1"}`, Time: at, Start: 7e6, Value: 1.5}}},
		{name: "a start of rc.3", value: two(msg(5, num(1, 1)), s, num(6, 9)), want: []codectest.Point{{Series: `m:cumulative{a="1"}`, Time: at, Start: 9e6, Value: 1.5}}},
		{name: "a start of both", value: two(msg(2, double(1, 1.5), num(2, ms), num(3, 7)), s, num(6, 9)), want: []codectest.Point{{Series: `m{a="1"}`, Time: at, Start: 7e6, Value: 1.5}, {Series: `m{a="1"}`, Time: at, Start: 9e6, Value: 1.5}}},
		{name: "starts that are none", value: two(msg(2, double(1, 1), num(2, ms), num(3, math.MaxUint64)), msg(2, double(1, 2), num(2, ms), num(3, 9_223_372_036_855))), want: []codectest.Point{{Series: `m{a="1"}`, Time: at, Value: 1}, {Series: `m{a="1"}`, Time: at, Value: 2}}},
		{name: "types", value: slices.Concat(symbols("__name__", "m_sum", "m"), msg(5, packed(1, 1, 2), msg(5, num(1, 5)), s), msg(5, packed(1, 1, 3), msg(5, num(1, 5)), s), msg(5, packed(1, 1, 2), msg(5, num(1, 3)), s),
			msg(5, packed(1, 1, 2), msg(5, num(1, 4)), s), msg(5, packed(1, 1, 3), msg(5, num(1, 6)), s), msg(5, packed(1, 1, 3), msg(5, num(1, 7)), s), msg(5, packed(1, 1, 3), msg(5, num(1, 8)), s), msg(5, packed(1, 1, 3), msg(5, num(1, 2)), s)),
			want: slices.Concat(point("m_sum:cumulative{}"), point("m{}"), point("m_sum:cumulative{}"), point("m_sum{}"), point("m{}"), point("m{}"), point("m{}"), point("m{}"))},
		{name: "ends of names in version 2.0", value: slices.Concat(symbols("__name__", "m_total"), msg(5, packed(1, 1, 2), s), msg(5, packed(1, 1, 2), msg(5, num(1, 2)), s)),
			want: slices.Concat(point("m_total:cumulative{}"), point("m_total{}")), settings: suffixes},
		{name: "symbols alone", value: symbols("x")},
	} {
		got := codectest.Fresh(t, newCodec(t, c.settings), c.value)
		if c.lost == nil {
			c.lost = map[string]int{}
		}
		if d := cmp.Diff(codectest.Result{Points: c.want, Lost: c.lost}, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

func TestHistograms(t *testing.T) {
	whole := [][]byte{num(1, 12), double(3, 30.5), num(4, 0), double(5, 1e-128), num(6, 2), msg(11, num(2, 2)), packed(12, 4, 2), num(15, ms)}
	floating := [][]byte{double(2, 12.5), double(3, 30.5), double(7, 1), msg(11, num(1, 1), num(2, 1)), msg(13, fixed(1, 0)[1:]), num(15, ms)}
	custom := [][]byte{num(1, 3), double(3, -2), num(4, 105), msg(11, num(2, 2)), packed(12, 2, 2), num(15, ms), msg(16, double(1, 0.5)[1:], double(1, 1)[1:])}
	pair := func(typ, labels string, count, sum float64, start int64, unit string) []codectest.Point {
		return []codectest.Point{{Series: "m.count" + typ + labels, Unit: "1", Time: at, Start: start, Value: count}, {Series: "m.sum" + typ + labels, Unit: unit, Time: at, Start: start, Value: sum}}
	}
	with := func(base [][]byte, more ...[]byte) []byte {
		return slices.Concat(slices.Concat(base...), slices.Concat(more...))
	}
	name := label("__name__", "m")
	for _, c := range []struct {
		name  string
		value []byte
		want  []codectest.Point
		lost  map[string]int
	}{
		{name: "whole numbers", value: one(name, msg(4, with(whole))), want: pair(":cumulative", "{}", 12, 30.5, 0, "")},
		{name: "floats", value: one(name, msg(4, with(floating))), want: pair(":cumulative", "{}", 12.5, 30.5, 0, "")},
		{name: "custom buckets", value: one(name, msg(4, with(custom))), want: pair(":cumulative", "{}", 3, -2, 0, "")},
		{name: "a gauge histogram by its hint", value: one(name, msg(4, with(whole, num(14, 3)))), want: pair("", "{}", 12, 30.5, 0, "")},
		{name: "other hints", value: one(name, msg(4, with(whole, num(14, 1)))), want: pair(":cumulative", "{}", 12, 30.5, 0, "")},
		{name: "a gauge histogram by its metadata", value: slices.Concat(about(4, "m", "s"), one(name, msg(4, with(whole, num(14, 2))))), want: pair("", "{}", 12, 30.5, 0, "s")},
		{name: "no count", value: one(name, msg(4, double(3, 1), num(15, ms))), want: pair(":cumulative", "{}", 0, 1, 0, "")},
		{name: "a start_timestamp is not of version 1.0", value: one(name, msg(4, with(whole, num(17, 5)))), want: pair(":cumulative", "{}", 12, 30.5, 0, "")},
		{name: "stale", value: one(name, msg(4, double(3, math.Float64frombits(staleBits)), num(15, ms))), lost: map[string]int{remotewrite.LostNoValue: 2}},
		{name: "a sum that is not finite", value: one(name, msg(4, num(1, 2), double(3, math.NaN()), num(15, ms))), want: pair(":cumulative", "{}", 2, 0, 0, "")[:1], lost: map[string]int{remotewrite.LostNotFinite: 1}},
		{name: "a count that is not finite", value: one(name, msg(4, double(2, math.Inf(1)), double(3, 7), num(15, ms))), want: pair(":cumulative", "{}", 0, 7, 0, "")[1:], lost: map[string]int{remotewrite.LostNotFinite: 1}},
		{name: "no name", value: one(msg(4, with(whole))), lost: map[string]int{remotewrite.LostNoName: 2}},
		{name: "samples beside histograms", value: one(name, msg(4, with(whole)), sample(1, ms)), want: append(pair(":cumulative", "{}", 12, 30.5, 0, ""), codectest.Point{Series: "m{}", Time: at, Value: 1})},
		{name: "version 2.0", value: two(msg(3, with(whole, num(17, 5))), msg(5, num(1, 3), num(4, 5))), want: pair(":cumulative", `{a="1"}`, 12, 30.5, 5e6, "u")},
		{name: "version 2.0, rc.3", value: two(msg(3, with(floating)), num(6, 5)), want: pair(":cumulative", `{a="1"}`, 12.5, 30.5, 5e6, "")},
		{name: "version 2.0, a gauge histogram", value: two(msg(3, with(custom)), msg(5, num(1, 4))), want: pair("", `{a="1"}`, 3, -2, 0, "")},
	} {
		got := codectest.Fresh(t, newCodec(t, nil), c.value)
		if c.lost == nil {
			c.lost = map[string]int{}
		}
		if d := cmp.Diff(codectest.Result{Points: c.want, Lost: c.lost}, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

func TestCompressionsAndHeaders(t *testing.T) {
	v1 := one(label("__name__", "m"), label("a", "1"), sample(1.5, ms))
	v2 := two(sample(1.5, ms))
	long := one(label("__name__", "m"), label("a", "1"), sample(1.5, ms), msg(3, label("trace_id", strings.Repeat("0123456789", 500))))
	header := func(pairs ...string) []pipeline.Header {
		var hs []pipeline.Header
		for i := 0; i < len(pairs); i += 2 {
			hs = append(hs, pipeline.Header{Key: pairs[i], Value: []byte(pairs[i+1])})
		}
		return hs
	}
	const proto1, proto2 = "application/x-protobuf;proto=prometheus.WriteRequest", `application/x-protobuf; charset=x; Proto="io.prometheus.write.v2.Request"`
	for _, c := range []struct {
		name     string
		value    []byte
		headers  []pipeline.Header
		settings pipeline.Settings
		code     string
	}{
		{name: "none", value: v1},
		{name: "none, 2.0", value: v2},
		{name: "none, as set", value: v1, settings: pipeline.Settings{"compression": "none", "version": "1"}},
		{name: "snappy", value: snappy.Encode(nil, v1)},
		{name: "snappy, 2.0", value: snappy.Encode(nil, v2)},
		{name: "snappy, long", value: snappy.Encode(nil, long)},
		{name: "snappy, as set", value: snappy.Encode(nil, v2), settings: pipeline.Settings{"compression": "snappy", "version": "2"}},
		{name: "zstd", value: inZstd(t, v1, true)},
		{name: "zstd, size not told", value: inZstd(t, long, false)},
		{name: "zstd, in two frames", value: slices.Concat(inZstd(t, long[:100], true), inZstd(t, long[100:], true))},
		{name: "zstd, as set", value: inZstd(t, v2, true), settings: pipeline.Settings{"compression": "zstd"}},
		{name: "header over setting", value: v1, settings: pipeline.Settings{"compression": "snappy", "version": "2"}, headers: header("Content-Encoding", "identity", "X-Prometheus-Remote-Write-Version", "0.1.0")},
		{name: "header snappy", value: snappy.Encode(nil, v2), settings: pipeline.Settings{"compression": "none"}, headers: header("content-encoding", " Snappy ", "content-type", proto2)},
		{name: "header zstd", value: inZstd(t, v1, true), headers: header("content-encoding", "zstd", "content-type", proto1)},
		{name: "headers that say nothing", value: v1, headers: header("content-encoding", "", "content-type", "application/x-protobuf", "traceparent", "00-1", "x-prometheus-remote-write-version", "")},
		{name: "the message's name says more than the version", value: v2, headers: header("content-type", proto2, "x-prometheus-remote-write-version", "0.1.0")},
		{name: "in either order", value: v2, headers: header("x-prometheus-remote-write-version", "0.1.0", "content-type", proto2)},
		{name: "version 2.0.0-rc.4", value: v2, headers: header("x-prometheus-remote-write-version", "2.0.0-rc.4")},
		{name: "set to another compression", value: v1, settings: pipeline.Settings{"compression": "snappy"}, code: "remote_write.snappy"},
		{name: "set to another compression, zstd", value: v1, settings: pipeline.Settings{"compression": "zstd"}, code: "remote_write.zstd"},
		{name: "set to none", value: snappy.Encode(nil, long), settings: pipeline.Settings{"compression": "none"}, code: "remote_write.wire"},
		{name: "set to another version", value: v1, settings: pipeline.Settings{"version": "2"}, code: "remote_write.nothing"},
		{name: "header of another version", value: v2, headers: header("content-type", proto1), code: "remote_write.nothing"},
		{name: "header gzip", value: v1, headers: header("content-encoding", "gzip"), code: "remote_write.header"},
		{name: "header of another message", value: v1, headers: header("content-type", "application/x-protobuf;proto=prometheus.ReadRequest"), code: "remote_write.header"},
		{name: "header of version 3", value: v1, headers: header("x-prometheus-remote-write-version", "3.0.0"), code: "remote_write.header"},
		{name: "both versions", value: slices.Concat(v1, v2), code: "remote_write.version"},
	} {
		rec := codectest.Record(c.value)
		rec.Headers = c.headers
		got := codectest.Decode(t, newCodec(t, c.settings), pipeline.NewSeriesTable(nil, 0), rec)
		want := codectest.Result{Points: []codectest.Point{{Series: `m{a="1"}`, Time: at, Value: 1.5}}, Lost: map[string]int{}}
		if c.code != "" {
			want = codectest.Result{Lost: map[string]int{}, Code: c.code}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, d)
		}
	}
}

// Short requests are where the length before a snappy block could be taken for a tag, and the other way round.
func TestRequestsOfAnyLengthAreRecognised(t *testing.T) {
	codec := newCodec(t, nil)
	table := pipeline.NewSeriesTable(nil, 0)
	for n := range 300 {
		name := strings.Repeat("m", n)
		for _, request := range [][]byte{
			one(label("__name__", name)), one(label("__name__", name), sample(1, ms)), about(1, name, ""), str(4, name), slices.Concat(str(4, ""), str(4, "__name__"), str(4, name), msg(5, packed(1, 1, 2), sample(1, ms))),
		} {
			want := codectest.Decode(t, newCodec(t, pipeline.Settings{"compression": "none"}), pipeline.NewSeriesTable(nil, 0), codectest.Record(request))
			if want.Code != "" {
				t.Fatalf("%d: %s", n, want.Code)
			}
			for how, value := range map[string][]byte{"none": request, "snappy": snappy.Encode(nil, request), "zstd": inZstd(t, request, n%2 == 0)} {
				if d := cmp.Diff(want, codectest.Decode(t, codec, table, codectest.Record(value))); d != "" {
					t.Fatalf("%x, %s (-want +got):\n%s", request, how, d)
				}
			}
		}
	}
}

func TestNoTimeAnywhere(t *testing.T) {
	for _, timestamp := range []int64{0, -1} {
		rec := &pipeline.Record{Timestamp: timestamp, Value: one(label("__name__", "m"), sample(1, 0))}
		got := codectest.Decode(t, newCodec(t, nil), pipeline.NewSeriesTable(nil, 0), rec)
		if len(got.Points) != 0 || got.Lost[remotewrite.LostNoTime] != 1 {
			t.Errorf("timestamp %d: %+v", timestamp, got)
		}
	}
}

func TestLimits(t *testing.T) {
	m := label("__name__", "m")
	series := func(n int, labels func(i int) []byte) []byte {
		var b []byte
		for i := range n {
			b = append(b, one(m, labels(i), sample(1, ms))...)
		}
		return b
	}
	none := func(int) []byte { return nil }
	histogram := msg(4, num(1, 1), num(15, ms))
	for _, c := range []struct {
		name     string
		settings pipeline.Settings
		good     []byte
		bad      []byte
		code     string
	}{
		{"bytes", pipeline.Settings{"max_bytes": int64(100)}, one(m, sample(1, ms), label("a", strings.Repeat("x", 50))), one(m, sample(1, ms), label("a", strings.Repeat("x", 80))), "remote_write.limit.bytes"},
		{"bytes in snappy", pipeline.Settings{"max_bytes": int64(1000)}, snappy.Encode(nil, one(m, sample(1, ms), label("a", strings.Repeat("x", 900)))), snappy.Encode(nil, one(m, sample(1, ms), label("a", strings.Repeat("x", 1000)))), "remote_write.limit.bytes"},
		{"bytes in zstd", pipeline.Settings{"max_bytes": int64(1000)}, inZstd(t, one(m, sample(1, ms), label("a", strings.Repeat("x", 900))), true), inZstd(t, one(m, sample(1, ms), label("a", strings.Repeat("x", 1000))), true), "remote_write.limit.bytes"},
		{"bytes in zstd that does not tell them", pipeline.Settings{"max_bytes": int64(1000)}, inZstd(t, one(m, sample(1, ms), label("a", strings.Repeat("x", 900))), false), inZstd(t, one(m, sample(1, ms), label("a", strings.Repeat("x", 1000))), false), "remote_write.limit.bytes"},
		{"points", pipeline.Settings{"max_points": int64(3)}, series(3, none), series(4, none), "remote_write.limit.points"},
		{"points of histograms", pipeline.Settings{"max_points": int64(4)}, one(m, histogram, histogram), one(m, histogram, histogram, histogram), "remote_write.limit.points"},
		{"points that are lost", pipeline.Settings{"max_points": int64(2)}, one(m, sample(math.NaN(), 1), sample(1, ms)), one(m, sample(math.NaN(), 1), sample(math.NaN(), 1), sample(1, ms)), "remote_write.limit.points"},
		{"metadata", pipeline.Settings{"max_points": int64(1)}, slices.Concat(one(m, sample(1, ms)), bytes.Repeat(about(1, "m", ""), 7)), slices.Concat(one(m, sample(1, ms)), bytes.Repeat(about(1, "m", ""), 8)), "remote_write.limit.points"},
		{"symbols", pipeline.Settings{"max_points": int64(1)}, slices.Concat(two(sample(1, ms)), str(4, "")), slices.Concat(two(sample(1, ms)), str(4, ""), str(4, "")), "remote_write.limit.points"},
		{"labels", pipeline.Settings{"max_attributes": int64(2)}, one(m, label("a", "1"), label("b", "1"), sample(1, ms)), one(m, label("a", "1"), label("b", "1"), label("c", "1"), sample(1, ms)), "remote_write.limit.attributes"},
		{"labels, 2.0", pipeline.Settings{"max_attributes": int64(1)}, two(sample(1, ms)), two(packed(1, 3, 4), sample(1, ms)), "remote_write.limit.attributes"},
		{"labels without name, 2.0", pipeline.Settings{"max_attributes": int64(2)}, two(packed(1, 3, 4), sample(1, ms)), slices.Concat(symbols("a"), msg(5, packed(1, 1, 1, 1, 1, 1, 1), sample(1, ms))), "remote_write.limit.attributes"},
		{"text", pipeline.Settings{"max_label_bytes": int64(5)}, one(m, label("aa", "11"), sample(1, ms)), one(m, label("aa", "111"), sample(1, ms)), "remote_write.limit.label_bytes"},
		{"text of a name", pipeline.Settings{"max_label_bytes": int64(5)}, one(label("__name__", "mmmmm"), sample(1, ms)), one(label("__name__", "mmmmmm"), sample(1, ms)), "remote_write.limit.label_bytes"},
		{"text, 2.0", pipeline.Settings{"max_label_bytes": int64(3)}, two(sample(1, ms)), two(packed(1, 3, 4), sample(1, ms)), "remote_write.limit.label_bytes"},
		{"a unit", pipeline.Settings{"max_label_bytes": int64(3)}, slices.Concat(one(m, sample(1, ms)), about(1, "m", "xxx")), slices.Concat(one(m, sample(1, ms)), about(1, "m", "xxxx")), "remote_write.limit.label_bytes"},
	} {
		codec, table := newCodec(t, c.settings), pipeline.NewSeriesTable(nil, 0)
		if got := codectest.Decode(t, codec, table, codectest.Record(c.good)); got.Code != "" || len(got.Points) == 0 {
			t.Errorf("%s, within: %+v", c.name, got)
		}
		if got := codectest.Decode(t, codec, table, codectest.Record(c.bad)); got.Code != c.code {
			t.Errorf("%s, beyond: %+v, want %s", c.name, got, c.code)
		}
	}
}

func TestSeriesLimit(t *testing.T) {
	codec, table := newCodec(t, nil), pipeline.NewSeriesTable(nil, 2)
	var request []byte
	for _, name := range []string{"a", "b", "c", "a", "c"} {
		request = append(request, one(label("__name__", name), sample(1, ms))...)
	}
	for range 2 {
		got := codectest.Decode(t, codec, table, codectest.Record(request))
		if len(got.Points) != 3 || got.Lost[remotewrite.LostSeriesLimit] != 2 {
			t.Fatalf("%+v", got)
		}
	}
}

// A lane that evicts series goes on with another table: what was remembered of the first is of no use.
func TestAnotherTable(t *testing.T) {
	codec := newCodec(t, nil)
	for i := range 3 {
		table := pipeline.NewSeriesTable(nil, 0)
		for n := range i {
			if _, err := table.Intern(fmt.Sprint("other", n), "", pipeline.Gauge, nil); err != nil {
				t.Fatal(err)
			}
		}
		got := codectest.Decode(t, codec, table, codectest.Record(one(label("__name__", "m"), sample(1, ms))))
		if d := cmp.Diff([]codectest.Point{{Series: "m{}", Time: at, Value: 1}}, got.Points); d != "" {
			t.Fatal(d)
		}
	}
}

func TestMemoIsBounded(t *testing.T) {
	codec, table := newCodec(t, pipeline.Settings{"memo": int64(1 << 20)}), pipeline.NewSeriesTable(nil, 10)
	for i := range 30_000 {
		rec := codectest.Record(one(label("__name__", "m"), label("a", fmt.Sprintf("%0100d", i)), sample(1, ms)))
		out := pipeline.NewColumns(table)
		if err := codec.Decode(rec, out); err != nil {
			t.Fatal(err)
		}
		if n := remotewrite.MemoBytes(codec); n > 3<<20 {
			t.Fatalf("the memo takes %d bytes after %d series", n, i)
		}
	}
}

func TestSuffixesAreChecked(t *testing.T) {
	if _, err := remotewrite.New(pipeline.Settings{"cumulative_suffixes": []any{"_total", ""}}); pipeline.Code(err) != "remote_write.suffix" {
		t.Fatalf("an empty suffix: %v", err)
	}
}

func TestTelegrafInWords(t *testing.T) {
	const used, percent = `mem_used{dc="eu-1",host="node-1"}`, `mem_used_percent{dc="eu-1",host="node-1"}`
	for name, want := range map[string][]codectest.Point{
		"telegraf-mem-1.snappy": {{Series: used, Time: at, Value: 1_295_499_264}, {Series: percent, Time: at, Value: 5.125308214649627}},
		"telegraf-mem-2.snappy": {{Series: percent, Time: at + 2e9, Value: 5.199153333385189}, {Series: used, Time: at + 2e9, Value: 1_314_164_736}},
	} {
		got := codectest.Fresh(t, newCodec(t, nil), fixtures(t)[name])
		if d := cmp.Diff(codectest.Result{Points: want, Lost: map[string]int{}}, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestPrometheusInWords(t *testing.T) {
	codec := newCodec(t, pipeline.Settings{"cumulative_suffixes": []any{"_total", "_count", "_sum", "_bucket"}})
	table := pipeline.NewSeriesTable(nil, 0)
	samples := codectest.Decode(t, codec, table, codectest.Record(fixtures(t)["prometheus-samples.snappy"]))
	if samples.Code != "" || len(samples.Points) != 146 || len(samples.Lost) != 1 || samples.Lost[remotewrite.LostNoValue] != 2 {
		t.Fatalf("code %q, %d points, lost %v", samples.Code, len(samples.Points), samples.Lost)
	}
	for _, want := range []codectest.Point{
		{Series: `prometheus_http_requests_total:cumulative{cluster="eu-1",code="200",handler="/metrics",instance="127.0.0.1\:19090",job="prometheus"}`, Time: 1_795_859_409_889_000_000, Value: 11},
		{Series: `up{cluster="eu-1",instance="127.0.0.1\:19090",job="prometheus"}`, Time: 1_795_859_409_889_000_000, Value: 1},
		{Series: `ALERTS{alertname="QueueGrows",alertstate="firing",cluster="eu-1",queue="orders",service="checkout",severity="warning"}`, Time: 1_795_859_409_189_000_000, Value: 1},
	} {
		if !slices.Contains(samples.Points, want) {
			t.Errorf("no %v among %v", want, samples.Points)
		}
	}
	metadata := codectest.Decode(t, codec, table, codectest.Record(fixtures(t)["prometheus-metadata.snappy"]))
	if d := cmp.Diff(codectest.Result{Lost: map[string]int{}}, metadata); d != "" {
		t.Errorf("metadata alone (-want +got):\n%s", d)
	}
}

// What Prometheus 3.13 writes by version 2.0 says types, units and starts only where its feature flags make it know them.
func TestPrometheusVersion2InWords(t *testing.T) {
	const shop, at, start = `cluster="eu-1",instance="127.0.0.1\:29401",job="shop"`, 1_795_869_776_595_000_000, 1_795_860_000_000_000_000
	for name, c := range map[string]struct {
		settings pipeline.Settings
		rows     int
		lost     map[string]int
		some     []codectest.Point
	}{
		"prometheus-v2-typed.snappy": {nil, 86, map[string]int{remotewrite.LostNotFinite: 1}, []codectest.Point{
			{Series: `shop_orders_total:cumulative{__type__="counter",` + shop + `,region="eu west"}`, Time: at, Start: start, Value: 41},
			{Series: `shop_wait_seconds{__type__="gauge",__unit__="seconds",` + shop + `,queue="sölden"}`, Unit: "seconds", Time: at, Value: 0.25},
			{Series: `shop_latency_seconds_bucket:cumulative{__type__="histogram",__unit__="seconds",` + shop + `,le="1.0"}`, Unit: "seconds", Time: at, Start: start, Value: 5},
			{Series: `shop_size_bytes{__type__="summary",__unit__="bytes",` + shop + `,quantile="0.5"}`, Unit: "bytes", Time: at, Value: 100},
			{Series: `shop_size_bytes_sum:cumulative{__type__="summary",__unit__="bytes",` + shop + `}`, Unit: "bytes", Time: at, Value: 410},
			{Series: `up{` + shop + `}`, Time: at, Value: 1},
		}},
		"prometheus-v2-native.snappy": {nil, 88, map[string]int{remotewrite.LostNotFinite: 1}, []codectest.Point{
			{Series: `prometheus_http_request_duration_seconds.count:cumulative{__type__="histogram",cluster="eu-1",handler="/metrics",instance="127.0.0.1\:29402",job="prometheus"}`, Unit: "1", Time: 1_795_869_779_497_000_000, Value: 1},
			{Series: `prometheus_http_request_duration_seconds.sum:cumulative{__type__="histogram",cluster="eu-1",handler="/metrics",instance="127.0.0.1\:29402",job="prometheus"}`, Time: 1_795_869_779_497_000_000, Value: 0.013386321},
		}},
		"prometheus-v2-untyped.snappy": {pipeline.Settings{"cumulative_suffixes": []any{"_total"}}, 16, map[string]int{remotewrite.LostNotFinite: 1}, []codectest.Point{
			{Series: `shop_orders_total:cumulative{` + shop + `,region="eu west"}`, Time: 1_795_869_604_600_000_000, Value: 41},
			{Series: `shop_latency_seconds_count{` + shop + `}`, Time: 1_795_869_604_600_000_000, Value: 7},
		}},
		"prometheus-v2-stale.snappy": {nil, 5, map[string]int{remotewrite.LostNoValue: 12}, []codectest.Point{
			{Series: `up{` + shop + `}`, Time: 1_795_869_612_600_000_000, Value: 0},
		}},
	} {
		got := codectest.Fresh(t, newCodec(t, c.settings), fixtures(t)[name])
		if d := cmp.Diff(c.lost, got.Lost); len(got.Points) != c.rows || d != "" || got.Code != "" {
			t.Errorf("%s: code %q, %d points, lost (-want +got):\n%s", name, got.Code, len(got.Points), d)
		}
		for _, want := range c.some {
			if !slices.Contains(got.Points, want) {
				t.Errorf("%s: no %v among %v", name, want, got.Points)
			}
		}
	}
}

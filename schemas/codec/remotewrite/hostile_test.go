package remotewrite_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/snappy"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
	"github.com/homeostat/homeostat/schemas/codec/remotewrite"
)

// snappyClaim is a snappy block that says that it holds n bytes, with elements that follow.
func snappyClaim(n uint64, elements ...byte) []byte {
	return append(binary.AppendUvarint(nil, n), elements...)
}

// snappyBomb holds n zeros: a literal, and copies of 64 bytes of what is before.
func snappyBomb(n int) []byte {
	b := append(binary.AppendUvarint(nil, uint64(n)), 0, 0)
	for n--; n > 0; n -= 64 {
		b = append(b, byte(min(n, 64)-1)<<2|2, 1, 0)
	}
	return b
}

// zstdFrame is the beginning of a frame with a window descriptor and a content size of eight bytes, and blocks that follow.
func zstdFrame(window byte, size uint64, blocks ...byte) []byte {
	b := []byte{0x28, 0xb5, 0x2f, 0xfd, 3 << 6, window}
	return append(binary.LittleEndian.AppendUint64(b, size), blocks...)
}

// zstdBomb is a frame that doesn't tell its size, of blocks that repeat one byte 128 Ki times.
func zstdBomb(blocks int) []byte {
	b := []byte{0x28, 0xb5, 0x2f, 0xfd, 0, 0x88} // window 128 MiB
	for i := range blocks {
		last := 0
		if i == blocks-1 {
			last = 1
		}
		head := 128<<10<<3 | 1<<1 | last
		b = append(b, byte(head), byte(head>>8), byte(head>>16), 0x0a)
	}
	return b
}

// zstdOfZeros is a frame that doesn't tell its size.
func zstdOfZeros(t testing.TB, n int) []byte { return inZstd(t, make([]byte, n), false) }

func hostile(t testing.TB) []codectest.Hostile {
	m, good := label("__name__", "m"), sample(1, ms)
	request := one(m, label("a", "1"), good)
	wire, limit := "remote_write.wire", "remote_write.limit."
	record := func(value []byte, timestamp int64, headers ...pipeline.Header) *pipeline.Record {
		rec := codectest.Record(value)
		rec.Timestamp, rec.Headers = timestamp, headers
		return rec
	}
	return []codectest.Hostile{
		{Name: "nothing", Code: "remote_write.empty"},
		{Name: "a zero byte", Value: []byte{0}, Code: "remote_write.nothing"},
		{Name: "zeros", Value: make([]byte, 1000), Code: "remote_write.unrecognised"},
		{Name: "ones", Value: bytes.Repeat([]byte{0xff}, 1000), Code: "remote_write.unrecognised"},
		{Name: "JSON", Value: []byte(`{"timeseries":[{"labels":[],"samples":[]}]}`), Code: "remote_write.unrecognised"},
		{Name: "line protocol", Value: []byte("cpu,host=a usage=1 1795408592000000000\n"), Code: "remote_write.unrecognised"},
		{Name: "gzip", Value: []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 1, 0, 0, 0xff, 0xff}, Code: "remote_write.unrecognised"},
		{Name: "snappy's stream format", Value: []byte("\xff\x06\x00\x00sNaPpY\x01\x05\x00\x00aaaaa"), Code: "remote_write.unrecognised"},

		{Name: "cut off in a label", Value: request[:8], Code: wire},
		{Name: "cut off in a sample", Value: request[:len(request)-3], Code: wire},
		{Name: "one byte more", Value: append(slices.Clone(request), 0x0a), Code: wire},
		{Name: "a tag alone", Value: []byte{0x0a}, Code: wire},
		{Name: "a length beyond all", Value: []byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, Code: wire},
		{Name: "a length of eleven bytes", Value: []byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}, Code: wire},
		{Name: "a label longer than its series", Value: one([]byte{0x0a, 100}, []byte("short")), Code: wire},
		{Name: "a label's name longer than the label", Value: one(msg(1, []byte{0x0a, 100}, []byte("a")), good), Code: wire},
		{Name: "a field of number 0", Value: one(m, good, []byte{0x02, 0}), Code: wire},
		{Name: "groups", Value: one(m, good, []byte{0x0b, 0x0c}), Code: wire},
		{Name: "a wire type that is not in use", Value: one(m, good, []byte{0x0f}), Code: wire},
		{Name: "a series that is a number", Value: slices.Concat(request, num(1, 5)), Code: wire},
		{Name: "a label that is a number", Value: one(m, num(1, 5), good), Code: wire},
		{Name: "a label's value that is a number", Value: one(m, msg(1, str(1, "a"), num(2, 7)), good), Code: wire},
		{Name: "a sample that is a number", Value: one(m, num(2, 5)), Code: wire},
		{Name: "a sample's value that is a varint", Value: one(m, msg(2, num(1, 1), num(2, ms))), Code: wire},
		{Name: "a time that is a double", Value: one(m, msg(2, double(1, 1), double(2, ms))), Code: wire},
		{Name: "a time of eleven bytes", Value: one(m, msg(2, double(1, 1), tag(2, 0), bytes.Repeat([]byte{0xff}, 10), []byte{1})), Code: wire},
		{Name: "metadata that is broken", Value: slices.Concat(request, msg(3, []byte{0x12, 9, 'm'})), Code: wire},
		{Name: "a histogram whose count is a text", Value: one(m, msg(4, str(1, "12"), num(15, ms))), Code: wire},
		{Name: "a thousand levels", Value: func() []byte {
			b := []byte{}
			for range 1000 {
				b = msg(1, b)
			}
			return b
		}()},

		{Name: "NaN", Value: one(m, sample(math.NaN(), ms), good), Rows: 1, Lost: map[string]int{remotewrite.LostNotFinite: 1}},
		{Name: "infinities", Value: one(m, sample(math.Inf(1), ms), sample(math.Inf(-1), ms)), Lost: map[string]int{remotewrite.LostNotFinite: 2}},
		{Name: "stale", Value: one(m, sample(math.Float64frombits(staleBits), ms)), Lost: map[string]int{remotewrite.LostNoValue: 1}},
		{Name: "a histogram of all that is not finite", Value: one(m, msg(4, double(2, math.NaN()), double(3, math.Inf(1)), num(15, ms))), Lost: map[string]int{remotewrite.LostNotFinite: 2}},
		{Name: "a count of 2^64-1", Value: one(m, msg(4, num(1, math.MaxUint64), num(15, ms))), Rows: 2},
		{Name: "the year 2286", Value: one(m, sample(1, 9_999_999_999_999)), Lost: map[string]int{remotewrite.LostTimeRange: 1}},
		{Name: "before 1970", Value: one(m, sample(1, -62_135_596_800_000)), Lost: map[string]int{remotewrite.LostTimeRange: 1}},
		{Name: "nanoseconds for milliseconds", Value: one(m, sample(1, at)), Lost: map[string]int{remotewrite.LostTimeRange: 1}},
		{Name: "no time at all", Record: record(one(m, sample(1, 0)), 0), Lost: map[string]int{remotewrite.LostNoTime: 1}},
		{Name: "a record before 1970", Record: record(one(m, sample(1, 0), good), -5), Rows: 1, Lost: map[string]int{remotewrite.LostNoTime: 1}},
		{Name: "invalid UTF-8", Value: one(label("__name__", "\xff\xfe"), label("\xc3", "\x80"), good), Rows: 1},
		{Name: "a NUL in a name", Value: one(label("__name__", "a\x00b"), good), Rows: 1},
		{Name: "no labels", Value: one(good), Lost: map[string]int{remotewrite.LostNoName: 1}},
		{Name: "duplicate labels", Value: one(m, label("a", "1"), label("a", "2"), label("a", "3"), good), Rows: 1},
		{Name: "a label without name", Value: one(m, label("", "1"), good), Rows: 1},
		{Name: "a label of 1 MB", Value: one(m, label("a", strings.Repeat("x", 1<<20)), good), Code: limit + "label_bytes"},
		{Name: "a name of 1 MB", Value: one(label("__name__", strings.Repeat("x", 1<<20)), good), Code: limit + "label_bytes"},
		{Name: "a unit of 1 MB", Value: slices.Concat(request, about(1, "m", strings.Repeat("x", 1<<20))), Code: limit + "label_bytes"},
		{Name: "a help text of 1 MB", Value: slices.Concat(request, msg(3, num(1, 1), str(2, "m"), str(4, strings.Repeat("x", 1<<20)))), Rows: 1},
		{Name: "100,000 labels", Value: one(m, bytes.Repeat(label("a", "1"), 100_000), good), Code: limit + "label_bytes"},
		{Name: "130 labels", Value: one(m, bytes.Repeat(label("a", "1"), 130), good), Code: limit + "attributes"},
		{Name: "a million empty labels", Value: one(m, bytes.Repeat([]byte{0x0a, 0}, 1_000_000), good), Code: limit + "label_bytes"},
		{Name: "200,000 samples", Value: one(m, bytes.Repeat(good, 200_000)), Code: limit + "points"},
		{Name: "a million empty samples", Value: one(m, bytes.Repeat([]byte{0x12, 0}, 1_000_000)), Code: limit + "points"},
		{Name: "a million empty series", Value: bytes.Repeat([]byte{0x0a, 0}, 1_000_000), Code: limit + "points"},
		{Name: "a million empty families", Value: bytes.Repeat([]byte{0x1a, 0}, 1_000_000), Code: limit + "points"},
		{Name: "a million empty symbols", Value: bytes.Repeat([]byte{0x22, 0}, 1_000_000), Code: limit + "points"},
		{Name: "17 MiB", Value: one(m, good, label("a", strings.Repeat("x", 17<<20))), Code: limit + "bytes"},

		{Name: "both versions", Value: slices.Concat(request, two(good)), Code: "remote_write.version"},
		{Name: "a reference beyond the symbols", Value: two(packed(1, 6, 1)), Code: "remote_write.symbols"},
		{Name: "a reference of 2^64-1", Value: two(packed(1, math.MaxUint64, 1)), Code: "remote_write.symbols"},
		{Name: "references and no symbols", Value: msg(5, packed(1, 0, 0), good), Code: "remote_write.symbols"},
		{Name: "half a label", Value: two(packed(1, 3), good), Code: "remote_write.symbols"},
		{Name: "a unit beyond the symbols", Value: two(msg(5, num(4, 6)), good), Code: "remote_write.symbols"},
		{Name: "references that are cut off", Value: two(msg(1, []byte{0x80}), good), Code: wire},
		{Name: "references that are doubles", Value: two(double(1, 1), good), Code: wire},
		{Name: "a million references", Value: two(msg(1, make([]byte, 1_000_000)), good), Code: limit + "attributes"},
		{Name: "a long symbol again and again", Value: slices.Concat(str(4, strings.Repeat("x", 16<<10)), bytes.Repeat(msg(5, packed(1, 0, 0, 0, 0), good), 1000)), Code: limit + "label_bytes"},
		{Name: "metadata of the future", Value: two(msg(5, num(1, math.MaxUint64)), good), Rows: 1},

		{Name: "snappy that claims 2^63 bytes", Value: snappyClaim(1<<63, 0, 'x'), Code: "remote_write.unrecognised"},
		{Name: "snappy that claims 4 GB of nothing", Value: snappyClaim(4<<30-1, 0, 'x'), Code: "remote_write.unrecognised"},
		{Name: "snappy that is told and claims 4 GB", Record: record(snappyClaim(4<<30-1, 0, 'x'), 1, pipeline.Header{Key: "content-encoding", Value: []byte("snappy")}), Code: "remote_write.snappy"},
		{Name: "a snappy bomb", Value: snappyBomb(64 << 20), Code: limit + "bytes"},
		{Name: "a snappy bomb within the limit", Value: snappyBomb(16 << 20), Code: "remote_write.wire"},
		{Name: "snappy that is cut off", Value: func() []byte { b := snappy.Encode(nil, request); return b[:len(b)-4] }(), Code: "remote_write.unrecognised"},
		{Name: "snappy with more than it says", Value: snappyClaim(4, 8<<2, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'), Code: "remote_write.unrecognised"},
		{Name: "snappy that copies what is not there", Value: snappyClaim(70, 0, 'x', 0xfe, 9, 9), Code: "remote_write.unrecognised"},
		{Name: "snappy in snappy", Value: snappy.Encode(nil, snappy.Encode(nil, request)), Code: wire},
		{Name: "snappy in a length of eleven bytes", Value: append(bytes.Repeat([]byte{0xff}, 10), 1), Code: "remote_write.unrecognised"},

		{Name: "zstd's magic number", Value: zstdFrame(0, 0)[:4], Code: "remote_write.zstd"},
		{Name: "zstd that claims 2^63 bytes", Value: zstdFrame(0, 1<<63, 1, 0, 0), Code: "remote_write.zstd"},
		{Name: "zstd that claims 1 GiB", Value: slices.Concat(zstdFrame(0, 1<<30), zstdBomb(8192)[6:]), Code: limit + "bytes"},
		{Name: "zstd with a window of 3.75 TB", Value: []byte{0x28, 0xb5, 0x2f, 0xfd, 0, 0xff, 1, 0, 0}, Code: limit + "bytes"},
		{Name: "zstd that claims 1 GiB of little", Value: zstdFrame(0, 1<<30, 1, 0, 0), Code: "remote_write.zstd"},
		{Name: "zstd that holds more than it says", Value: slices.Concat(zstdFrame(0x40, 7), zstdBomb(1)[6:]), Code: "remote_write.zstd"},
		{Name: "a zstd bomb of compressed blocks", Value: zstdOfZeros(t, 64<<20), Code: limit + "bytes"},
		{Name: "zstd whose skippable frame is cut off", Record: record([]byte{0x50, 0x2a, 0x4d, 0x18, 9, 0, 0, 0, 1}, 1, pipeline.Header{Key: "content-encoding", Value: []byte("zstd")}), Code: "remote_write.zstd"},
		{Name: "a zstd bomb", Value: zstdBomb(10_000), Code: limit + "bytes"},
		{Name: "a zstd bomb in a small window", Value: func() []byte { b := zstdBomb(10_000); b[5] = 0x40; return b }(), Code: limit + "bytes"},
		{Name: "a zstd bomb within the limit", Value: func() []byte { b := zstdBomb(60); b[5] = 0x40; return b }(), Code: wire},
		{Name: "zstd that is cut off", Value: func() []byte { b := inZstd(t, request, true); return b[:len(b)-6] }(), Code: "remote_write.zstd"},
		{Name: "zstd with a wrong checksum", Value: func() []byte { b := inZstd(t, request, true); b[len(b)-1] ^= 1; return b }(), Code: "remote_write.zstd"},
		{Name: "zstd with a dictionary", Value: []byte{0x28, 0xb5, 0x2f, 0xfd, 0x21, 7, 1, 9, 0, 0, 'x'}, Code: "remote_write.zstd"},
		{Name: "zstd of nothing", Value: inZstd(t, []byte{}, true), Code: "remote_write.nothing"},

		{Name: "gzip by its header", Record: record(request, 1, pipeline.Header{Key: "Content-Encoding", Value: []byte("gzip")}), Code: "remote_write.header"},
		{Name: "a header of 1 MB", Record: record(request, 1, pipeline.Header{Key: "content-type", Value: []byte("x;proto=" + strings.Repeat("y", 1<<20))}), Code: "remote_write.header"},
		{Name: "a header that is not true", Record: record(snappy.Encode(nil, request), 1, pipeline.Header{Key: "content-encoding", Value: []byte("identity")}), Code: wire},
	}
}

func TestHostile(t *testing.T) {
	corpus := hostile(t)
	if len(corpus) < 40 {
		t.Fatalf("only %d records", len(corpus))
	}
	codectest.RunHostile(t, func() pipeline.Codec { return newCodec(t, nil) }, one(label("__name__", "sound"), sample(1, ms)), corpus)
}

package broker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// batchOf encodes messages as one batch at an offset.
func batchOf(t testing.TB, base int64, c Compression, p producer, messages ...Message) []byte {
	t.Helper()
	b, err := new(encoder).encode(pointers(messages), c, time.UnixMilli(1000))
	if err != nil {
		t.Fatal(err)
	}
	out := bytes.Clone(b.bytes)
	stampBatch(out, p, 0)
	binary.BigEndian.PutUint64(out[atBaseOffset:], uint64(base))
	return out
}

func pointers(messages []Message) []*Message {
	list := make([]*Message, len(messages))
	for i := range messages {
		list[i] = &messages[i]
	}
	return list
}

func values(n int, prefix string) []Message {
	var list []Message
	for i := range n {
		list = append(list, Message{Value: fmt.Appendf(nil, "%s%d", prefix, i)})
	}
	return list
}

// marker is a control batch as brokers write it.
func marker(t testing.TB, base, producerID int64, abort bool) []byte {
	kind := byte(1)
	if abort {
		kind = 0
	}
	b := batchOf(t, base, None, producer{id: producerID, inTransaction: true}, Message{Key: []byte{0, 0, 0, kind}, Value: []byte{0, 0, 0, 0, 0, 0}})
	b[atAttributes+1] |= control
	return sealed(b)
}

// sealed corrects a batch's checksum.
func sealed(b []byte) []byte {
	binary.BigEndian.PutUint32(b[atCRC:], checksum(b))
	return b
}

// edited changes a copy of a batch.
func edited(b []byte, edit func([]byte)) []byte {
	b = bytes.Clone(b)
	edit(b)
	return b
}

func decodeAll(d *decoder, from int64, aborted []abortedTransaction, raw ...[]byte) Chunk {
	joined := bytes.Join(raw, nil)
	b := buffers.get(len(joined))
	b.bytes = append(b.bytes, joined...)
	return d.decode(answer{TopicPartition: TopicPartition{"t", 3}, from: from, raw: b, aborted: aborted, committed: true, stable: 99, watermark: 100})
}

func texts(c *Chunk) []string {
	var list []string
	for _, r := range c.Records {
		list = append(list, fmt.Sprintf("%d:%s", r.Offset, r.Value))
	}
	return list
}

func TestDecode(t *testing.T) {
	tx := func(id int64) producer { return producer{id: id, inTransaction: true} }
	first := batchOf(t, 10, None, anonymous, values(3, "a")...) // 10 to 12
	second := batchOf(t, 13, LZ4, anonymous, values(2, "b")...) // 13, 14
	third := batchOf(t, 15, Zstd, anonymous, values(1, "c")...) // 15
	emptied := edited(batchOf(t, 13, None, anonymous, values(2, "")...)[:batchHeader], func(b []byte) {
		binary.BigEndian.PutUint32(b[atLength:], batchHeader-atLength-4)
		binary.BigEndian.PutUint32(b[atCount:], 0)
		sealed(b)
	})
	short := func(b []byte) { binary.BigEndian.PutUint32(b[atCount:], 1) }
	for _, c := range []struct {
		name    string
		from    int64
		aborted []abortedTransaction
		raw     [][]byte
		want    []string
		next    int64
		corrupt int64 // the offset of a corrupt batch, -1 for none
		behind  int64
	}{
		{"several batches", 10, nil, [][]byte{first, second, third}, []string{"10:a0", "11:a1", "12:a2", "13:b0", "14:b1", "15:c0"}, 16, -1, 0},
		{"from the middle of one", 11, nil, [][]byte{first, second}, []string{"11:a1", "12:a2", "13:b0", "14:b1"}, 15, -1, 0},
		{"the last one is cut off", 10, nil, [][]byte{first, second[:len(second)-1]}, []string{"10:a0", "11:a1", "12:a2"}, 13, -1, 0},
		{"only a header's start at the end", 10, nil, [][]byte{first, second[:9]}, []string{"10:a0", "11:a1", "12:a2"}, 13, -1, 0},
		{"nothing whole", 10, nil, [][]byte{first[:40]}, nil, 10, 10, -1},
		{"only what is before the position", 20, nil, [][]byte{first}, nil, 20, 20, -1},
		{"a batch that compaction emptied", 10, nil, [][]byte{first, emptied, third}, []string{"10:a0", "11:a1", "12:a2", "15:c0"}, 16, -1, 0},
		{"only an emptied batch", 13, nil, [][]byte{emptied}, nil, 15, -1, 0},
		{"only a marker", 13, nil, [][]byte{marker(t, 13, 5, false)}, nil, 14, -1, 0},
		{"an aborted transaction and the next of its producer", 10, []abortedTransaction{{5, 10}},
			[][]byte{batchOf(t, 10, LZ4, tx(5), values(2, "x")...), batchOf(t, 12, None, tx(6), values(1, "y")...), marker(t, 13, 5, true), batchOf(t, 14, None, tx(5), values(1, "z")...)},
			[]string{"12:y0", "14:z0"}, 15, -1, 0},
		{"two aborted transactions of one producer", 10, []abortedTransaction{{5, 10}, {5, 12}},
			[][]byte{batchOf(t, 10, None, tx(5), values(1, "x")...), marker(t, 11, 5, true), batchOf(t, 12, None, tx(5), values(1, "y")...), marker(t, 13, 5, true)},
			nil, 14, -1, 0},
		{"aborted transactions that ended in another order than they began", 10, []abortedTransaction{{6, 12}, {5, 10}},
			[][]byte{batchOf(t, 10, None, tx(5), values(1, "x")...), batchOf(t, 11, None, tx(7), values(1, "y")...), batchOf(t, 12, None, tx(6), values(1, "z")...),
				marker(t, 13, 6, true), marker(t, 14, 7, false), marker(t, 15, 5, true)},
			[]string{"11:y0"}, 16, -1, 0},
		{"a flipped bit", 10, nil, [][]byte{first, edited(second, func(b []byte) { b[len(b)-1] ^= 1 }), third}, []string{"10:a0", "11:a1", "12:a2"}, 13, 13, 15},
		{"batches that overlap", 10, nil, [][]byte{first, batchOf(t, 12, None, anonymous, values(2, "o")...)}, []string{"10:a0", "11:a1", "12:a2"}, 13, 12, 14},
		{"another format", 10, nil, [][]byte{edited(first, func(b []byte) { b[atMagic] = 1 })}, nil, 10, 10, -1},
		{"an impossible length", 10, nil, [][]byte{edited(first, func(b []byte) { b[atLength+3] = 3; b[atLength+2] = 0 })}, nil, 10, 10, -1},
		{"a count without records", 10, nil, [][]byte{edited(first, func(b []byte) {
			binary.BigEndian.PutUint32(b[atLastDelta:], 1000)
			binary.BigEndian.PutUint32(b[atCount:], 1000)
			sealed(b)
		})}, nil, 10, 10, 1011},
		{"more records than counted", 10, nil, [][]byte{edited(first, func(b []byte) { short(b); sealed(b) })}, nil, 10, 10, 13},
		{"an unknown compression", 10, nil, [][]byte{edited(first, func(b []byte) { b[atAttributes+1] = 7; sealed(b) })}, nil, 10, 10, 13},
		{"a marker without a key", 13, nil, [][]byte{edited(marker(t, 13, 5, true), func(b []byte) { b[batchHeader+4] = 1; sealed(b) })}, nil, 13, 13, 14},
	} {
		d := newDecoder(1 << 20)
		chunk := decodeAll(d, c.from, c.aborted, c.raw...)
		if got := texts(&chunk); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, not %v", c.name, got, c.want)
		}
		if chunk.Next != c.next || chunk.Stable != 99 || chunk.HighWatermark != 100 {
			t.Errorf("%s: next %d, not %d", c.name, chunk.Next, c.next)
		}
		var corrupt *CorruptError
		switch {
		case c.corrupt < 0 && chunk.Err != nil, c.corrupt >= 0 && !errors.As(chunk.Err, &corrupt):
			t.Errorf("%s: %v", c.name, chunk.Err)
		case corrupt != nil && (corrupt.From != c.corrupt || corrupt.To != c.behind || corrupt.TopicPartition != TopicPartition{"t", 3}):
			t.Errorf("%s: corrupt from %d to %d, not %d to %d", c.name, corrupt.From, corrupt.To, c.corrupt, c.behind)
		}
		if (len(chunk.Records) > 0) != (chunk.Bytes > 0) {
			t.Errorf("%s: %d records in %d bytes", c.name, len(chunk.Records), chunk.Bytes)
		}
		chunk.Release()
	}
}

func TestDecodeAppendTime(t *testing.T) {
	b := batchOf(t, 0, None, anonymous, values(2, "v")...)
	b[atAttributes+1] |= appendTime
	binary.BigEndian.PutUint64(b[atMaxTime:], 777)
	c := decodeAll(newDecoder(1<<20), 0, nil, sealed(b))
	if c.Err != nil || c.Records[0].Timestamp != 777 || c.Records[1].Timestamp != 777 {
		t.Errorf("%v %+v", c.Err, c.Records)
	}
}

// A small batch must not become a large one in memory.
func TestDecodeLimits(t *testing.T) {
	const limit = 1 << 20
	zeros := make([]byte, 4*limit)
	for name, c := range compressions {
		b := batchOf(t, 0, c, anonymous, Message{Value: zeros})
		chunk := decodeAll(newDecoder(limit), 0, nil, b)
		var corrupt *CorruptError
		if c == None {
			if chunk.Err != nil {
				t.Errorf("%s: the limit is about what grows: %v", name, chunk.Err)
			}
			continue
		}
		if !errors.As(chunk.Err, &corrupt) {
			t.Errorf("%s: 4 MiB passed a limit of 1 MiB: %v", name, chunk.Err)
		}
	}
	many := batchOf(t, 0, LZ4, anonymous, make([]Message, batchRecords+1)...)
	if chunk := decodeAll(newDecoder(1<<30), 0, nil, many); !errors.Is(chunk.Err, errCount) {
		t.Errorf("too many records: %v", chunk.Err)
	}
	headers := batchOf(t, 0, LZ4, anonymous, Message{Headers: make([]pipeline.Header, batchHeaders+1)})
	if chunk := decodeAll(newDecoder(1<<30), 0, nil, headers); !errors.Is(chunk.Err, errCount) {
		t.Errorf("too many headers: %v", chunk.Err)
	}
}

// A chunk stops at a batch's end when it has enough, and the next one goes on there.
func TestDecodeStopsWhenFull(t *testing.T) {
	var raw [][]byte
	offset := int64(0)
	for range 5 {
		raw = append(raw, batchOf(t, offset, LZ4, anonymous, make([]Message, chunkRecords/2)...))
		offset += chunkRecords / 2
	}
	d := newDecoder(64 << 20)
	from, rounds := int64(0), 0
	for from < offset {
		c := decodeAll(d, from, nil, raw...)
		if c.Err != nil || len(c.Records) > chunkRecords || c.Records[0].Offset != from {
			t.Fatalf("from %d: %d records, %v", from, len(c.Records), c.Err)
		}
		from = c.Next
		rounds++
		c.Release()
	}
	if rounds != 3 {
		t.Errorf("%d chunks, not 3", rounds)
	}
}

func TestReleaseOnce(t *testing.T) {
	d := newDecoder(1 << 20)
	raw := batchOf(t, 0, LZ4, anonymous, values(3, "v")...)
	a := decodeAll(d, 0, nil, raw)
	copied := a
	a.Release()
	b := decodeAll(d, 0, nil, raw) // may have a's memory
	copied.Release()
	c := decodeAll(d, 0, nil, raw)
	if b.mem == c.mem {
		t.Error("a second release gave away memory that somebody uses")
	}
	if got := texts(&b); !slices.Equal(got, []string{"0:v0", "1:v1", "2:v2"}) {
		t.Errorf("%v", got)
	}
	b.Release()
	c.Release()
	c.Release()
}

// Linked blocks and bare snappy blocks come from other clients than those in the contract.
func TestDecompressOtherDialects(t *testing.T) {
	text := bytes.Repeat([]byte("the same words again and again, "), 4000) // two blocks of 64 KiB
	d := &decompressor{limit: 1 << 20}
	check := func(name string, c codec, src []byte) {
		t.Helper()
		got, err := d.decompress(c, src)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		if !bytes.Equal(got.bytes, text) {
			t.Errorf("%s: %d bytes differ", name, len(got.bytes))
		}
		buffers.put(got)
	}
	check("lz4 with linked blocks", lz4Codec, linkedLZ4(text))
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	_, _ = w.Write(text[:1000])
	_ = w.Close()
	w.Reset(&z)
	_, _ = w.Write(text[1000:])
	_ = w.Close()
	check("gzip in two members", gzipCodec, z.Bytes())
	z.Reset()
	s, err := zstd.NewWriter(&z) // a stream does not tell its size
	if err != nil {
		t.Fatal(err)
	}
	_, _ = s.Write(text)
	_ = s.Close()
	check("zstd as a stream", zstdCodec, z.Bytes())
}

// Clients announce blocks of up to 4 MiB and write small ones: what a chunk holds must follow what there is.
func TestSmallBatchesHoldLittleMemory(t *testing.T) {
	text := bytes.Repeat([]byte("one of many words, "), 200)
	var z bytes.Buffer
	w := lz4.NewWriter(&z)
	if err := w.Apply(lz4.BlockSizeOption(lz4.Block4Mb)); err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write(text)
	_ = w.Close()
	d := &decompressor{limit: 1 << 20}
	for range 2 { // the first time it is not known how large batches are
		got, err := d.decompress(lz4Codec, z.Bytes())
		if err != nil || !bytes.Equal(got.bytes, text) {
			t.Fatalf("%d bytes that should be %d: %v", len(got.bytes), len(text), err)
		}
		if most := 4 * len(text); cap(got.bytes) > most {
			t.Errorf("%d bytes of memory for %d", cap(got.bytes), len(text))
		}
		buffers.put(got)
	}
}

// linkedLZ4 writes a frame whose second block copies from the first, as librdkafka's do.
func linkedLZ4(text []byte) []byte {
	frame := []byte{0x04, 0x22, 0x4d, 0x18, 0x40, 0x40, 0}
	literals := text[:1<<16]
	frame = binary.LittleEndian.AppendUint32(frame, uint32(len(literals))|1<<31)
	frame = append(frame, literals...)
	// one copy of the rest, from 32 bytes back: the last five bytes are literals, as the format asks
	rest := text[1<<16:]
	match := len(rest) - 5 - 4
	block := []byte{0x0f, 32, 0}
	for match -= 15; match >= 255; match -= 255 {
		block = append(block, 255)
	}
	block = append(block, byte(match), 0x50)
	block = append(block, rest[len(rest)-5:]...)
	frame = binary.LittleEndian.AppendUint32(frame, uint32(len(block)))
	frame = append(frame, block...)
	return binary.LittleEndian.AppendUint32(frame, 0)
}

func TestMurmur2(t *testing.T) {
	// What Java clients compute, from Apache Kafka's own tests (UtilsTest.testMurmur2).
	for key, want := range map[string]int32{"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string": -1486304829, "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971, "abc": 479470107} {
		if got := int32(murmur2([]byte(key))); got != want {
			t.Errorf("%s: %d, not %d", key, got, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	small := []Message{{Value: []byte("v")}, {Key: []byte("key"), Value: bytes.Repeat([]byte("ab"), 40), Headers: []pipeline.Header{{Key: "h", Value: []byte("x")}, {}}}}
	for _, c := range compressions {
		b := batchOf(f, 5, c, producer{id: 1, inTransaction: true}, small...)
		f.Add(b, int64(5), uint8(0))
		f.Add(append(bytes.Clone(b), b...), int64(7), uint8(1))
	}
	f.Add(marker(f, 9, 1, true), int64(9), uint8(3))
	f.Add([]byte{0x04, 0x22, 0x4d, 0x18, 0x40, 0x40, 0, 2, 0, 0, 0x80, 'a', 'b', 9, 0, 0, 0, 0x04, 2, 0, 0x50, 'a', 'b', 'a', 'b', 'a', 0, 0, 0, 0}, int64(0), uint8(4|3<<3))
	const limit = 1 << 20
	f.Fuzz(func(t *testing.T, raw []byte, from int64, how uint8) {
		if from < 0 {
			return
		}
		raw = bytes.Clone(raw)
		switch {
		case how&4 != 0: // as compressed records
			d := decompressor{limit: limit}
			b, err := d.decompress(codec(how>>3&7), raw)
			if err == nil && len(b.bytes) > limit {
				t.Errorf("%d bytes passed the limit", len(b.bytes))
			}
			return
		case how&1 != 0: // let more through
			for at := raw; ; {
				b, rest, ok, err := nextBatch(at)
				if !ok || err != nil {
					break
				}
				sealed(b.bytes)
				at = rest
			}
		}
		d := newDecoder(limit)
		aborted := []abortedTransaction{{1, 6}, {1, 8}}
		c := decodeAll(d, from, aborted, raw)
		last := from - 1
		for _, r := range c.Records {
			if r.Offset <= last || r.Offset >= c.Next {
				t.Errorf("offset %d after %d in a chunk from %d to %d", r.Offset, last, from, c.Next)
			}
			last = r.Offset
		}
		if c.Next < from {
			t.Errorf("from %d back to %d", from, c.Next)
		}
		if c.Next == from && c.Err == nil && len(raw) > 0 {
			t.Error("neither progress nor an error")
		}
		c.Release()
	})
}

func BenchmarkDecode(b *testing.B) {
	for _, name := range []string{"none", "lz4", "zstd", "snappy", "gzip"} {
		b.Run(name, func(b *testing.B) {
			var raw [][]byte
			for i := range 5 {
				var list []Message
				for j := range 1000 {
					list = append(list, Message{Value: fmt.Appendf(nil, "cpu,host=web%03d,region=eu-west-1,service=checkout,az=b usage_user=%d.5,usage_system=%d.25,usage_idle=%d,usage_iowait=0.%d,usage_steal=0,usage_nice=0,n_users=%d %d", j%200, j%100, j%17, 100-j%100, j%10, j%7, 1_700_000_000_000_000_000+int64(j)*1_000_000)})
				}
				raw = append(raw, batchOf(b, int64(i*1000), compressions[name], anonymous, list...))
			}
			joined := bytes.Join(raw, nil)
			d := newDecoder(64 << 20)
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				buf := buffers.get(len(joined))
				buf.bytes = append(buf.bytes, joined...)
				c := d.decode(answer{raw: buf, committed: true})
				n += len(c.Records)
				c.Release()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/record")
		})
	}
}

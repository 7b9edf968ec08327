package otlp_test

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/otlp"
)

// single makes a message of one point, with its numbers in an order of its own.
func single(order int, start, time, value []byte) []byte {
	fields := [][]byte{start, time, value, attr(7, "route", "/"), attr(7, "status", "200")}
	if order%2 == 1 {
		fields[2], fields[4] = fields[4], fields[2]
	}
	if order >= 2 { // with another point's worth of what does not count
		fields = append(fields, fixed(3, 0), time)
	}
	resource := msg(1, attr(1, "host.name", fmt.Sprintf("host-%d", order)))
	return msg(1, resource, msg(2, msg(2, str(1, "m"), str(3, "ms"), msg(5, msg(1, fields...)))))
}

// lane decodes messages one after the other into one table.
type lane struct {
	pipeline.Codec
	out *pipeline.Columns
}

func newLane() lane {
	return lane{otlp.New(nil), pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))}
}

func (l lane) decode(value []byte) (got []row, lost map[string]int, code string) {
	l.out.Mark()
	err := l.Decode(&pipeline.Record{Topic: "t", Timestamp: recordTime, Value: value}, l.out)
	got, lost = rows(l.out), maps.Clone(l.out.Lost)
	l.out.Rollback()
	clear(l.out.Lost)
	return got, lost, pipeline.Code(err)
}

// A message that is recognised as a whole makes what it makes when it is read: whatever its numbers are, and in whatever byte
// another one differs.
func TestRecognisedMessagesMakeTheSameRows(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	times := []uint64{0, 1, 5_000_000_000, math.MaxInt64, math.MaxInt64 + 1, math.MaxUint64}
	values := []float64{0, 1.5, -1, math.NaN(), math.Inf(1), math.MaxFloat64}
	warm := newLane()
	check := func(value []byte) {
		t.Helper()
		want, wantLost, wantCode := newLane().decode(value)
		got, lost, code := warm.decode(value)
		if d := cmp.Diff(want, got, oneUnit) + cmp.Diff(wantLost, lost) + cmp.Diff(wantCode, code); d != "" {
			t.Fatalf("%x (-read +recognised):\n%s", value, d)
		}
	}
	make := func(order int) []byte {
		value := double(4, values[r.IntN(len(values))])
		if r.IntN(3) == 0 {
			value = fixed(6, r.Uint64())
		}
		return single(order, fixed(2, times[r.IntN(len(times))]), fixed(3, times[r.IntN(len(times))]), value)
	}
	for range 2000 {
		check(make(r.IntN(4)))
	}
	if n := otlp.Recognised(warm.Codec); n < 1500 {
		t.Fatalf("%d of 2,000 messages were recognised", n)
	}
	for order := range 4 {
		value := single(order, fixed(2, 1), fixed(3, 7), double(4, 2))
		for at := range value {
			for bit := range 8 {
				bent := bytes.Clone(value)
				bent[at] ^= 1 << bit
				check(bent)
			}
		}
		check(value)
	}
}

// Messages that differ in more than their numbers must not fill the memory.
func TestMessagesThatDoNotComeAgainAreNotKept(t *testing.T) {
	l := newLane()
	before := otlp.MemoBytes(l.Codec)
	for i := range 50_000 {
		exemplar := msg(5, fixed(2, uint64(i+1)), double(3, 1))
		l.decode(gauge(msg(1, fixed(3, 9), double(4, 1), attr(7, "a", "b"), exemplar)))
	}
	if grown := otlp.MemoBytes(l.Codec) - before; grown > 256<<10 {
		t.Fatalf("the memos grew by %d bytes", grown)
	}
	if n := otlp.Recognised(l.Codec); n != 0 {
		t.Fatalf("%d messages were recognised", n)
	}
}

// BenchmarkDecodeSingles decodes messages of one point of 10,000 series.
func BenchmarkDecodeSingles(b *testing.B) {
	l := newLane()
	var records []pipeline.Record
	for i := range 10_000 {
		resource := msg(1, attr(1, "service.name", fmt.Sprintf("svc-%03d", i/8%50)), attr(1, "host.name", fmt.Sprintf("host-%04d", i/8)), attr(1, "cloud.region", "eu-1"), attr(1, "deployment.environment", "production"), attr(1, "service.version", "1.42.0"))
		metric := msg(2, str(1, "http.server.duration"), str(3, "ms"), msg(5, msg(1, attr(7, "status", fmt.Sprint(200+i%8)), fixed(3, uint64(i+1)), double(4, 1))))
		records = append(records, pipeline.Record{Value: msg(1, resource, msg(2, metric))})
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		if i%1000 == 0 {
			l.out.Mark()
		}
		if err := l.Decode(&records[i%len(records)], l.out); err != nil {
			b.Fatal(err)
		}
		if i++; i%1000 == 0 {
			l.out.Rollback()
		}
	}
}

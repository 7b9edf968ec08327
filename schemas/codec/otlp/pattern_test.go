package otlp_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/otlp"
)

// export makes a message of some hosts' metrics as producers write them: everything in the order of the fields, or against it as pdata
// does, gauges and sums of several points, a histogram between them.
func export(r *rand.Rand, number func() uint64, hosts, against bool, skip int) []byte {
	order := func(number int, fields ...[]byte) []byte {
		if against {
			for i, j := 0, len(fields)-1; i < j; i, j = i+1, j-1 {
				fields[i], fields[j] = fields[j], fields[i]
			}
		}
		return msg(number, fields...)
	}
	var message []byte
	for host := range 3 {
		if !hosts && host > 0 {
			break
		}
		resource := msg(1, attr(1, "host.name", fmt.Sprint("host-", host)))
		scope := []byte{}
		for m := range 4 {
			if m == skip {
				continue
			}
			points := []byte{}
			for p := range 1 + 2*m {
				value := fixed(4, number())
				if m == 2 {
					value = fixed(6, number())
				}
				fields := [][]byte{fixed(2, number()), fixed(3, number()), value, attr(7, "cpu", fmt.Sprint(p))}
				points = append(points, order(1, fields...)...)
			}
			data := msg(5, points)
			if m == 3 {
				data = msg(7, points, num(2, 2), num(3, 1))
			}
			scope = append(scope, order(2, str(1, fmt.Sprint("metric-", m)), str(3, "s"), data)...)
		}
		if skip < 0 {
			scope = append(scope, msg(2, str(1, "h"), msg(9, msg(1, fixed(3, 7), fixed(4, 1), fixed(6, 1)), num(2, 1)))...)
		}
		message = append(message, order(1, resource, msg(2, scope))...)
	}
	return message
}

// Metrics that are recognised make the rows that a fresh codec reads: whatever their numbers are, in whatever order they come, and in
// whatever byte one differs.
func TestRecognisedMetricsMakeTheSameRows(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	numbers := []uint64{0, 1, 5_000_000_000, math.MaxInt64, math.MaxInt64 + 1, math.MaxUint64,
		math.Float64bits(1.5), math.Float64bits(math.NaN()), math.Float64bits(math.Inf(-1)), 0x7ff0000000000002}
	wild := func() uint64 { return numbers[r.IntN(len(numbers))] }
	sound := func() uint64 { return uint64(1 + r.IntN(1_000_000)) }
	warm := newLane()
	check := func(value []byte) {
		t.Helper()
		want, wantLost, wantCode := newLane().decode(value)
		got, lost, code := warm.decode(value)
		if d := cmp.Diff(want, got, oneUnit) + cmp.Diff(wantLost, lost) + cmp.Diff(wantCode, code); d != "" {
			t.Fatalf("%x (-read +recognised):\n%s", value, d)
		}
	}
	for i := range 600 {
		number := wild
		if i%3 == 0 {
			number = sound // patterns are learned of what is sound
		}
		check(export(r, number, i%4 > 0, i%2 == 0, []int{-1, -1, 1, 3}[r.IntN(4)]))
	}
	hits, walks := otlp.RecognisedMetrics(warm.Codec)
	if hits < 5*walks {
		t.Fatalf("%d Metrics were recognised, %d were not", hits, walks)
	}
	value := export(r, sound, true, false, -1)
	for at := range value {
		bent := bytes.Clone(value)
		bent[at] ^= 1 << r.IntN(8)
		check(bent)
		if at%16 == 0 {
			check(value)
		}
	}
}

// A limit holds for what is recognised too, and a record that is refused leaves nothing behind.
func TestRecognisedMetricsCountAsPoints(t *testing.T) {
	codec := otlp.New(pipeline.Settings{"max_points": int64(10)})
	l := lane{codec, pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))}
	metric := msg(2, str(1, "m"), msg(5, msg(1, fixed(3, 1), double(4, 1), attr(7, "a", "1")), msg(1, fixed(3, 1), double(4, 1), attr(7, "a", "2"))))
	few, many := []byte{}, []byte{}
	for i := range 6 {
		if many = append(many, metric...); i < 4 {
			few = append(few, metric...)
		}
	}
	for range 3 {
		if got, _, code := l.decode(msg(1, msg(2, few))); len(got) != 8 || code != "" {
			t.Fatalf("%d rows, %s", len(got), code)
		}
		if got, _, code := l.decode(msg(1, msg(2, many))); len(got) != 0 && code != "otlp_metrics.limit.points" || code == "" {
			t.Fatalf("%d rows, %s", len(got), code)
		}
	}
}

// Metrics that come and go don't fill the memory, and those that stay are recognised again after all began anew.
func TestPatternsKeepToTheirMemory(t *testing.T) {
	const memo = 1 << 20
	codec := otlp.New(pipeline.Settings{"memo": int64(memo)})
	l := lane{codec, pipeline.NewColumns(pipeline.NewSeriesTable(nil, 0))}
	for generation := range 60 {
		var metrics []byte
		for m := range 40 {
			var points []byte
			for p := range 5 {
				points = append(points, msg(1, fixed(3, uint64(p+1)), double(4, 1), attr(7, "pod", fmt.Sprint("pod-", generation, "-", p)))...)
			}
			metrics = append(metrics, msg(2, str(1, fmt.Sprint("metric-", m)), msg(5, points))...)
		}
		before, _ := otlp.RecognisedMetrics(codec)
		for range 20 {
			if got, lost, code := l.decode(msg(1, msg(1, attr(1, "host.name", "a")), msg(2, metrics))); len(got) != 200 || len(lost) > 0 || code != "" {
				t.Fatalf("%d rows, %v, %s", len(got), lost, code)
			}
		}
		if after, _ := otlp.RecognisedMetrics(codec); after == before {
			t.Fatalf("generation %d: nothing is recognised any more", generation)
		}
	}
	if n := otlp.MemoBytes(codec); n > memo+memo/4 {
		t.Errorf("the memos take %d bytes of %d", n, memo)
	}
}

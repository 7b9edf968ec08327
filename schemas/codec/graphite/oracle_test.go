package graphite_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/codectest"
)

// consult reads a record as carbon does, by splitting: lines, words, semicolons. ok is false where a line is not like that.
func consult(value string) (r codectest.Result, ok bool) {
	r.Lost = map[string]int{}
	for line := range strings.SplitSeq(value, "\n") {
		words := strings.FieldsFunc(strings.TrimSuffix(line, "\r"), func(ch rune) bool { return ch == ' ' || ch == '\t' })
		if len(words) == 0 {
			continue
		}
		if len(words) < 2 || len(words) > 3 {
			return r, false
		}
		v, err := strconv.ParseFloat(words[1], 64)
		if err != nil && !math.IsInf(v, 0) {
			return r, false
		}
		parts := strings.Split(words[0], ";")
		var labels []pipeline.Label
		for _, tag := range parts[1:] {
			name, value, found := strings.Cut(tag, "=")
			if !found || name == "" || value == "" {
				return r, false
			}
			labels = append(labels, pipeline.Label{Name: name, Value: value})
		}
		if parts[0] == "" {
			return r, false
		}
		at := int64(now)
		if len(words) == 3 {
			seconds, err := strconv.ParseUint(words[2], 10, 33) // no other time is asked of the oracle
			if err != nil {
				return r, false
			}
			at = int64(seconds) * 1e9
		}
		switch {
		case math.IsNaN(v) || math.IsInf(v, 0):
			r.Lost["not_finite"]++
		case at == 0:
			r.Lost["time_out_of_range"]++
		default:
			r.Points = append(r.Points, point(pipeline.SeriesKey(parts[0], pipeline.Gauge, pipeline.NewLabels(labels)), at, v))
		}
	}
	return r, true
}

var seconds = pipeline.Settings{"precision": "s"}

func TestOracleOnFixtures(t *testing.T) {
	for name, value := range fixtures(t) {
		want, ok := consult(string(value))
		if d := cmp.Diff(want, codectest.Fresh(t, newCodec(seconds), value)); d != "" || !ok {
			t.Errorf("%s: %v (-oracle +codec):\n%s", name, ok, d)
		}
	}
}

func TestOracleOnRandomLines(t *testing.T) {
	check := codectest.NewChecker(func() pipeline.Codec { return newCodec(seconds) })
	for seed := range uint64(2000) {
		value := randomLines(rand.New(rand.NewPCG(seed, 1)))
		want, ok := consult(value)
		if d := cmp.Diff(want, check.Check(t, codectest.Record([]byte(value)))); d != "" || !ok {
			t.Fatalf("seed %d: %v (-oracle +codec):\n%s\n%s", seed, ok, d, value)
		}
	}
}

func randomLines(r *rand.Rand) string {
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	var b strings.Builder
	for range 1 + r.IntN(6) {
		fmt.Fprint(&b, pick("", " ", "\t"), pick("a", "a.b", "host.cpu-0.cpu-idle", "ä.ö", "x"))
		for i := range r.IntN(4) {
			fmt.Fprintf(&b, ";%s%d=%s", pick("k", "dc", "=~"[1:]), i%2, pick("v", "eu-1", "a=b", "é"))
		}
		fmt.Fprint(&b, pick(" ", "\t", "  "))
		switch r.IntN(4) {
		case 0:
			fmt.Fprint(&b, r.NormFloat64()*1e6)
		case 1:
			fmt.Fprint(&b, int64(r.Uint64())>>r.IntN(64))
		case 2:
			fmt.Fprintf(&b, "%.15g", math.Float64frombits(r.Uint64()))
		case 3:
			fmt.Fprint(&b, pick("nan", "inf", "-inf", "1e400", "0", "-0.0", ".5", "5.", "+3"))
		}
		if r.IntN(4) > 0 {
			fmt.Fprint(&b, pick(" ", "\t "), r.Uint32())
		}
		b.WriteString(pick("\n", "\r\n", " \n", "\n\n"))
	}
	return b.String()
}

// FuzzDecode checks what holds for any bytes, and that what is read by splitting is decoded so.
func FuzzDecode(f *testing.F) {
	for _, value := range fixtures(f) {
		f.Add(value)
		for n := 1; n < len(value); n += 7 {
			f.Add(value[:n])
			f.Add(value[n:])
		}
	}
	for seed := range uint64(20) {
		f.Add([]byte(randomLines(rand.New(rand.NewPCG(seed, 2)))))
	}
	check := codectest.NewChecker(func() pipeline.Codec { return newCodec(seconds) })
	parts := codectest.NewChecker(func() pipeline.Codec {
		return newCodec(pipeline.Settings{"precision": "s", "path_labels": []any{"host._.*.x", "host.*"}})
	})
	f.Fuzz(func(t *testing.T, value []byte) {
		got := check.Check(t, codectest.Record(value))
		if by := parts.Check(t, codectest.Record(value)); len(by.Points) != len(got.Points) && by.Code == "" && got.Code == "" {
			t.Fatalf("labels of paths change the number of points: %d, %d", len(got.Points), len(by.Points))
		}
		want, ok := consult(string(value))
		if !ok || len(want.Points) == 0 || !utf8.Valid(value) || strings.ContainsAny(string(value), "xX_pP") { // strconv reads 0x1p-2 and 0x_1
			return
		}
		if d := cmp.Diff(want, got); d != "" && (got.Code == "" || got.Code == "graphite.syntax") {
			t.Fatalf("(-oracle +codec):\n%s", d)
		}
	})
}

package decimal_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/homeostat/homeostat/schemas/codec/decimal"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		text string
		want float64
		n    int
	}{
		{"0", 0, 1}, {"12,", 12, 2}, {"-3.5 ", -3.5, 4}, {"+1", 1, 2}, {".5", 0.5, 2}, {"5.", 5, 2}, {"1e3", 1000, 3}, {"1E-3x", 0.001, 4}, {"1e", 1, 1}, {"1e+", 1, 1},
		{"1.2.3", 1.2, 3}, {"5.125308214649627", 5.125308214649627, 17}, {"93.96984924615009", 93.96984924615009, 17}, {"00012", 12, 5}, {"0.00000000000000000000000000001", 1e-29, 31},
		{"9007199254740993", 9007199254740992, 16}, {"18446744073709551615i", 18446744073709551615, 20}, {"123456789012345678901234567890", 123456789012345678901234567890, 30},
		{"1e999", math.Inf(1), 5}, {"-1e999", math.Inf(-1), 6}, {"1e-999", 0, 6}, {"0e999999999999999", 0, 17}, {"inf", math.Inf(1), 3}, {"-Infinity", math.Inf(-1), 9},
		{"NaN", math.NaN(), 3}, {"-nan", math.NaN(), 4}, {"1e23", 1e23, 4}, {"1e22", 1e22, 4},
		{"", 0, 0}, {"-", 0, 0}, {".", 0, 0}, {"e5", 0, 0}, {"abc", 0, 0}, {"--1", 0, 0}, {"0x10", 0, 1}, {"1_000", 1, 1},
	} {
		v, n := decimal.Parse([]byte(c.text))
		if n != c.n || v != c.want && !(math.IsNaN(v) && math.IsNaN(c.want)) {
			t.Errorf("%q: %v of %d bytes, want %v of %d", c.text, v, n, c.want, c.n)
		}
	}
	if v, _ := decimal.Parse([]byte("-0")); !math.Signbit(v) {
		t.Error("the sign of -0 is lost")
	}
}

// TestParseIsTheNearest compares with strconv, to the last bit.
func TestParseIsTheNearest(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	texts := []string{"18014398509481985e-1", "1801439850948198.5", "9007199254740993.0", "9007199254740993.1", "0.9007199254740993", "9223372036854775807e-19", "9999999999999999999e-19", "9999999999999999999e-1"}
	for range 200_000 {
		texts = append(texts, random(r))
	}
	for _, text := range texts {
		want, err := strconv.ParseFloat(text, 64)
		if err != nil && !math.IsInf(want, 0) {
			t.Fatal(text, err)
		}
		v, n := decimal.Parse([]byte(text))
		if n != len(text) || math.Float64bits(v) != math.Float64bits(want) {
			t.Fatalf("%s: %v of %d bytes, want %v of %d", text, v, n, want, len(text))
		}
	}
}

func random(r *rand.Rand) string {
	switch r.IntN(6) {
	case 4:
		return fmt.Sprintf("%de-%d", r.Uint64()>>r.IntN(12), r.IntN(20))
	case 5: // near the middle between two float64
		return fmt.Sprintf("%d.%d", (r.Uint64()>>11|1<<52)*2+1, r.IntN(10))
	case 0:
		return strconv.FormatFloat(math.Float64frombits(r.Uint64()&^(0x7ff<<52)|uint64(r.IntN(2046)+1)<<52), 'g', -1, 64)
	case 1:
		return strconv.FormatFloat(r.NormFloat64()*100, 'f', r.IntN(18), 64)
	case 2:
		return strconv.FormatInt(r.Int64()>>r.IntN(60), 10)
	}
	var b strings.Builder
	for range 1 + r.IntN(25) {
		fmt.Fprint(&b, r.IntN(10))
	}
	if r.IntN(2) == 0 {
		b.WriteByte('.')
	}
	for range r.IntN(25) {
		fmt.Fprint(&b, r.IntN(10))
	}
	if r.IntN(2) == 0 {
		fmt.Fprintf(&b, "e%d", r.IntN(700)-350)
	}
	return b.String()
}

func TestParseAllocatesNothing(t *testing.T) {
	for _, text := range []string{"1295499264", "5.125308214649627", "93.96984924615009", "1e300"} {
		b := []byte(text)
		if n := testing.AllocsPerRun(10, func() { decimal.Parse(b) }); n != 0 {
			t.Errorf("%s: %v allocations", text, n)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	for _, text := range []string{"1295499264", "5.125308214649627", "93.96984924615009"} {
		s := []byte(text)
		b.Run(text, func(b *testing.B) {
			for b.Loop() {
				if _, n := decimal.Parse(s); n == 0 {
					b.Fatal("no number")
				}
			}
		})
	}
}

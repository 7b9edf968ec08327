package jsonmetrics

import (
	"bytes"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/homeostat/homeostat/schemas/codec/decimal"
)

func TestNumbersAreRoundedAsStrconvDoes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	digits := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte('0' + r.IntN(10))
		}
		return string(b)
	}
	texts := []string{"0", "-0", "-0.0", "00012", "1.", ".5", "-.5", "9007199254740992", "9007199254740993", "9007199254740991.5", "0.1", "1e5", "1E-7", "5e-324", "2e-324",
		"1.7976931348623157e308", "123456789012345678", "1234567890123456789", "18446744073709551616", "0.000000000000000001", "0.0000000000000000001", "9007199254740993e-3"}
	for range 50_000 {
		s := digits(r.IntN(20))
		switch r.IntN(4) {
		case 0:
			s += "." + digits(r.IntN(20))
		case 1:
			s += "." + digits(r.IntN(6)) + "e" + strconv.Itoa(r.IntN(60)-30)
		case 2:
			s = strconv.FormatFloat(math.Float64frombits(r.Uint64()&^(1<<52)), "efg"[r.IntN(3)], -1, 64)
		}
		if r.IntN(2) == 0 && !strings.HasPrefix(s, "-") {
			s = "-" + s
		}
		texts = append(texts, s)
	}
	fast := 0
	for _, s := range texts {
		got, lose := parseNumber([]byte(s))
		want, err := strconv.ParseFloat(s, 64)
		switch {
		case err != nil && strings.Contains(err.Error(), "range"), math.IsNaN(want), math.IsInf(want, 0):
			if lose != notFinite {
				t.Fatalf("%q: %v, %d, want not finite", s, got, lose)
			}
		case err != nil:
			if lose != notNumeric {
				t.Fatalf("%q: %v, %d, want not numeric", s, got, lose)
			}
		default:
			if lose != kept || math.Float64bits(got) != math.Float64bits(want) {
				t.Fatalf("%q: %v, %d, want %v", s, got, lose, want)
			}
			if d, end := decimal.Scan([]byte(s), 0); d.Full && end == len(s) {
				fast++
			}
		}
	}
	if fast < len(texts)/10 {
		t.Errorf("only %d of %d numbers were read without strconv", fast, len(texts))
	}
}

func TestEndOfText(t *testing.T) {
	for n := range 40 {
		for _, end := range []string{`"`, `\`, ""} {
			for _, fill := range []string{"a", "!", "#", "[", "]", "\xa2", "\xdc", "\x00", "\xff", "\x01"} {
				b := []byte(strings.Repeat(fill, n) + end + `"\"` + strings.Repeat("b", 9))
				want := n
				switch {
				case end == `\`:
					want = -1
				case bytes.IndexByte(b, '"') != n:
					t.Fatal("the test is wrong")
				}
				if got := endOfText(b, 0); got != want {
					t.Fatalf("%q: %d, want %d", b, got, want)
				}
			}
		}
		if got := endOfText(bytes.Repeat([]byte("a"), n), 0); got != -1 {
			t.Fatalf("%d bytes without an end: %d", n, got)
		}
	}
}

func TestScanEndsWhereNumbersEnd(t *testing.T) {
	for _, c := range []struct {
		s   string
		end int
	}{{"12,", 2}, {"-1.5}", 4}, {"1e5]", 3}, {"1.2.3 ", 5}, {"-", 0}, {"+1", 0}, {"", 0}, {"-inf", 0}, {"nan", 0}, {"1.", 0}, {"1-", 0}, {".5", 0}, {"e5", 0}, {"1+2", 3}, {"7", 1}} {
		var s span
		if got := s.scan([]byte(c.s), 0); got != c.end {
			t.Errorf("%q: %d, want %d", c.s, got, c.end)
		}
		if c.s == "1.2.3 " && s.digits.Full {
			t.Errorf("%q is taken for an exact number", c.s)
		}
	}
}

package moment

import (
	"math/rand/v2"
	"strconv"
	"testing"
)

func TestWholeIsUnixOfDigits(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	times := []int64{0, 1, 999_999_999, 1_000_000_000, 99_999_999_999, 100_000_000_000, 99_999_999_999_999, 100_000_000_000_000, 1 << 53, 99_999_999_999_999_999, 100_000_000_000_000_000,
		9_223_372_036, 9_223_372_037, 9_223_372_036_854, 9_223_372_036_855, 9_223_372_036_854_775, 9_223_372_036_854_776, 9_223_372_036_854_775_799}
	for range 20_000 {
		times = append(times, r.Int64N(9_223_372_036_854_775_799)>>r.IntN(63))
	}
	for _, at := range times {
		for _, unit := range []string{"auto", "s", "ms", "us", "ns"} {
			got, ok := Whole(uint64(at), UnitOf(unit))
			want, wantOK := Unix(strconv.AppendInt(nil, at, 10), UnitOf(unit))
			if ok != wantOK || ok && got != want {
				t.Fatalf("%d %s: %d, %v; Unix says %d, %v", at, unit, got, ok, want, wantOK)
			}
		}
	}
	for _, at := range []uint64{1 << 63, ^uint64(0)} {
		if _, ok := Whole(at, 1); ok {
			t.Errorf("%d ns are taken for a time", at)
		}
	}
}

package baseline

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/homeostat/homeostat/operators/state"
)

func filled(cfg Config, values ...float64) *Table {
	t := New(cfg)
	t.Grow(1)
	for _, v := range values {
		t.Learn(0, v)
	}
	return t
}

func TestBandOfNormalValues(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	table := filled(Config{History: 4096})
	for range 10_000 {
		table.Learn(0, 100+5*rnd.NormFloat64())
	}
	b := table.Band(0)
	if math.Abs(b.Median-100) > 0.5 || math.Abs(b.Up-5) > 0.5 || math.Abs(b.Down-5) > 0.5 {
		t.Errorf("band of normal values with mean 100 and deviation 5: %+v", b)
	}
}

func TestBandIsSkewed(t *testing.T) {
	table := filled(Config{History: 100})
	for i := range 100 {
		table.Learn(0, math.Exp(float64(i)/20))
	}
	if b := table.Band(0); b.Up < 3*b.Down {
		t.Errorf("band of skewed values: %+v", b)
	}
}

func TestSlidesOverTheLastValues(t *testing.T) {
	rnd := rand.New(rand.NewPCG(2, 2))
	table := filled(Config{History: 37})
	var all []float64
	for i := range 500 {
		v := math.Floor(rnd.NormFloat64() * 4) // many ties
		table.Learn(0, v)
		all = append(all, v)
		want := slices.Sorted(slices.Values(all[max(0, len(all)-37):]))
		if got := table.sorted(0); !slices.Equal(got, want) {
			t.Fatalf("after %d values: %v, want %v", i+1, got, want)
		}
	}
}

func TestRejectedValuesBecomeNormalInTheEnd(t *testing.T) {
	table := filled(Config{History: 10, Warmup: 5, Adapt: 30}, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
	before := table.Band(0)
	for i := range 29 {
		if table.Reject(0, 100+float64(i)) {
			t.Fatalf("adapted after %d", i+1)
		}
	}
	if table.Band(0) != before {
		t.Error("the band moved with rejected values")
	}
	if !table.Reject(0, 129) || table.Band(0).Median != 124.5 {
		t.Errorf("after 30 rejected values: %+v, want the median of the last ten", table.Band(0))
	}
}

func TestSettleForgetsRejectedValues(t *testing.T) {
	table := filled(Config{History: 10, Warmup: 5, Adapt: 3}, 1, 2, 3)
	table.Reject(0, 50)
	table.Reject(0, 50)
	table.Settle(0)
	first, second, third := table.Reject(0, 50), table.Reject(0, 50), table.Reject(0, 50)
	if first || second || !third {
		t.Error("the count did not begin anew")
	}
}

func TestSaveLoad(t *testing.T) {
	cfg := Config{History: 10, Warmup: 5, Adapt: 30}
	table := New(cfg)
	table.Grow(3)
	for i := range 17 {
		table.Learn(0, float64(i))
		if i < 4 {
			table.Learn(2, float64(-i))
		}
	}
	for i := range 13 {
		table.Reject(0, float64(i))
	}
	save := func(t *Table) []byte {
		var b bytes.Buffer
		w := state.NewWriter(&b, "baseline")
		f := t.Freeze()
		defer f.Release()
		f.Write(w, "normal")
		w.Close()
		return b.Bytes()
	}
	saved := save(table)
	load := func(data []byte) (*Table, error) {
		r := state.NewReader(bytes.NewReader(data), "baseline")
		t := New(cfg)
		t.Load(r, "normal")
		return t, r.Close()
	}
	again, err := load(saved)
	if err != nil || !bytes.Equal(save(again), saved) || again.Band(0) != table.Band(0) || again.Count(1) != 0 {
		t.Fatalf("the restored table differs: %v", err)
	}
	frozen := table.Freeze()
	for range 17 {
		if a, b := table.Reject(0, 5), again.Reject(0, 5); a != b {
			t.Fatal("the restored table adapts at another time")
		}
	}
	var b bytes.Buffer
	w := state.NewWriter(&b, "baseline")
	frozen.Write(w, "normal")
	frozen.Release()
	if w.Close(); !bytes.Equal(b.Bytes(), saved) || bytes.Equal(save(table), saved) {
		t.Error("what happened after the freeze is in it")
	}
	for n := 0; n < len(saved); n += 7 {
		if _, err := load(saved[:n]); err == nil {
			t.Fatalf("a snapshot of %d of %d bytes was taken", n, len(saved))
		}
	}
}

func BenchmarkLearnAndBand(b *testing.B) {
	table := filled(Config{History: 120})
	rnd := rand.New(rand.NewPCG(1, 1))
	values := make([]float64, 1024)
	for i := range values {
		values[i] = rnd.NormFloat64()
	}
	for _, v := range values {
		table.Learn(0, v)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		table.Band(0)
		table.Learn(0, values[i%1024])
	}
}

package sequence

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
)

func write(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	w := NewWriter(&b, "thing", 3)
	w.Int(-5)
	w.Float(math.Inf(-1))
	w.Text("näme")
	Column(w, []float64{1, math.Pi, math.Copysign(0, -1)})
	Column(w, make([]uint16, 10_000))
	Column(w, []bool{true, false})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func read(data []byte) (ok bool, err error) {
	r := NewReader(bytes.NewReader(data), "thing", 3)
	ok = r.Int() == -5 && math.IsInf(r.Float(), -1) && r.Text() == "näme"
	floats := ReadColumn[float64](r, 3)
	ok = ok && slices.Equal(floats, []float64{1, math.Pi, 0}) && math.Signbit(floats[2])
	ok = len(ReadColumn[uint16](r, -1)) == 10_000 && ok
	ok = slices.Equal(ReadColumn[bool](r, 2), []bool{true, false}) && ok
	return ok, r.Close()
}

func TestReadsWhatWasWritten(t *testing.T) {
	if ok, err := read(write(t)); !ok || err != nil {
		t.Fatalf("equal: %v, error: %v", ok, err)
	}
}

func TestDamage(t *testing.T) {
	good := write(t)
	for n := 0; n < len(good); n += 1 + n/50 {
		if _, err := read(good[:n]); pipeline.Code(err) != "snapshot.unreadable" {
			t.Fatalf("cut after %d bytes: %v", n, err)
		}
	}
	if _, err := read(append(slices.Clone(good), 0)); pipeline.Code(err) != "snapshot.unreadable" {
		t.Fatalf("a byte too many: %v", err)
	}
	if err := NewReader(bytes.NewReader(good), "other", 3).Close(); pipeline.Code(err) != "snapshot.unreadable" {
		t.Fatalf("another component: %v", err)
	}
	if err := NewReader(bytes.NewReader(good), "thing", 4).Close(); pipeline.Code(err) != "snapshot.version" {
		t.Fatalf("another version: %v", err)
	}
}

func TestHugeLengthAllocatesLittle(t *testing.T) {
	var b bytes.Buffer
	w := NewWriter(&b, "thing", 3)
	w.Int(math.MaxUint32)
	w.Close()
	allocated := testing.AllocsPerRun(5, func() {
		r := NewReader(bytes.NewReader(b.Bytes()), "thing", 3)
		if ReadColumn[float64](r, -1) != nil || r.Close() == nil {
			t.Fatal("a column without bytes was read")
		}
	})
	if allocated > 20 {
		t.Errorf("%v allocations", allocated)
	}
}

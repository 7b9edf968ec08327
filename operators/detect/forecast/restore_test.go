package forecast

import (
	"bytes"
	"testing"
	"time"

	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/pipeline"
)

// FuzzRestore: no bytes make Restore panic, or what comes after a Restore that went well.
func FuzzRestore(f *testing.F) { operatortest.FuzzRestore(f, made(), 80, time.Hour) }

// TestOtherSettings: a snapshot is taken over by other selectors and thresholds.
func TestOtherSettings(t *testing.T) {
	d := detector(t)
	operatortest.Scan(t, d, 2, 10, func(int) func(int) float64 { return func(int) float64 { return 1 } })
	frozen, err := d.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := frozen.Write(&b); err != nil {
		t.Fatal(err)
	}
	other := detector(t, "series", []any{pipeline.Settings{"metric": "m1", "threshold": 9.0}})
	if err := other.Restore(&b); err != nil {
		t.Fatal(err)
	}
	if found := operatortest.Scan(t, other, 2, 10, func(int) func(int) float64 { return func(int) float64 { return 1 } }); len(found) > 0 {
		t.Errorf("found %v", found)
	}
	if other.watched[0] >= 0 || other.watched[1] != 0 || other.heads.Row(0)[0].n < 10 {
		t.Errorf("watched %v, %+v", other.watched, other.heads.Row(0)[0].sums)
	}
}

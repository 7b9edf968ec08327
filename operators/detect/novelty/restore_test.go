package novelty

import (
	"bytes"
	"testing"

	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/pipeline"
)

// FuzzRestore: no bytes make Restore panic, or what comes after a Restore that went well.
func FuzzRestore(f *testing.F) {
	operatortest.FuzzRestore(f, func() (pipeline.Detector, error) { return New(settings(quick)) }, 100)
}

func TestRestoreRefusesAnotherMemory(t *testing.T) {
	d, _ := New(settings(quick))
	frozen, err := d.(pipeline.Snapshotter).Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := frozen.Write(&b); err != nil {
		t.Fatal(err)
	}
	other, _ := New(settings(nil))
	if err := other.(pipeline.Snapshotter).Restore(&b); err == nil {
		t.Error("the state of a memory of 480 values was taken for one of 4800")
	}
}

package robustz

import (
	"testing"

	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/pipeline"
)

// FuzzRestore: no bytes make Restore panic, or what comes after a Restore that went well.
func FuzzRestore(f *testing.F) {
	operatortest.FuzzRestore(f, func() (pipeline.Detector, error) { return New(settings(quick)) }, 15)
}

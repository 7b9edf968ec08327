package cohort

import (
	"testing"

	"github.com/homeostat/homeostat/operators/operatortest"
)

// FuzzRestore: no bytes make Restore panic, or what comes after a Restore that went well.
func FuzzRestore(f *testing.F) { operatortest.FuzzRestore(f, quick(), 15) }

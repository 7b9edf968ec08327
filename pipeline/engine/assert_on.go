//go:build assert

package engine

// assert stops the process when an invariant is broken; only builds with -tags assert check.
func assert(holds bool, invariant string) {
	if !holds {
		panic("BUG: " + invariant)
	}
}

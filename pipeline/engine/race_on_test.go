//go:build race

package engine

// raced says that the race detector is on. The simulation runs without it: one goroutine at a time by construction, and its
// driver looks into what the others hold. So do long tests that are one goroutine, which the detector makes ten times slower:
// make test runs them again without it.
const raced = true

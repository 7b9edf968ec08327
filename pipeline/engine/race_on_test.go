//go:build race

package engine

// raced says that the race detector is on. The simulation runs without it: one goroutine at a time by construction, and its
// driver looks into what the others hold. CI runs it apart.
const raced = true

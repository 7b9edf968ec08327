//go:build race

package plant

// The race detector makes the simulation many times slower and has nothing to find in it.
const seedShare = 8

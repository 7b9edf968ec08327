//go:build race

package golden

// thinByDefault keeps runs with the race detector, which slows them tenfold, short.
const thinByDefault = true

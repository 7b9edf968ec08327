//go:build race

package engine

// shortSlice is how many simulated schedules a plain run of the tests has; the race detector slows them tenfold.
const shortSlice = 5

//go:build !race

package engine

// shortSlice is how many simulated schedules a plain run of the tests has.
const shortSlice = 40

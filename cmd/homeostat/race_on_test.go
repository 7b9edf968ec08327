//go:build race

package main

// The race detector makes the embedded broker in the test many times slower; the process that is tested has none.
const hostileRounds = 1

//go:build race

package main

const (
	// raced says that the race detector is on. What is one goroutine runs without it, and make test runs that apart.
	raced = true
	// The race detector makes the embedded broker in the test many times slower; the process that is tested has none.
	hostileRounds = 1
)

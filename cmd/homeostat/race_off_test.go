//go:build !race

package main

const (
	raced         = false
	hostileRounds = 3
)

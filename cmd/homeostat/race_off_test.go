//go:build !race

package main

const hostileRounds = 3

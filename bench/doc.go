// Package bench holds the benchmarks behind docs/performance.md: whole paths through the program, from bytes to results.
// Benchmarks of single parts stand beside the part.
package bench

// Package house holds the test that keeps the rules of the house: who may import whom. See docs/architecture.md.
package house

// Package config reads a pipeline's YAML file: strictly, and with all faults at once, each with its place and what to
// do about it. What it gives out is typed, checked and has its defaults filled in.
package config

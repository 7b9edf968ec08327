// Package draft writes a first pipeline for topics that are there: it decodes a sample of their records and reads off it what a person would have
// to find out by looking: the codec, what an entity is, whether records are keyed by it, how far out of order they come, how long a window has to
// be, and which metrics could be objectives. What a sample can't tell is written as a comment.
//
// It reads nothing itself and knows no clock: equal samples give equal texts.
package draft

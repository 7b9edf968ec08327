// Package burnrate raises findings when a service-level objective's error budget burns too fast. It reads the series
// pipeline.SLIMetric that operator sli derives, one for each objective and system: each burns, and is found, by itself.
//
// The burn rate over a stretch of time is the share of bad events there, divided by the share that the objective allows: at
// 1 the budget is used up exactly at the end of the objective's window. A rule fires when the rate is at least its
// factor over a long window, so that it matters, and over a short one, so that it is still going on (multi-window,
// multi-burn-rate alerts: Beyer et al., The Site Reliability Workbook, O'Reilly 2018, chapter 5):
//
//	score = max over the rules of min(rate over long, rate over short) / factor
//
// While the history is shorter than a rule's long window, what there is counts for it; a rule says nothing before its
// short window is full. Events that are fewer than min_bad bad ones in the long window say nothing either.
//
// A finding closes when the rate over the shortest window of the objective's rules was below 1 for clear windows. The longer
// windows still see the past fault then: so a rule fires only while that shortest rate is 1 or more.
// The severity is the highest among the firing rules and rises while the finding is open, never falls. The onset
// is the start of the first window of the present stretch in which the budget burnt: two windows at most that didn't
// may lie between two that did.
//
// Windows without events have no row and say nothing.
package burnrate

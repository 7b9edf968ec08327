// Package sli derives the indicators of the service-level objectives: for each objective, system and window one row of the
// series pipeline.SLIMetric, with the labels slo and system, type delta, on which burn-rate detection, guards and the judge
// compute. Each system has its own sums, so what comes out does not depend on which systems share a lane.
//
//	count            events in the window (for a threshold: series that were looked at)
//	sum              the bad ones among them
//	min, max, last   the bad share, sum/count
//
// A ratio adds up all series of a system that its selectors choose: the increase of counters, the mean of gauges, the records of log
// streams (of which the bad ones are those of severity ERROR and above). Bad events are total − good, or counted, and never less
// than none or more than all. A threshold looks at each chosen series' value: a window of a series is one event.
// Where there were no events there is no row: nothing is known, which is neither good nor bad.
// Sums are exact, so that they don't depend on the order in which series come.
//
// The rows of a window may come in several batches. The indicator is emitted when a later window begins or the
// watermark reaches the window's end; chosen rows that come after that are lost with the reason "late".
//
// A window that was opened again for late rows (pipeline.Batch.Revision) gives its indicators again, with its revision.
//
// Entity and lock domain are those of the series with the least key among those that make up the total of the first window with
// events; an objective that names its entity has that one, and it as the lock domain.
package sli

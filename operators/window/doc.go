// Package window is the event-time tumbling window: it takes points and log records and gives, at the end of each
// window, one row for each series that had any.
//
// Windows are [k·size, (k+1)·size) since the Unix epoch. A window closes when the watermark reaches its end, in order
// of time, with its rows in order of the series' ordinals. A row belongs to the window of its own time, wherever it
// stands in the input. A row of a window that has closed is lost with the reason "late", one that is no finite number
// with "not_finite", and one that would make the open windows larger than the limit with "window_limit".
//
// Columns by type of series:
//
//	gauge       count of values, sum, min, max, last
//	delta       sum is the increase in the window; min, max and last are of the single increments
//	cumulative  sum is the increase in the window; min, max and last are of the counter itself
//	stream      count of records, sum of those of severity ERROR (17) and above; min, max, last severity
//
// last is the value of the latest time; of equal times the one that came last.
//
// # Cumulative series
//
// The increase is what the counter gained since the last point of an earlier window, so that over adjacent windows
// nothing is lost or counted twice. After a reset (the value fell, or the start time, where known, changed) the new
// value counts from 0, as OpenTelemetry and Prometheus have it. The first point of a series is the base and counts
// nothing, unless its start time is known and lies inside the window: then its value was gained in there.
// Within a window points may come in any order. Without a reset the increase is exactly last minus base. If the counter
// was reset within a window, points of that window that come between others already counted don't change the increase.
package window

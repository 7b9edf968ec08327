// Package window cuts event time into windows: it takes points and log records and gives, at the end of each window, one row
// for each series that had any.
//
// # Kinds of windows
//
//	{size: 10s}                          [k·size, (k+1)·size) since the Unix epoch, one after the other
//	{size: 30s, every: 10s}              windows of size that start at each multiple of every, a whole fraction of size: they overlap
//	{session: {gap: 30s, max: 1h}}       of one series: from a row to gap after the last one before a silence of gap, at most max long
//	{count: 100}                         of one series: from a row to just behind the hundredth (1 ns after its time)
//	{size: 10s, max_rows: 10000}         as size, but a series' window ends just behind its 10,000th row; what is left of its time is
//	                                     another window that begins there, so that no two have the same start and end
//
// Sessions, counts and max_rows follow the rows of each series in order of time, not in the order in which they came. Rows of one
// time are never cut apart, so a window may have some more than count or max_rows. A window that ends by number and has not
// got there stays open.
//
// All rows of one batch have the same start and end. Batches come in order of their end, those of one end in order of their
// start, rows in order of the series' ordinals.
//
// A window closes when the watermark reaches its end, also when no row comes any more. A row belongs to the windows
// of its own time, wherever it stands in the input, and is counted once by reason where it ends here:
//
//	late            its window has closed; of windows that overlap, the first of them; with sessions, counts and max_rows, it is
//	                before the watermark
//	not_finite      it is no finite number
//	time_range      its time is within 146 years of the ends of what 64 bits hold
//	window_limit    it would make what is kept larger than the limit
//	window_evicted  it would open a window again that had to give way to open ones (see below)
//
// # Columns
//
//	gauge       count of values, sum, min, max, last
//	delta       sum is the increase in the window; min, max and last are of the single increments
//	cumulative  sum is the increase in the window; min, max and last are of the counter itself
//	stream      count of records, sum of those of severity ERROR (17) and above; min, max, last severity
//
// None of them depends on the order of rows, to the bit. sum is the exact sum, rounded once (sum.go says how). last is the
// value of the latest time; of equal times the greatest. -0 counts as 0.
//
// # Cumulative series
//
// The increase is what the counter gained since the last point of an earlier window, so that over adjacent windows
// nothing is lost or counted twice. After a reset (the value fell, or the start time, where known, changed) the new
// value counts from 0, as OpenTelemetry and Prometheus have it. The first point of a series is the base and counts
// nothing, unless its start time is known and lies inside the window: then its value was gained in there.
//
// Where a reset lies depends on which points are neighbours, so no bounded summary of points that come in any order would do:
// the points of a window are kept, 32 bytes each and within limit, and sorted by (time, start, value) when it closes. last is the last of
// them in that order. In windows that overlap the increase is the sum of those in stretches of every, each counted as above.
//
// # Windows that are opened again
//
// With the late policy reopen (Env.Reopen) closed windows of a plain size are kept for that long after their end, with their
// rows of counters. A late row is added to its window, and at the next step of time the window is emitted again, whole, with
// the next higher Batch.Revision, before the windows that close then. If the late row became the last point of a counter, the next
// window counts from it and is emitted again, too. A window that had no row when its time came begins with
// revision 1. At the limit the oldest kept windows give way to open ones.
package window

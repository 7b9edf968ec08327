// Package exhaustion finds what will run out: a disk that fills, connections or a quota that are used up, a certificate that ends, an
// error budget that is spent.
//
//	exhaustion:
//	  series:
//	    - {metric: disk.used.ratio, limit: 1}
//	    - {metric: disk.free.bytes, limit: 0, direction: down}
//	    - {metric: db.connections, limit_metric: db.connections.max}
//	    - {metric: certificate.days, limit: 0, direction: down, horizon: 14d, history: 7d}
//	    - {metric: slo.budget, limit: 0, direction: down, horizon: 3d, history: 1d, severity: critical}
//
// The last history is cut into 24 blocks, each of which is the mean of its windows without the least and the greatest. A rise began in the last
// block in which nine tenths of it were still to come. The trend is the median of the slopes of all pairs of blocks since then (Theil 1950; Sen,
// Estimates of the regression coefficient based on Kendall's tau, JASA 63, 1968), through the median of the blocks: three of ten blocks may be
// anything. Its interval is that of Sen for 99.9 %, the slopes that are z·√(n(n−1)(2n+5)/18)/2 places below and above the median. With
//
//	left = (limit − where the trend is now) / slope        score = horizon / left
//
// A score counts only where the trend has lasted for least, and the least slope of the interval is a quarter of the slope: so a step is none, noise is
// none, and neither is what falls back within least, as a backup at night or files that are rotated: a block that falls back by more than half
// of what the history spans begins a new one. What rises for longer before it falls back by itself wants a greater least, and a
// history as long. While a finding is open its trend keeps its beginning, and lasts as long as the slope and the
// horizon, or the value is at the limit.
//
// A limit by another metric is that of the series with the same labels, of its last window before.
//
// Probability is that of the slope being large enough for the horizon, the interval taken for that of a normal distribution. The onset is
// where the rise began. Evidence: seconds_left with its least and most (which is missing where it may never be), slope_per_hour, limit.
//
// Not found: what jumps to its limit (detector threshold), and what is used up within less than least.
//
// Cost: 350 bytes for each series that is watched.
package exhaustion

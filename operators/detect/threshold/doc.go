// Package threshold finds windows of which an expression is true: values beyond a limit, changes and rates, and limits relative to what
// a series shows usually or showed before.
//
//	threshold:
//	  series:
//	    - {metric: disk.used.ratio, when: value > 0.9, severity: critical}
//	    - {metric: queue.length, when: rate > 5 and value > 100}
//	    - {metric: http.latency, when: max > 3 * usual}
//	    - {metric: db.connections, when: value > 0.8 * float(labels.limit)}
//	  hold: 3
//	  of: 3
//
// The variables of an expression (package kernel has the language):
//
//	value                      the mean of a gauge, the increase of a counter, the number of records of a log stream
//	count, sum, min, max, last the window's columns
//	previous                   the value of the series' window before
//	change, rate               value − previous; the same for each second between the two windows
//	usual                      the moving average of the values of windows in which the expression was not true, by weights of 2/(history + 1)
//	ratio                      value / usual
//
// What a first window has no number for is not a number, and comparisons with it are false. Where the expression is one comparison the
// finding says what was compared with what: value is its left side, and the band ends at its right.
//
// Such rules are for limits that people know: a disk is full at 100 %, whatever is usual. Where nobody knows the limit the other
// detectors find one.
package threshold

// Package errorlogs finds log streams that report more errors than they use to. It reads the windows of log streams: records,
// and those of severity ERROR and above.
//
// Counts that come by chance are Poisson: their spread grows with their mean. The transformation of Anscombe (The
// transformation of Poisson, binomial and negative-binomial data, Biometrika 35, 1948)
//
//	x = 2·√(errors + 3/8)
//
// gives them a standard deviation of one whatever their mean, so that one threshold fits all streams. x is compared
// with its median over the last windows, in units of its own scale, but of no less than one (package baseline): streams
// whose errors come in bursts have a larger one.
//
//	score = (x − expected) / scale / threshold
//
// When there is more traffic than usual, more errors are expected: the median is raised by the ratio of the other
// records to their own median, up to tenfold. A window with fewer than min_errors errors is never abnormal.
//
// No records means no errors: windows in which a stream was absent count as windows without, also those before it was
// first seen. So a service that never logged an error and begins to is found, once the lane has run for warmup windows.
//
// The value is scored before it is learned, and learned as package robustz does: outliers cut off, nothing of an open
// finding, a new normal after adapt windows.
package errorlogs

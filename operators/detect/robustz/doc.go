// Package robustz finds values that lie far outside of what their series has shown lately. It works on any series of
// numbers and is the detector to begin with.
//
// A window's value (the mean of a gauge, the increase of a counter) is compared with the median of the last history
// windows, in units of the scale on that side, upwards or downwards (package baseline):
//
//	z = (value − median) / scale        score = |z| / threshold
//
// The value is scored before it is learned, so nothing looks ahead. The scale has floors, so that a constant
// series does not alarm on a wiggle: a share of |median|, an absolute one, and for counters that only grow by whole numbers the
// square root of the median plus one, which is what chance does to counts (Poisson). In the worst case of all
// distributions a value beyond z is seen with probability 1/(1+z²) at most (Cantelli's inequality); the finding's
// probability is one minus that.
//
// Hold of the last of windows must be abnormal before a finding opens, and clear windows calm before it closes
// (package alarm). Calm means a score below release.
//
// What is learned: every value until a series is warm; then values inside the band as they are, and outliers cut
// off at three scales, so that the beginning of a fault does not hide the rest of it. While a finding is open its abnormal values are not learned at all, so that the fault keeps
// standing out, however long; but when adapt of them have come the latest are taken for the new normal, and the
// finding closes with the evidence adapted.
//
// Series that are absent from a window are left alone. Log streams and the indicators of service-level objectives are
// left to the detectors made for them.
//
// Literature: Iglewicz and Hoaglin, How to Detect and Handle Outliers (1993), for the score; Huber, Robust Statistics
// (1981), for quantile-based scales.
package robustz

// Package quantile estimates quantiles of histograms window by window: from windows of the buckets to gauges of the histogram's
// name with the label quantile, so that latency of cumulative histograms, which is what Prometheus and most OpenTelemetry SDKs send,
// is a value that detectors can look at.
//
// A bucket is a counter (delta or cumulative) named NAME_bucket or NAME.bucket with the label le, the bucket's upper bound, which has
// counted all observations up to that bound: those of Prometheus, and what codec otlp_metrics makes with its setting buckets. The
// buckets of a histogram are those with equal name, type and labels but le. What counts is their increase in the window, so a
// quantile is that of the window's observations alone. A window's estimates are
//
//	count 1; sum, min, max, last: the estimate
//
// of the series NAME{quantile="0.95", the histogram's labels}, in the unit and the scope of its first bucket. Rules of estimation are those
// of Prometheus' histogram_quantile (package histogram): increases that fall as the bound rises, which happens when buckets were
// scraped at different moments, are raised to the one before; of equal bounds, increases add up. A window in which nothing was
// observed, or whose bucket le="+Inf" is missing, has no estimates: nobody knows how many there were. Nor has a histogram of that bucket alone.
//
// The rows of a window may come in several batches. Estimates are emitted when another window begins or the
// watermark reaches the window's end; rows of buckets that come after that are lost with the reason "late". A window that was opened
// again for late rows (pipeline.Batch.Revision) is estimated again, with its revision.
package quantile

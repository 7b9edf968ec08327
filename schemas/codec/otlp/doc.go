// Package otlp turns OpenTelemetry metrics in protocol buffers (opentelemetry-proto 1.x, ExportMetricsServiceRequest or
// MetricsData, one message a record) into points, and points into such messages.
//
// What becomes of what:
//
//   - a gauge, and a cumulative sum that is not monotonic: a gauge series of the metric's name;
//   - a sum of deltas: a delta series; a monotonic cumulative sum: a cumulative series;
//   - a histogram or exponential histogram: two series, name.count (unit 1) and name.sum, delta or cumulative; buckets
//     are not read. A summary: the same two, cumulative; quantiles are not read;
//   - whole numbers become float64, exact up to 2^53.
//
// The labels of a series are the attributes of the resource and of the point; of equal names the point's counts, of
// equal names in one place the last. Name, version and attributes of the scope, schema URLs, metadata and exemplars are
// not labels. Attribute values become text as the OpenTelemetry specification says for non-string attributes: true
// and false, decimal numbers, bytes in base64, lists and maps as JSON with sorted keys. What is not UTF-8 is
// replaced by U+FFFD.
//
// Rows that can't be used are counted in Columns.Lost, by the reasons in this package's Lost constants; a histogram's point
// counts as the two rows it would have made. A message that is broken or beyond a limit is an error as a whole.
package otlp

// Package otlp turns OpenTelemetry metrics (opentelemetry-proto 1.x, ExportMetricsServiceRequest or MetricsData) into points:
// protocol buffers, one message a record, and OTLP in JSON (opentelemetry.io/docs/specs/otlp, JSON Protobuf Encoding), one message
// or several a record, one behind the other. The first byte tells them apart. The same data makes the same rows in both.
// Points become messages in protocol buffers (Encoder).
//
// What becomes of what:
//
//   - a gauge, and a cumulative sum that is not monotonic: a gauge series of the metric's name;
//   - a sum of deltas: a delta series; a monotonic cumulative sum: a cumulative series;
//   - a histogram, explicit or exponential: name.count (unit 1) and name.sum, delta or cumulative; see below for the rest;
//   - a summary: name.count and name.sum, cumulative, and what it says of quantiles: gauges of the metric's name with the
//     label quantile, as Prometheus has them;
//   - whole numbers become float64, exact up to 2^53.
//
// # Histograms
//
// Each point of a delta histogram also makes name.min and name.max, where it tells them, and gauges of the metric's name with the
// label quantile (setting quantiles: 0.5, 0.95, 0.99). They are estimates from the point's own buckets, so they
// are those of the time since the point before. The rules are those of Prometheus' histogram_quantile: the first
// bucket begins at 0 if its bound is above, the last one is its lower bound, values lie evenly within a bucket of explicit
// bounds and within that of zeros, and evenly in the logarithm within an exponential one. Beyond Prometheus: least and
// greatest value, where told, are the ends of the buckets that they lie in, so that no estimate is beyond them. A point without
// observations or without buckets (or with a single one) has no estimates, and none is counted as lost.
//
// A cumulative histogram has no such rows: what it could tell is the quantile of all values since its start, which hides every
// change, and the difference to the point before would be state, which a codec doesn't have: it could not be the same
// after a restart, nor for points in another order. Its buckets become cumulative series where they are asked for
// (setting buckets): name.bucket with the label le, of all that was observed up to that bound, as Prometheus has
// them. A window has the increase of each, over resets and restarts, so name.bucket{le="250"} over name.count is an objective
// of latency without any estimate, and operator quantile estimates the quantiles of a window from them. They are
// not the default, since each histogram is then some 16 series more for detectors to watch. Buckets of exponential histograms
// have no series: their bounds change with the scale. Who wants quantiles without more ado lets producers send deltas
// (OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=delta, or the Collector's cumulativetodelta processor).
//
// # Series
//
// The labels of a series are the attributes of the resource and of the point; of equal names the point's counts, of
// equal names in one place the last. The labels le and quantile that the codec adds count over attributes.
// Attribute values become text as the OpenTelemetry specification says for non-string attributes: true
// and false, decimal numbers, bytes in base64, lists and maps as JSON with sorted keys. What is not UTF-8 is
// replaced by U+FFFD. Units are those of a series' first point.
//
// OpenTelemetry counts the instrumentation scope to a series' identity, too. With the setting scope it is in the labels
// (otel.scope.name, otel.scope.version, otel.scope.ATTRIBUTE). It is not by default: versions of libraries would
// make new series at each release, and one metric is seldom told by two scopes of a resource. Where it is, their points are
// one series without the setting.
//
// Schema URLs, descriptions and metadata are not read. Nor are exemplars: they are examples of values that the point has
// counted, with the traces that they are from, which the columns of points have no place for. Nothing is lost by that but the way to the
// traces, so they are not counted; the records still have them.
//
// # Time and loss
//
// A start time goes with each point; a change of it is a reset. Rows that can't be used are counted in Columns.Lost, by the reasons in
// this package's Lost constants: no value (the flag, or the NaN by which Prometheus marks the end of a series), NaN and infinities,
// no time or one beyond the year 2262, no temporality. A point of a histogram or summary that can't be used as a whole counts as the rows of
// its count and sum. A record that is broken or beyond a limit is an error as a whole.
//
// In JSON names are lowerCamelCase or as in the proto files, numbers are numbers or texts, null is as if absent, and unknown fields
// are skipped. A field that stands twice is refused, since parsers don't agree which one counts.
package otlp

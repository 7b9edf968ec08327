// Package remotewrite turns Prometheus remote write requests into points, one request a record: those of version 1.0
// (prometheus.WriteRequest, prometheus.io/docs/specs/prw/remote_write_spec) and of version 2.0 (io.prometheus.write.v2.Request,
// prometheus.io/docs/specs/prw/remote_write_spec_2_0, its drafts rc.3 and rc.4 included), as protocol buffers, in a snappy block or in
// zstd frames.
//
// # What a record is
//
// Headers of a record that HTTP has for it count first, in any case of letters: content-encoding (snappy, zstd, identity), the proto
// parameter of content-type, x-prometheus-remote-write-version. Then the settings compression and version. Where all are silent or auto, the
// content decides, and nothing that was seen before: zstd frames begin with their magic number. Bytes that are fields of a request from the
// first to the last are a request; a snappy block is none, since its first byte is a length and its second one a literal's. All
// else has to be a snappy block. The two versions have no field number in common, so a request says itself which it is.
//
// What comes out of the decompression is bounded by max_bytes before memory is taken for it. So is what a length says that
// so few bytes can't hold.
//
// # What becomes of what
//
// The label __name__ is the metric, the others are the labels as they are; of equal names the last counts, an empty value is an absent
// label. Names and values that are not UTF-8 get U+FFFD in place of what is not. Times are Unix milliseconds; a sample whose time is 0 has that
// of the record.
//
//   - Version 2.0 says of each series what it is, if its writer knows: Prometheus 3.13 does with its flag type-and-unit-labels, else set
//     cumulative_suffixes. Counters and histograms are cumulative; of summaries the series that end in _count and
//     _sum are, the quantiles are gauges; gauges, gauge histograms, infos and state sets are gauges. The start of a cumulative
//     series is start_timestamp (rc.4), else the series' created_timestamp (rc.3). The unit is kept.
//   - Version 1.0 does not say. A request's metadata counts for the series of the same request: of its family by the family's
//     name, or by name and suffix as its type has them (_total; _bucket, _count, _sum; _gcount, _gsum; _info). Of families of one name the last
//     counts. Prometheus sends metadata in requests of their own, which make no rows: set cumulative_suffixes then.
//   - Where nothing says what a series is, also in version 2.0, it is a gauge, or cumulative if its name ends as
//     cumulative_suffixes lists.
//   - A native histogram, of whole numbers or floats, with exponential or custom buckets, makes the two series name.count (unit 1) and
//     name.sum, as histograms of OpenTelemetry do here; cumulative, or gauges if it says that it is a gauge histogram. Buckets are not
//     read, so there are no quantiles here. Reset hints are not read: a fall of the count is a reset.
//   - Classic histograms and summaries are the series that they consist of.
//
// Exemplars and help texts are not read. Samples of a series may be in any order.
//
// Rows that can't be used are counted in Columns.Lost, by the reasons in this package's Lost constants: a staleness marker
// (the NaN 0x7ff0000000000002) is a value that was not recorded, any other NaN or infinity is not finite. A native histogram counts as the two rows
// that it would have made. A request that is broken or beyond a limit is an error as a whole.
package remotewrite

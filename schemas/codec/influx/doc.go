// Package influx turns the InfluxDB line protocol (docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol), as Telegraf
// writes it, into points.
//
// A record holds one line or several. Empty lines, comments (# to the end of the line) and \r before \n are skipped. A line is
//
//	measurement[,tag=value…] field=value[,field=value…] [time]
//
// Each field that is a number makes a point of the series measurement_field with the line's tags as labels. Two names are special,
// as in Telegraf's Prometheus outputs: the field value alone is the measurement's own (the series measurement), and the
// measurement prometheus, whose fields are metric names already, is left out. Whole numbers, i and u, become float64, exact up to
// 2^53; true and false become 1 and 0.
//
// Fields that are texts are no metrics: they make no points and are not counted as lost, as in Telegraf's Prometheus outputs.
// Telegraf writes them all the time (a version, a state in words), so a count of them would grow forever and say nothing. A line
// of nothing but texts makes no point.
//
// In names and values of tags and in names of fields a backslash before a comma, an equals sign or a space is left out; in measurements
// before a comma or a space. Elsewhere it stands for itself, so that \n, which Telegraf writes for a line end in a name, stays as
// these two characters. A text may hold line ends; \" and \\ are its only escapes that matter here. Of equal tags the last counts.
// What is not UTF-8 is replaced by U+FFFD.
//
// Times are whole numbers. The protocol says nanoseconds, and so do Telegraf's; with precision auto the size says what they are:
// from 10^9 seconds, from 10^11 milliseconds, from 10^14 microseconds, from 10^17 (3 March 1973) nanoseconds, and less is
// no time. A line without a time has the record's.
//
// Series are gauges but for the metrics of the setting cumulative: the counters of the operating system that Telegraf reads, by
// their whole names, since aggregators write net_bytes_recv_mean beside net_bytes_recv.
//
// Points that can't be used are counted in Columns.Lost, by the reasons in this package's Lost constants. A record that is broken or
// beyond a limit is an error as a whole.
package influx

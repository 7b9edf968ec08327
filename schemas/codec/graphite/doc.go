// Package graphite turns Graphite's plaintext protocol (graphite.readthedocs.io, "Feeding In Your Data" and "Tag Support") into
// points: as collectd's write_kafka with Format Graphite and Telegraf's graphite serializer write it, and as carbon reads it.
//
// A record holds one line or several, ended by \n or \r\n; empty lines are skipped. A line is
//
//	path[;tag=value…] value [time]
//
// with spaces or tabs between. The path is the metric's name, the tags are labels. Times are in seconds, with decimals or
// without (precision s), or as their size says (precision auto, the default: from 10^9 seconds, from 10^11 milliseconds and so on);
// -1 is now for carbon. Without a time, and with -1, the record's own counts.
//
// The setting path_labels gives names to the parts of a path between dots, so that
//
//	path_labels: [host.plugin.*]
//
// makes of node-1.memory.memory-used the metric memory-used with the labels host="node-1" and plugin="memory". In a pattern a
// word is the label that a part goes to, * a part that stays in the name, _ a part that is dropped, and a * at the end is all that
// is left, at least one part. The first pattern that fits the path counts; a path that fits none is a name as it is. A tag counts
// more than a part of the path. (With dots in host names nobody can tell them from the other dots: collectd replaces them when
// GraphiteEscapeChar is set.)
//
// Series are gauges but for the metrics of the setting cumulative: the protocol does not tell, and collectd writes counters as they
// are unless StoreRates is set. What is not UTF-8 is replaced by U+FFFD.
//
// Points that can't be used are counted in Columns.Lost, by the reasons in this package's Lost constants. A record that is broken or
// beyond a limit is an error as a whole.
package graphite

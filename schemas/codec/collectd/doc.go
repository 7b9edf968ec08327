// Package collectd turns what collectd's plugin write_kafka (collectd.org, collectd.conf(5)) writes with Format JSON and Format
// Command into points. Which of the two a record is shows in its first byte. (Format Graphite is for the codec graphite.)
//
// JSON is an array of value lists, or one value list. A value list has parallel arrays values, dstypes and dsnames, the time in
// seconds with decimals, and host, plugin, plugin_instance, type, type_instance; other members are not read. Command is one
// PUTVAL a line:
//
//	PUTVAL host/plugin[-instance]/type[-instance] interval=10.000 time:value[:value…]
//
// where the identifier may stand in quotes, a value may be U (none) and a time N (now, the record's). It names neither data sources
// nor their types, which collectd takes from its types.db: the codec knows those of the operating system's plugins, and the
// setting types adds others. Where nothing is known of a type, a value alone is called value, several are called 0, 1 and so on, and they are
// gauges.
//
// Each value makes a point. Names follow collectd's write_prometheus, without its _total, since a series has its type:
//
//	collectd_plugin_type[_dsname]
//
// where a type that is called as its plugin stands once, and the data source value is left out: collectd_memory, collectd_load_shortterm,
// collectd_interface_if_octets_rx. Labels are host, plugin_instance and type_instance, as they are called in the record; empty ones
// are absent. (write_prometheus calls them instance, the plugin's name and type; Telegraf's parser host, instance and type_instance.)
//
// Types: gauge is a gauge, derive and counter are cumulative, absolute is a delta. With StoreRates, which write_kafka (5.12) has
// on unless it is set to false, collectd itself makes rates of the last three and writes them in JSON under their old types: so
// with the setting store_rates, on by default, all series of JSON records are gauges, per second where they are rates. Command always
// has the values as they are.
//
// A value null or U, collectd's NaN, is lost as no_recorded_value; so is the first rate of each counter after collectd's start. What is not UTF-8 is replaced by U+FFFD. Points that can't be
// used are counted in Columns.Lost, by the reasons in this package's Lost constants. A record that is broken or beyond a limit is an
// error as a whole.
package collectd

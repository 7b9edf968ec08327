package collectd

import (
	"fmt"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
)

// source is a data source: one value of a value list.
type source struct {
	bytes []byte // its name
	typ   pipeline.SeriesType
}

// maxSources bounds the values of a value list: each would make a series.
const maxSources = 256

// known are the data sources of the types that collectd's plugins for the operating system write and that are not one gauge called value.
var known = map[string]string{
	"load":             "shortterm:gauge midterm:gauge longterm:gauge",
	"cpu":              "value:derive",
	"contextswitch":    "value:derive",
	"fork_rate":        "value:derive",
	"irq":              "value:derive",
	"uptime":           "value:gauge",
	"if_octets":        "rx:derive tx:derive",
	"if_packets":       "rx:derive tx:derive",
	"if_errors":        "rx:derive tx:derive",
	"if_dropped":       "rx:derive tx:derive",
	"if_collisions":    "value:derive",
	"if_multicast":     "value:derive",
	"if_rx_octets":     "value:derive",
	"if_tx_octets":     "value:derive",
	"disk_octets":      "read:derive write:derive",
	"disk_ops":         "read:derive write:derive",
	"disk_merged":      "read:derive write:derive",
	"disk_time":        "read:derive write:derive",
	"disk_io_time":     "io_time:derive weighted_io_time:derive",
	"io_octets":        "rx:derive tx:derive",
	"io_packets":       "rx:derive tx:derive",
	"df":               "used:gauge free:gauge",
	"swap_io":          "value:derive",
	"vmpage_action":    "value:derive",
	"vmpage_faults":    "minflt:derive majflt:derive",
	"vmpage_io":        "in:derive out:derive",
	"ps_count":         "processes:gauge threads:gauge",
	"ps_cputime":       "user:derive syst:derive",
	"ps_pagefaults":    "minflt:derive majflt:derive",
	"ps_disk_octets":   "read:derive write:derive",
	"ps_disk_ops":      "read:derive write:derive",
	"total_bytes":      "value:derive",
	"total_requests":   "value:derive",
	"total_sessions":   "value:derive",
	"total_operations": "value:derive",
}

// newTypes returns the known types, and over them those that are given, each as name:type of its data sources in order.
func newTypes(given map[string]string) (map[string][]source, error) {
	out := make(map[string][]source, len(known)+len(given))
	for _, from := range []map[string]string{known, given} {
		for name, text := range from {
			sources, err := parseSources(text)
			if err != nil {
				return nil, &pipeline.SettingFault{Path: fmt.Sprintf("types.%s", name), Err: err}
			}
			out[name] = sources
		}
	}
	return out, nil
}

func parseSources(text string) ([]source, error) {
	var out []source
	for _, word := range strings.Fields(text) {
		name, kind, _ := strings.Cut(word, ":")
		typ, ok := seriesType([]byte(kind))
		if name == "" || !ok {
			return nil, pipeline.Errorf("collectd.types.source", "%q is no data source: write name:type, where the type is gauge, derive, counter or absolute", word)
		}
		out = append(out, source{[]byte(name), typ})
	}
	if out == nil {
		return nil, pipeline.Errorf("collectd.types.source", "the type has no data source: write name:type for each of its values in order")
	}
	return out, nil
}

// seriesType returns what collectd's data source types are here.
func seriesType(dstype []byte) (pipeline.SeriesType, bool) {
	switch string(dstype) {
	case "gauge", "GAUGE":
		return pipeline.Gauge, true
	case "derive", "DERIVE", "counter", "COUNTER":
		return pipeline.Cumulative, true
	case "absolute", "ABSOLUTE":
		return pipeline.Delta, true
	}
	return 0, false
}

package influx

import (
	"errors"
	"fmt"
	"maps"
	"path"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/memo"
	"github.com/homeostat/homeostat/schemas/codec/moment"
)

// Name is the codec's word in the configuration.
const Name = "influx"

// Reasons in Columns.Lost.
const (
	// LostNotFinite: NaN or an infinity, or a number that no float64 holds.
	LostNotFinite = "not_finite"
	// LostNoTime: neither the line nor the record has a time.
	LostNoTime = "no_time"
	// LostTimeRange: the line's time is before 1970 or beyond the year 2262, or too small for its unit to be seen.
	LostTimeRange = "time_out_of_range"
	// LostSeriesLimit: a new series, and the lane's table is full.
	LostSeriesLimit = "series_limit"
)

// counters are the metrics that only grow in what Telegraf reads of an operating system: plugins cpu, diskio, net, kernel and swap.
var counters = []any{
	"cpu_time_user", "cpu_time_system", "cpu_time_idle", "cpu_time_nice", "cpu_time_iowait", "cpu_time_irq", "cpu_time_softirq",
	"cpu_time_steal", "cpu_time_guest", "cpu_time_guest_nice", "cpu_time_active",
	"diskio_reads", "diskio_writes", "diskio_read_bytes", "diskio_write_bytes", "diskio_read_time", "diskio_write_time",
	"diskio_io_time", "diskio_weighted_io_time", "diskio_merged_reads", "diskio_merged_writes",
	"net_bytes_sent", "net_bytes_recv", "net_packets_sent", "net_packets_recv", "net_err_in", "net_err_out", "net_drop_in", "net_drop_out",
	"kernel_interrupts", "kernel_context_switches", "kernel_processes_forked", "kernel_disk_pages_in", "kernel_disk_pages_out",
	"swap_in", "swap_out",
}

// Spec describes the codec.
func Spec() pipeline.Spec {
	return pipeline.Spec{
		Name: Name,
		Doc: "InfluxDB line protocol as Telegraf writes it, one line a record or several. Each field that is a number or a boolean makes a point of " +
			"the series measurement_field, the field value one of the series measurement; labels are the tags. Fields that are texts are no metrics and make no points. " +
			"A record beyond a limit is a dead letter.",
		Emits:   []pipeline.Kind{pipeline.Points},
		Version: 1,
		Settings: []pipeline.Setting{
			{Name: "precision", Type: pipeline.String, Default: "auto", Enum: []string{"auto", "ns", "us", "ms", "s"},
				Doc: "Unit of times; auto goes by their size, by which nanoseconds are recognised from 1973 on.", Example: "ns"},
			{Name: "cumulative", Type: pipeline.List, Default: counters, Fields: []pipeline.Setting{{Type: pipeline.String, Doc: "Name of a metric, or pattern with * and ?."}},
				Doc:     "Metrics whose values only grow, until they start again; all others are gauges. By default what Telegraf's cpu, diskio, net, kernel and swap count.",
				Example: "[net_bytes_recv, net_bytes_sent, haproxy_*_total]"},
			{Name: "max_bytes", Type: pipeline.Size, Default: int64(16 << 20), Min: pipeline.Bound(1), Max: pipeline.Bound(1 << 30),
				Doc: "Size of a record.", Example: "16MiB"},
			{Name: "max_points", Type: pipeline.Int, Default: int64(100_000), Min: pipeline.Bound(1),
				Doc: "Rows a record may make, those that can't be used included.", Example: "100000"},
			{Name: "max_attributes", Type: pipeline.Int, Default: int64(128), Min: pipeline.Bound(1),
				Doc: "Tags of a line.", Example: "128"},
			{Name: "max_label_bytes", Type: pipeline.Size, Default: int64(16 << 10), Min: pipeline.Bound(1), Max: pipeline.Bound(1 << 20),
				Doc: "Text of a series: metric name, names and values of all labels.", Example: "16KiB"},
			{Name: "memo", Type: pipeline.Size, Default: int64(128 << 20), Min: pipeline.Bound(1 << 20), Max: pipeline.Bound(2 << 30),
				Doc: "Memory of a lane for recognising series by their raw bytes. Beyond it the memo starts anew, which costs time only.", Example: "128MiB"},
		},
	}
}

// Register adds the codec to a registry.
func Register(r *pipeline.Registry) { r.AddCodec(Spec(), New) }

type limits struct{ bytes, points, attributes, labelBytes, memo int }

// New makes a codec for one lane. Settings that are absent have the defaults of Spec.
func New(given pipeline.Settings) (pipeline.Codec, error) {
	s := pipeline.Settings{}
	for _, setting := range Spec().Settings {
		s[setting.Name] = setting.Default
	}
	maps.Copy(s, given)
	c := &codec{unit: moment.UnitOf(s.Text("precision")), cumulative: s.Texts("cumulative"), limits: limits{
		bytes:      int(s.Int("max_bytes")),
		points:     int(s.Int("max_points")),
		attributes: int(s.Int("max_attributes")),
		labelBytes: int(s.Int("max_label_bytes")),
		memo:       int(s.Int("memo")),
	}}
	var faults []error
	for i, pattern := range c.cumulative {
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
			faults = append(faults, &pipeline.SettingFault{Path: fmt.Sprintf("cumulative[%d]", i),
				Err: pipeline.Errorf("influx.cumulative.pattern", "%q is no pattern: write a metric's name, close what [ opens, and write \\[ for the character itself", pattern)})
		}
	}
	c.lineMemo, c.fieldMemo = memo.New(), memo.New()
	return c, errors.Join(faults...)
}

package config

import (
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/homeostat/homeostat/pipeline"
)

func kafkaSettings() []pipeline.Setting {
	return []pipeline.Setting{
		{Name: "bootstrap", Type: pipeline.List, Example: `["127.0.0.1:9092"]`, Fields: []pipeline.Setting{{Type: pipeline.String}},
			Doc: "The brokers to ask first; none means the embedded broker."},
		{Name: "commit_interval", Type: pipeline.Duration, Default: 50 * time.Millisecond, Example: "100ms",
			Min: pipeline.Bound(float64(50 * time.Millisecond)), Max: pipeline.Bound(float64(10 * time.Second)),
			Doc: "The shortest time between two commits of outputs by the process; positions alone are committed each second."},
		{Name: "transactions", Type: pipeline.Bool, Default: true, Example: "true",
			Doc: "Commit outputs and positions together: exactly once. false is at least once."},
		tlsSetting(), saslSetting(),
		{Name: "session", Type: pipeline.Duration, Default: 10 * time.Second, Example: "10s",
			Min: pipeline.Bound(float64(time.Second)), Max: pipeline.Bound(float64(5 * time.Minute)),
			Doc: "How long a process may be silent before its partitions are given to others. Brokers take 6s to 30m unless set otherwise."},
	}
}

func limitSettings() []pipeline.Setting {
	return []pipeline.Setting{
		{Name: "series", Type: pipeline.Int, Default: int64(1_000_000), Example: "1000000", Min: pipeline.Bound(1), Max: pipeline.Bound(100_000_000),
			Doc: "The number of series of one lane. Near it series that are idle make room; beyond it new ones are refused."},
		{Name: "series_idle", Type: pipeline.Duration, Default: time.Hour, Example: "1h", Min: pipeline.Bound(0), Max: pipeline.Bound(float64(365 * 24 * time.Hour)),
			Doc: "For how long in event time a series has to be silent to make room; what was learned of it is forgotten then. 0s is never."},
		{Name: "memory", Type: pipeline.Size, Default: int64(512 << 20), Example: "512MiB", Min: pipeline.Bound(16 << 20), Max: pipeline.Bound(1 << 40),
			Doc: "The number of bytes in flight in the process."},
		{Name: "record", Type: pipeline.Size, Default: int64(16 << 20), Example: "16MiB", Min: pipeline.Bound(1 << 10), Max: pipeline.Bound(1 << 30),
			Doc: "The number of decompressed bytes of one record."},
	}
}

func stateSettings() []pipeline.Setting {
	return []pipeline.Setting{
		{Name: "directory", Type: pipeline.String, Example: "/var/lib/homeostat",
			Doc: "Keeps the states of lanes in files there, for a single process; none means a topic of the pipeline's own."},
		{Name: "interval", Type: pipeline.Duration, Default: 30 * time.Second, Example: "30s",
			Min: pipeline.Bound(float64(time.Second)), Max: pipeline.Bound(float64(time.Hour)),
			Doc: "How old a lane's snapshot may become; a restart replays what came after it."},
	}
}

func columnsSettings() []pipeline.Setting {
	return []pipeline.Setting{
		{Name: "by", Type: pipeline.String, Enum: []string{ByEntity, BySystem}, Example: ByEntity,
			Doc: "What has to meet in one lane of detect when a source is not fused; none means what the chain needs."},
		{Name: "partitions", Type: pipeline.Int, Default: int64(8), Example: "8", Min: pipeline.Bound(1), Max: pipeline.Bound(1024),
			Doc: "The number of lanes of detect behind the columns topic."},
		{Name: "always", Type: pipeline.Bool, Default: false,
			Doc: "No source is fused: all rows go through the columns topic, also those that their producers key. Detectors hear of changes only there."},
	}
}

func adminSettings() []pipeline.Setting {
	return []pipeline.Setting{{Name: "listen", Type: pipeline.String, Default: "127.0.0.1:9464", Example: "127.0.0.1:9464",
		Doc: "The address of the listener for metrics and health; off means none."}}
}

func logSettings() []pipeline.Setting {
	return []pipeline.Setting{
		{Name: "level", Type: pipeline.String, Default: "info", Enum: []string{"debug", "info", "warn", "error"}, Doc: "What is logged at least."},
		{Name: "format", Type: pipeline.String, Default: "text", Enum: []string{"text", "json"}, Doc: "How a line is written."},
	}
}

// process reads the sections that concern the process rather than the data.
func (r *reader) process(root *node, s pipeline.Settings, c *Config) {
	if k := s.Object("kafka"); k != nil {
		c.Kafka = Kafka{CommitInterval: k.Duration("commit_interval"), Transactions: k.Bool("transactions"), Session: k.Duration("session")}
		for i, address := range k.Texts("bootstrap") {
			c.Kafka.Bootstrap = append(c.Kafka.Bootstrap, address)
			r.address(root, index("kafka.bootstrap", i), address)
		}
		r.security(root, k, &c.Kafka)
	}
	if l := s.Object("limits"); l != nil {
		c.Limits = Limits{Series: int(l.Int("series")), Idle: l.Duration("series_idle"), Memory: l.Int("memory"), Record: l.Int("record")}
		if l.Has("record") && l.Has("memory") && c.Limits.Record > c.Limits.Memory {
			r.at(root, "limits.record", "config.limits.record", "one record may have %s, more than the %s of limits.memory: lower this or raise limits.memory",
				FormatSize(c.Limits.Record), FormatSize(c.Limits.Memory))
		}
	}
	if st := s.Object("state"); st != nil {
		c.State = State{Directory: st.Text("directory"), Interval: st.Duration("interval")}
	}
	if cs := s.Object("columns"); cs != nil {
		c.Columns = Columns{By: cs.Text("by"), Partitions: int(cs.Int("partitions")), Always: cs.Bool("always")}
	}
	if a := s.Object("admin"); a != nil {
		if c.Admin.Listen = a.Text("listen"); c.Admin.Listen == "off" {
			c.Admin.Listen = ""
		}
		if c.Admin.Listen != "" {
			r.address(root, "admin.listen", c.Admin.Listen)
		}
	}
	if l := s.Object("log"); l != nil {
		c.Log = Log{Level: l.Text("level"), Format: l.Text("format")}
	}
}

// address checks that a text is a host and a port.
func (r *reader) address(root *node, path, text string) {
	_, port, err := net.SplitHostPort(text)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		r.at(root, path, "config.address.invalid", "%s is no address: write host:port, as 127.0.0.1:9092", find(root, path).shown())
	}
}

// listed lets a setting that is a list be written as one text: it is cut at the separator, or stands alone if there is
// none.
func listed(n *node, separator string) {
	if n == nil || n.shape != scalar || n.empty {
		return
	}
	texts := []string{n.text}
	if separator != "" {
		texts = strings.Split(n.text, separator)
	}
	one := *n
	n.shape, n.items = list, nil
	if n.text == "" {
		return // a variable that is set to nothing, or defaults to it
	}
	for _, text := range texts {
		item := one
		item.text = strings.TrimSpace(text)
		n.items = append(n.items, &item)
	}
}

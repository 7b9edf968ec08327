package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// began is when the telemetry of these tests begins.
var began = time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)

// hostMetrics writes what a Collector's receiver hostmetrics writes for three hosts each ten seconds: load, memory, counters of a network
// interface. fault is put onto the load of node-2.
func (s *station) hostMetrics(topic string, partitions, from, to int, fault float64) {
	s.Helper()
	var messages []broker.Message
	for i := from; i < to; i++ {
		for host := 1; host <= 3; host++ {
			r := rand.New(rand.NewPCG(uint64(i), uint64(host)))
			at := began.Add(time.Duration(i)*10*time.Second + time.Duration(host)*137*time.Millisecond)
			m := pmetric.NewMetrics()
			resource := m.ResourceMetrics().AppendEmpty()
			resource.Resource().Attributes().PutStr("host.name", fmt.Sprint("node-", host))
			resource.Resource().Attributes().PutStr("os.type", "linux")
			scope := resource.ScopeMetrics().AppendEmpty()
			gauge := func(name, unit string, v float64, attributes ...string) {
				one := scope.Metrics().AppendEmpty()
				one.SetName(name)
				one.SetUnit(unit)
				point := one.SetEmptyGauge().DataPoints().AppendEmpty()
				point.SetTimestamp(pcommon.NewTimestampFromTime(at))
				point.SetDoubleValue(v)
				for k := 0; k < len(attributes); k += 2 {
					point.Attributes().PutStr(attributes[k], attributes[k+1])
				}
			}
			load := 1.2 + 0.2*float64(host) + 0.15*r.NormFloat64()
			if host == 2 {
				load += fault
			}
			gauge("system.cpu.load_average.1m", "{thread}", load)
			used := 6e8 + 1e7*r.NormFloat64()
			gauge("system.memory.usage", "By", used, "state", "used")
			gauge("system.memory.usage", "By", 8e9-used, "state", "free")
			sum := scope.Metrics().AppendEmpty()
			sum.SetName("system.network.io")
			io := sum.SetEmptySum()
			io.SetIsMonotonic(true)
			io.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
			for _, direction := range []string{"receive", "transmit"} {
				point := io.DataPoints().AppendEmpty()
				point.SetStartTimestamp(pcommon.NewTimestampFromTime(began.Add(-time.Hour)))
				point.SetTimestamp(pcommon.NewTimestampFromTime(at))
				point.SetIntValue(int64(1e9) + int64(i)*200_000 + r.Int64N(8000))
				point.Attributes().PutStr("device", "eth0")
				point.Attributes().PutStr("direction", direction)
			}
			b, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(m)
			if err != nil {
				s.Fatal(err)
			}
			messages = append(messages, broker.Message{Topic: topic, Partition: int32((i + host) % partitions), Value: b, Time: at})
		}
	}
	s.write(messages...)
}

// The layouts of rsyslog's templates: RSYSLOG_SyslogProtocol23Format, and RSYSLOG_FileFormat, by which it writes if nobody says otherwise and which has no severity.
const (
	protocol23 = "<%d>1 %s %s nginx 812 - - %s\n"
	fileFormat = "%[2]s %[3]s nginx[812]: %[4]s\n"
)

// rsyslog writes lines of a layout, about two a second of three hosts; errors more of the severity ERR come from web-3.
func (s *station) rsyslog(topic, layout string, partitions, from, to, errors int) {
	s.Helper()
	var messages []broker.Message
	line := func(at time.Time, priority int, host, text string) {
		messages = append(messages, broker.Message{Topic: topic, Partition: int32(len(messages) % partitions), Time: at,
			Value: fmt.Appendf(nil, layout, priority, at.Format(time.RFC3339Nano), host, text)})
	}
	for i := from; i < to; i++ {
		r := rand.New(rand.NewPCG(uint64(i), 7))
		at := began.Add(time.Duration(i) * time.Second)
		for k, host := range []string{"web-3", "web-4", "db-1"} {
			at := at.Add(time.Duration(k*100) * time.Millisecond)
			if r.IntN(3) > 0 {
				line(at, 134, host, fmt.Sprintf(`10.1.2.%d "GET /cart HTTP/1.1" 200`, r.IntN(250)))
			}
			if r.IntN(60) == 0 {
				line(at, 163, host, "[error] upstream timed out (110: Connection timed out) while connecting to upstream")
			}
		}
		for k := range errors {
			line(at.Add(time.Duration(400+k)*time.Millisecond), 163, "web-3", fmt.Sprintf("ERROR: connect() failed (111: Connection refused) to upstream %d", k))
		}
	}
	s.write(messages...)
}

// findings returns the entities of the findings on a pipeline's events topic, and of the suspects of its incidents, each once.
func (s *station) findings(name string) (findings, suspects map[string]int) {
	s.Helper()
	findings, suspects = map[string]int{}, map[string]int{}
	for topic, each := range map[string]func(*schemas.Event){
		name + ".events": func(e *schemas.Event) {
			if e.Type == schemas.TypeFinding {
				findings[e.Subject]++
			}
		},
		name + ".incidents": func(e *schemas.Event) {
			var in schemas.Incident
			if e.Type == schemas.TypeIncidentOpened && e.Into(&in) == nil {
				for _, suspect := range in.Suspects {
					suspects[suspect.Entity]++
				}
			}
		},
	} {
		tps, err := s.client.AllPartitions(s.Context(), topic)
		if err != nil {
			s.Fatal(err)
		}
		bounds, err := s.client.Bounds(s.Context(), tps)
		if err != nil {
			s.Fatal(err)
		}
		from, to := map[broker.TopicPartition]int64{}, map[broker.TopicPartition]int64{}
		for _, tp := range tps {
			from[tp], to[tp] = bounds[tp].Start, bounds[tp].Stable
		}
		err = broker.Scan(s.Context(), s.client.Cluster(), broker.FetchConfig{}, from, to, func(rec *pipeline.Record) error {
			if e, err := schemas.ReadEvent(rec); err == nil {
				each(&e)
			}
			return nil
		})
		if err != nil {
			s.Fatal(err)
		}
	}
	return findings, suspects
}

// init writes a pipeline for topics and returns its file, and its text.
func (s *station) init(topics ...string) (file, text string) {
	s.Helper()
	file = filepath.Join(s.TempDir(), "first.yaml")
	args := []string{"init", "--bootstrap", s.addr, "-o", file}
	for _, t := range topics {
		args = append(args, "--topic", t)
	}
	mustRun(s.T, args...)
	b, err := os.ReadFile(file)
	if err != nil {
		s.Fatal(err)
	}
	return file, string(b)
}

// TestInitFindsAFault writes pipelines for topics of real producers' shapes, runs them as they are, and breaks something.
func TestInitFindsAFault(t *testing.T) {
	for name, c := range map[string]struct {
		fill       func(s *station, topic string, partitions int)
		fault      func(s *station, topic string, partitions int)
		entity     string
		partitions int
		wants      []string
	}{
		"otel-metrics": {
			fill:   func(s *station, topic string, n int) { s.hostMetrics(topic, n, 0, 400, 0) },
			fault:  func(s *station, topic string, n int) { s.hostMetrics(topic, n, 400, 480, 6) },
			entity: "node-2", partitions: 1,
			wants: []string{"codec: otlp_metrics\n", "600 of 600 records understood, 3000 points of 15 series", `entity: ["{{.host.name}}"]`, "- window: {size: 20s}", "- robustz", "keyed: false"},
		},
		"otel-metrics-spread": {
			fill:   func(s *station, topic string, n int) { s.hostMetrics(topic, n, 0, 400, 0) },
			fault:  func(s *station, topic string, n int) { s.hostMetrics(topic, n, 400, 480, 6) },
			entity: "node-2", partitions: 2,
			wants: []string{"keyed: false", "records have no key"},
		},
		"rsyslog": {
			fill:   func(s *station, topic string, n int) { s.rsyslog(topic, protocol23, n, 0, 1500, 0) },
			fault:  func(s *station, topic string, n int) { s.rsyslog(topic, protocol23, n, 1500, 1800, 4) },
			entity: "web-3", partitions: 1,
			wants: []string{"codec: syslog\n", `entity: ["{{.host}}"]`, "- errorlogs", "ERROR or above"},
		},
		"rsyslog-by-default": {
			fill:   func(s *station, topic string, n int) { s.rsyslog(topic, fileFormat, n, 0, 1500, 0) },
			fault:  func(s *station, topic string, n int) { s.rsyslog(topic, fileFormat, n, 1500, 1800, 4) },
			entity: "web-3", partitions: 3,
			wants: []string{"codec: syslog\n", `entity: ["{{.host}}"]`, "- errorlogs", "ERROR or above"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("HOMEOSTAT_ADMIN", "off")
			s := newStation(t)
			s.topic(name, c.partitions)
			c.fill(s, name, c.partitions)
			file, text := s.init(name)
			if _, again := s.init(name); again != text {
				t.Error("another look at the same topic writes something else")
			}
			for _, want := range c.wants {
				if !strings.Contains(text, want) {
					t.Errorf("there is no %s in\n%s", want, text)
				}
			}
			if strings.Contains(text, "robustz") == strings.Contains(text, "errorlogs") {
				t.Errorf("metrics and logs have detectors of their own:\n%s", text)
			}
			mustRun(t, "validate", file)
			mustRun(t, "run", "--until-end", "-c", file)
			findings, suspects := s.findings(name)
			if len(findings)+len(suspects) > 0 {
				t.Errorf("nothing is wrong, and there are findings of %v, suspects %v", findings, suspects)
			}
			c.fault(s, name, c.partitions)
			mustRun(t, "run", "--until-end", "-c", file)
			findings, suspects = s.findings(name)
			if len(findings) != 1 || findings[c.entity] == 0 || len(suspects) != 1 || suspects[c.entity] == 0 {
				t.Errorf("%s is at fault, and there are findings of %v, suspects %v\n%s", c.entity, findings, suspects, text)
			}
		})
	}
}

// TestInitOnProducers writes a pipeline for each topic that real producers wrote to. The samples are not part of the repository:
// HOMEOSTAT_PRODUCERS names their folder.
func TestInitOnProducers(t *testing.T) {
	dir := os.Getenv("HOMEOSTAT_PRODUCERS")
	if dir == "" {
		t.Skip("no samples of producers: set HOMEOSTAT_PRODUCERS to a folder with PRODUCER/samples.jsonl in it")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "samples.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	s := newStation(t)
	refused := map[string]string{"kcat": "sniff.mixed", "otel-traces-jaeger": "sniff.unknown", "otel-traces-zipkin": "sniff.unknown"}
	var all []string
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
			var sample struct {
				Topic string  `json:"topic"`
				Time  int64   `json:"timestamp_ms"`
				Key   *string `json:"key"`
				Value *string `json:"value"`
				Hex   string  `json:"value_hex"`
			}
			if err := json.Unmarshal([]byte(line), &sample); err != nil {
				t.Fatal(err)
			}
			m := broker.Message{Topic: sample.Topic, Time: time.UnixMilli(sample.Time)}
			if m.Value, err = hex.DecodeString(sample.Hex); err != nil {
				t.Fatal(err)
			}
			if sample.Value != nil {
				m.Value = []byte(*sample.Value)
			}
			if sample.Key != nil {
				m.Key = []byte(*sample.Key)
			}
			if !slices.Contains(all, sample.Topic) {
				all = append(all, sample.Topic)
				s.topic(sample.Topic, 1)
			}
			s.write(m)
		}
	}
	var good []string
	for _, topic := range all {
		if code := refused[topic]; code != "" {
			if _, err := run(t, "init", "--bootstrap", s.addr, "--topic", topic); pipeline.Code(err) != code {
				t.Errorf("%s: %v", topic, err)
			}
			continue
		}
		good = append(good, topic)
		file, text := s.init(topic)
		t.Log(text)
		mustRun(t, "validate", file)
	}
	file, text := s.init(good...)
	t.Log(text)
	mustRun(t, "validate", file)
}

func TestInitSaysWhatIsWrong(t *testing.T) {
	s := newStation(t)
	for name, partitions := range map[string]int{"empty": 1, "mixed": 1, "odd": 1, "app": 1, "app.events": 1, "app.logs": 3} {
		s.topic(name, partitions)
	}
	s.lines("mixed", jsonLine, 0, 20)
	s.lines("mixed", "$time web-1 app[7]: request $i", 20, 20)
	s.lines("odd", `{"order":$i,"customer":"c"}`, 0, 20)
	for _, topic := range []string{"app", "app.events", "app.logs"} {
		s.lines(topic, jsonLine, 0, 30)
	}
	there := s.file("there.yaml", "x")
	for _, c := range []struct {
		code, says string
		args       []string
	}{
		{"init.topic.missing", "did you mean app.logs?", []string{"--topic", "app.log"}},
		{"init.topic.missing", "choose among app, app.events, app.logs, empty, mixed, odd", []string{"--topic", "nothing.of.the.kind"}},
		{"sniff.empty", "start its producer", []string{"--topic", "empty"}},
		{"sniff.mixed", "json_logs 20 of 40, syslog 20 of 40", []string{"--topic", "mixed"}},
		{"sniff.unknown", "20 records were tried", []string{"--topic", "odd"}},
		{"sniff.unknown", "start its producer", []string{"--topic", "odd", "--topic", "empty", "--topic", "app.logs"}},
		{"init.name", "--name", []string{"--topic", "app.logs", "--name", "My Pipeline"}},
		{"init.name", "--name", []string{"--topic", "app.events", "--name", "app"}},
		{"cli.flag.missing", "--topic", nil},
		{"init.output.exists", "is there already", []string{"--topic", "app.logs", "-o", there}},
	} {
		out, err := run(t, append([]string{"init", "--bootstrap", s.addr}, c.args...)...)
		if pipeline.Code(err) != c.code || !strings.Contains(fmt.Sprint(err), c.says) || strings.Contains(out, "version:") {
			t.Errorf("%v: %v\n%s", c.args, err, out)
		}
	}
	if out := mustRun(t, "init", "--bootstrap", s.addr, "--topic", "app.logs"); !strings.Contains(out, "json_logs:\n") || !strings.Contains(out, "labels: [host]") {
		t.Errorf("init writes\n%s", out)
	}
	if out := mustRun(t, "init", "--bootstrap", s.addr, "--topic", "app", "--topic", "app.events"); !strings.Contains(out, "name: app-pipeline\n") {
		t.Errorf("init writes\n%s", out)
	}
	names, err := s.client.TopicNames(t.Context())
	if err != nil || strings.Join(names, " ") != "app app.events app.logs empty mixed odd" {
		t.Errorf("after init there are the topics %v: %v", names, err)
	}
}

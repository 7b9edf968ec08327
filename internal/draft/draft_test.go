package draft

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/graphite"
	"github.com/homeostat/homeostat/schemas/codec/jsonlog"
	"github.com/homeostat/homeostat/schemas/codec/jsonmetrics"
	"github.com/homeostat/homeostat/schemas/codec/text"
)

func registry() *pipeline.Registry {
	r := pipeline.NewRegistry()
	for _, register := range []func(*pipeline.Registry){jsonmetrics.Register, jsonlog.Register, graphite.Register, text.Register} {
		register(r)
	}
	return r
}

// second is when the samples begin, in Unix seconds.
const second = 1_795_408_200

// sample makes a topic of n records, which partition and record say of each.
func sample(name string, partitions, n int, record func(i int) (partition int, key, value string, at int)) Topic {
	t := Topic{Name: name, Partitions: partitions, Stretches: make([]Stretch, partitions)}
	for i := range n {
		p, key, value, at := record(i)
		s := &t.Stretches[p]
		s.Partition = int32(p)
		rec := pipeline.Record{Topic: name, Partition: int32(p), Offset: int64(len(s.Records)), Value: []byte(value), Timestamp: int64(at) * 1000}
		if key != "" {
			rec.Key = []byte(key)
		}
		s.Records = append(s.Records, rec)
	}
	return t
}

func surveyed(t *testing.T, topics ...Topic) string {
	t.Helper()
	var sources []*Source
	for _, topic := range topics {
		s, err := Survey(registry(), topic)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, s)
	}
	return Write("p", Kafka{Bootstrap: []string{"127.0.0.1:9092"}}, sources)
}

// holds fails for each text that is not there, but for how often there are spaces.
func holds(t *testing.T, got string, wants ...string) {
	t.Helper()
	space := regexp.MustCompile(`(\s|#)+`)
	flat := space.ReplaceAllString(got, " ")
	for _, want := range wants {
		if !strings.Contains(flat, space.ReplaceAllString(want, " ")) {
			t.Errorf("there is no\n%s\nin\n%s", want, got)
		}
	}
}

func metrics(host, more string, at, value int) string {
	return fmt.Sprintf(`{"ts":%d,"metric":"queue.length","host":%q%s,"value":%d}`, at, host, more, value)
}

func TestKeys(t *testing.T) {
	host := func(i int) string { return fmt.Sprint("node-", i%4) }
	for name, c := range map[string]struct {
		partition  func(i int) int
		key        func(i int) string
		partitions int
		want       string
	}{
		"by host":              {func(i int) int { return i % 2 }, host, 2, "keyed: true # each of 4 entities has one key and one partition in the sample"},
		"by request":           {func(i int) int { return i / 4 % 2 }, func(i int) string { return fmt.Sprint(i) }, 2, "keyed: false # records of entity node-0 have several keys or partitions"},
		"by none":              {func(i int) int { return i % 2 }, func(int) string { return "" }, 2, "keyed: false # records have no key"},
		"by some":              {func(i int) int { return i % 2 }, func(i int) string { return strings.Repeat(host(i), i%2) }, 2, "keyed: false # not all records have a key"},
		"all in one partition": {func(int) int { return 1 }, host, 2, "keyed: false # the sample has too few entities or records of them to tell"},
		"a topic of one":       {func(int) int { return 0 }, host, 1, "keyed: false # one partition, so one lane sees all"},
	} {
		t.Run(name, func(t *testing.T) {
			got := surveyed(t, sample("t", c.partitions, 80, func(i int) (int, string, string, int) {
				at := second + i/4
				return c.partition(i), c.key(i), metrics(host(i), "", at, i), at
			}))
			holds(t, got, c.want)
		})
	}
}

// TestKeysOfSingleRecords: entities that are seen once each tell nothing.
func TestKeysOfSingleRecords(t *testing.T) {
	got := surveyed(t, sample("t", 2, 40, func(i int) (int, string, string, int) {
		return i % 2, fmt.Sprint("request-", i), metrics(fmt.Sprint("node-", i), "", second+i, i), second + i
	}))
	holds(t, got, "keyed: false # the sample has too few entities or records")
}

func TestTimes(t *testing.T) {
	got := surveyed(t, sample("t", 1, 100, func(i int) (int, string, string, int) {
		at := second + i*15
		own := at
		if i%10 == 7 {
			own -= 37 // behind the newest one, which is 15 s before
		}
		if i == 50 {
			at -= 600 // its record was stamped by a clock that is behind
		}
		return 0, "", metrics("a", "", own, i), at
	}))
	holds(t, got, "Fields: time in ts, name in metric.", "disorder: 1m # rows came up to 22s behind the newest one", "max_future_skew: 30m", "ahead of their record's time", "window: {size: 30s} # series of t have a point every 15s")
	got = surveyed(t, sample("t", 1, 100, func(i int) (int, string, string, int) {
		return 0, "", metrics("a", "", second+i*60, i), second + i*60
	}))
	holds(t, got, "disorder: 10s # the sample is in order", "window: {size: 1m}")
	if strings.Contains(got, "max_future_skew") {
		t.Errorf("the default is written:\n%s", got)
	}
}

// TestEntities: of labels that name places the finest counts, unless it names no more than a plainer one.
func TestEntities(t *testing.T) {
	entity := func(more func(i int) string) string {
		got := surveyed(t, sample("t", 1, 60, func(i int) (int, string, string, int) {
			return 0, "", fmt.Sprintf(`{"ts":%d,"metric":"m%s,"value":1}`, second+i, `"`+more(i)), second + i
		}))
		return regexp.MustCompile(`entity: .*`).FindString(got)
	}
	for name, c := range map[string]struct {
		labels func(i int) string
		want   string
	}{
		"pods of services":        {func(i int) string { return fmt.Sprintf(`,"service":"s%d","pod":"s%d-%d"`, i%3, i%3, i%9) }, `["{{.pod}}"]`},
		"one pod a service":       {func(i int) string { return fmt.Sprintf(`,"pod":"p%d","service":"s%d"`, i%3, i%3) }, `["{{.service}}"]`},
		"a service on many hosts": {func(i int) string { return fmt.Sprintf(`,"service.name":"otelcol","host.name":"h%d"`, i%5) }, `["{{.host.name}}"]`},
		"applications":            {func(i int) string { return fmt.Sprintf(`,"app":"a%d","level":"x"`, i%3) }, `["{{.app}}"]`},
		"some without": {func(i int) string {
			return strings.Repeat(fmt.Sprintf(`,"host":"h%d"`, i%9), min(1, i%2)) + fmt.Sprintf(`,"n":"%d"`, i%3)
		}, `["{{.host}}", "t"]`},
		"none": {func(int) string { return `,"color":"red"` }, `["t"]`},
		"services or hosts": {func(i int) string {
			if i%2 == 0 {
				return fmt.Sprintf(`,"service":"s%d"`, i%8)
			}
			return fmt.Sprintf(`,"host":"h%d"`, i%6)
		}, `["{{.service}}", "{{.host}}"]`},
	} {
		if got := entity(c.labels); got != "entity: "+c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestObjectivesAreProposed(t *testing.T) {
	got := surveyed(t, sample("t", 1, 60, func(i int) (int, string, string, int) {
		line := fmt.Sprintf(`{"ts":%d,"metric":"http.requests","kind":"delta","host":"a","status":"%d","value":1}`, second+i, []int{200, 404, 503}[i%3])
		if i%2 == 0 {
			line = fmt.Sprintf(`{"ts":%d,"metric":"http.latency","host":"a","value":0.%d}`, second+i, i%7+1)
		}
		return 0, "", line, second + i
	}))
	// Types are not told by this codec's defaults, so the counter is none, and the latency is one by its name.
	holds(t, got, `# slos:`, `- name: http-latency threshold: {metric: "http.latency", below: 1.05} objective: 99%`)
	if strings.Contains(got, "\nslos:") || strings.Contains(got, "- sli\n") {
		t.Errorf("what is not certain is no comment:\n%s", got)
	}
	m := &metric{name: "http.requests", typ: pipeline.Delta, labels: map[string]map[string]bool{"status": {"200": true, "503": true}}}
	src := &Source{metrics: map[string]*metric{m.name: m, "http.errors": {name: "http.errors", typ: pipeline.Delta}}}
	found := indicators([]*Source{src})
	if len(found) != 2 || found[0].lines[1] != `bad: {metric: "http.errors"}` || found[0].lines[0] != `total: {metric: "http.requests"}` || found[1].lines[1] != `bad: {metric: "http.requests", labels: {"status": "5*"}}` {
		t.Errorf("%+v", found)
	}
}

func TestLines(t *testing.T) {
	got := surveyed(t, sample("t", 2, 60, func(i int) (int, string, string, int) {
		return i % 2, fmt.Sprint("web-", i%2), fmt.Sprintf("[error] request %d failed", i), second + i
	}))
	holds(t, got, `text: key_label: key`, `entity: ["{{.key}}"]`, "- errorlogs", "Severity: 60 of 60 lines bear one, 60 of them ERROR or above.", "keyed: true")
	got = surveyed(t, sample("t", 1, 60, func(i int) (int, string, string, int) {
		return 0, fmt.Sprint("request-", i), fmt.Sprintf("request %d", i), second + i
	}))
	holds(t, got, "codec: text", `entity: ["{{.topic}}"]`, "No line bears a severity")
	got = surveyed(t, sample("t", 1, 60, func(i int) (int, string, string, int) {
		return 0, "", fmt.Sprintf(`{"level":"info","msg":"m %d","service":"s%d","host":"h"}`, i, i%3), second + i*40
	}))
	holds(t, got, `json_logs: labels: [host, service]`, "Fields: severity in level, body in msg.", `entity: ["{{.service}}"]`, "window: {size: 1m} # t has a line every 40s")
}

func TestGraphitePaths(t *testing.T) {
	path := func(pattern string, hosts int) string {
		return surveyed(t, sample("t", 1, 60, func(i int) (int, string, string, int) {
			host := fmt.Sprint("web-", i%hosts)
			return 0, "", fmt.Sprintf(pattern, host) + []string{".cpu.user", ".cpu.idle", ".mem.used"}[i/hosts%3] + fmt.Sprintf(" %d %d\r\n", i, second+i), second + i
		}))
	}
	holds(t, path("%s", 4), `path_labels: ["host.*"]`, `entity: ["{{.host}}"]`)
	holds(t, path("servers.%s", 4), `path_labels: ["*.host.*"]`)
	holds(t, path("%s", 1), `path_labels: ["host.*"]`)
	got := surveyed(t, sample("t", 1, 30, func(i int) (int, string, string, int) {
		return 0, "", fmt.Sprintf("stats.gauges.%c 1 %d", 'a'+i%20, second+i), second + i
	}))
	if strings.Contains(got, "path_labels") {
		t.Errorf("a host was found where there is none:\n%s", got)
	}
}

// TestNothingEscapes: names that producers chose don't end a comment or a text, nor refer to an environment variable.
func TestNothingEscapes(t *testing.T) {
	got := surveyed(t, sample("t", 1, 30, func(i int) (int, string, string, int) {
		return 0, "", fmt.Sprintf(`{"ts":%d,"metric":"latency\"\n${SECRET}","host":"a\nadmin: {listen: x}","value":1}`, second+i), second + i
	}))
	for line := range strings.Lines(got) {
		if strings.HasPrefix(strings.TrimSpace(line), "admin: {listen: x}") || strings.Contains(line, "${SECRET") && !strings.Contains(line, "$${SECRET") && !strings.HasPrefix(strings.TrimSpace(line), "#") {
			t.Errorf("a name became a line of its own:\n%s", got)
		}
	}
}

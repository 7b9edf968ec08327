package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/homeostat/homeostat/internal/broker/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run runs the program with arguments and returns what it printed.
func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := root()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs(args)
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	err := cmd.ExecuteContext(ctx)
	return out.String(), err
}

func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	out, err := run(t, args...)
	if err != nil {
		t.Fatalf("homeostat %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

const tenFaults = `version: 1
name: Shop
kafka: {commit_interval: 1ms}
sources:
  - name: metrics
    topic: shop.metrics
    codec: otlp_metric
    disorder: ten
slos:
  - name: checkout
    total: {metric: http.requests}
    good: {metric: http.requests, labels: {outcome: ok}}
    objective: 250%
    window: 30d
detect:
  - window: {sise: 10s}
  - robustz: {threshold: high}
operate:
  - decide: {mode: alive}
limits: {series: 0}
`

func TestValidateListsAllFaults(t *testing.T) {
	file := filepath.Join(t.TempDir(), "shop.yaml")
	if err := os.WriteFile(file, []byte(tenFaults), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := run(t, "validate", file)
	if err == nil {
		t.Fatalf("a file with ten faults is valid:\n%s", out)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 10 {
		t.Errorf("%d lines, want one for each of ten faults:\n%s", len(lines), out)
	}
	for i, want := range []string{
		file + ":2:7: name: ", file + ":3:26: kafka.commit_interval: ", file + ":5:5: sources[0].late: ",
		file + ":7:12: sources[0].codec: ", file + ":8:15: sources[0].disorder: ", file + ":13:16: slos[0].objective: ",
		file + ":16:14: detect[0].window.sise: ", file + ":17:26: detect[1].robustz.threshold: ",
		file + ":19:20: operate[0].decide.mode: ", file + ":20:18: limits.series: ",
	} {
		if i < len(lines) && !strings.HasPrefix(lines[i], want) {
			t.Errorf("line %d is\n%s\nwant it to begin with\n%s", i+1, lines[i], want)
		}
	}
	if !strings.Contains(out, `did you mean "otlp_metrics"?`) || !strings.Contains(out, `did you mean "size"?`) {
		t.Errorf("nothing is suggested:\n%s", out)
	}
}

func TestExamplesAreValidAndExplained(t *testing.T) {
	files, err := filepath.Glob("../../examples/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		if filepath.Base(f) == "runbooks.yaml" {
			continue // a part of shop.yaml
		}
		mustRun(t, "validate", f)
		if out := mustRun(t, "explain", f); !strings.Contains(out, "detect") {
			t.Errorf("explain %s says\n%s", f, out)
		}
	}
}

// sameFiles compares two folders, byte for byte, and returns the names in them.
func sameFiles(t *testing.T, a, b string) []string {
	t.Helper()
	read := func(dir string) map[string]string {
		files := map[string]string{}
		err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := os.ReadFile(p)
			files[filepath.Base(p)] = string(data)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return files
	}
	fa, fb := read(a), read(b)
	var names []string
	for name := range fa {
		names = append(names, name)
		if fa[name] != fb[name] {
			t.Errorf("%s differs between two runs on the same input", name)
		}
	}
	if len(fa) != len(fb) {
		t.Errorf("%d files in one run, %d in the other", len(fa), len(fb))
	}
	sort.Strings(names)
	return names
}

// microservices writes metrics in the layout of the Nezha data: two services, one of which is out of its mind from minute
// 200 to 206.
func microservices(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "metric"), 0o755); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	write := func(name, header string, row func(minute int) string) {
		var buf bytes.Buffer
		z := gzip.NewWriter(&buf)
		fmt.Fprintln(z, header)
		for m := 0; m < 300; m++ {
			fmt.Fprintf(z, "x,%d,%s\n", 1_661_140_279+60*m, row(m))
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "metric", name), buf.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	bad := func(m int) bool { return m >= 200 && m < 206 }
	for _, service := range []string{"cartservice", "emailservice"} {
		write(service+"-55fdc5b988-f6xth_metric.csv.gz", "Time,TimeStamp,PodName,CpuUsageRate(%),MemoryUsageRate(%),SyscallRead,SyscallWrite,NetworkReceiveBytes,NetworkTransmitBytes,PodClientLatencyP90(s),PodServerLatencyP90(s),PodWorkload(Ops)", func(m int) string {
			cpu, latency := 10+r.NormFloat64(), 0.01+0.0005*r.NormFloat64()
			if bad(m) && service == "cartservice" {
				cpu, latency = 95, 0.4
			}
			return fmt.Sprintf("pod,%.3f,26.1,500,480,%.1f,%.1f,0.0046,%.5f,%.3f", cpu, 6000+50*r.NormFloat64(), 50000+400*r.NormFloat64(), latency, 9+0.1*r.NormFloat64())
		})
	}
	write("front_service.csv.gz", "Time,TimeStamp,ServiceName,SuccessRate(%),LatencyP50(s),LatencyP95(s)", func(m int) string {
		return fmt.Sprintf("Frontend,100,%.4f,%.4f", 0.2+0.01*r.NormFloat64(), 1+0.05*r.NormFloat64())
	})
	edge := func(m int) string { return fmt.Sprintf("%.5f", 0.003+0.0001*r.NormFloat64()) }
	write("source_50.csv.gz", "time,timestamp,frontend_cartservice", edge)
	write("destination_50.csv.gz", "time,timestamp,frontend_cartservice", edge)
	return dir
}

func TestBacktestFindsTheFaultAndRepeatsItself(t *testing.T) {
	in, a, b := microservices(t), t.TempDir(), t.TempDir()
	mustRun(t, "backtest", "-c", "../../examples/nezha.yaml", "--input", in, "--out", a)
	mustRun(t, "backtest", "-c", "../../examples/nezha.yaml", "--input", in, "--out", b)
	sameFiles(t, a, b)
	lines := readLines(t, filepath.Join(a, "incidents.scored.jsonl"))
	if len(lines) != 1 {
		t.Fatalf("%d incidents, want the one that there is: %v", len(lines), lines)
	}
	var got scored
	if err := json.Unmarshal([]byte(lines[0]), &got); err != nil {
		t.Fatal(err)
	}
	from, to := float64(1_661_140_279+60*200), float64(1_661_140_279+60*206)
	if got.Detected < from || got.Detected > to || len(got.Ranks) == 0 || got.Ranks[0].Node != "cartservice" {
		t.Errorf("the incident is %+v, want cartservice between %v and %v", got, from, to)
	}
}

func readLines(t *testing.T, path string) []string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(data)), "\n")
}

// shared is where the evaluation data lie, if they do.
func shared(t *testing.T, path string) string {
	t.Helper()
	p := filepath.Join("..", "..", "..", "shared", "data", path)
	if _, err := os.Stat(p); err != nil {
		t.Skipf("the evaluation data are not there (%s): skipped", path)
	}
	return p
}

func TestNezhaRepeatsItself(t *testing.T) {
	in, a, b := shared(t, "nezha/onlineboutique-2022-08-22"), t.TempDir(), t.TempDir()
	mustRun(t, "backtest", "-c", "../../examples/nezha.yaml", "--input", in, "--out", a)
	mustRun(t, "backtest", "-c", "../../examples/nezha.yaml", "--input", in, "--out", b)
	sameFiles(t, a, b)
	if n := len(readLines(t, filepath.Join(a, "incidents.scored.jsonl"))); n < 5 || n > 100 {
		t.Errorf("%d incidents in a day of 24 faults", n)
	}
}

// series writes a file in the layout of NAB with a step that stands out.
func series(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("timestamp,value\n")
	r := rand.New(rand.NewPCG(3, 4))
	at := time.Date(2014, 4, 1, 0, 0, 0, 0, time.UTC)
	for i := 0; i < 600; i++ {
		v := 50 + r.NormFloat64()
		if i >= 400 && i < 420 {
			v += 60
		}
		fmt.Fprintf(&b, "%s,%.4f\n", at.Add(time.Duration(i)*5*time.Minute).Format("2006-01-02 15:04:05"), v)
	}
	file := filepath.Join(t.TempDir(), "cpu.csv")
	if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// findings returns the ids of the findings of a backtest.
func findings(t *testing.T, dir string) []string {
	t.Helper()
	var ids []string
	for _, l := range readLines(t, filepath.Join(dir, "finding.v1.jsonl")) {
		var e struct{ ID string }
		if err := json.Unmarshal([]byte(l), &e); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, e.ID)
	}
	sort.Strings(ids)
	return ids
}

func TestRunOverKafkaFindsWhatBacktestFinds(t *testing.T) {
	for name, file := range map[string]func(*testing.T) string{
		"generated": series,
		"nab": func(t *testing.T) string {
			return shared(t, "nab/data/realAWSCloudwatch/ec2_cpu_utilization_24ae8d.csv")
		},
	} {
		t.Run(name, func(t *testing.T) {
			in, out := file(t), t.TempDir()
			b, err := embedded.Start(embedded.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			t.Setenv("KAFKA_BOOTSTRAP", b.Addr())
			mustRun(t, "backtest", "-c", "../../examples/nab.yaml", "--input", in, "--out", out)
			want := findings(t, out)
			mustRun(t, "feed", in, "--topic", "nab", "-c", "../../examples/nab.yaml")
			mustRun(t, "run", "--until-end", "-c", "../../examples/nab.yaml")
			var got []string
			for _, line := range strings.Split(mustRun(t, "tap", "nab.events", "--bootstrap", b.Addr()), "\n") {
				if _, rest, ok := strings.Cut(line, " id="); ok && strings.Contains(line, " finding.v1 ") {
					got = append(got, strings.Fields(rest)[0])
				}
			}
			sort.Strings(got)
			if len(want) == 0 || strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("over Kafka %d findings, in the backtest %d, or other ids:\n%v\n%v", len(got), len(want), got, want)
			}
			if rows := mustRun(t, "tap", "nab", "--codec", "otlp_metrics", "-n", "1", "--bootstrap", b.Addr()); !strings.Contains(rows, `value{series="`) {
				t.Errorf("tap prints\n%s", rows)
			}
		})
	}
}

func TestCommandsSayWhatIsMissing(t *testing.T) {
	for _, c := range []struct {
		args []string
		code string
	}{
		{[]string{"run"}, "cli.flag.missing"},
		{[]string{"backtest", "-c", "../../examples/nab.yaml"}, "cli.flag.missing"},
		{[]string{"backtest", "-c", "../../examples/nab.yaml", "--input", "/nowhere", "--out", t.TempDir()}, "backtest.input"},
		{[]string{"backtest", "-c", "../../examples/shop.yaml", "--input", ".", "--out", t.TempDir()}, "backtest.source.topic"},
		{[]string{"validate"}, "cli.file"},
		{[]string{"validate", "nowhere.yaml"}, "config.file.missing"},
		{[]string{"feed", "x.csv", "--topic", "t", "-c", "../../examples/shop.yaml", "--bootstrap", "127.0.0.1:1"}, "feed.source"},
		{[]string{"tap", "t"}, "cli.flag.missing"},
		{[]string{"demo", "--lockstep", "--scenario", "flood"}, "plant.scenario.unknown"},
		{[]string{"demo", "--speed", "0"}, "demo.speed"},
		{[]string{"demo", "--speed", "-1"}, "demo.speed"},
		{[]string{"demo", "--speed", "NaN"}, "demo.speed"},
		{[]string{"demo", "--speed", "1e18"}, "demo.speed"},
		{[]string{"demo", "--speed", "1e-300"}, "demo.speed"},
		{[]string{"demo", "--seed", "-1"}, "cli.usage"},
		{[]string{"run", "--bogus"}, "cli.usage"},
		{[]string{"run", "extra"}, "cli.usage"},
		{[]string{"validate", "a", "b"}, "cli.usage"},
		{[]string{"tap"}, "cli.usage"},
	} {
		out, err := run(t, c.args...)
		if err == nil || !strings.Contains(err.Error()+out, "("+c.code+")") {
			t.Errorf("homeostat %s: %v\n%s\nwant code %s", strings.Join(c.args, " "), err, out, c.code)
		}
	}
}

func TestVersion(t *testing.T) {
	if out := mustRun(t, "version"); !strings.HasPrefix(out, "homeostat ") || !strings.Contains(out, "go1.") {
		t.Errorf("version prints %q", out)
	}
}

package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestElevenFaults lists every fault of a file that has eleven different ones, each at its own place.
func TestElevenFaults(t *testing.T) {
	_, err := read(`version: 1
name: Shop
kafka:
  bootstrap: [localhost:9092]
  commit_interval: 5
sources:
  - name: metrics
    topic: shop.metrics
    codec: otlp_metric
  - name: logs
    topic: shop.logs
    codec: {json_logs: {lables: [service]}}
    late: drop
slos:
  - name: checkout
    total: {metric: http.requests}
    objective: 99.5%
detect:
  - window: {size: 2h}
  - robustz: {threshold: high}
  - correlate
operate:
  - decide: {mode: shdow, catalogue: "${RUNBOOKS}"}
`, nil)
	want := `conf/shop.yaml:2:7: name: "Shop" is no name of a pipeline: use up to 64 of a-z, 0-9 and -, a letter or digit first (config.name.invalid)
conf/shop.yaml:5:20: kafka.commit_interval: "5" is no duration without a unit (ms, s, m, h, d, w): write commit_interval: 100ms (config.value.type)
conf/shop.yaml:7:5: sources[0].late: is required: write late: dead_letter (config.key.missing)
conf/shop.yaml:9:12: sources[0].codec: no codec is called "otlp_metric": choose one of json_logs, otlp_metrics (did you mean "otlp_metrics"?) (config.component.unknown)
conf/shop.yaml:12:25: sources[1].codec.json_logs.lables: this key is not known: correct or remove it (did you mean "labels"?) (config.key.unknown)
conf/shop.yaml:15:5: slos[0]: a total needs one of good and bad events: write either good: or bad: (config.slo.indicator)
conf/shop.yaml:19:20: detect[0].window.size: "2h" is outside of 1s to 1h: choose a value inside (config.value.range)
conf/shop.yaml:20:26: detect[1].robustz.threshold: "high" is no number: write threshold: a number (config.value.type)
conf/shop.yaml:21:5: detect[2]: operator correlate belongs to the stage operate: move it there (config.component.misplaced)
conf/shop.yaml:23:20: operate[0].decide.mode: "shdow" is not one of replay, shadow, propose, live: choose one of them (did you mean "shadow"?) (config.value.enum)
conf/shop.yaml:23:38: operate[0].decide.catalogue: environment variable RUNBOOKS is not set: set it, or give a default with ${RUNBOOKS:-…} (config.env.missing)`
	if err == nil || err.Error() != want {
		t.Errorf("faults are\n%v\nwant\n%s", err, want)
	}
}

// TestIncludedFiles shows that faults of a named file carry its name and the place in it.
func TestIncludedFiles(t *testing.T) {
	text := small + "operate:\n  - decide: {catalogue: books/all.yaml}\n"
	for _, f := range []struct {
		name  string
		named files
		want  []string
	}{
		{"missing", nil, []string{
			"7:25: operate[0].decide.catalogue: there is no file conf/books/all.yaml: paths are relative to the configuration's folder (config.file.missing)"}},
		{"empty", files{"conf/books/all.yaml": "\n"}, []string{
			"conf/books/all.yaml:1:1: operate[0].decide.catalogue: the file is empty (config.file.empty)"}},
		{"another type", files{"conf/books/all.yaml": "a: b\n"}, []string{
			"conf/books/all.yaml:1:1: operate[0].decide.catalogue: a mapping is no list: write catalogue: runbooks.yaml (config.value.type)"}},
		{"settings", files{"conf/books/all.yaml": "- signature: a\n  actions:\n    - {verb: scale, whithin: 3m}\n    - {within: 3}\n"}, []string{
			`conf/books/all.yaml:3:21: operate[0].decide.catalogue[0].actions[0].whithin: this key is not known: correct or remove it (did you mean "within"?) (config.key.unknown)`,
			"conf/books/all.yaml:4:7: operate[0].decide.catalogue[0].actions[1].verb: is required: write verb: scale (config.key.missing)",
			`conf/books/all.yaml:4:16: operate[0].decide.catalogue[0].actions[1].within: "3" is no duration without a unit (ms, s, m, h, d, w): write within: a duration (config.value.type)`}},
		{"constructor", files{"conf/books/all.yaml": "- {signature: a, actions: [{verb: scale}]}\n- signature: b\n  actions: [{verb: dance}, {verb: wait},\n    {verb: sing}]\n"}, []string{
			`conf/books/all.yaml:3:20: operate[0].decide.catalogue[1].actions[0].verb: no actuator knows "dance": choose scale or wait (decide.verb.unknown)`,
			`conf/books/all.yaml:4:12: operate[0].decide.catalogue[1].actions[2].verb: no actuator knows "sing": choose scale or wait (decide.verb.unknown)`}},
		{"syntax", files{"conf/books/all.yaml": "- a: [\n"}, []string{
			"conf/books/all.yaml:2:1: operate[0].decide.catalogue: not valid YAML: did not find expected node content while parsing a flow node: correct the text here or on the line before (config.yaml.syntax)"}},
	} {
		t.Run(f.name, func(t *testing.T) { wantFaults(t, text, f.named, f.want) })
	}
}

func TestTopologyFile(t *testing.T) {
	for _, f := range []struct{ name, settings, csv, want string }{
		{"no header", "file: c.csv", "", "conf/c.csv:1:1: topology.file: the file has no header line: name the columns in its first line (config.topology.file)"},
		{"columns", "file: c.csv", "a,b\n", `conf/c.csv:1:1: topology.file: the header line "a,b" lacks "Source" or "Target": name the columns with topology.columns (config.topology.columns)`},
		{"empty entity", "file: c.csv", "Source,Target\nweb,\n", "conf/c.csv:2:1: topology.file: an entity is empty: fill it in or remove the line (config.topology.file)"},
		{"ragged", "file: c.csv", "Source,Target\nweb,lb\nlb\n", "conf/c.csv:3:1: topology.file: not a line of CSV: wrong number of fields: correct it (config.topology.file)"},
		{"pattern", "{file: c.csv, drop: '('}", "Source,Target\n", "6:31: topology.drop: not a regular expression: error parsing regexp: missing closing ): `(`: correct it (config.topology.drop)"},
		{"no file", "{drop: x}", "", "6:11: topology: columns and drop concern a file, and none is named: write file: or remove them (config.topology.file)"},
		{"missing", "file: d.csv", "", "7:9: topology.file: there is no file conf/d.csv: paths are relative to the configuration's folder (config.file.missing)"},
		{"edge", "edges: [{from: a}]", "", "7:11: topology.edges[0].to: is required: write to: lb (config.key.missing)"},
	} {
		t.Run(f.name, func(t *testing.T) {
			text := small + "topology:\n  " + f.settings + "\n"
			if f.settings[0] == '{' {
				text = small + "topology: " + f.settings + "\n"
			}
			wantFaults(t, text, files{"conf/c.csv": f.csv}, []string{f.want})
		})
	}
}

// TestHostileFiles shows that a file is refused before it costs much, however it is made.
func TestHostileFiles(t *testing.T) {
	laughs := "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c <= 'i'; c++ {
		laughs += fmt.Sprintf("%c: &%c [*%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	merges := "a0: &a0 {k: v}\n"
	for i := 1; i < 40; i++ {
		merges += fmt.Sprintf("a%d: &a%d {<<: [*a%d, *a%d]}\n", i, i, i-1, i-1)
	}
	for _, f := range []struct{ name, text, code string }{
		{"aliases of aliases", laughs, "config.yaml.large"},
		{"merges of merges", merges, "config.yaml.large"},
		{"deep flow", strings.Repeat("[", 5000) + strings.Repeat("]", 5000), "config.yaml.deep"},
		{"deep blocks", strings.Repeat("- ", 500) + "x\n", "config.yaml.deep"},
		{"deeper than the parser goes", strings.Repeat("[", 50_000), "config.yaml.syntax"},
		{"large", "a: " + strings.Repeat("x", maxFile), "config.file.large"},
		{"long paths", strings.Repeat("k", maxFile/2) + ": [" + strings.Repeat("1,", 200_000) + "1]", "config.yaml.large"},
		{"many values", "a: [" + strings.Repeat("1,", maxValues) + "1]", "config.yaml.large"},
	} {
		t.Run(f.name, func(t *testing.T) {
			_, err := read(f.text, nil)
			var faults Faults
			if !errors.As(err, &faults) || len(faults) != 1 || faults[0].Code != f.code {
				t.Fatalf("faults are %.300v, want one with code %s", err, f.code)
			}
		})
	}
}

func TestNearest(t *testing.T) {
	known := []string{"burnrate", "robustz", "window", "late", "file"}
	for _, f := range []struct{ word, want string }{
		{"windwo", "window"}, {"Window", "window"}, {"burn_rate", "burnrate"}, {"robust", "robustz"}, {"lat", "late"},
		{"fiel", "file"}, {"entirely", ""}, {"", ""}, {strings.Repeat("x", 100), ""},
	} {
		if got := Nearest(f.word, known); got != f.want {
			t.Errorf("nearest to %q is %q, want %q", f.word, got, f.want)
		}
	}
	for _, f := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"abc", "acb", 1}, {"kitten", "sitting", 3}, {"é", "e", 1}, {"ca", "abc", 3}} {
		if got := distance(f.a, f.b); got != f.want {
			t.Errorf("distance of %q and %q is %d, want %d", f.a, f.b, got, f.want)
		}
	}
}

func TestUnits(t *testing.T) {
	for _, f := range []struct {
		text  string
		want  time.Duration
		err   error
		again string
	}{
		{"0", 0, nil, "0s"}, {"100ms", 100 * time.Millisecond, nil, "100ms"}, {"1.5s", 1500 * time.Millisecond, nil, "1.5s"},
		{"1h30m", 90 * time.Minute, nil, "1h30m"}, {"90m", 90 * time.Minute, nil, "1h30m"}, {"30d", 30 * day, nil, "30d"},
		{"2w", 14 * day, nil, "14d"}, {"1d12h", 36 * time.Hour, nil, "36h"}, {"-5s", -5 * time.Second, nil, "-5s"}, {"10µs", 10 * time.Microsecond, nil, "10µs"},
		{"", 0, errSyntax, ""}, {"s", 0, errSyntax, ""}, {"1x", 0, errSyntax, ""}, {"1h 5m", 0, errSyntax, ""}, {"1..5s", 0, errSyntax, ""},
		{"5", 0, errUnit, ""}, {"1h5", 0, errUnit, ""}, {"300000w", 0, errRange, ""}, {"1e9s", 0, errSyntax, ""}, {"15250w15250w", 0, errRange, ""},
	} {
		got, err := parseDuration(f.text)
		if got != f.want || err != f.err {
			t.Errorf("duration %q is %v, %v, want %v, %v", f.text, got, err, f.want, f.err)
		}
		if err == nil && FormatDuration(got) != f.again {
			t.Errorf("%q is written %s, want %s", f.text, FormatDuration(got), f.again)
		}
	}
	for _, f := range []struct {
		text  string
		want  int64
		err   error
		again string
	}{
		{"0", 0, nil, "0B"}, {"512KiB", 512 << 10, nil, "512KiB"}, {"1MB", 1e6, nil, "1MB"}, {"1.5GiB", 3 << 29, nil, "1536MiB"}, {"17B", 17, nil, "17B"},
		{"64", 0, errUnit, ""}, {"64Mi", 0, errSyntax, ""}, {"1MiB2KiB", 0, errSyntax, ""}, {"99999999TiB", 0, errRange, ""}, {"-1B", 0, errSyntax, ""},
	} {
		got, err := parseSize(f.text)
		if got != f.want || err != f.err {
			t.Errorf("size %q is %v, %v, want %v, %v", f.text, got, err, f.want, f.err)
		}
		if err == nil && FormatSize(got) != f.again {
			t.Errorf("%q is written %s, want %s", f.text, FormatSize(got), f.again)
		}
	}
}

package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// head and tail make a good file around what a case says of sources and detect.
const head = "version: 1\nname: shop\n"

const tail = "detect: [window]\n"

// TestFaults is a list of facts: a text, and all the lines that it gives, without the file's name. Most texts append
// to small, so that what they say begins on line 6.
func TestFaults(t *testing.T) {
	for _, f := range []struct {
		name string
		text string
		want []string
	}{
		{"empty file", "", []string{"1:1: the file is empty (config.file.empty)"}},
		{"comments only", "# nothing\n", []string{"1:1: the file is empty (config.file.empty)"}},
		{"null", "~\n", []string{"1:1: the file is empty (config.file.empty)"}},
		{"document of a text", "hello\n", []string{
			`1:1: "hello" is no mapping: write keys and values (known: version, name, instance, kafka, limits, state, columns, admin, log, scope, sources, slos, detect, operate, declare, topology, sinks) (config.value.type)`}},
		{"syntax", "version: 1\nname: [shop\nsources:\n", []string{
			"3:8: not valid YAML: did not find expected ',' or ']' while parsing a flow sequence: correct the text here or on the line before (config.yaml.syntax)"}},
		{"tab", "version: 1\n\tname: x\n", []string{
			"2:1: not valid YAML: found a tab character that violates indentation while scanning a plain scalar: correct the text here or on the line before (config.yaml.syntax)"}},
		{"reference in flow", "version: 1\nkafka: {bootstrap: ${X}}\n", []string{
			"2:21: not valid YAML: did not find expected ',' or '}' while parsing a flow mapping: correct the text here or on the line before; inside of { } and [ ] a text with { needs quotes (config.yaml.syntax)"}},
		{"not UTF-8", "name: \xff\n", []string{"1:1: the file is not UTF-8: save it as UTF-8 text (config.yaml.syntax)"}},
		{"two documents", small + "---\nname: other\n", []string{
			"6:1: a second document begins here: one file holds one document, remove the '---' and what follows (config.yaml.documents)"}},
		{"tag", small + "instance: !!binary aGk=\n", []string{"6:11: instance: tag !!binary is not known here: remove it (config.yaml.tag)"}},
		{"unknown anchor", small + "instance: *x\n", []string{
			"6:11: not valid YAML: unknown anchor 'x' referenced: correct the text here or on the line before (config.yaml.syntax)"}},
		{"alias of itself", small + "declare: &x [*x]\n", []string{"6:14: declare[0]: alias *x stands inside of what it stands for: remove it (config.yaml.alias)"}},
		{"merge of a text", small + "kafka: {<<: hello}\n", []string{
			"6:13: kafka: a merge key << takes a mapping or a list of mappings: write an alias of one (config.key.type)"}},
		{"template without quotes", small + "scope:\n  entity: {{.pod}}\n", []string{
			"7:11: scope.entity: a mapping is no list: write entity: [\"{{.service.name}}\", \"{{.pod}}\"] (config.value.type)",
			"7:12: scope.entity: a key must be a text: a template that starts with {{ needs quotes around it (config.key.type)"}},

		{"nothing required is there", "log: {}\n", []string{
			"1:1: version: is required: write version: 1 (config.key.missing)",
			"1:1: name: is required: write name: shop (config.key.missing)",
			"1:1: sources: is required: list at least one source (config.key.missing)",
			"1:1: detect: is required: list the operators of the stage detect, `- window: {size: 10s}` first (config.key.missing)"}},
		{"version", strings.Replace(small, "version: 1", "version: 2", 1), []string{
			"1:10: version: this program reads version 1 only: write version: 1, or use the program that goes with the file (config.version.unknown)"}},
		{"quoted number", strings.Replace(small, "version: 1", "version: '1'", 1), []string{
			`1:10: version: "1" is no whole number: write version: 1 (config.value.type)`}},
		{"name", strings.Replace(small, "name: shop", "name: My Shop", 1), []string{
			`2:7: name: "My Shop" is no name of a pipeline: use up to 64 of a-z, 0-9 and -, a letter or digit first (config.name.invalid)`}},
		{"empty name", strings.Replace(small, "name: shop", "name: ''", 1), []string{
			`2:7: name: "" is no name of a pipeline: use up to 64 of a-z, 0-9 and -, a letter or digit first (config.name.invalid)`}},
		{"instance", small + "instance: a b\n", []string{
			"6:11: instance: the instance's name may have up to 128 of a-z, A-Z, 0-9, '.', '_' and '-', a letter or digit first: choose another (config.instance.invalid)"}},
		{"unknown key with a near one", small + "sink: []\n", []string{
			`6:1: sink: this key is not known: correct or remove it (did you mean "sinks"?) (config.key.unknown)`}},
		{"swapped letters", small + "limits: {seires: 4}\n", []string{
			`6:10: limits.seires: this key is not known: correct or remove it (did you mean "series"?) (config.key.unknown)`}},
		{"unknown key with none near", small + "log: {colour: true}\n", []string{
			"6:7: log.colour: this key is not known: correct or remove it (known: level, format) (config.key.unknown)"}},
		{"duplicate key", small + "name: other\n", []string{
			"6:1: name: this key stands on line 2 already: remove one of the two (config.key.duplicate)"}},

		{"variable missing", small + "instance: ${NOBODY}\n", []string{
			"6:11: instance: environment variable NOBODY is not set: set it, or give a default with ${NOBODY:-…} (config.env.missing)"}},
		{"reference not closed", small + "instance: a${TOPIC\n", []string{
			"6:11: instance: a reference that starts with ${ is not understood: write ${NAME} or ${NAME:-default}, and $${ for the characters themselves (config.env.syntax)"}},
		{"value from the environment is not shown", small + "kafka: {commit_interval: \"${TOKEN}\"}\n", []string{
			`6:26: kafka.commit_interval: "${TOKEN}" is no duration: write commit_interval: 100ms (config.value.type)`}},

		{"duration without unit", small + "kafka: {commit_interval: 100}\n", []string{
			`6:26: kafka.commit_interval: "100" is no duration without a unit (ms, s, m, h, d, w): write commit_interval: 100ms (config.value.type)`}},
		{"duration outside", small + "kafka: {commit_interval: 20ms}\n", []string{
			`6:26: kafka.commit_interval: "20ms" is outside of 50ms to 10s: choose a value inside (config.value.range)`}},
		{"duration too long", small + "kafka: {commit_interval: 99999999999w}\n", []string{
			`6:26: kafka.commit_interval: "99999999999w" is no duration that fits into 64 bits: write commit_interval: 100ms (config.value.type)`}},
		{"yes is a text", small + "kafka: {transactions: yes}\n", []string{
			`6:23: kafka.transactions: "yes" is no true or false: write transactions: true (config.value.type)`}},
		{"size", small + "limits: {memory: 512, record: 1PB}\n", []string{
			`6:18: limits.memory: "512" is no size without a unit (B, kB, KiB, MB, MiB, GB, GiB): write memory: 512MiB (config.value.type)`,
			`6:31: limits.record: "1PB" is no size: write record: 16MiB (config.value.type)`}},
		{"record beyond memory", small + "limits: {memory: 16MiB, record: 32MiB}\n", []string{
			"6:33: limits.record: one record may have 32MiB, more than the 16MiB of limits.memory: lower this or raise limits.memory (config.limits.record)"}},
		{"enum", small + "log: {level: wran}\n", []string{
			`6:14: log.level: "wran" is not one of debug, info, warn, error: choose one of them (did you mean "warn"?) (config.value.enum)`}},
		{"address", small + "kafka: {bootstrap: [localhost]}\nadmin: {listen: 'x:99999'}\n", []string{
			`6:21: kafka.bootstrap[0]: "localhost" is no address: write host:port, as 127.0.0.1:9092 (config.address.invalid)`,
			`7:17: admin.listen: "x:99999" is no address: write host:port, as 127.0.0.1:9092 (config.address.invalid)`}},
		{"section of another type", small + "sinks: {file: {dir: out}}\nslos: none\n", []string{
			"6:8: sinks: a mapping is no list: begin each element with a dash (config.value.type)",
			`7:7: slos: "none" is no list: begin each element with a dash (config.value.type)`}},

		{"templates", small + "scope:\n  entity: ['{{.a', '{{a}}', 'b}}', '']\n", []string{
			`7:12: scope.entity[0]: template "{{.a" does not close a {{: write texts and labels as in {{.env}}/{{.service.name}} (config.scope.template)`,
			`7:20: scope.entity[1]: template "{{a}}" has {{a}}, which is no label: write texts and labels as in {{.env}}/{{.service.name}} (config.scope.template)`,
			`7:29: scope.entity[2]: template "b}}" closes what it does not open: write texts and labels as in {{.env}}/{{.service.name}} (config.scope.template)`,
			`7:36: scope.entity[3]: template "" is empty: write texts and labels as in {{.env}}/{{.service.name}} (config.scope.template)`}},

		{"no sources", head + "sources: []\n" + tail, []string{
			"3:10: sources: is required: list at least one source (config.key.missing)"}},
		{"late has no default", head + "sources:\n  - {name: a, topic: t, codec: otlp_metrics}\n" + tail, []string{
			"4:5: sources[0].late: is required: write late: dead_letter (config.key.missing)"}},
		{"reopen_for without reopen", head + "sources:\n  - {name: a, topic: t, codec: otlp_metrics, late: drop, reopen_for: 1m}\n" + tail, []string{
			"4:70: sources[0].reopen_for: late rows of this source do not open windows again: remove it, or write late: reopen (config.late.reopen_for)"}},
		{"producers told apart by nothing", head + "sources:\n  - {name: a, topic: t, codec: otlp_metrics, late: drop, producer: header}\n" + tail, []string{
			`4:68: sources[0].producer: "header" tells no producers apart: write auto, key, client, partition, header:NAME, label:NAME or off (config.source.producer)`}},
		{"unknown codec", head + "sources:\n  - {name: a, topic: t, codec: otlp_metric, late: drop}\n" + tail, []string{
			`4:32: sources[0].codec: no codec is called "otlp_metric": choose one of json_logs, otlp_metrics (did you mean "otlp_metrics"?) (config.component.unknown)`}},
		{"codec missing", head + "sources:\n  - {name: a, topic: t, late: drop}\n" + tail, []string{
			"4:5: sources[0].codec: is required for a topic: choose one of json_logs, otlp_metrics (config.key.missing)"}},
		{"setting of a codec", head + "sources:\n  - {name: a, topic: t, codec: {json_logs: {label: [x]}}, late: drop}\n" + tail, []string{
			`4:45: sources[0].codec.json_logs.label: this key is not known: correct or remove it (did you mean "labels"?) (config.key.unknown)`}},
		{"no origin", head + "sources:\n  - {name: a, late: drop}\n" + tail, []string{
			"4:5: sources[0]: nothing says where its rows come from: write topic:, or one of file, generator, or both (config.source.origin)"}},
		{"two origins", head + "sources:\n  - {name: a, file: {paths: [x]}, generator: {}, late: drop}\n" + tail, []string{
			"4:35: sources[0].generator: file says already where its rows come from: keep one of file, generator (config.source.origin)"}},
		{"topic's name", head + "sources:\n  - {name: a, topic: a/b, codec: otlp_metrics, late: drop}\n" + tail, []string{
			`4:22: sources[0].topic: "a/b" is no name of a Kafka topic: use up to 249 of a-z, A-Z, 0-9, '.', '_' and '-' (config.source.topic)`}},
		{"source twice", head + "sources:\n  - {name: a, topic: t, codec: otlp_metrics, late: drop}\n  - {name: a, topic: t, codec: otlp_metrics, late: drop}\n" + tail, []string{
			"5:12: sources[1].name: sources[0] has this name already: choose another (config.name.duplicate)",
			"5:22: sources[1].topic: sources[0] reads this topic already: keep one of the two (config.source.topic.duplicate)"}},
		{"setting of a source", head + "sources:\n  - {name: a, file: {path: x}, late: drop}\n" + tail, []string{
			"4:21: sources[0].file.paths: is required: write paths: [\"*.csv\"] (config.key.missing)",
			`4:22: sources[0].file.path: this key is not known: correct or remove it (did you mean "paths"?) (config.key.unknown)`}},
		{"skew of a file", head + "sources:\n  - {name: a, file: {paths: [x]}, late: drop, max_future_skew: 5m}\n" + tail, []string{
			"4:64: sources[0].max_future_skew: rows of a file source have no append time to compare with: remove it (config.source.skew)"}},
		{"source is a text", head + "sources: [metrics]\n" + tail, []string{
			`3:11: sources[0]: "metrics" is no mapping: write keys and values (known: name, topic, keyed, disorder, late, reopen_for, max_future_skew, producer, max_producers, file, generator, codec) (config.value.type)`}},

		{"nothing says what is good", small + "slos:\n  - {name: a, objective: 99%}\n", []string{
			"7:5: slos[0]: nothing says what is good: write total: and good: or bad:, or threshold: (config.slo.indicator)"}},
		{"both indicators", small + "slos:\n  - {name: a, objective: 99%, total: {metric: m}, bad: {metric: b}, threshold: {metric: l, below: 1}}\n", []string{
			"7:80: slos[0].threshold: an objective is either a ratio or a threshold: remove threshold, or total, good and bad (config.slo.indicator)"}},
		{"good without total", small + "slos:\n  - {name: a, objective: 99%, good: {metric: m}}\n", []string{
			"7:5: slos[0]: good and bad events need their total: write total: (config.slo.indicator)"}},
		{"good and bad", small + "slos:\n  - {name: a, objective: 99%, total: {metric: m}, good: {metric: m}, bad: {metric: m}}\n", []string{
			"7:5: slos[0]: a total needs one of good and bad events: write either good: or bad: (config.slo.indicator)"}},
		{"threshold without bound", small + "slos:\n  - {name: a, objective: 99%, threshold: {metric: m}}\n", []string{
			"7:42: slos[0].threshold: a threshold needs a bound: write below:, above: or both (config.slo.threshold)"}},
		{"bounds exchanged", small + "slos:\n  - {name: a, objective: 99%, threshold: {metric: m, below: 1, above: 2}}\n", []string{
			"7:71: slos[0].threshold.above: no value is above 2 and below 1: exchange the two (config.slo.threshold)"}},
		{"objectives", small + `slos:
  - {name: a, objective: 99.5, threshold: {metric: m, below: 1}}
  - {name: b, objective: 100%, threshold: {metric: m, below: 1}}
  - {name: c, objective: 0, threshold: {metric: m, below: 1}}
  - {name: d, objective: high, threshold: {metric: m, below: 1}}
`, []string{
			`7:26: slos[0].objective: "99.5" is more than everything: write 99.5% (config.slo.objective)`,
			`8:26: slos[1].objective: "100%" leaves no room: an objective lies between 0% and 100%, both excluded (config.slo.objective)`,
			`9:26: slos[2].objective: "0" leaves no room: an objective lies between 0% and 100%, both excluded (config.slo.objective)`,
			`10:26: slos[3].objective: "high" is no share: write 99.5% or 0.995 (config.slo.objective)`}},
		{"burn rules", small + `slos:
  - name: a
    objective: 99%
    window: 1d
    threshold: {metric: m, below: 1}
    burn:
      - {long: 1h, short: 1h, factor: 2}
      - {long: 2d, short: 1h, factor: 100, severity: page}
      - {long: 1h, short: 5s, factor: 3}
`, []string{
			"12:27: slos[0].burn[0].short: the short window of 1h is not shorter than the long one of 1h: make it a twelfth of it (config.slo.burn)",
			"13:16: slos[0].burn[1].long: a window of 2d is longer than that of the objective, 1d: make it shorter (config.slo.burn)",
			"13:39: slos[0].burn[1].factor: a factor of 100 can never fire or always does: choose one between 0 and 100, the highest that this objective allows (config.slo.burn)",
			`13:54: slos[0].burn[1].severity: "page" is not one of info, warning, critical: choose one of them (config.value.enum)`,
			"14:27: slos[0].burn[2].short: a short window of 5s is shorter than the windows of detect, 10s: make it at least as long (config.slo.burn.short)"}},
		{"default burn never fires", small + "slos:\n  - {name: a, objective: 90%, threshold: {metric: m, below: 1}}\n", []string{
			"7:26: slos[0].objective: the default rule for a budget that burns 14.4 times too fast can never fire, since with this objective it burns 10 times too fast at most: write burn: with rules of your own (config.slo.burn)"}},
		{"sums of a system in one lane", small + "slos:\n  - {name: a, objective: 99%, threshold: {metric: m, below: 1}}\ncolumns: {by: entity}\n", []string{
			"8:15: columns.by: an objective is added up over all entities of a system, and by: entity would spread them over lanes: write by: system, or leave it out (config.columns.by)"}},
		{"selectors", small + "slos:\n  - {name: a, objective: 99%, total: {metric: ''}, bad: {metric: b, labels: {c.d: '[x'}}}\ndeclare: [{metric: 'a[', labels: {x: {}}}, {labels: {a: b}}]\n", []string{
			"7:47: slos[0].total.metric: an objective is about a metric: write its name (config.slo.metric)",
			`7:83: slos[0].bad.labels["c.d"]: "[x" is no pattern: close what [ opens, and write \[ for the character itself (config.selector.pattern)`,
			`8:20: declare[0].metric: "a[" is no pattern: close what [ opens, and write \[ for the character itself (config.selector.pattern)`,
			"8:38: declare[0].labels.x: a mapping is no text: write a text; a text that starts with { needs quotes around it (config.value.type)",
			"8:44: declare[1].metric: is required: write metric: \"http.*\" (config.key.missing)"}},

		{"detect is empty", head + "sources:\n  - {name: a, topic: t, codec: otlp_metrics, late: drop}\ndetect: []\n", []string{
			"5:9: detect: is required: list the operators of the stage detect, `- window: {size: 10s}` first (config.key.missing)"}},
		{"unknown operator", strings.Replace(small, "[window]", "[window, robustx]", 1), []string{
			`5:18: detect[1]: no operator is called "robustx": choose one of burnrate, robustz, templates, window (did you mean "robustz"?) (config.component.unknown)`}},
		{"operator of another stage", small + "operate: [robustz, publish]\n", []string{
			"6:11: operate[0]: operator robustz belongs to the stage detect: move it there (config.component.misplaced)",
			"6:20: operate[1]: publish is put at the end of detect by itself: remove it and list the series under declare (config.component.misplaced)"}},
		{"no windows", strings.Replace(small, "[window]", "[robustz, window]", 1), []string{
			"5:10: detect[0]: robustz takes windows, and nothing before it makes any: put `- window: {size: 10s}` first (config.detect.window.missing)"}},
		{"windows twice", strings.Replace(small, "[window]", "[window, {window: {size: 1m}, as: slow}]", 1), []string{
			"5:18: detect[1]: detect[0] makes windows already: keep one of the two (config.detect.window.twice)"}},
		{"points for nobody", strings.Replace(small, "[window]", "[templates, window, {templates: {}, as: late}]", 1), []string{
			"5:29: detect[2]: late makes points, and nothing behind it takes them: move it before what makes windows of them (config.component.untaken)"}},
		{"one type twice", strings.Replace(small, "[window]", "[window, robustz, robustz: {threshold: 3}]", 1), []string{
			"5:27: detect[2]: the name robustz is that of detect[1] already: give this one its own, `- robustz: {…}` with `as: …` below (config.name.duplicate)"}},
		{"names over both stages", small + "operate: [{judge: {}, as: window}, {correlate: , as: A b}]\n", []string{
			"6:11: operate[0]: the name window is that of detect[0] already: give this one its own, `- judge: {…}` with `as: …` below (config.name.duplicate)",
			`6:54: operate[1].as: "A b" is no name: use up to 64 of a-z, 0-9, '_' and '-', a letter or digit first (config.name.invalid)`}},
		{"forms of a component", small + "operate:\n  - {judge: {}, correlate: {}}\n  - as: x\n  - [judge]\n  -\n", []string{
			"7:5: operate[0]: it is one name with its settings, this has 2: write `- name: {…}`, and `as: …` beside it for a name of its own (config.component.form)",
			"8:5: operate[1]: it is one name with its settings, this has 0: write `- name: {…}`, and `as: …` beside it for a name of its own (config.component.form)",
			"9:5: operate[2]: a list is no operator: write its name, or its name and settings (config.component.form)",
			"10:4: operate[3]: nothing is no operator: write its name, or its name and settings (config.component.form)"}},
		{"settings of every type", strings.Replace(small, "[window]", `
  - window
  - robustz:
      threshold: 0.5
      history: 1.5
      both_sides: "true"
      memory: 2GiB
      quantiles: [1]
      weights: {a: -1, b.c: x}
`, 1), []string{
			`8:18: detect[1].robustz.threshold: "0.5" is outside of 1 to 100: choose a value inside (config.value.range)`,
			`9:16: detect[1].robustz.history: "1.5" is no whole number: write history: a whole number (config.value.type)`,
			`10:19: detect[1].robustz.both_sides: "true" is no true or false: write both_sides: true or false (config.value.type)`,
			`11:15: detect[1].robustz.memory: "2GiB" is outside of 1GiB and less: choose a value inside (config.value.range)`,
			"12:18: detect[1].robustz.quantiles: a list is no mapping: write quantiles: a mapping (config.value.type)",
			`13:20: detect[1].robustz.weights.a: "-1" is outside of 0 and more: choose a value inside (config.value.range)`,
			`13:29: detect[1].robustz.weights["b.c"]: "x" is no number: write a number (config.value.type)`}},
		{"settings are a text", small + "operate: [decide: fast]\n", []string{
			`6:19: operate[0].decide: "fast" is no mapping: write keys and values (known: mode, catalogue) (config.value.type)`}},
		{"constructor", strings.Replace(small, "[window]", "[window, {robustz: {quantiles: {low: 0.9}}}]", 1), []string{
			"5:46: detect[1].robustz.quantiles.low: low is not below high: exchange the two (robustz.quantiles)"}},
		{"constructor without a place", small + "sinks:\n  - webhook: {url: refuse}\n", []string{
			"7:14: sinks[0].webhook: the address is refused: choose another (config.value.refused)"}},
		{"secrets", small + "sinks:\n  - webhook: {url: x, token: hunter2}\n  - {webhook: {url: x, token: \"${TOKEN:-abc}\"}, as: b}\n  - {webhook: {url: x, port: \"${TOKEN}\"}, as: c}\n", []string{
			"7:30: sinks[0].webhook.token: a secret does not stand in the file: put it into an environment variable and write ${NAME}, or into a file of its own and write file:PATH (config.secret.literal)",
			"8:31: sinks[1].webhook.token: a secret does not stand in the file: put it into an environment variable and write ${NAME}, or into a file of its own and write file:PATH (config.secret.literal)",
			`9:30: sinks[2].webhook.port: "${TOKEN}" is no whole number: write port: a whole number (config.value.type)`}},
	} {
		t.Run(f.name, func(t *testing.T) { wantFaults(t, f.text, nil, f.want) })
	}
}

// wantFaults compares all faults of a text. A line that names no file is one of the configuration's own.
func wantFaults(t *testing.T, text string, named files, want []string) {
	t.Helper()
	_, err := read(text, named)
	var faults Faults
	if !errors.As(err, &faults) {
		t.Fatalf("error is %v, want faults:\n%s", err, strings.Join(want, "\n"))
	}
	var got []string
	for _, f := range faults {
		got = append(got, strings.TrimPrefix(f.String(), "conf/shop.yaml:"))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

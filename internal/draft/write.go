package draft

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/homeostat/homeostat/pipeline/config"
)

// Kafka is what the pipeline is to know of the cluster.
type Kafka struct {
	Bootstrap []string
	// Security are lines of the section kafka: tls and sasl, without indentation.
	Security []string
}

// Name is the name that a pipeline for topics has if nobody gives another one.
func Name(topics []string) string {
	name := slug(topics[0])
	// The pipeline's own topics begin with it.
	for slices.ContainsFunc(topics, func(t string) bool { return strings.HasPrefix(t, name+".") }) {
		name += "-pipeline"
	}
	return name
}

// page is the text, with what is said about it beside.
type page struct{ strings.Builder }

func (p *page) line(indent int, format string, args ...any) {
	p.WriteString(strings.Repeat("  ", indent))
	fmt.Fprintf(p, format+"\n", args...)
}

// comment writes a comment, cut into lines.
func (p *page) comment(indent int, format string, args ...any) {
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '\uFFFD'
		}
		return r
	}, fmt.Sprintf(format, args...))
	const width = 110
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			p.line(indent, "# %s", line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	if line != "" {
		p.line(indent, "# %s", line)
	}
}

// Write writes the pipeline for sources, which are in the order in which they are to stand.
func Write(name string, kafka Kafka, sources []*Source) string {
	p := &page{}
	rest := name
	if len(sources) == 1 {
		rest = sources[0].Topic
	}
	e := chooseEntities(sources, rest)
	found := indicators(sources)
	p.head(name, kafka, sources)
	p.scope(name, sources, e)
	objectives := slices.ContainsFunc(found, func(i indicator) bool { return i.certain })
	p.sources(sources, e, objectives)
	p.objectives(found)
	p.detect(sources, objectives)
	p.operate()
	p.line(0, "")
	p.comment(0, "Metrics and health of the process itself: /metrics, /livez, /readyz. Several processes of one machine need an address each; off is none.")
	p.line(0, `admin: {listen: "${HOMEOSTAT_ADMIN:-127.0.0.1:9464}"}`)
	return p.String()
}

func (p *page) head(name string, kafka Kafka, sources []*Source) {
	var topics []string
	for _, s := range sources {
		topics = append(topics, s.Topic)
	}
	p.comment(0, "Written by homeostat init from samples of %s. It runs as it is; the comments say what was seen, and what to look at.", strings.Join(topics, ", "))
	p.line(0, "#")
	p.line(0, "#   homeostat validate FILE")
	p.line(0, "#   homeostat run -c FILE")
	p.line(0, "#   homeostat tap %s.events -c FILE       # findings", name)
	p.line(0, "#   homeostat tap %s.incidents -c FILE    # incidents with their suspects", name)
	p.line(0, "version: 1")
	p.line(0, "name: %s", name)
	p.line(0, "")
	p.line(0, "kafka:")
	var brokers []string
	for _, b := range kafka.Bootstrap {
		brokers = append(brokers, quote(b))
	}
	p.line(1, "bootstrap: [%s]", strings.Join(brokers, ", "))
	for _, l := range kafka.Security {
		p.line(1, "%s", l)
	}
}

func (p *page) scope(name string, sources []*Source, e entities) {
	p.line(0, "")
	p.line(0, "scope:")
	p.comment(1, "What has health: the first of these labels that a series has.")
	for _, why := range e.why {
		p.comment(1, "- %s", why)
	}
	if e.rest != "" {
		p.comment(1, "- %s of no label that names a place: of the entity %s. Let producers set one (service.name, host.name).", plural(e.left, "series", "series"), e.rest)
	}
	p.line(1, "entity: %s", e.templates())
	p.comment(1, "What is diagnosed together. Incidents don't reach from one system to another.")
	if list := grouping(sources); len(list) > 0 {
		p.comment(1, "These labels could tell systems apart, as in \"{{.%s}}\": %s.", list[0], strings.Join(list, ", "))
	}
	p.line(1, "system: %s", name)
}

func (p *page) sources(sources []*Source, e entities, objectives bool) {
	p.line(0, "")
	p.line(0, "sources:")
	taken := map[string]bool{}
	for _, s := range sources {
		name := sourceName(s.Topic, taken)
		p.line(1, "- name: %s", name)
		p.line(2, "topic: %s", s.Topic)
		p.comment(2, "Seen: %s.", s.Evidence)
		p.codec(s)
		if len(s.Fields) > 0 {
			p.comment(2, "Fields: %s.", strings.Join(s.Fields, ", "))
		}
		p.times(s)
		keyed, why := s.keyed(e.of)
		if keyed && objectives {
			keyed, why = false, "an objective adds up a whole system, and records are keyed by entity"
		}
		p.line(2, "keyed: %-13t # %s", keyed, why)
		p.disorder(s)
		p.line(2, "late: dead_letter")
		p.skew(s)
	}
}

// sourceName makes a name that no lane of the pipeline's own has.
func sourceName(topic string, taken map[string]bool) string {
	name := slug(topic)
	if slices.Contains([]string{"inbox", "columns", "operate", "act"}, name) {
		name += "-topic"
	}
	for base, n := name, 2; taken[name]; n++ {
		name = fmt.Sprintf("%s-%d", base, n)
	}
	taken[name] = true
	return name
}

func (p *page) codec(s *Source) {
	if len(s.Settings) == 0 {
		p.line(2, "codec: %s", s.Codec)
		return
	}
	p.line(2, "codec:")
	if s.Codec == "json_logs" {
		p.comment(3, "The fields that make the stream of a line. Others (of the codec's many defaults) were not in the sample.")
	}
	p.line(3, "%s:", s.Codec)
	for _, k := range slices.Sorted(maps.Keys(s.Settings)) {
		p.line(4, "%s: %s", k, value(s.Settings[k]))
	}
}

func value(v any) string {
	switch v := v.(type) {
	case []any:
		var out []string
		for _, e := range v {
			out = append(out, value(e))
		}
		return "[" + strings.Join(out, ", ") + "]"
	case string:
		if slug(v) == v {
			return v
		}
		return quote(v)
	}
	return fmt.Sprint(v)
}

// times says whose time the rows have.
func (p *page) times(s *Source) {
	rows := s.Points + s.Logs
	switch {
	case s.OwnTime == 0:
		p.comment(2, "Time: rows have that of their record, or none of their own.")
	case s.OwnTime*20 < rows*19:
		p.comment(2, "Time: %d of %d rows have another one than their record.", s.OwnTime, rows)
	default:
		p.comment(2, "Time: that of the rows, which differs from their records'.")
	}
	if s.Lost > 0 {
		p.comment(2, "%d rows of the sample could not be used; homeostat ledger counts them by reason.", s.Lost)
	}
	if s.Logs > 0 && s.Severe == 0 {
		p.comment(2, "No line bears a severity, so errorlogs can't tell errors: let the producer write it (for rsyslog a template with %%PRI%%, as RSYSLOG_SyslogProtocol23Format).")
	} else if s.Logs > 0 {
		p.comment(2, "Severity: %d of %d lines bear one, %d of them ERROR or above.", s.Severe, s.Logs, s.Errors)
	}
}

const leastDisorder = 10 * time.Second

func (p *page) disorder(s *Source) {
	d := nice(2*s.Disorder, leastDisorder, 20*time.Second, 30*time.Second, time.Minute, 2*time.Minute, 5*time.Minute, 10*time.Minute)
	why := "the sample is in order"
	if s.Disorder > 0 {
		why = fmt.Sprintf("rows came up to %s behind the newest one", s.Disorder.Round(time.Millisecond))
	}
	p.line(2, "disorder: %-10s # %s", config.FormatDuration(d), why)
}

// defaultSkew is that of the configuration.
const defaultSkew = 5 * time.Minute

func (p *page) skew(s *Source) {
	if s.Ahead <= defaultSkew/2 {
		return
	}
	d := nice(2*s.Ahead, 10*time.Minute, 30*time.Minute, time.Hour, 6*time.Hour, 24*time.Hour, 7*24*time.Hour, 365*24*time.Hour)
	p.comment(2, "Rows are up to %s ahead of their record's time: a producer's clock or time zone is wrong, or its topic sets times by its own.", s.Ahead.Round(time.Second))
	p.line(2, "max_future_skew: %s", config.FormatDuration(d))
}

func (p *page) objectives(found []indicator) {
	p.line(0, "")
	certain := slices.ContainsFunc(found, func(i indicator) bool { return i.certain })
	if len(found) == 0 {
		p.comment(0, "No metric of the sample is known for an objective: a counter of requests with a status, or a latency. docs/architecture.md says what one is made of.")
		return
	}
	p.comment(0, "Objectives. Those in comments are made of metrics that look like it: check them, and take what users feel.")
	if certain {
		p.line(0, "slos:")
	} else {
		p.line(0, "# slos:")
	}
	for _, i := range found {
		mark := "# "
		if i.certain {
			mark = ""
		}
		p.comment(1, "%s", i.why)
		p.line(0, "%s  - name: %s", mark, i.name)
		for _, l := range i.lines {
			p.line(0, "%s    %s", mark, l)
		}
	}
	if !certain {
		p.comment(0, "With objectives put `- sli` and `- burnrate` behind the window in detect.")
	}
}

// grows are metrics that only tell how long something has been there.
var grows = []string{"*uptime*", "*boot_time*", "*start_time*"}

func (p *page) detect(sources []*Source, objectives bool) {
	points, logs := false, false
	for _, s := range sources {
		points, logs = points || s.Points > 0, logs || s.Logs > 0
	}
	p.line(0, "")
	p.line(0, "detect:")
	size, why := windowSize(sources)
	p.line(1, "- window: {size: %s}    # %s", config.FormatDuration(size), why)
	if objectives {
		p.line(1, "- sli")
		p.line(1, "- burnrate")
	}
	if points {
		p.comment(1, "Values far from what their series shows as a rule; it learns for 20 windows first.")
		var exclude []string
		for _, pattern := range grows {
			if slices.ContainsFunc(sources, func(s *Source) bool { return s.fits(pattern) }) {
				exclude = append(exclude, "{metric: "+quote(pattern)+"}")
			}
		}
		if len(exclude) > 0 {
			p.line(1, "- robustz: {exclude: [%s]}", strings.Join(exclude, ", "))
		} else {
			p.line(1, "- robustz")
		}
	}
	if logs {
		p.comment(1, "Streams with more lines of ERROR and above than as a rule, given their traffic.")
		p.line(1, "- errorlogs")
	}
}

func (s *Source) fits(pattern string) bool {
	return slices.ContainsFunc(s.metricNames(), func(name string) bool {
		ok, err := path.Match(pattern, name)
		return ok && err == nil
	})
}

// windowSize is so long that a window has a value of each series.
func windowSize(sources []*Source) (time.Duration, string) {
	size, why := 10*time.Second, "short, so that findings are early"
	for _, s := range sources {
		need, reason := time.Duration(0), ""
		switch {
		case s.Interval >= time.Minute:
			need, reason = s.Interval, fmt.Sprintf("series of %s have a point every %s", s.Topic, s.Interval.Round(time.Second))
		case s.Interval > 0:
			need, reason = 2*s.Interval, fmt.Sprintf("series of %s have a point every %s", s.Topic, s.Interval.Round(10*time.Millisecond))
		case s.Logs > 0 && s.Pace > 5*time.Second:
			need, reason = time.Minute, fmt.Sprintf("%s has a line every %s", s.Topic, s.Pace.Round(time.Second))
		}
		if n := nice(need, 10*time.Second, 20*time.Second, 30*time.Second, time.Minute, 2*time.Minute, 5*time.Minute, 10*time.Minute, 30*time.Minute, time.Hour); n > size {
			size, why = n, reason
		}
	}
	return size, why
}

func (p *page) operate() {
	p.line(0, "")
	p.line(0, "operate:")
	p.comment(1, "Findings that belong together become an incident. To have causes tried and judged, add decide with a catalogue of runbooks, and judge.")
	p.line(1, "- correlate:")
	p.line(3, "open_on: [slo, findings]")
	p.comment(3, "One strong finding is enough to begin with: raise these when incidents are too many.")
	p.line(3, "enough: {entities: 1, findings: 1, score: 1.5}")
	p.line(0, "")
	p.comment(0, "Who calls whom makes suspects better.")
	p.line(0, "# topology:")
	p.line(0, "#   edges:")
	p.line(0, "#     - {from: web, to: database}")
}

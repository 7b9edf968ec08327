package plan

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/config"
)

// Explain writes the plan for people: what runs, what it reads and writes, what is guaranteed on each edge and where rows
// can be lost. Equal plans give equal texts; secrets are not printed.
func (p *Plan) Explain(w io.Writer) error {
	t := &page{}
	p.explainPipeline(t)
	p.explainSources(t)
	p.explainIngest(t)
	p.explainDetect(t)
	p.explainOperate(t)
	p.explainAct(t)
	p.explainTopics(t)
	p.explainEdges(t)
	p.explainLosses(t)
	if len(p.Notes) > 0 {
		t.head("notes")
		for _, n := range p.Notes {
			t.line(n)
		}
	}
	_, err := io.WriteString(w, t.String())
	return err
}

// page is text in two columns: names and what is said of them.
type page struct{ strings.Builder }

const nameWidth = 20

func (t *page) head(format string, args ...any) {
	if t.Len() > 0 {
		t.WriteByte('\n')
	}
	fmt.Fprintf(t, format+"\n", args...)
}

func (t *page) line(text string) { t.WriteString("  " + text + "\n") }

// row writes a name and what is said of it, in one line or more.
func (t *page) row(name string, lines ...string) {
	for i, line := range lines {
		if i > 0 {
			name = ""
		}
		if len(name) >= nameWidth {
			t.line(name)
			name = ""
		}
		t.line(strings.TrimRight(fmt.Sprintf("%-*s%s", nameWidth, name, line), " "))
	}
}

func (p *Plan) explainPipeline(t *page) {
	c := p.config
	t.head("pipeline %s", p.Pipeline)
	t.row("instance", fmt.Sprintf("%s, transactional id %s", p.Instance, p.TransactionalID))
	kafka := "embedded broker, since kafka.bootstrap is not set"
	if len(p.Bootstrap) > 0 {
		kafka = strings.Join(p.Bootstrap, ", ")
	}
	t.row("kafka", append(append([]string{kafka}, p.security()...), p.commit())...)
	t.row("entity", alternatives(c.Scope.Entity, `"unknown"`))
	t.row("system", alternatives(c.Scope.System, `"default"`))
	t.row("lock domain", alternatives(c.Scope.LockDomain, "the entity"))
	t.row("topology", count(len(p.Topology.Edges), "edge"))
	for i, s := range p.SLOs {
		name := ""
		if i == 0 {
			name = "objectives"
		}
		t.row(name, objective(s))
	}
	if len(p.SLOs) > 0 {
		t.row("", "each holds in each system by itself; all that it counts of a system has to come by one lane")
	}
	t.row("limits", fmt.Sprintf("%d series a lane, %s in flight, %s a record", p.Limits.Series, config.FormatSize(p.Limits.Memory), config.FormatSize(p.Limits.Record)))
	t.row("state", p.state())
	admin := "none"
	if c.Admin.Listen != "" {
		admin = c.Admin.Listen
	}
	t.row("admin", admin)
	t.row("log", c.Log.Level+", "+c.Log.Format)
	t.row("fingerprint", p.Fingerprint[:16])
}

func (p *Plan) commit() string {
	every := config.FormatDuration(p.CommitInterval)
	if p.Transactions {
		return "one transaction for all lanes of the process, every " + every + " at most"
	}
	return "no transactions; positions are committed after outputs, every " + every + " at most"
}

func (p *Plan) state() string {
	place := p.Topics.State.Name
	if p.State.Directory != "" {
		place = "directory " + p.State.Directory + ", of this process alone"
	}
	return fmt.Sprintf("snapshots of lanes each %s in %s; a restart replays what came after, silently", config.FormatDuration(p.State.Interval), place)
}

func alternatives(templates []config.Template, otherwise string) string {
	var b strings.Builder
	for _, t := range templates {
		if t.Constant() {
			return b.String() + strconv.Quote(t.String())
		}
		b.WriteString(t.String() + ", else ")
	}
	return b.String() + otherwise
}

func count(n int, word string) string {
	if n != 1 {
		word += "s"
	}
	return fmt.Sprintf("%d %s", n, word)
}

func objective(s pipeline.SLO) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %.6g%% over %s", s.Name, s.Objective*100, config.FormatDuration(duration(s.Window)))
	switch {
	case s.Threshold != nil:
		fmt.Fprintf(&b, " of windows with %s", selector(s.Threshold.Selector))
		if s.Threshold.Below != nil {
			fmt.Fprintf(&b, " below %g", *s.Threshold.Below)
		}
		if s.Threshold.Above != nil {
			fmt.Fprintf(&b, " above %g", *s.Threshold.Above)
		}
	case s.Good.Metric != "":
		fmt.Fprintf(&b, " good %s of %s", selector(s.Good), selector(s.Total))
	default:
		fmt.Fprintf(&b, " without bad %s of %s", selector(s.Bad), selector(s.Total))
	}
	for _, r := range s.Burn {
		fmt.Fprintf(&b, "; %s at %g over %s and %s", r.Severity, r.Factor, config.FormatDuration(duration(r.Long)), config.FormatDuration(duration(r.Short)))
	}
	return b.String()
}

func (p *Plan) explainSources(t *page) {
	t.head("sources")
	for _, s := range p.Sources {
		var lines []string
		if s.Topic != "" {
			lines = append(lines, "topic "+s.Topic)
		}
		if s.Type != "" {
			of := ""
			if s.Records {
				of = ": records for the codec; each file is a partition"
			}
			lines = append(lines, s.Type+", in backtests and feed"+of)
			lines = append(lines, settings(s.Entry.Spec.Settings, s.Settings)...)
		}
		if s.Codec != nil {
			lines = append(lines, "codec "+s.Codec.Name)
			lines = append(lines, settings(s.Codec.Entry.Spec.Settings, s.Codec.Settings)...)
			if s.Topic != "" {
				lines = append(lines, found(s.Codec)...)
			}
			if s.Records && (s.Codec.Undecided() || len(s.Codec.Found) > 0) {
				lines = append(lines, "each backtest finds it out by the beginning of its files")
			}
		}
		t.row(s.Name, append(lines, fmt.Sprintf("keyed %t, disorder %s, late %s, max_future_skew %s",
			s.Keyed, config.FormatDuration(s.Disorder), s.Late, config.FormatDuration(s.MaxFutureSkew)))...)
	}
}

// found says where a codec comes from that the configuration does not name.
func found(c *Codec) []string {
	if len(c.Found) == 0 && c.Undecided() {
		return []string{"not pinned yet: the first run finds it out and keeps it"}
	}
	return c.Found
}

// explainIngest says what becomes of sources that are not fused. Whether that is so is known only with their topics.
func (p *Plan) explainIngest(t *page) {
	apart := false
	for _, s := range p.Sources {
		apart = apart || s.Topic != "" && !s.Keyed
	}
	if !apart {
		return
	}
	if p.Ingest.Runs() {
		p.explainStage(t, &p.Ingest, "stage ingest")
	} else {
		t.head("stage ingest, if a source of several partitions is not keyed")
		t.row("group", p.Pipeline+".ingest")
		t.row("writes", p.Topics.Columns.Name)
	}
	t.row("lanes", "one for each partition; it decodes, decides what is late and what time it is, and writes Arrow columns", p.explainGroup())
}

func (p *Plan) explainDetect(t *page) {
	p.explainStage(t, &p.Detect, "stage detect, fused with ingest where series stay in one partition")
	if p.Window > 0 {
		every := ""
		if p.Every < p.Window {
			every = ", one every " + config.FormatDuration(p.Every)
		}
		t.row("windows", config.FormatDuration(p.Window)+" of event time"+every)
	}
	t.row("lanes", p.detectLanes()...)
}

// detectLanes says how many lanes there are and why ingest is fused.
func (p *Plan) detectLanes() []string {
	lines := []string{"one for each partition; where ingest is fused it decodes, cuts windows and detects without a topic between,", "which is right as long as all points of a series come by one partition:"}
	for _, s := range p.Sources {
		why := "one lane in a backtest; a run refuses it until it names a topic (run.source.file)"
		switch {
		case s.Topic != "" && s.Keyed:
			why = "fused, its producers key by " + p.GroupBy + " or coarser (keyed: true)"
		case s.Topic != "":
			why = "fused if " + s.Topic + " has one partition; with more its rows come through " + p.Topics.Columns.Name
		}
		lines = append(lines, s.Name+": "+why)
	}
	return append(lines, "inbox: events only, passed on to the partition of their system; detectors hear of changes through "+p.Topics.Columns.Name+",",
		"so for fused sources they don't unless the file says columns: {always: true}")
}

func (p *Plan) explainOperate(t *page) {
	if !p.Operate.Runs() {
		return
	}
	p.explainStage(t, &p.Operate, "stage operate")
	t.row("lanes", "one for each partition of "+p.Topics.Events.Name+", keyed by system; a system is in one lane")
}

func (p *Plan) explainAct(t *page) {
	if !p.Act.Runs() {
		return
	}
	p.explainStage(t, &p.Act, "stage act")
	t.row("lanes", "one for each partition; sinks are shared by the lanes of a process")
}

func (p *Plan) explainStage(t *page, s *Stage, title string) {
	t.head("%s", title)
	t.row("group", s.Group)
	inputs := s.Inputs
	if s == &p.Detect {
		inputs = nil
		for _, src := range p.Sources {
			if src.Topic == "" {
				inputs = append(inputs, "source "+src.Name+", in backtests")
			}
		}
		inputs = append(inputs, s.Inputs...)
	}
	t.row("reads", inputs...)
	t.row("writes", s.Outputs...)
	for _, o := range s.Operators {
		t.explainComponent("operator", o.Name, o.Entry.Spec, o.Settings, describe(o))
	}
	for _, k := range s.Sinks {
		t.explainComponent("sink", k.Name, k.Entry.Spec, k.Settings, "")
	}
}

func (t *page) explainComponent(word, name string, spec pipeline.Spec, s pipeline.Settings, description string) {
	lines := []string{sentence(spec.Doc)}
	if name != spec.Name {
		lines[0] = spec.Name + ": " + lines[0]
	}
	if description != "" {
		lines = append(lines, description)
	}
	t.row(word+" "+name, append(lines, settings(spec.Settings, s)...)...)
}

// describe returns what an operator says of itself beyond its settings.
func describe(o Operator) string {
	var made any
	var err error
	if o.Entry.NewDetector != nil {
		made, err = o.Entry.NewDetector(o.Settings)
	} else {
		made, err = o.Entry.New(o.Settings)
	}
	if d, ok := made.(pipeline.Describer); ok && err == nil {
		return d.Describe()
	}
	return ""
}

// sentence returns the first sentence of a text.
func sentence(doc string) string {
	first, _, more := strings.Cut(doc, ". ")
	if more {
		return first + "."
	}
	return doc
}

func (p *Plan) explainTopics(t *page) {
	t.head("topics of the pipeline's own, made when they are missing")
	for _, topic := range p.Topics.All() {
		t.row(topic.Name, topicSettings(topic))
	}
}

package correlate

import (
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/homeostat/homeostat/pipeline"
)

const (
	name    = "correlate"
	version = 1
)

// Spec describes the operator.
func Spec() pipeline.Spec {
	positive := pipeline.Bound(0)
	return pipeline.Spec{
		Name:     name,
		Doc:      "Gathers findings that belong together, by onset and call graph, into incidents with ranked suspects, a signature and the SLO impact.",
		Stage:    pipeline.Operate,
		Consumes: []pipeline.Kind{pipeline.Windows, pipeline.Events},
		Accepts:  pipeline.Accepts{Overlapping: true, Irregular: true}, // it looks at objectives only, which sli makes
		Emits:    []pipeline.Kind{pipeline.Events},
		Version:  version,
		Settings: []pipeline.Setting{
			{Name: "open_on", Type: pipeline.List, Default: []any{onSLO}, Fields: []pipeline.Setting{{Type: pipeline.String, Enum: []string{onSLO, onFindings}}},
				Doc: "What opens an incident: a burning SLO, or enough findings without one.", Example: "[slo, findings]"},
			{Name: "enough", Type: pipeline.Object, Doc: "How many findings open an incident without a burning SLO.", Fields: []pipeline.Setting{
				{Name: "entities", Type: pipeline.Int, Default: int64(2), Min: pipeline.Bound(1), Doc: "Abnormal entities at least."},
				{Name: "findings", Type: pipeline.Int, Default: int64(3), Min: pipeline.Bound(1), Doc: "Open findings at least."},
				{Name: "score", Type: pipeline.Float, Default: 1.5, Min: positive, Doc: "Score that a finding needs to count; 1 is its detector's threshold."},
			}},
			{Name: "settle", Type: pipeline.Duration, Default: 20 * time.Second, Min: positive,
				Doc: "Event time between the trigger and the opening, so that evidence gathers. What is over by then opens nothing.", Example: "20s"},
			{Name: "gap", Type: pipeline.Duration, Default: 5 * time.Minute, Min: positive,
				Doc: "How long before its trigger the other findings of an incident may have begun.", Example: "5m"},
			{Name: "hold", Type: pipeline.Duration, Default: 5 * time.Minute, Min: positive,
				Doc: "How long all must be well before the incident closes: every SLO burns below 1, and its findings are closed or `quiet` has passed.", Example: "5m"},
			{Name: "quiet", Type: pipeline.Duration, Default: 10 * time.Minute, Min: positive,
				Doc: "Time without a new finding after which findings that stay open no longer keep the incident open.", Example: "10m"},
			{Name: "silence", Type: pipeline.Duration, Default: time.Hour, Min: positive,
				Doc: "Time without any finding or SLI after which an incident closes although nobody saw it end.", Example: "1h"},
			{Name: "reopen", Type: pipeline.Duration, Default: 5 * time.Minute, Min: positive,
				Doc: "A trigger this soon after the closing opens the same incident again; 0 never.", Example: "5m"},
			{Name: "update_every", Type: pipeline.Duration, Default: time.Minute, Min: positive,
				Doc: "Least time between two updates of one incident. A change of the first suspect, the signature or the severity is told at once.", Example: "1m"},
			{Name: "cap", Type: pipeline.Float, Default: 20.0, Min: pipeline.Bound(1), Doc: "Scores above it count as it."},
			{Name: "onset_halflife", Type: pipeline.Duration, Default: 3 * time.Minute, Min: pipeline.Bound(1),
				Doc: "An entity that became abnormal this much later than the first weighs about half.", Example: "3m"},
			{Name: "discount", Type: pipeline.Float, Default: 0.7, Min: positive, Max: pipeline.Bound(1),
				Doc: "Share of an entity's score that an equally abnormal callee takes from it."},
			{Name: "change_window", Type: pipeline.Duration, Default: 30 * time.Minute, Min: positive,
				Doc: "A change (deploy, config, scale, flag) this short before the onset makes its entities more suspect.", Example: "30m"},
			{Name: "caller_label", Type: pipeline.String, Default: "caller", Doc: "Label of call-edge series that names the caller."},
			{Name: "callee_label", Type: pipeline.String, Default: "callee", Doc: "Label of call-edge series that names the callee, whom their findings count for."},
			{Name: "classes", Type: pipeline.List, Doc: "The kinds of trouble, the first that fits the first suspect counts. The default tells saturation, errors, latency and traffic by parts of metric names.",
				Example: "[{class: saturation, metrics: ['*cpu*']}]", Fields: []pipeline.Setting{{Type: pipeline.Object, Fields: []pipeline.Setting{
					{Name: "class", Type: pipeline.String, Required: true, Doc: "The first part of the signature."},
					{Name: "metrics", Type: pipeline.List, Fields: []pipeline.Setting{{Type: pipeline.String}}, Doc: "Patterns of metric names; * is any text. Case does not matter."},
					{Name: "detectors", Type: pipeline.List, Fields: []pipeline.Setting{{Type: pipeline.String}}, Doc: "Patterns of detector names."},
					{Name: "labels", Type: pipeline.List, Fields: []pipeline.Setting{{Type: pipeline.String}}, Doc: "Patterns of name=value of labels. Case does not matter.", Example: "['outcome=error']"},
				}}}},
			{Name: "roles", Type: pipeline.List, Doc: "The second part of the signature. The default is the entity without instance numbers and pod hashes.",
				Example: "[{role: database, entities: ['db-*']}]", Fields: []pipeline.Setting{{Type: pipeline.Object, Fields: []pipeline.Setting{
					{Name: "role", Type: pipeline.String, Required: true, Doc: "The role."},
					{Name: "entities", Type: pipeline.List, Required: true, Fields: []pipeline.Setting{{Type: pipeline.String}}, Doc: "Patterns of entity names."},
				}}}},
			{Name: "max_findings", Type: pipeline.Int, Default: int64(10000), Min: pipeline.Bound(10),
				Doc: "Findings that are kept for one system. More are lost and counted."},
			{Name: "max_suspects", Type: pipeline.Int, Default: int64(10), Min: pipeline.Bound(1), Doc: "Suspects that an incident names."},
		},
	}
}

const (
	onSLO      = "slo"
	onFindings = "findings"
)

// Register adds the operator to the registry.
func Register(r *pipeline.Registry) {
	r.AddOperator(Spec(), func(s pipeline.Settings) (pipeline.Operator, error) { return New(s) })
}

type options struct {
	slo, findings                               bool
	entities, enough                            int
	score, cap, discount                        float64
	settle, gap, hold, quiet, silence           int64
	reopen, updateEvery, halflife, changeWindow int64
	caller, callee                              string
	classes                                     []class
	roles                                       []role
	maxFindings, maxSuspects                    int
}

type class struct {
	name                       string
	metrics, detectors, labels []string
}

type role struct {
	name     string
	entities []string
}

func parse(s pipeline.Settings) (options, error) {
	ns := func(name string) int64 { return int64(s.Duration(name)) }
	o := options{
		score: 1.5, entities: 2, enough: 3, cap: s.Float("cap"), discount: s.Float("discount"),
		settle: ns("settle"), gap: ns("gap"), hold: ns("hold"), quiet: ns("quiet"), silence: ns("silence"),
		reopen: ns("reopen"), updateEvery: ns("update_every"), halflife: ns("onset_halflife"), changeWindow: ns("change_window"),
		caller: s.Text("caller_label"), callee: s.Text("callee_label"),
		maxFindings: int(s.Int("max_findings")), maxSuspects: int(s.Int("max_suspects")),
	}
	for _, what := range s.Texts("open_on") {
		o.slo = o.slo || what == onSLO
		o.findings = o.findings || what == onFindings
	}
	if !o.slo && !o.findings {
		return o, &pipeline.SettingFault{Path: "open_on", Err: pipeline.Errorf("correlate.open_on.empty", "nothing opens an incident: list slo, findings or both")}
	}
	if s.Has("enough") {
		e := s.Object("enough")
		o.entities, o.enough, o.score = int(e.Int("entities")), int(e.Int("findings")), e.Float("score")
	}
	o.classes = defaultClasses()
	if s.Has("classes") {
		o.classes = nil
		for i, c := range s.Objects("classes") {
			at := "classes[" + strconv.Itoa(i) + "]"
			o.classes = append(o.classes, class{c.Text("class"), lower(c.Texts("metrics")), c.Texts("detectors"), lower(c.Texts("labels"))})
			for _, list := range []string{"metrics", "detectors", "labels"} {
				if err := checkPatterns(at+"."+list, c.Texts(list)); err != nil {
					return o, err
				}
			}
		}
	}
	for i, r := range s.Objects("roles") {
		o.roles = append(o.roles, role{r.Text("role"), r.Texts("entities")})
		if err := checkPatterns("roles["+strconv.Itoa(i)+"].entities", r.Texts("entities")); err != nil {
			return o, err
		}
	}
	return o, nil
}

func checkPatterns(at string, patterns []string) error {
	for i, p := range patterns {
		if _, err := path.Match(p, ""); err != nil {
			return &pipeline.SettingFault{Path: at + "[" + strconv.Itoa(i) + "]", Err: pipeline.Errorf("correlate.pattern", "pattern %q can't be read: close its brackets or escape them with \\", p)}
		}
	}
	return nil
}

func lower(texts []string) []string {
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = strings.ToLower(t)
	}
	return out
}

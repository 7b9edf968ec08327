package schemas

// Hypothesis is the data of hypothesis.opened.v1: registered before the command that tests it.
type Hypothesis struct {
	Hypothesis string `json:"hypothesis"`
	Incident   string `json:"incident"`
	Signature  string `json:"signature"`
	Attempt    int    `json:"attempt"`
	// Claim is the cause and the action in words.
	Claim string `json:"claim"`
	// Action is what is done; the verb wait does nothing.
	Action Action `json:"action"`
	// Rivals are the other explanations of a recovery; "heals by itself" is always among them.
	Rivals    []string  `json:"rivals"`
	Deduction Deduction `json:"deduction"`
	// Refuters are metrics that must not get worse.
	Refuters []string `json:"refuters,omitempty"`
	// Design is the strongest one that fits: "placebo in time", "recovery only".
	Design  string  `json:"design"`
	Windows Windows `json:"windows"`
	// Test says how it will be judged.
	Test Test `json:"test"`
	// Mode is the lower of the run's mode and the authority of the action.
	Mode     string   `json:"mode"`
	Decision Decision `json:"decision"`
}

// Action is a command without its targets' circumstances.
type Action struct {
	Verb     string `json:"verb"`
	Actuator string `json:"actuator,omitempty"`
	// Params are absolute values.
	Params  map[string]any `json:"params,omitempty"`
	Targets []Target       `json:"targets,omitempty"`
}

// Target is one thing that a command acts on.
type Target struct {
	Kind string `json:"kind"`
	ID   string `json:"id"`
	UID  string `json:"uid"`
	// Version is the target's version as observed; "" if none was.
	Version string `json:"version,omitempty"`
}

// Deduction is the prediction: the metric moves in a direction by at least Effect, beginning within OnsetLag, seen by
// Horizon after the action. Durations in seconds.
type Deduction struct {
	// Metric is a series' canonical key or "slo:<name>", whose value is the share of bad events.
	Metric    string `json:"metric"`
	Direction string `json:"direction"`
	// Effect is the smallest change of the metric that counts, in its own unit.
	Effect   float64 `json:"effect"`
	OnsetLag float64 `json:"onsetlag"`
	Horizon  float64 `json:"horizon"`
	// Interval is where the effect is expected.
	Interval Band `json:"interval"`
	// Model says where the numbers come from.
	Model string `json:"model"`
}

// Windows are the spans that are compared: Pre before the action, then Blackout, then Post. Seconds.
type Windows struct {
	Pre      float64 `json:"pre"`
	Blackout float64 `json:"blackout"`
	Post     float64 `json:"post"`
}

// Test is the statistical test that was fixed beforehand.
type Test struct {
	Method string `json:"method"`
	// Alpha is the level at which a placebo distribution rejects.
	Alpha float64 `json:"alpha"`
	// MinPlacebos is how many placebos it takes to say anything.
	MinPlacebos int `json:"minplacebos"`
}

// Decision says why this candidate was chosen.
type Decision struct {
	Candidates []Candidate `json:"candidates"`
	Chosen     string      `json:"chosen"`
	// Propensity is the probability with which the policy chose it.
	Propensity float64 `json:"propensity"`
	Seed       uint64  `json:"seed"`
	Explored   bool    `json:"explored"`
}

// Candidate is one action that was weighed, waiting included.
type Candidate struct {
	Action string  `json:"action"`
	Score  float64 `json:"score"`
	// Success is the believed probability that it works.
	Success float64 `json:"success"`
	// Weight is how many observations that belief is worth: the prior's weight plus what was judged since.
	Weight float64 `json:"weight"`
	// Excluded says why it could not be chosen, "" if it could.
	Excluded string `json:"excluded,omitempty"`
}

// Judgement is the data of hypothesis.judged.v1.
type Judgement struct {
	Hypothesis string `json:"hypothesis"`
	Incident   string `json:"incident"`
	Signature  string `json:"signature"`
	Action     string `json:"action"`
	// Verdict is one of supported, refuted, inconclusive, harmful, void.
	Verdict string `json:"verdict"`
	Reason  string `json:"reason"`
	// Recovered says that the objective holds again; it closes the incident and teaches nothing.
	Recovered bool `json:"recovered"`
	// Effect is how far the metric moved in the predicted direction.
	Effect Effect `json:"effect"`
	// Attribution says whether it was us.
	Attribution Attribution `json:"attribution"`
	SideEffects []string    `json:"sideeffects,omitempty"`
	// Contamination names what else happened in the windows.
	Contamination []string `json:"contamination,omitempty"`
	// Prior and Posterior are the success probability of the action for the signature, before and after.
	Prior     float64 `json:"prior"`
	Posterior float64 `json:"posterior"`
}

// Effect is a difference of means with its interval.
type Effect struct {
	Pre      float64 `json:"pre"`
	Post     float64 `json:"post"`
	Size     float64 `json:"size"`
	Interval Band    `json:"interval"`
}

// Attribution compares the effect with placebos.
type Attribution struct {
	Design   string  `json:"design"`
	Placebos int     `json:"placebos"`
	PValue   float64 `json:"pvalue"`
}

// Verdicts.
const (
	Supported    = "supported"
	Refuted      = "refuted"
	Inconclusive = "inconclusive"
	Harmful      = "harmful"
	Void         = "void"
)

// VerbWait does nothing and is always a candidate.
const VerbWait = "wait"

// Verbs is the closed list of what an action may do.
func Verbs() []string {
	return []string{"query", "start", "stop", "restart", "set", "update", "redirect", "create", "delete", "restore",
		"contain", "allow", "deny", "notify", VerbWait}
}

package schemas

// Incident is the data of incident.opened, updated and closed.v1.
type Incident struct {
	Incident string `json:"incident"`
	Revision int    `json:"revision"`
	State    string `json:"state"`
	System   string `json:"system"`
	// Signature is the coarse kind by which experience is keyed, such as "saturation:database".
	Signature string `json:"signature"`
	// Onset is when it began, Detected when it was opened, Closed when it ended.
	Onset    string `json:"onset"`
	Detected string `json:"detected"`
	Closed   string `json:"closed,omitempty"`
	Severity string `json:"severity"`
	// Certainty 0..1, apart from severity.
	Certainty float64 `json:"certainty"`
	// Impact is what users lose; empty when no SLO is touched.
	Impact []Impact `json:"impact,omitempty"`
	// Suspects are ranked, the likeliest cause first.
	Suspects []Suspect `json:"suspects"`
	// Findings are the findings that belong together, by name, in order of onset.
	Findings []string `json:"findings"`
	// Reason says in words why this event was written: why it opened, what changed, why it closed.
	Reason string `json:"reason,omitempty"`
}

// Impact is one SLO that an incident touches.
type Impact struct {
	SLO string `json:"slo"`
	// Burn is the short-window burn rate: 1 uses up exactly the budget over the SLO's window.
	Burn     float64 `json:"burn"`
	BadShare float64 `json:"badshare"`
}

// Suspect is an entity that may be the cause, with the reasons.
type Suspect struct {
	Entity string  `json:"entity"`
	Domain string  `json:"domain"`
	Score  float64 `json:"score"`
	// Metric is the entity's most telling metric, "" if there is none.
	Metric  string   `json:"metric,omitempty"`
	Reasons []string `json:"reasons,omitempty"`
}

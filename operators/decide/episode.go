package decide

import (
	"strings"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

const sloMetric = "slo:"

// never is a time that does not come.
const never = int64(1<<63 - 1)

// episode is one incident as decide sees it.
type episode struct {
	Incident schemas.Incident
	// Event is the id of the incident's last event.
	Event  string
	System string
	Open   bool
	// ClosedAt is when it last closed.
	ClosedAt int64
	// Trials counts hypotheses, Attempts those of them that act.
	Trials, Attempts int
	Waited           int64
	// Vain tells that waiting did not help since it was last well.
	Vain bool
	// Ran names the actions that were carried out.
	Ran     []string
	Current *trial
	Last    string // hypothesis before
	// Settled tells that the SLO came back after the last hypothesis.
	Settled   bool
	Escalated bool
	Told      bool // that its signature is not known
	// Retry is when to choose again; never if not by time.
	Retry int64
}

// trial is an open hypothesis.
type trial struct {
	ID, Action, Domain, Signature, Severity, Mode string
	Wait                                          bool
	Opened                                        int64
	// Until is when it counts as void if no judgement came.
	Until int64
	Ran   bool
	// Doubt is the execution of an action of which its actuator doesn't know how far it came; "" for none.
	Doubt string
}

func (e *episode) suspect() schemas.Suspect {
	if len(e.Incident.Suspects) == 0 {
		return schemas.Suspect{Entity: e.System, Domain: e.System}
	}
	return e.Incident.Suspects[0]
}

// role is the suspect's role, the second part of the signature.
func (e *episode) role() string {
	if i := strings.IndexByte(e.Incident.Signature, ':'); i >= 0 {
		return e.Incident.Signature[i+1:]
	}
	return ""
}

// impact is the SLO that suffers most; the zero value if none does.
func (e *episode) impact() schemas.Impact {
	if len(e.Incident.Impact) == 0 {
		return schemas.Impact{}
	}
	return e.Incident.Impact[0]
}

// places are the values of the catalogue's places.
func (e *episode) places(slos []pipeline.SLO) map[string]string {
	values := map[string]string{suspectPlace: e.suspect().Entity, "{slo}": e.impact().SLO, "{system}": e.System}
	for _, slo := range slos {
		if slo.Name == e.impact().SLO {
			values["{slo.entity}"] = slo.Entity
		}
	}
	return values
}

// benefit is what there is to gain, 0 to 1: it grows with severity, and with the burn rate towards a limit.
func (e *episode) benefit() float64 {
	weight := 0.2
	switch e.Incident.Severity {
	case "critical":
		weight = 1
	case "warning":
		weight = 0.6
	}
	burn := e.impact().Burn
	return weight * burn / (1 + burn)
}

func urgency(burn float64) string {
	switch {
	case burn >= 10:
		return "immediate"
	case burn >= 1:
		return "soon"
	}
	return "later"
}

package judge

import (
	"time"

	"github.com/homeostat/homeostat/schemas"
)

// never is a time that does not come.
const never = int64(1<<63 - 1)

// trial is a hypothesis on record and what has come of it.
type trial struct {
	Hypothesis schemas.Hypothesis
	// Event is the id of the event that opened it, Opened its time.
	Event, System string
	Opened        int64
	// Command is the remediation's id, Key its idempotency key; "" while none was seen.
	Command, Key string
	// Deadline is when it counts as not carried out if nothing was heard.
	Deadline int64
	// Done is when the action was carried out; never while it is not. Partly tells that not all of it was.
	Done   int64
	Partly bool
	// Next is the next time to look at it.
	Next int64
}

func (t *trial) waits() bool { return t.Hypothesis.Action.Verb == schemas.VerbWait }

func nanos(seconds float64) int64 { return int64(seconds * float64(time.Second)) }

func floor(t, window int64) int64 {
	if r := t % window; r > 0 {
		return t - r
	}
	return t
}

func ceil(t, window int64) int64 {
	if r := t % window; r > 0 {
		return t + window - r
	}
	return t
}

// spans are the hypothesis' windows on the grid of closed windows, around the moment, which is the last window end before
// the action.
func (t *trial) spans(window int64) (moment int64, sp spans) {
	w := t.Hypothesis.Windows
	moment = floor(t.Done, window)
	sp.pre = max(window, floor(nanos(w.Pre), window))
	sp.gap = ceil(t.Done+nanos(w.Blackout), window) - moment
	sp.post = max(window, floor(nanos(w.Post), window))
	return moment, sp
}

// horizon is when the action is judged: fixed once it is known when it was carried out.
func (t *trial) horizon(window int64) int64 {
	moment, sp := t.spans(window)
	return moment + sp.gap + sp.post
}

// belief returns what decide believed of the action.
func (t *trial) belief() (success, weight float64) {
	for _, c := range t.Hypothesis.Decision.Candidates {
		if c.Action == t.Hypothesis.Decision.Chosen {
			return c.Success, c.Weight
		}
	}
	return 0, 0
}

// episode is an incident as far as it serves as a placebo.
type episode struct {
	Incident, System, Signature string
	Opened                      int64
	// SLOs are those that it touched.
	SLOs   []string
	Closed int64 // never while it is open
}

// treatment is something that was changed in a system.
type treatment struct {
	Time int64
	// Hypothesis is whose action it was, "" for a change from outside.
	Hypothesis, What string
}

package main

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// kind is a kind of fault.
type kind string

const (
	killEngine kind = "SIGKILL engine"
	killTwo    kind = "SIGKILL two engines"
	drain      kind = "SIGTERM engine"
	freeze     kind = "SIGSTOP engine"
	killBroker kind = "SIGKILL broker"
	resets     kind = "reset connections"
	stalls     kind = "half-open connections"
	delays     kind = "delay"
	throttles  kind = "bandwidth cap"
)

// kinds are all, with how often each comes among 100.
var kinds = []struct {
	kind
	weight int
}{
	{killEngine, 54}, {killTwo, 8}, {drain, 5}, {freeze, 6}, {killBroker, 5}, {resets, 9}, {stalls, 6}, {delays, 4}, {throttles, 3},
}

// opening comes first, in an order of the seed, so that also a short run has some of each.
var opening = []kind{killEngine, killBroker, freeze, killTwo, resets, stalls}

// fault is one round.
type fault struct {
	Kind kind
	// Engines are the ones it hits.
	Engines []int
	// Down is how long what was killed stays away, or the fault lasts. Other rounds may come before it ends.
	Down time.Duration
	// Dwell is how long until the next round.
	Dwell time.Duration
	// Await says that the pipeline must come to itself before the next round.
	Await bool
	// Share of the connections that a fault of the network hits.
	Share float64
	// Late says that what half-open connections held back still arrives in the end.
	Late bool
	// Delay and Rate are those of slow connections.
	Delay time.Duration
	Rate  int
}

func (f *fault) String() string {
	s := string(f.Kind)
	for _, e := range f.Engines {
		s += fmt.Sprintf(" %d", e+1)
	}
	if f.Share > 0 {
		s += fmt.Sprintf(" share=%.2f", f.Share)
	}
	if f.Delay > 0 || f.Rate > 0 {
		s += fmt.Sprintf(" delay=%s rate=%d", f.Delay, f.Rate)
	}
	return s + fmt.Sprintf(" for=%s late=%t dwell=%s await=%t", f.Down.Round(time.Millisecond), f.Late, f.Dwell.Round(time.Millisecond), f.Await)
}

// schedule makes the rounds of a seed: the same ones each time. session is after how long the group gives up a silent
// engine.
func schedule(seed uint64, rounds, engines int, session time.Duration) []fault {
	r := rand.New(rand.NewPCG(seed, 2))
	first := append([]kind(nil), opening...)
	r.Shuffle(len(first), func(i, j int) { first[i], first[j] = first[j], first[i] })
	faults := make([]fault, rounds)
	for i := range faults {
		k := drawKind(r)
		if i < len(first) {
			k = first[i]
		}
		faults[i] = draw(r, k, engines, session)
	}
	return faults
}

func drawKind(r *rand.Rand) kind {
	total := 0
	for _, k := range kinds {
		total += k.weight
	}
	n := r.IntN(total)
	for _, k := range kinds {
		if n -= k.weight; n < 0 {
			return k.kind
		}
	}
	return killEngine
}

func draw(r *rand.Rand, k kind, engines int, session time.Duration) fault {
	f := fault{Kind: k, Dwell: between(r, 500*time.Millisecond, 4*time.Second), Await: r.IntN(4) == 0}
	hit := r.Perm(engines)
	switch k {
	case killEngine, drain:
		f.Engines, f.Down = hit[:1], between(r, 0, 1500*time.Millisecond)
	case killTwo:
		f.Engines, f.Down = hit[:2], between(r, 0, 1500*time.Millisecond)
	case freeze:
		// Past the session it has lost its partitions, past ten seconds also its transaction, and knows of neither.
		f.Engines, f.Down = hit[:1], session+between(r, time.Second, 10*time.Second)
	case killBroker:
		f.Down = between(r, 0, 2*time.Second)
	case resets:
		f.Share = 0.1 + r.Float64()
	case stalls:
		f.Share, f.Down, f.Late = 0.1+r.Float64(), between(r, time.Second, 12*time.Second), r.IntN(2) == 0
	case delays:
		f.Down, f.Delay = between(r, time.Second, 4*time.Second), between(r, 20*time.Millisecond, 400*time.Millisecond)
	case throttles:
		f.Down, f.Rate = between(r, time.Second, 4*time.Second), 2<<10+r.IntN(30<<10)
	}
	return f
}

func between(r *rand.Rand, low, high time.Duration) time.Duration {
	return low + time.Duration(r.Int64N(int64(high-low)))
}

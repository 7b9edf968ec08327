package plant

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/homeostat/homeostat/operators/operatortest"
)

// episode plays half an hour with commands in it and returns every observation as bytes. Before each
// step, advance may cut it as it likes.
func episode(t *testing.T, scenario string, seed uint64, advance func(s *System, to time.Duration)) []byte {
	t.Helper()
	s := build(t, scenario, seed)
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	for to := step; to <= 45*time.Minute; to += step {
		advance(s, to)
		switch to {
		case 10 * time.Minute:
			must(t, s.Scale(6))
		case 12 * time.Minute:
			must(t, s.Restart("app-2"))
		case 20 * time.Minute:
			must(t, s.Scale(3))
		case 22 * time.Minute:
			must(t, s.Scale(4))
		case 35 * time.Minute:
			must(t, s.SetAdmissionLimit(32))
		}
		must(t, enc.Encode(s.Observe()))
		must(t, enc.Encode(s.State()))
		must(t, enc.Encode(s.Topology()))
	}
	return out.Bytes()
}

func TestSameSeedSameBytes(t *testing.T) {
	operatortest.OneGoroutine(t)
	for _, sc := range Scenarios() {
		t.Run(sc.Name, func(t *testing.T) {
			t.Parallel()
			whole := episode(t, sc.Name, 3, (*System).Advance)
			again := episode(t, sc.Name, 3, (*System).Advance)
			if !bytes.Equal(whole, again) {
				t.Error("two runs differ")
			}
			random := rand.New(rand.NewPCG(1, 2))
			chopped := episode(t, sc.Name, 3, func(s *System, to time.Duration) {
				for s.Now() < to {
					s.Advance(min(to, s.Now()+time.Duration(random.Int64N(int64(2*time.Second)))))
				}
				s.Advance(to - time.Second) // the past: nothing happens
			})
			if !bytes.Equal(whole, chopped) {
				t.Error("the run depends on how Advance is cut")
			}
			if other := episode(t, sc.Name, 4, (*System).Advance); bytes.Equal(whole, other) {
				t.Error("two seeds give the same run")
			}
		})
	}
}

// Observing must not change what happens: the sums over fine steps are those over coarse ones.
func TestObservingChangesNothing(t *testing.T) {
	operatortest.OneGoroutine(t)
	fine, coarse := build(t, "ceiling", 5), build(t, "ceiling", 5)
	var sum Web
	for to := time.Second; to <= 40*time.Minute; to += time.Second {
		fine.Advance(to)
		w := fine.Observe().Web
		sum.Started += w.Started
		sum.OK += w.OK
		sum.Timeout += w.Timeout
		sum.Error += w.Error
		sum.Latency.Sum += w.Latency.Sum
	}
	coarse.Advance(40 * time.Minute)
	w := coarse.Observe().Web
	if sum.Started != w.Started || sum.OK != w.OK || sum.Timeout != w.Timeout || sum.Error != w.Error || sum.Latency.Sum != w.Latency.Sum {
		t.Errorf("by the second %+v, at once %+v", sum, w)
	}
}

// Twins have the same users whatever is done to them.
func TestTwinsHaveTheSameUsers(t *testing.T) {
	operatortest.OneGoroutine(t)
	acted, left := build(t, "ceiling", 9), build(t, "ceiling", 9)
	must(t, acted.SetAdmissionLimit(5))
	must(t, acted.Scale(9))
	for to := step; to <= 40*time.Minute; to += step {
		acted.Advance(to)
		left.Advance(to)
		a, b := acted.Observe().Web, left.Observe().Web
		if a.Arrived != b.Arrived {
			t.Fatalf("%v: %d users and %d", to, a.Arrived, b.Arrived)
		}
	}
}

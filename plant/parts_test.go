package plant

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestTimersFireInOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	var list timers
	list.grow(200)
	type entry struct {
		at    time.Duration
		order int
	}
	want := map[int32]entry{}
	for order := range 5000 {
		id := int32(random.IntN(200))
		if random.IntN(4) == 0 {
			list.clear(id)
			delete(want, id)
			continue
		}
		at := time.Duration(random.IntN(50)) // many ties
		list.set(id, at)
		want[id] = entry{at, order}
	}
	var ids []int32
	for id := range want {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b int32) int {
		if want[a].at != want[b].at {
			return int(want[a].at - want[b].at)
		}
		return want[a].order - want[b].order
	})
	for _, id := range ids {
		if got := list.heap[0]; got.id != id || got.at != want[id].at {
			t.Fatalf("got timer %d at %d, want %d at %d", got.id, got.at, id, want[id].at)
		}
		list.clear(id)
	}
	if len(list.heap) != 0 {
		t.Errorf("%d timers left", len(list.heap))
	}
}

// Two jobs of one and three seconds of work on a server that halves its speed when it has two: the
// first leaves after two seconds, and the other, then alone, after two more.
func TestStationShares(t *testing.T) {
	st := newStation(4, 1, func(n int) float64 { return 1 / float64(n) })
	st.enter(0, 7, 3)
	st.enter(0, 8, 1)
	steps := []struct {
		job int32
		at  time.Duration
	}{{8, 2 * time.Second}, {7, 4 * time.Second}}
	now := time.Duration(0)
	for _, want := range steps {
		at, ok := st.next(now)
		if !ok || at != want.at {
			t.Fatalf("next leaves at %v, want %v", at, want.at)
		}
		now = at
		if job := st.leave(now); job != want.job {
			t.Fatalf("job %d leaves, want %d", job, want.job)
		}
	}
	if _, ok := st.next(now); ok {
		t.Error("an empty station has a next")
	}
	st.measure(now)
	if st.jobTime != 6*time.Second || st.coreTime != 4*time.Second || math.Abs(st.work-4) > 1e-9 {
		t.Errorf("integrals: jobs %v, cores %v, work %v", st.jobTime, st.coreTime, st.work)
	}
}

func TestStationStops(t *testing.T) {
	st := newStation(2, 1, func(int) float64 { return 1 })
	st.enter(0, 1, 2)
	st.setFactor(time.Second, 0)
	if _, ok := st.next(time.Second); ok {
		t.Error("a stopped station goes on")
	}
	st.setFactor(10*time.Second, 1)
	if at, _ := st.next(10 * time.Second); at != 11*time.Second {
		t.Errorf("leaves at %v, want 11s", at)
	}
}

func TestQuantiles(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	var h histogram
	var all []time.Duration
	for range 20000 {
		d := time.Duration(random.ExpFloat64() * float64(80*time.Millisecond))
		all = append(all, d)
		h.add(d)
	}
	slices.Sort(all)
	got := h.take()
	for _, q := range []struct {
		q   float64
		got time.Duration
	}{{0.50, got.P50}, {0.95, got.P95}, {0.99, got.P99}} {
		want := all[int(q.q*float64(len(all)))]
		if math.Abs(float64(q.got-want)) > 0.05*float64(want) {
			t.Errorf("quantile %v is %v, want %v", q.q, q.got, want)
		}
	}
	h.add(3 * time.Second)
	if one := h.take(); one.P99 > 3*time.Second {
		t.Errorf("quantile %v is beyond all that was added", one.P99)
	}
	if h.take() != (Latency{}) {
		t.Error("a second take is not empty")
	}
}

func TestBucketsFollowOneAnother(t *testing.T) {
	for us := range uint64(100_000) {
		i := bucket(us)
		if us < lower(i) || us >= lower(i+1) {
			t.Fatalf("%d µs falls into bucket %d: %d..%d", us, i, lower(i), lower(i+1))
		}
	}
}

// The arrivals are as many as the rate says, and as irregular as a Poisson process.
func TestArrivalsArePoisson(t *testing.T) {
	sc := script{base: 100, peak: 0}
	l := newLoad(rand.New(rand.NewPCG(3, 3)), &sc)
	now, n, sum, squares := time.Duration(0), 0.0, 0.0, 0.0
	for now < 30*time.Minute {
		next := l.next(now)
		if next < now {
			t.Fatalf("an arrival at %v after %v", next, now)
		}
		gap := (next - now).Seconds()
		n, sum, squares = n+1, sum+gap, squares+gap*gap
		now = next
	}
	if rate := n / sum; rate < 95 || rate > 105 {
		t.Errorf("%.1f arrivals a second, want about 100", rate)
	}
	average := sum / n
	if cv := math.Sqrt(squares/n-average*average) / average; cv < 0.97 || cv > 1.05 {
		t.Errorf("coefficient of variation %.3f, want about 1", cv)
	}
}

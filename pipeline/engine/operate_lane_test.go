package engine

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// operateBench is an operate lane over a log of records, with an operator that writes down what it sees.
type operateBench struct {
	*operateLane
	t    testing.TB
	next int64
	seen []string
}

// newOperateBench makes a lane that waits for the given lanes. The operators of small stand behind the one that writes down.
func newOperateBench(t testing.TB, expected ...string) *operateBench {
	t.Helper()
	b := &operateBench{t: t}
	p := newKit().plan(t, small)
	trace := &stateless{
		process: func(_ *pipeline.Env, batch pipeline.Batch, _ pipeline.Emitter) error {
			if batch.Kind == pipeline.Windows {
				w := WindowOf(batch)
				b.seen = append(b.seen, fmt.Sprintf("window of %s %g", w.Table.At(w.Series[0]).Metric, w.Sum[0]))
				return nil
			}
			return schemas.EachEvent(batch, func(e schemas.Event) error { b.seen = append(b.seen, e.ID); return nil })
		},
		watermark: func(_ *pipeline.Env, at int64, _ pipeline.Emitter) error {
			b.seen = append(b.seen, fmt.Sprintf("at %g", float64(at)/float64(second)))
			return nil
		},
	}
	first := component{name: "trace", entry: pipeline.OperatorEntry{
		Spec: pipeline.Spec{Consumes: []pipeline.Kind{pipeline.Events, pipeline.Windows}},
		New:  func(pipeline.Settings) (pipeline.Operator, error) { return trace, nil },
	}}
	var err error
	around := surroundingsOf(t, p)
	lanes := map[string]int{}
	for _, lane := range expected {
		source, _, _ := strings.Cut(lane, "/")
		lanes[source]++
	}
	around.lanes.Store(&laneSets{events: lanes})
	b.operateLane, err = around.newOperateLane("operate/0", append([]component{first}, components(p.Operate.Operators)...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// told is a time record of a lane; "" says that it has no row.
func told(lane, mark string) pipeline.Record {
	if mark != "" {
		mark += "000000000"
	}
	return pipeline.Record{Headers: []pipeline.Header{{Key: schemas.HeaderLane, Value: []byte(lane)}, {Key: schemas.HeaderWatermark, Value: []byte(mark)}}}
}

// said is an event of a type that no operator of small reacts to.
func said(t testing.TB, id string, at float64) pipeline.Record {
	return event(t, schemas.Event{ID: id, Source: "/test", Type: schemas.TypeResult, Time: int64(at * float64(second)), System: "shop"}, schemas.Result{}, 0)
}

func (b *operateBench) add(recs ...pipeline.Record) {
	b.t.Helper()
	for i := range recs {
		recs[i].Topic, recs[i].Offset = "small.events", b.next
		b.next++
	}
	if err := b.process(input(recs...)); err != nil {
		b.t.Fatal(err)
	}
}

func (b *operateBench) expect(want string) {
	b.t.Helper()
	if got := strings.Join(b.seen, ", "); got != want {
		b.t.Errorf("\n got %s\nwant %s", got, want)
	}
	b.seen = nil
	if !b.ledger.balance(len(b.held)) {
		b.t.Errorf("the account does not balance: %+v, %d held", b.ledger, len(b.held))
	}
}

func TestOperateWaitsForAllLanes(t *testing.T) {
	b := newOperateBench(t, "left/0", "right/0")
	b.add(said(t, "late", 12), said(t, "b", 5), said(t, "a", 5), said(t, "first", 3))
	b.add(told("left/0", "10"), told("left/0", "20"), told("stranger/0", "1"))
	b.expect("")
	b.add(told("right/0", "10"))
	b.expect("at 2.999999999, first, at 4.999999999, a, b, at 10")
	b.add(told("right/0", "10"), told("right/0", "9"))
	b.expect("")
	b.add(told("right/0", "30"))
	b.expect("at 11.999999999, late, at 20")
}

func TestOperateDoesNotWaitForLanesWithoutRows(t *testing.T) {
	b := newOperateBench(t, "left/0", "right/0")
	b.add(said(t, "a", 5), told("left/0", "10"), told("right/0", ""))
	b.expect("at 4.999999999, a, at 10")
	b.add(told("right/0", "10"), told("left/0", "40"))
	b.expect("")               // it has rows now
	b.add(told("right/0", "")) // and a new lane in its place has none
	b.expect("at 20, at 30, at 40")
	b.add(told("right/0", "10"), told("right/0", "50"), told("left/0", "50"))
	b.expect("at 50")

	b = newOperateBench(t, "left/0", "right/0")
	b.add(said(t, "a", 5), told("left/0", ""), told("right/0", ""))
	b.expect("") // nobody knows the time
	if err := b.finish(b.next); err != nil {
		t.Fatal(err)
	}
	b.expect("a")
}

func TestOperateDropsRepeatsAndDeliversLate(t *testing.T) {
	b := newOperateBench(t, "left/0")
	b.add(said(t, "a", 5), said(t, "a", 5), said(t, "a", 6), told("left/0", "10"))
	b.expect("at 4.999999999, a, at 10")
	other := said(t, "a", 12)
	other.Headers = event(t, schemas.Event{ID: "a", Source: "/other", Type: schemas.TypeResult, Time: 12 * second}, schemas.Result{}, 0).Headers
	b.add(said(t, "late", 1), other, said(t, "a", 5))
	b.expect("")
	b.add(told("left/0", "20"))
	b.expect("late, at 11.999999999, a, at 20")
	if b.ledger.account.Lost[lostRepeat] != 3 {
		t.Errorf("%+v", b.ledger)
	}
	b.add(told("left/0", "3600"))
	if len(b.recent) != 0 || len(b.held) != 0 {
		t.Errorf("%d ids and %d events are kept", len(b.recent), len(b.held))
	}
}

func TestOperateFinishes(t *testing.T) {
	b := newOperateBench(t, "left/0", "right/0")
	b.add(said(t, "a", 5), said(t, "b", 25), said(t, "planned", 5000), told("left/0", "10"), told("right/0", "30"))
	b.expect("at 4.999999999, a, at 10")
	if err := b.finish(b.next); err != nil {
		t.Fatal(err)
	}
	b.expect("at 20, at 24.999999999, b, at 30, planned") // time does not run on to what is planned
	if err := b.finish(b.next); err != nil {
		t.Fatal(err)
	}
	b.expect("")
	b.take()
}

func TestOperateDecodesWindows(t *testing.T) {
	b := newOperateBench(t, "left/0")
	table := pipeline.NewSeriesTable(nil, 0)
	s, err := table.InternScoped("cpu", "", pipeline.Gauge, nil, pipeline.Scope{Entity: "web", System: "shop", Domain: "d"})
	if err != nil {
		t.Fatal(err)
	}
	rb := array.NewRecordBuilder(b.allocator, pipeline.Windows.Schema())
	defer rb.Release()
	if err := rb.UnmarshalJSON(fmt.Appendf(nil, `{"series":%d,"start":0,"end":10000000000,"count":1,"sum":4,"min":4,"max":4,"last":4}`, s)); err != nil {
		t.Fatal(err)
	}
	rec := rb.NewRecord()
	defer rec.Release()
	data, err := schemas.EncodeWindows(b.allocator, pipeline.Batch{Kind: pipeline.Windows, Record: rec, Series: table}, []int{0})
	if err != nil {
		t.Fatal(err)
	}
	window := func(id string, data []byte) pipeline.Record {
		e := schemas.Event{ID: id, Source: "/test", Type: schemas.TypeWindow, Time: 10 * second, Key: "shop", Content: schemas.ContentArrow}
		return pipeline.Record{Value: data, Headers: e.Headers(0)}
	}
	b.add(window("w2", []byte("rubbish")), window("w1", data), told("left/0", "10"))
	b.expect("at 9.999999999, window of cpu 4, at 10")
	if got := b.series.table.At(0).Scope; *got != (pipeline.Scope{Entity: "web", System: "shop", Domain: "d"}) {
		t.Errorf("scope %+v", got)
	}
	out := b.take()
	if len(out) != 1 || string(out[0].Value) != "rubbish" || header(out[0], headerDeadCode) != "window.decode" || header(out[0], headerDeadOffset) != "0" || string(out[0].Key) != "shop" {
		t.Errorf("%s", text(out))
	}
}

func TestOperateRefusesWhatItCantRead(t *testing.T) {
	b := newOperateBench(t, "left/0")
	bad := told("left/0", "")
	bad.Headers[1].Value = []byte("noon")
	b.add(pipeline.Record{Value: []byte("?"), Key: []byte("k")}, bad)
	b.expect("")
	out := b.take()
	if len(out) != 2 || header(out[0], headerDeadCode) != "event.attribute" || header(out[1], headerDeadCode) != "event.watermark" || header(out[0], headerDeadStage) != "operate" {
		t.Errorf("%s", text(out))
	}
	if len(b.upstream.marks) != 0 || b.ledger.account.Lost[lostUndecodable] != 2 {
		t.Errorf("%v %+v", b.upstream, b.ledger)
	}
}

func TestOperateJumpsOverLongGaps(t *testing.T) {
	b := newOperateBench(t, "left/0")
	b.add(said(t, "a", 5), told("left/0", "10"), told("left/0", "1000000000"))
	if n := len(b.seen); n < 8000 || n > 9000 || b.seen[n-1] != "at 1e+09" {
		t.Errorf("%d steps, the last %s", n, b.seen[n-1])
	}
	b.seen = nil
}

// streams makes what some detect lanes write: events and times, in order for each lane.
func streams(t testing.TB, random *rand.Rand, lanes int) [][]pipeline.Record {
	all := make([][]pipeline.Record, lanes)
	for l := range all {
		k := newKit()
		p := k.plan(t, small)
		p.Sources[0].MaxFutureSkew = 0
		lane, err := surroundingsOf(t, p).sourceLane(p, &p.Sources[0], fmt.Sprintf("left/%d", l), 1)
		if err != nil {
			t.Fatal(err)
		}
		for range 30 {
			rec := records(fmt.Sprintf("s%d %d %d", l, random.IntN(25), 100+random.IntN(100)))
			if random.IntN(4) == 0 {
				rec[0].Value = fmt.Appendf(nil, "s%d %d 300", l, random.IntN(25))
			}
			if err := lane.process(input(rec...)); err != nil {
				t.Fatal(err)
			}
		}
		if err := lane.finish(0); err != nil {
			t.Fatal(err)
		}
		for _, m := range lane.take() {
			if m.Topic == p.Topics.Events.Name {
				all[l] = append(all[l], recordOf(m, 0))
			}
		}
		if err := lane.close(); err != nil {
			t.Error(err)
		}
	}
	return all
}

func TestOperateDoesNotCareHowLanesAreInterleaved(t *testing.T) {
	oneGoroutine(t)
	for seed := range uint64(10) {
		random := rand.New(rand.NewPCG(seed, 2))
		all := streams(t, random, 3)
		change := event(t, schemas.Event{ID: "deploy", Source: "/ci", Type: schemas.TypeChange, Time: 120 * second, System: "shop"}, schemas.Change{Change: "deploy", Kind: "deploy"}, 0)
		want := ""
		for run := range 8 {
			b := newOperateBench(t, "left/0", "left/1", "left/2")
			b.add(change)
			rest := slices.Clone(all)
			var out []broker.Message
			for len(rest) > 0 {
				i := random.IntN(len(rest))
				if run == 0 {
					i = 0 // one after the other
				}
				n := min(1+random.IntN(6), len(rest[i]))
				b.add(slices.Clone(rest[i][:n])...)
				if rest[i] = rest[i][n:]; len(rest[i]) == 0 {
					rest = slices.Delete(rest, i, i+1)
				}
				if random.IntN(3) == 0 {
					out = append(out, b.take()...)
				}
			}
			if err := b.finish(b.next); err != nil {
				t.Fatal(err)
			}
			got := text(append(out, b.take()...))
			if run == 0 {
				want = got
				if strings.Count(want, schemas.TypeIncidentOpened) < 20 || !strings.Contains(want, schemas.TypeHypothesisJudged) {
					t.Fatalf("the lanes are too quiet:\n%s", want)
				}
			}
			if got != want {
				t.Fatalf("seed %d, run %d: %s", seed, run, firstDifference(got, want))
			}
		}
	}
}

func TestOperateStopsWaitingBeforeItsMemoryIsFull(t *testing.T) {
	b := newOperateBench(t, "left/0", "right/0")
	b.most = 4*heldOverhead + 100
	b.add(told("left/0", "10"))
	b.add(said(t, "a", 5), said(t, "b", 15), said(t, "c", 25))
	b.expect("") // right/0 may still send what is earlier
	b.add(said(t, "d", 35), said(t, "e", 45))
	b.expect("at 4.999999999, a, at 10, at 14.999999999, b, at 20, at 24.999999999, c, at 30")
	b.add(said(t, "late", 7), told("right/0", "60"), told("left/0", "60"))
	b.expect("late, at 34.999999999, d, at 40, at 44.999999999, e, at 50, at 60")
	if b.bytes != 0 || len(b.held) != 0 {
		t.Errorf("%d bytes of %d events are held", b.bytes, len(b.held))
	}
}

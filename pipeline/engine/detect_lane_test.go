package engine

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// bench is a detect lane on its own, over a log of records.
type bench struct {
	*detectLane
	t    testing.TB
	next int64
}

// newBench makes the lane of a source of the plan small (left or right), or of the inbox, with one events partition.
func newBench(t testing.TB, source string, change ...func(*intake)) *bench {
	t.Helper()
	k := newKit()
	p := k.plan(t, small)
	s := surroundingsOf(t, p)
	l, err := s.inboxLane(p, "inbox/0", 1)
	for i := range p.Sources {
		if p.Sources[i].Name == source {
			l, err = s.sourceLane(p, &p.Sources[i], source+"/0", 1)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range change {
		c(&l.in)
	}
	t.Cleanup(func() {
		if err := l.close(); err != nil {
			t.Error(err)
		}
	})
	return &bench{detectLane: l, t: t}
}

// add processes records of one input.
func (b *bench) add(values ...string) {
	b.t.Helper()
	recs := records(values...)
	for i := range recs {
		recs[i].Offset = b.next
		b.next++
	}
	if err := b.process(input(recs...)); err != nil {
		b.t.Fatal(err)
	}
}

// spoken says what a lane wrote, in words.
func spoken(messages []broker.Message) []string {
	var out []string
	for _, m := range messages {
		switch {
		case m.Topic == "small.dead-letters":
			out = append(out, fmt.Sprintf("dead %s %q", header(m, headerDeadReason), m.Value))
		case header(m, schemas.HeaderLane) != "":
			out = append(out, "time "+header(m, schemas.HeaderWatermark))
		default:
			typ := strings.TrimSuffix(strings.TrimPrefix(header(m, schemas.HeaderType), schemas.TypePrefix), ".v1")
			out = append(out, typ+" "+header(m, schemas.HeaderSubject)+" "+header(m, schemas.HeaderTime)[14:19])
		}
	}
	return out
}

func (b *bench) expect(want ...string) {
	b.t.Helper()
	if got := spoken(b.take()); !slices.Equal(got, want) {
		b.t.Errorf("\n got %q\nwant %q", got, want)
	}
}

func (b *bench) account(want string) {
	b.t.Helper()
	a := b.ledger.copy(0)
	var lost []string
	for _, reason := range slices.Sorted(maps.Keys(a.Lost)) {
		lost = append(lost, fmt.Sprintf("%s %d", reason, a.Lost[reason]))
	}
	if got := fmt.Sprintf("in %d on %d %s", a.In, a.On, strings.Join(lost, " ")); got != want {
		b.t.Errorf("account %q, want %q", got, want)
	}
	if !b.ledger.balance(0) {
		b.t.Errorf("the account does not balance: %+v", a)
	}
}

func TestDetectLaneMovesTimeInTicks(t *testing.T) {
	b := newBench(t, "left") // windows of 10 s, rows up to 5 s late
	b.add("a 1 3")
	b.expect("finding a=1 00:03", "time -10000000000") // the rows of the record that moves time come first
	b.add("a 20 14")
	b.expect("finding a=20 00:14", "time 0")
	b.add("b 30 15") // window 0..10 closes: 15 - 5
	b.expect("finding b=30 00:15", "window  00:10", "time 10000000000")
	b.add("b 1 24.9")
	b.expect("finding b=1 00:24")
	b.add("a 1 25")
	b.expect("finding a=1 00:25", "finding a 00:20", "finding b 00:20", "window  00:20", "window  00:20", "time 20000000000")
}

func TestDetectLaneRefusesWhatItCantDecode(t *testing.T) {
	b := newBench(t, "left", func(in *intake) { in.limit = 20 })
	recs := records("a 1 3\n! nonsense", "a 2 4", strings.Repeat("x", 21))
	recs[0].Topic, recs[0].Partition, recs[0].Offset, recs[0].Key = "left", 3, 41, []byte("key")
	recs[0].Headers = []pipeline.Header{{Key: "trace", Value: []byte("abc")}}
	if err := b.process(input(recs...)); err != nil {
		t.Fatal(err)
	}
	var dead []broker.Message
	for _, m := range b.take() {
		if m.Topic == b.dead {
			dead = append(dead, m)
		}
	}
	if len(dead) != 2 {
		t.Fatalf("%d dead letters", len(dead))
	}
	m := dead[0]
	want := `small.dead-letters/-1 "key" ` + fmt.Sprintf("%x", "a 1 3\n! nonsense") +
		` hs-topic="left" hs-partition="3" hs-offset="41" hs-stage="ingest" hs-reason="undecodable" hs-code="lines.malformed" hs-detail="` +
		`line \"! nonsense\" has no three words: write series, value and second (lines.malformed)" trace="abc"` + "\n"
	if got := text(dead[:1]); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	if header(m, headerDeadRows) != "" || header(dead[1], headerDeadCode) != "ingest.record.size" || len(dead[1].Value) != 21 {
		t.Errorf("%s", text(dead))
	}
	b.account("in 3 on 1 undecodable 2")
}

func TestDetectLaneLateAndFutureRows(t *testing.T) {
	b := newBench(t, "left") // late rows to the dead letters, at most 1 m ahead of the record
	at := func(value string, ms int64) {
		rec := records(value)[0]
		rec.Timestamp = ms
		if err := b.process(input(rec)); err != nil {
			t.Fatal(err)
		}
	}
	at("a 1 26\nlost", 26_000)
	b.expect("finding a=1 00:26", "time 20000000000")
	at("b 2 20\nb 3 19.9\nlog 8 3", 26_000) // the first is behind the newest, but its window is open
	b.expect(`dead late "b 2 20\nb 3 19.9\nlog 8 3"`, "finding b=2 00:20")
	at("c 4 90\nc 5 90.001\nc 6 9999", 30_000)
	b.expect(`dead future "c 4 90\nc 5 90.001\nc 6 9999"`, "finding c=4 01:30", "window  00:30", "window  00:30", "time 80000000000")
	at("c 6 9999", 30_000) // nothing but future rows: time stands
	b.expect(`dead future "c 6 9999"`)
	at("c 7 91", math.MaxInt64)
	at("c 8 92", -1) // a record without a time of its own is as old as can be
	b.expect(`dead future "c 8 92"`, "finding c=7 01:31")
	b.account("in 11 on 4 future 4 late 2 unusable 1")

	b = newBench(t, "right") // late rows are dropped, no bound to the future
	b.add("a 1 25", "a 2 19\na 3 20", "a 4 21", "a 5 99999999")
	b.expect("finding a=1 00:25", "time 20000000000", "finding a=3 00:20", "finding a=4 00:21", "finding a=5 46:39", "window  00:30", "time 99999990000000000")
	b.account("in 5 on 4 late 1")
}

func TestDetectLaneSurvivesAnyTime(t *testing.T) {
	b := newBench(t, "right", func(in *intake) { in.disorder = math.MaxInt64 / 2 })
	for _, at := range []int64{math.MinInt64, math.MinInt64 + 1, -1, 0, math.MaxInt64} {
		b.see(at)
		before := b.mark
		if err := b.advance(b.due()); err != nil {
			t.Fatal(err)
		}
		if b.mark < before {
			t.Errorf("the watermark went back from %d to %d at %d", before, b.mark, at)
		}
	}
	if b.newest != math.MaxInt64 || b.mark < 0 {
		t.Errorf("newest %d, watermark %d", b.newest, b.mark)
	}
	if err := b.finish(b.next); err != nil {
		t.Error(err)
	}
	b.take()
}

func TestDetectLaneIdleAndFinish(t *testing.T) {
	b := newBench(t, "left")
	idle := func(d time.Duration) {
		t.Helper()
		if err := b.idle(b.next, d); err != nil {
			t.Fatal(err)
		}
	}
	idle(time.Hour)
	b.expect("time ") // it has no time, and says so once
	idle(2 * time.Hour)
	b.expect()
	b.add("a 11 12")
	b.expect("finding a=11 00:12", "time 0")
	idle(2 * time.Second)
	b.expect()
	idle(13 * time.Second) // 12 - 5 + 13
	b.expect("finding a 00:20", "window  00:20", "time 20000000000")
	idle(time.Second)
	b.expect()
	b.add("a 12 25", "a 13 11") // the clock made the second one late
	b.expect(`dead late "a 13 11"`, "finding a=12 00:25")
	if err := b.finish(b.next); err != nil {
		t.Fatal(err)
	}
	b.expect("finding a 00:30", "window  00:30", "time 30000000000")
	if err := b.finish(b.next); err != nil {
		t.Fatal(err)
	}
	b.expect()

	b = newBench(t, "left")
	if err := b.finish(b.next); err != nil {
		t.Fatal(err)
	}
	b.expect("time ")

	b = newBench(t, "inbox")
	if err := b.idle(b.next, time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := b.finish(b.next); err != nil {
		t.Fatal(err)
	}
	b.expect() // nobody waits for the inbox
}

func TestDetectLaneTellsAllPartitions(t *testing.T) {
	b := newBench(t, "left")
	b.behind.(*detection).partitions = 3
	b.add("a 1 26")
	var seen []string
	ids := map[string]bool{}
	for _, m := range b.take() {
		if header(m, schemas.HeaderLane) == "" {
			continue
		}
		rec := recordOf(m, 0)
		e, err := schemas.ReadEvent(&rec)
		if err != nil || e.Type != schemas.TypeWindow || e.Time != 20*second {
			t.Errorf("%+v, %v", e, err)
		}
		w, err := schemas.DecodeWindows(b.allocator, e.Data, b.series.table)
		if err != nil || w.Rows() != 0 {
			t.Errorf("%v", err)
		}
		w.Release()
		ids[e.ID] = true
		seen = append(seen, fmt.Sprintf("%s %d %s %s", m.Topic, m.Partition, header(m, schemas.HeaderLane), header(m, schemas.HeaderWatermark)))
	}
	want := []string{"small.events 0 left/0 20000000000", "small.events 1 left/0 20000000000", "small.events 2 left/0 20000000000"}
	if !slices.Equal(seen, want) || len(ids) != 3 {
		t.Errorf("%q, %d ids", seen, len(ids))
	}
}

// event makes a record as a client writes it.
func event(t testing.TB, e schemas.Event, v any, ms int64) pipeline.Record {
	t.Helper()
	made, err := schemas.NewEvent(e.Type, e.ID, e.Time, v)
	if err != nil {
		t.Fatal(err)
	}
	e.Data, e.Epoch = made.Data, made.Epoch
	return pipeline.Record{Topic: "small.inbox", Timestamp: ms, Value: e.Data, Headers: e.Headers(0)}
}

func TestInboxChecksWhatComesIn(t *testing.T) {
	b := newBench(t, "inbox", func(in *intake) { in.skew, in.limit = 60*second, 600 })
	change := schemas.Change{Change: "c1", Kind: "deploy"}
	good := event(t, schemas.Event{ID: "1", Source: "/ci", Type: schemas.TypeChange, Time: 90 * second, System: "shop"}, change, 30_000)
	homeless := event(t, schemas.Event{ID: "2", Source: "/ci", Type: schemas.TypeTopology, Time: second}, schemas.Topology{}, 1000)
	future := event(t, schemas.Event{ID: "3", Source: "/ci", Type: schemas.TypeChange, Time: 91 * second}, change, 30_000)
	forged := event(t, schemas.Event{ID: "4", Source: "/homeostat/small/high", Type: schemas.TypeFinding, Time: second}, schemas.Finding{}, 1000)
	command := event(t, schemas.Event{ID: "5", Source: "/me", Type: schemas.TypeRemediationRequested, Time: second}, schemas.Remediation{}, 1000)
	broken := event(t, schemas.Event{ID: "6", Source: "/me", Type: schemas.TypeResult, Time: second}, schemas.Result{}, 1000)
	broken.Value = []byte(`{"remediation": 1}`)
	large := event(t, schemas.Event{ID: "7", Source: "/ci", Type: schemas.TypeChange, Time: second}, schemas.Change{Detail: strings.Repeat("x", 600)}, 1000)
	// A client can't tell operate the time.
	clock := good
	clock.Headers = append(slices.Clone(clock.Headers), pipeline.Header{Key: schemas.HeaderLane, Value: []byte("left/0")}, pipeline.Header{Key: schemas.HeaderWatermark, Value: []byte("9")})
	all := []pipeline.Record{good, homeless, future, forged, command, broken, large, clock, {Value: []byte("?")}}
	if err := b.process(input(all...)); err != nil {
		t.Fatal(err)
	}
	var passed, reasons []string
	for _, m := range b.take() {
		if m.Topic == b.dead {
			reasons = append(reasons, header(m, headerDeadReason)+" "+header(m, headerDeadCode))
			continue
		}
		passed = append(passed, header(m, schemas.HeaderID)+" "+string(m.Key)+" "+header(m, schemas.HeaderSystem))
		if m.Topic != "small.events" || header(m, schemas.HeaderLane) != "" || header(m, schemas.HeaderWatermark) != "" {
			t.Errorf("%s", text([]broker.Message{m}))
		}
	}
	if want := []string{"1 shop shop", "2 default default", "1 shop shop"}; !slices.Equal(passed, want) {
		t.Errorf("passed %q", passed)
	}
	want := []string{"future inbox.time", "undecodable inbox.type", "undecodable inbox.type", "undecodable event.data", "undecodable ingest.record.size", "undecodable event.attribute"}
	if !slices.Equal(reasons, want) {
		t.Errorf("dead %q", reasons)
	}
	b.account("in 9 on 3 future 1 undecodable 5")
}

func TestInboxWantsWhatNobodyCanGuess(t *testing.T) {
	result := schemas.Result{Remediation: "r", Key: "k", Phase: schemas.PhaseFinished}
	without := func(change func(*schemas.Result)) schemas.Result {
		r := result
		change(&r)
		return r
	}
	for _, c := range []struct {
		says, typ, system string
		data              any
		passes            bool
	}{
		{"a whole result", schemas.TypeResult, "shop", result, true},
		{"a result of no command", schemas.TypeResult, "shop", without(func(r *schemas.Result) { r.Remediation = "" }), false},
		{"a result without key", schemas.TypeResult, "shop", without(func(r *schemas.Result) { r.Key = "" }), false},
		{"a result without phase", schemas.TypeResult, "shop", without(func(r *schemas.Result) { r.Phase = "" }), false},
		{"a result of no system", schemas.TypeResult, "", result, false},
		{"a change of no kind", schemas.TypeChange, "shop", schemas.Change{Change: "c"}, false},
		{"a topology without calls", schemas.TypeTopology, "shop", schemas.Topology{Edges: []pipeline.Edge{}}, true},
	} {
		b := newBench(t, "inbox")
		if err := b.process(input(event(t, schemas.Event{ID: "1", Source: "/x", Type: c.typ, Time: second, System: c.system}, c.data, 1000))); err != nil {
			t.Fatal(err)
		}
		out := b.take()
		if len(out) != 1 || (out[0].Topic != b.dead) != c.passes || !c.passes && header(out[0], headerDeadCode) != "inbox.incomplete" {
			t.Errorf("%s: %s", c.says, text(out))
		}
	}
}

func TestInboxSkewIsTheSources(t *testing.T) {
	for _, c := range []struct {
		left, right time.Duration
		want        int64
	}{{time.Minute, 2 * time.Minute, 120 * second}, {time.Minute, 0, 0}, {0, time.Minute, 0}} {
		p := newKit().plan(t, small)
		p.Sources[0].MaxFutureSkew, p.Sources[1].MaxFutureSkew = c.left, c.right
		l, err := surroundingsOf(t, p).inboxLane(p, "inbox/0", 1)
		if err != nil {
			t.Fatal(err)
		}
		if l.in.skew != c.want {
			t.Errorf("%v: %d", c, l.in.skew)
		}
		if err := l.close(); err != nil {
			t.Error(err)
		}
	}
}

// feed is a random log of series whose names end in of, with disorder, late rows, future rows, logs and rubbish.
func feed(random *rand.Rand, n int, of string) []pipeline.Record {
	recs := make([]pipeline.Record, n)
	now := 100.0
	for i := range recs {
		var v bytes.Buffer
		now += random.ExpFloat64() * 2
		for range random.IntN(5) {
			fmt.Fprintf(&v, "%s%s %d %.3f\n", []string{"a", "b", "c", "log"}[random.IntN(4)], of, random.IntN(20), now-random.ExpFloat64()*4)
		}
		switch random.IntN(15) {
		case 0:
			v.WriteString("! rubbish")
		case 1:
			v.WriteString("lost")
		case 2:
			fmt.Fprintf(&v, "a 1 %f", now+1000)
		}
		recs[i] = pipeline.Record{Topic: "left", Offset: int64(i), Timestamp: int64(now * 1000), Value: v.Bytes(), Key: []byte{byte(i)}}
	}
	return recs
}

// runCut processes a log cut into inputs of at most size records (at random below it) and returns all messages.
func runCut(t testing.TB, source string, recs []pipeline.Record, random *rand.Rand, size int) string {
	b := newBench(t, source)
	var out []broker.Message
	last := int64(unknownTime)
	for len(recs) > 0 {
		n := min(1+random.IntN(size), len(recs))
		if err := b.process(input(recs[:n]...)); err != nil {
			t.Fatal(err)
		}
		if recs = recs[n:]; random.IntN(3) == 0 {
			out = append(out, b.take()...) // commits come at any time
		}
		if b.mark < last {
			t.Fatalf("the watermark went back from %d to %d", last, b.mark)
		}
		last = b.mark
		if !b.ledger.balance(0) {
			t.Fatalf("rows are lost: %+v", b.ledger)
		}
	}
	if err := b.finish(b.next); err != nil {
		t.Fatal(err)
	}
	return perPartition(append(out, b.take()...))
}

// perPartition is the text of what each partition gets. Only within a partition is there an order.
func perPartition(messages []broker.Message) string {
	by := map[string][]broker.Message{}
	for _, m := range messages {
		by[m.Topic] = append(by[m.Topic], m)
	}
	var b strings.Builder
	for _, topic := range slices.Sorted(maps.Keys(by)) {
		b.WriteString(text(by[topic]))
	}
	return b.String()
}

func TestDetectLaneDoesNotCareHowItsInputIsCut(t *testing.T) {
	oneGoroutine(t)
	for seed := range uint64(8) {
		random := rand.New(rand.NewPCG(seed, 1))
		recs := feed(random, 120, "")
		source := []string{"left", "right"}[seed%2]
		want := runCut(t, source, recs, random, 1)
		if seed == 0 && (!strings.Contains(want, "undecodable") || !strings.Contains(want, "late") || !strings.Contains(want, "future") || strings.Count(want, schemas.HeaderLane) < 10) {
			t.Fatalf("the feed is too tame:\n%s", want)
		}
		for _, size := range []int{2, 7, 1000} {
			if got := runCut(t, source, recs, random, size); got != want {
				t.Fatalf("seed %d, inputs of up to %d records: the outputs differ:\n%s", seed, size, firstDifference(got, want))
			}
		}
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("line %d\n got %.600s\nwant %.600s", i, g[i], w[i])
		}
	}
	return fmt.Sprintf("%d lines, not %d", len(g), len(w))
}

func TestFloorAndCeil(t *testing.T) {
	for _, c := range []struct{ t, step, floor, ceil int64 }{
		{0, 10, 0, 0}, {9, 10, 0, 10}, {10, 10, 10, 10}, {-1, 10, -10, 0}, {-10, 10, -10, -10}, {-11, 10, -20, -10},
		{math.MaxInt64, 10, math.MaxInt64 / 10 * 10, math.MaxInt64}, {unknownTime + 1, 10, unknownTime + 1, unknownTime + 1},
	} {
		if f, u := floor(c.t, c.step), ceil(c.t, c.step); f != c.floor || u != c.ceil {
			t.Errorf("%d by %d: %d and %d, not %d and %d", c.t, c.step, f, u, c.floor, c.ceil)
		}
	}
}

func TestPlusDoesNotWrapRound(t *testing.T) {
	for _, c := range []struct{ a, b, want int64 }{
		{1, 2, 3}, {math.MaxInt64, 1, math.MaxInt64}, {math.MaxInt64 - 1, 1, math.MaxInt64}, {-5, 3, -2},
		{unknownTime, -1, unknownTime + 1}, {unknownTime + 3, -2, unknownTime + 1}, {unknownTime + 2, -5, unknownTime + 1}, {5, -9, -4},
	} {
		if got := plus(c.a, c.b); got != c.want {
			t.Errorf("%d + %d = %d, not %d", c.a, c.b, got, c.want)
		}
	}
}

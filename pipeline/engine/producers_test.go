package engine

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/homeostat/homeostat/pipeline"
)

// fleet is records of so many producers in turns, of which one is broken: a third of what it writes can't be read and a third has
// a row that can't be used.
func fleet(producers, broken, records int) []pipeline.Record {
	out := make([]pipeline.Record, records)
	for i := range out {
		who := i % producers
		value := "a 1 3"
		if who == broken {
			value = []string{"! nonsense", "a 1 3\nlost", "a 1 3"}[i/producers%3]
		}
		out[i] = pipeline.Record{Topic: "in", Offset: int64(i), Timestamp: 1e12, Key: fmt.Appendf(nil, "host-%d", who), Value: []byte(value)}
	}
	return out
}

// watched is a lane whose metrics are read.
func watched(t *testing.T, setting string, most int) (*bench, *prometheus.Registry) {
	reg := prometheus.NewRegistry()
	b := newBench(t, "left")
	b.who = &attribution{producers: registerProducers(reg).source("left", most), whose: newWhose(setting, false), random: 1}
	return b, reg
}

// samples reads the metrics of producers: name{labels} value, sorted.
func samples(t *testing.T, reg *prometheus.Registry) []string {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range families {
		for _, m := range f.Metric {
			var labels []string
			for _, l := range m.Label {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			out = append(out, fmt.Sprintf("%s{%s} %g", strings.TrimPrefix(f.GetName(), "homeostat_producer_"), strings.Join(labels, ","), m.Counter.GetValue()))
		}
	}
	slices.Sort(out)
	return out
}

func feedAll(t *testing.T, b *bench, recs []pipeline.Record, at int) {
	t.Helper()
	for part := range slices.Chunk(recs, at) {
		if err := b.process(input(part...)); err != nil {
			t.Fatal(err)
		}
	}
}

// One broken producer among twenty is the only one of which metrics say that it fails, and they say how.
func TestABrokenProducerIsNamed(t *testing.T) {
	b, reg := watched(t, "auto", 100)
	feedAll(t, b, fleet(20, 7, 1200), 8) // small inputs: all are asked
	var failing []string
	for _, s := range samples(t, reg) {
		if !strings.HasPrefix(s, "records_total") {
			failing = append(failing, s)
		}
	}
	want := []string{
		"rows_lost_total{by=key,producer=host-7,reason=unusable,source=left} 20",
		"undecodable_total{by=key,code=lines.malformed,producer=host-7,source=left} 20",
	}
	if !slices.Equal(failing, want) {
		t.Errorf("failing\n%s\nwant\n%s", strings.Join(failing, "\n"), strings.Join(want, "\n"))
	}
	got := b.who.counts()
	if first := got[0]; first.Producer != "host-7" || first.By != "key" || first.Records != 60 || first.Entity != "a" && first.Entity != "" || first.Unusable() != 40 {
		t.Errorf("the worst is %+v", first)
	}
	if len(got) != 21 || got[1].Records != 60 || got[20].Producer != otherProducers || got[20].Records != 0 {
		t.Errorf("%d producers: %+v", len(got), got)
	}
}

// In large inputs few are asked, and the shares are right all the same.
func TestProducersAreSampledFairly(t *testing.T) {
	b, _ := watched(t, "key", 100)
	if err := b.behind.close(); err != nil {
		t.Fatal(err)
	}
	b.behind = nowhere{}
	feedAll(t, b, fleet(20, 7, 100_000), 2000)
	total := int64(0)
	for _, c := range b.who.counts() {
		total += c.Records
		if c.Producer == "host-7" && c.Undecodable["lines.malformed"] != 1667 {
			t.Errorf("failures are counted one by one: %+v", c)
		}
		if c.By != "" && (c.Records < 2000 || c.Records > 9000) {
			t.Errorf("%s has %d records, want about 5000", c.Producer, c.Records)
		}
	}
	if total < 100_000 || total > 102_000 {
		t.Errorf("%d records, want 100000: each stretch counts as long as it is", total)
	}
}

// With a hundred thousand producers metrics stay within their bound at each reading, and name the one that is broken.
func TestProducersAreBounded(t *testing.T) {
	const most = 20
	b, reg := watched(t, "auto", most)
	if err := b.behind.close(); err != nil {
		t.Fatal(err)
	}
	b.behind = nowhere{}
	recs := fleet(100_000, 4711, 300_000)
	ever := map[string]bool{}
	for part := range slices.Chunk(recs, 50_000) {
		feedAll(t, b, part, 500)
		names := map[string]bool{}
		for _, s := range samples(t, reg) {
			_, rest, _ := strings.Cut(s, "producer=")
			name, _, _ := strings.Cut(rest, ",")
			names[name], ever[name] = true, true
		}
		if len(names) > most+1 {
			t.Fatalf("%d producers are named, more than %d and others", len(names), most)
		}
	}
	if len(ever) > 4*most {
		t.Errorf("%d names came and went", len(ever))
	}
	worst := b.who.counts()[0]
	if worst.Producer != "host-4711" || worst.Undecodable["lines.malformed"] != 1 || worst.Lost["unusable"] != 1 {
		t.Errorf("the worst is %+v", worst)
	}
	if n := len(b.who.loud.at) + len(b.who.busy.at); n > most {
		t.Errorf("%d places for %d names", n, most)
	}
}

// One whose failures are more than its share of all failures has a name for certain, however many others fail now and then.
func TestTheLoudestIsNamedAmongManyWhoFail(t *testing.T) {
	p := newProducers("s", 40)
	for i := range 100_000 {
		who := fmt.Appendf(nil, "host-%d", i)
		if i%10 == 0 {
			who = []byte("broken")
		}
		p.failed(identity{byKey, who}, "x")
	}
	got := p.counts()
	if got[0].Producer != "broken" || got[0].Undecodable["x"] < 9000 {
		t.Errorf("%+v", got[0])
	}
	if others := got[len(got)-1]; others.Undecodable["x"] < 80_000 {
		t.Errorf("the others have %+v", others)
	}
}

// What others did long ago does not hide who is broken now.
func TestOldFailuresFade(t *testing.T) {
	h := newHeavy(2, maphash.MakeSeed())
	name := func(s string) identity { return identity{byKey, []byte(s)} }
	h.add(name("old"), 1000)
	h.add(name("older"), 1000)
	for range 10 {
		h.fade()
	}
	if p, _ := h.add(name("now"), 5); !p.sure() || h.find(name("old")) != nil && h.find(name("older")) != nil {
		t.Errorf("%+v", p)
	}
}

// The tables keep what Space-Saving promises, against exact counts.
func TestHeavyKeepsItsPromise(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 50 {
		h, exact, total := newHeavy(1+r.IntN(20), maphash.MakeSeed()), map[string]int64{}, int64(0)
		names := 1 + r.IntN(100)
		for range 3000 {
			name := fmt.Sprint(min(r.IntN(names), r.IntN(names)))
			n := 1 + r.Int64N(5)
			h.add(identity{byKey, []byte(name)}, n)
			exact[name] += n
			total += n
		}
		if len(h.heap) > h.most || len(h.at) != len(h.heap) {
			t.Fatalf("round %d: %d places, %d names, %d allowed", round, len(h.heap), len(h.at), h.most)
		}
		for i, p := range h.heap {
			have := exact[string(p.name.text)]
			if p.weight < have || p.weight-p.doubt > have || p.index != i || i > 0 && h.heap[(i-1)/2].weight > p.weight {
				t.Fatalf("round %d: %s has %d, at most %d of it not its own, really %d", round, p.name, p.weight, p.doubt, have)
			}
		}
		for name, n := range exact {
			if n > total/int64(h.most) && h.find(identity{byKey, []byte(name)}) == nil {
				t.Fatalf("round %d: %s has %d of %d and no place among %d", round, name, n, total, h.most)
			}
		}
	}
}

// Whoever counts producers, and by what, the lane writes the same.
func TestResultsDontDependOnProducers(t *testing.T) {
	recs := fleet(20, 7, 400)
	recs = append(recs, records("a 1 100", "late 1 3\nlog x 200", "! x")...)
	var want string
	for i, setting := range []string{"off", "auto", "key", "partition", "label:none", "header:none"} {
		b, _ := watched(t, setting, 2)
		if setting == "off" {
			b.who = nil
		}
		feedAll(t, b, recs, 50)
		got := text(b.take())
		if i == 0 {
			want = got
		} else if got != want || got == "" {
			t.Errorf("with producer: %s the lane writes something else", setting)
		}
	}
}

// What is replayed was counted before.
func TestReplayedRecordsAreNotCounted(t *testing.T) {
	b, reg := watched(t, "auto", 10)
	b.replay(true)
	feedAll(t, b, fleet(2, 1, 20), 20)
	b.replay(false)
	if got := samples(t, reg); len(got) != 1 || !strings.HasSuffix(got[0], " 0") {
		t.Errorf("%q", got)
	}
}

func TestWhoseRecordItIs(t *testing.T) {
	series := &pipeline.Series{Labels: pipeline.Labels{{Name: "host", Value: "web-3"}}}
	header := func(pairs ...string) (out []pipeline.Header) {
		for i := 0; i < len(pairs); i += 2 {
			out = append(out, pipeline.Header{Key: pairs[i], Value: []byte(pairs[i+1])})
		}
		return out
	}
	for _, c := range []struct {
		setting string
		keyed   bool
		rec     pipeline.Record
		series  *pipeline.Series
		want    string
	}{
		{setting: "auto", rec: pipeline.Record{Partition: 3}, want: "partition 3"},
		{setting: "auto", rec: pipeline.Record{Key: []byte("k")}, want: "key k"},
		{setting: "auto", rec: pipeline.Record{Key: []byte("k"), Producer: 4712}, want: "client 4711"},
		{setting: "auto", rec: pipeline.Record{Producer: 1}, want: "client 0"},
		{setting: "auto", keyed: true, rec: pipeline.Record{Key: []byte("k"), Producer: 4712}, want: "key k"},
		{setting: "auto", rec: pipeline.Record{Key: []byte("k"), Headers: header("source", "otelcol")}, want: "key k"},
		{setting: "auto", rec: pipeline.Record{Key: []byte("k"), Headers: header("host", "h", "client.id", "c")}, want: "header c"},
		{setting: "key", rec: pipeline.Record{Producer: 5}, want: "partition 0"},
		{setting: "client", rec: pipeline.Record{Key: []byte("k"), Producer: 6}, want: "client 5"},
		{setting: "client", rec: pipeline.Record{Key: []byte("k")}, want: "partition 0"},
		{setting: "partition", rec: pipeline.Record{Key: []byte("k"), Partition: 9}, want: "partition 9"},
		{setting: "header:team", rec: pipeline.Record{Headers: header("team", "red")}, want: "header red"},
		{setting: "header:team", rec: pipeline.Record{Key: []byte("k")}, want: "key k"},
		{setting: "label:host", series: series, want: "label web-3"},
		{setting: "label:other", series: series, rec: pipeline.Record{Key: []byte("k")}, want: "key k"},
		{setting: "label:host", rec: pipeline.Record{Key: []byte("k")}, want: "key k"},
		{setting: "key", rec: pipeline.Record{Key: []byte{0, 1, 255}}, want: "key 0x0001ff"},
		{setting: "key", rec: pipeline.Record{Key: []byte("a\nb")}, want: "key 0x610a62"},
		{setting: "key", rec: pipeline.Record{Key: []byte(strings.Repeat("x", 119) + "é")}, want: "key " + strings.Repeat("x", 119)},
	} {
		w := newWhose(c.setting, c.keyed)
		who := w.of(&c.rec, c.series)
		if got := who.by.String() + " " + who.String(); got != c.want {
			t.Errorf("%s of %+v: %s, want %s", c.setting, c.rec, got, c.want)
		}
	}
}

// Two names that are the same once they are cut make one sample: Prometheus takes none twice.
func TestCutNamesAreJoined(t *testing.T) {
	reg := prometheus.NewRegistry()
	p := registerProducers(reg).source("s", 10)
	for i := range 2 {
		p.failed(identity{byKey, []byte(strings.Repeat("x", 200) + fmt.Sprint(i))}, "code")
	}
	got := samples(t, reg)
	if want := "undecodable_total{by=key,code=code,producer=" + strings.Repeat("x", longestName) + ",source=s} 2"; !slices.Contains(got, want) {
		t.Errorf("%q", got)
	}
}

// Asking costs no allocation, also where each record has another producer.
func TestAskingAllocatesNothing(t *testing.T) {
	a := &attribution{producers: newProducers("s", 100), whose: newWhose("auto", false), random: 1}
	key := make([]byte, 8)
	rec := pipeline.Record{Key: key}
	n := uint64(0)
	ask := func() {
		a.start(1000)
		for i := range 1000 {
			if i == a.next {
				n++
				binary.BigEndian.PutUint64(key, n)
				a.sample(&rec, nil)
			}
		}
	}
	for range 1000 {
		ask()
	}
	if got := testing.AllocsPerRun(1000, ask); got > 1 { // names that are new now and then
		t.Errorf("%g allocations for each input", got)
	}
}

// BenchmarkAsking is what an input of a thousand records costs: sixteen are asked.
func BenchmarkAsking(b *testing.B) {
	for _, producers := range []uint64{20, 100_000} {
		b.Run(fmt.Sprintf("producers=%d", producers), func(b *testing.B) {
			a := &attribution{producers: newProducers("s", 100), whose: newWhose("auto", false), random: 1}
			key := make([]byte, 8)
			rec := pipeline.Record{Key: key}
			n := uint64(0)
			b.ReportAllocs()
			for range b.N {
				a.start(1000)
				for a.next >= 0 {
					n++
					binary.BigEndian.PutUint64(key, n*7919%producers)
					a.sample(&rec, nil)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/record")
		})
	}
}

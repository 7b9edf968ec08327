package main

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"time"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/otlp"
)

// layout is how a load's rows lie in the partitions.
type layout struct {
	name string
	// spread puts the rows of a host into any partition; otherwise each host has one.
	spread bool
	// shift is how much later the rows of each partition are than those of the one before. Without it all partitions cover the same
	// time, and each has half as many records as the one before: one fetch of the last covers as much time as a hundred of the first.
	shift time.Duration
}

// layouts are those that are tried.
var layouts = []layout{
	{name: "keyed"},
	{name: "keyed, apart", shift: time.Hour},
	{name: "spread", spread: true},
	{name: "spread, apart", spread: true, shift: time.Hour},
}

// What the pipeline is told of time, in nanoseconds.
const (
	window   = int64(10 * time.Second)
	disorder = int64(2 * time.Second)
	// round is the distance of two points of a series, but for their disorder.
	round = int64(5 * time.Second)
	// stale is how old a row is that no engine may count any more.
	stale = int64(5 * time.Minute)
	// beyond is how far behind all rows the rows lie that end time: past all that waits for it.
	beyond = int64(6 * time.Hour)
)

// began is the event time of the first round: the start of a window.
var began = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).UnixNano()

// seriesPerHost is how many series a host has, services how many systems there are, most.
const seriesPerHost, services = 4, 8

// mostHosts bounds how many hosts are in one record.
const mostHosts = 64

// load is what is written, a function of these settings alone.
type load struct {
	layout
	seed       uint64
	hosts      int
	partitions int
	rounds     int64 // of each partition
}

// record is one of the producers' records.
type record struct {
	partition int32
	time      int64 // of its round
	value     []byte
}

// writer makes a load's records, and what has to come of them.
type writer struct {
	*load
	enc *otlp.Encoder
	// newest is the highest time of each partition so far. What is late follows from it.
	newest []int64
	// first is the lowest time of each record so far that is not late, by partition.
	first    [][]int64
	expected *expected
}

func newWriter(l *load) *writer {
	return &writer{load: l, enc: otlp.NewEncoder(nil), newest: make([]int64, l.partitions), first: make([][]int64, l.partitions), expected: newExpected()}
}

// steps is how many rounds of event time there are from the first partition's begin to the last one's end.
func (l *load) steps() int64 {
	return l.rounds + l.begin(l.partitions-1)
}

// step makes the records of one round of event time, of all partitions whose time it is.
func (w *writer) step(n int64) []record {
	var out []record
	for p := range w.partitions {
		if own := n - w.begin(p); own >= 0 && own < w.rounds {
			out = w.records(out, int32(p), n, began+n*round)
		}
	}
	return out
}

// own makes the records of each partition's round of that number, whenever it is.
func (w *writer) own(number int64) []record {
	var out []record
	for p := range w.partitions {
		n := w.begin(p) + number
		out = w.records(out, int32(p), n, began+n*round)
	}
	return out
}

// begin is the first round of a partition.
func (l *load) begin(partition int) int64 { return int64(partition) * int64(l.shift) / round }

// records makes the records of a partition in a round. Their rows are as late as the pipeline allows at most, but for a few.
func (w *writer) records(out []record, partition int32, n, at int64) []record {
	hosts := 0
	rec := newRecordTime(w.newest[partition])
	end := func() {
		if hosts == 0 {
			return
		}
		out = append(out, record{partition, at, w.enc.AppendTo(nil)})
		w.newest[partition], w.first[partition] = rec.newest, append(w.first[partition], rec.first)
		if rec.late > 0 {
			w.expected.late++
		}
		hosts, rec = 0, newRecordTime(rec.newest)
		w.enc.Reset()
	}
	for h := range w.hosts {
		if w.partitionOf(h, n) != partition {
			continue
		}
		w.host(h, n, at, &rec)
		if hosts++; hosts == mostHosts {
			end()
		}
	}
	end()
	return out
}

// recordTime is what a record does to its partition's time.
type recordTime struct {
	mark   int64 // the watermark before it
	newest int64 // the highest time, its own rows included
	first  int64 // the lowest time of its rows that are not late
	late   int   // its rows that are late
}

func newRecordTime(newest int64) recordTime {
	mark := newest - disorder
	return recordTime{mark: mark - mark%window, newest: newest, first: math.MaxInt64}
}

// partitionOf is where the rows of a host go in a round.
func (w *writer) partitionOf(host int, n int64) int32 {
	last := w.partitions - 1
	switch {
	case w.shift > 0 && w.spread:
		return int32(n / (int64(w.shift) / round)) // all of them to the partition whose time it is
	case w.shift > 0:
		return int32(host % w.partitions)
	case w.spread:
		return int32(min(bits.TrailingZeros64(mix(w.seed^uint64(host)<<32^uint64(n))), last))
	}
	return int32(min(bits.TrailingZeros(uint(host)+1), last))
}

// host adds a point of each series of a host to the record.
func (w *writer) host(host int, n, at int64, rec *recordTime) {
	w.enc.Resource(hostLabels(host))
	for k := range seriesPerHost {
		s := host*seriesPerHost + k
		r := mix(w.seed ^ mix(uint64(s)<<32|uint64(n)))
		t := at - int64(r%uint64(disorder))
		v := w.valueOf(s, t, r)
		w.enc.Gauge(metricOf(k), "ms", pointLabels(k), t, v.float())
		w.expected.add(s, t, v)
		rec.newest, rec.first = max(rec.newest, t), min(rec.first, t)
		// Some rows come twice, the second time with another value and so late that their window must be closed.
		if old := t - stale; r>>32%512 == 0 && old < rec.mark {
			w.enc.Gauge(metricOf(k), "ms", pointLabels(k), old, 1e6)
			rec.late++
			w.expected.lateRows++
		}
		w.expected.rows++
	}
}

// amount is a value in units of 2⁻⁴⁰. Those of a window can be added up without rounding.
type amount int64

const unit = 1 << 40

func (a amount) float() float64 { return float64(a) / unit }

// valueOf is near the base of its series, and twelve times that in one minute of a hundred.
func (w *writer) valueOf(series int, t int64, random uint64) amount {
	base := 50*unit + int64(mix(w.seed+uint64(series))%(100*unit))
	v := base - base/5 + int64(mix(random)%uint64(base/5*2))
	if mix(w.seed^uint64(series)<<40^uint64(t/(6*window)))%100 == 0 {
		v *= 12
	}
	return amount(v)
}

// end makes a record for each partition whose row ends the time of its lane.
func (w *writer) end() []record {
	at := w.over() + beyond
	var out []record
	for p := range w.partitions {
		w.enc.Reset()
		w.enc.Resource(hostLabels(-1))
		w.enc.Gauge("end", "1", nil, at, 1)
		w.expected.rows++
		out = append(out, record{int32(p), at, w.enc.AppendTo(nil)})
	}
	w.enc.Reset()
	return out
}

// firstTimes is, by partition and offset, the lowest time of the rows from there on that are not late.
func (w *writer) firstTimes() [][]int64 {
	out := make([][]int64, len(w.first))
	for p, times := range w.first {
		out[p] = slices.Clone(times)
		for i := len(times) - 2; i >= 0; i-- {
			out[p][i] = min(out[p][i], out[p][i+1])
		}
	}
	return out
}

// over is when all rows are older.
func (w *writer) over() int64 { return began + w.steps()*round }

// hostLabels are those of a host's resource.
func hostLabels(host int) []pipeline.Label {
	if host < 0 {
		return []pipeline.Label{{Name: "host.name", Value: "end"}, {Name: "service.name", Value: "end"}}
	}
	return []pipeline.Label{{Name: "host.name", Value: hostName(host)}, {Name: "service.name", Value: fmt.Sprintf("service-%d", host%services)}}
}

func hostName(host int) string { return fmt.Sprintf("host-%04d", host) }

// The series of a host: two metrics, each by two kinds.
func metricOf(k int) string { return [2]string{"work.time", "work.wait"}[k/2] }
func kindOf(k int) string   { return [2]string{"read", "write"}[k%2] }

func pointLabels(k int) []pipeline.Label {
	return []pipeline.Label{{Name: "kind", Value: kindOf(k)}}
}

// seriesNames has the number of each series by its canonical text.
func (l *load) seriesNames() map[string]int {
	names := map[string]int{}
	for h := range l.hosts {
		for k := range seriesPerHost {
			labels := pipeline.NewLabels(append(hostLabels(h), pointLabels(k)...))
			names[pipeline.SeriesKey(metricOf(k), pipeline.Gauge, labels)] = h*seriesPerHost + k
		}
	}
	return names
}

// mix spreads bits (the finalizer of SplitMix64, which is in the public domain).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

package engine

import (
	"cmp"
	"hash/maphash"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/homeostat/homeostat/pipeline"
)

// producers counts what the producers of one source write, over all its lanes in this process, so that one that is broken is
// found among many. Memory and metrics are bounded whatever names they bear: half of the places are for those of whom most could
// not be used, half for those who write most; the rest are counted as one. Results never depend on it. Any goroutine may call it.
type producers struct {
	source string

	mu sync.Mutex
	// loud weighs what could not be used, busy the records.
	loud, busy heavy
	// others is all who have no name of their own.
	others tally
	faded  time.Time
}

// tally is what is known of one producer. Both tables share it.
type tally struct {
	// named says that it is counted by name; from then on, and as long as it has a place.
	named bool
	label string
	// places is in how many tables it stands.
	places int
	// records are estimated from samples, and exact where batches are small.
	records int64
	// undecodable counts records by the error's code, lost counts rows by reason.
	undecodable, lost map[string]int64
	// entity is that of its rows; several says that there were others too.
	entity  string
	several bool
}

// fadeAfter is how often weights are halved: who is broken now is found although others were so for longer.
const fadeAfter = time.Minute

func newProducers(source string, most int) *producers {
	seed := maphash.MakeSeed()
	loud := max(1, most/2)
	return &producers{source: source, loud: newHeavy(loud, seed), busy: newHeavy(max(1, most-loud), seed)}
}

// fade halves the weights when it is time to. It is called for each input.
func (p *producers) fade(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Sub(p.faded) > fadeAfter {
		p.faded = now
		p.loud.fade()
		p.busy.fade()
	}
}

// wrote counts records that one stands for. entity is that of a row of it, "" if it has none.
func (p *producers) wrote(who identity, records int64, entity string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.settle(&p.busy, &p.loud, who, records)
	switch {
	case entity == "" || entity == t.entity:
	case t.entity == "":
		t.entity = entity
	default:
		t.several = true
	}
	if t.named {
		t.records += records
	} else {
		p.others.records += records
	}
}

// failed counts a record that could not be decoded, by its code.
func (p *producers) failed(who identity, code string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	count(&p.counted(who, 1).undecodable, code, 1)
}

// lost counts rows that could not be used, by reason.
func (p *producers) lost(who identity, reason string, rows int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	count(&p.counted(who, int64(rows)).lost, reason, int64(rows))
}

func count(to *map[string]int64, what string, n int64) {
	if *to == nil {
		*to = map[string]int64{}
	}
	(*to)[what] += n
}

// counted adds to the weight of what could not be used, and returns where to count it.
func (p *producers) counted(who identity, n int64) *tally {
	if t := p.settle(&p.loud, &p.busy, who, n); t.named {
		return t
	}
	return &p.others
}

// settle gives a producer weight in one table; it keeps the tally that it has in the other.
func (p *producers) settle(in, other *heavy, who identity, weight int64) *tally {
	at, fresh := in.add(who, weight)
	if fresh {
		old := at.tally
		if old != nil {
			old.places--
		}
		switch there := other.find(who); {
		case there != nil:
			at.tally = there.tally
		case old != nil && old.places == 0:
			*old = tally{}
		default:
			at.tally = &tally{}
		}
		at.places++
	}
	if !at.named && at.sure() {
		at.named, at.label = true, at.name.String()
	}
	return at.tally
}

// ProducerCount is what one producer of a source wrote since this process counts it by name. It is about this process alone.
type ProducerCount struct {
	Source string `json:"source"`
	// By says what Producer is: header, key, client (the id that brokers give an idempotent client), partition or label. It is
	// empty for all who are not counted by name.
	By       string `json:"by,omitempty"`
	Producer string `json:"producer"`
	// Entity is that of its rows, "" if there were none or of several.
	Entity string `json:"entity,omitempty"`
	// Records is estimated from a sample.
	Records     int64            `json:"records"`
	Undecodable map[string]int64 `json:"undecodable,omitempty"`
	Lost        map[string]int64 `json:"lost,omitempty"`
}

// Unusable is what of it could not be used: undecodable records and lost rows.
func (c *ProducerCount) Unusable() (n int64) {
	for _, m := range []map[string]int64{c.Undecodable, c.Lost} {
		for _, k := range m {
			n += k
		}
	}
	return n
}

// join adds the counts of another producer.
func (c *ProducerCount) join(other *ProducerCount) {
	c.Records += other.Records
	if c.Entity != other.Entity {
		c.Entity = ""
	}
	for code, n := range other.Undecodable {
		count(&c.Undecodable, code, n)
	}
	for reason, n := range other.Lost {
		count(&c.Lost, reason, n)
	}
}

// otherProducers stands for all who are not counted by name.
const otherProducers = "other"

// counts returns what there is, the worst first and the others last.
func (p *producers) counts() []ProducerCount {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []ProducerCount
	at := map[[2]string]int{}
	add := func(by, name string, t *tally) {
		c := ProducerCount{Source: p.source, By: by, Producer: name, Records: t.records, Undecodable: maps.Clone(t.undecodable), Lost: maps.Clone(t.lost)}
		if !t.several {
			c.Entity = t.entity
		}
		// A sample may miss what failed.
		failed := int64(0)
		for _, n := range t.undecodable {
			failed += n
		}
		c.Records = max(c.Records, failed)
		if i, ok := at[[2]string{by, name}]; ok { // names that are the same once they are cut
			out[i].join(&c)
			return
		}
		at[[2]string{by, name}] = len(out)
		out = append(out, c)
	}
	seen := map[*tally]bool{}
	for _, h := range []*heavy{&p.loud, &p.busy} {
		for _, p := range h.heap {
			if p.named && !seen[p.tally] {
				seen[p.tally] = true
				add(p.name.by.String(), p.label, p.tally)
			}
		}
	}
	slices.SortFunc(out, func(a, b ProducerCount) int {
		return cmp.Or(cmp.Compare(b.Unusable(), a.Unusable()), cmp.Compare(b.Records, a.Records), cmp.Compare(a.Producer, b.Producer), cmp.Compare(a.By, b.By))
	})
	add("", otherProducers, &p.others)
	return out
}

// producersOf holds the producers of all sources of a process, and tells metrics of them when they are read.
type producersOf struct {
	mu      sync.Mutex
	sources map[string]*producers
}

// registerProducers makes the counts of a process and registers their metrics; a registry has one.
func registerProducers(r prometheus.Registerer) *producersOf {
	p := &producersOf{sources: map[string]*producers{}}
	if r == nil {
		return p
	}
	err := r.Register(p)
	if have, ok := err.(prometheus.AlreadyRegisteredError); ok {
		return have.ExistingCollector.(*producersOf)
	}
	if err != nil {
		panic("BUG: metrics of producers do not fit their earlier registration: " + err.Error())
	}
	return p
}

// source returns the counts of a source, with room for so many names.
func (p *producersOf) source(name string, most int) *producers {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sources[name] == nil {
		p.sources[name] = newProducers(name, most)
	}
	return p.sources[name]
}

// counts returns those of all sources, by source.
func (p *producersOf) counts() (out []ProducerCount) {
	p.mu.Lock()
	all := maps.Clone(p.sources)
	p.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		out = append(out, all[name].counts()...)
	}
	return out
}

var (
	producerRecords = prometheus.NewDesc("homeostat_producer_records_total",
		"Records by source and producer, estimated from a sample of each fetch; by says what the producer is known by. Those without a name of their own are counted as other.",
		[]string{"source", "by", "producer"}, nil)
	producerUndecodable = prometheus.NewDesc("homeostat_producer_undecodable_total",
		"Records that could not be decoded, by source, producer and the error's code.", []string{"source", "by", "producer", "code"}, nil)
	producerLost = prometheus.NewDesc("homeostat_producer_rows_lost_total",
		"Rows of readable records that could not be used, by source, producer and reason.", []string{"source", "by", "producer", "reason"}, nil)
)

// Describe implements prometheus.Collector.
func (p *producersOf) Describe(to chan<- *prometheus.Desc) {
	to <- producerRecords
	to <- producerUndecodable
	to <- producerLost
}

// Collect implements prometheus.Collector.
func (p *producersOf) Collect(to chan<- prometheus.Metric) {
	counter := func(d *prometheus.Desc, n int64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	for _, c := range p.counts() {
		counter(producerRecords, c.Records, c.Source, c.By, c.Producer)
		for code, n := range c.Undecodable {
			counter(producerUndecodable, n, c.Source, c.By, c.Producer, code)
		}
		for reason, n := range c.Lost {
			counter(producerLost, n, c.Source, c.By, c.Producer, reason)
		}
	}
}

// samplesPerInput is how many records of one input are asked who wrote them: each stands for those around it.
const samplesPerInput = 16

// attribution is a lane's part: it asks some records of each input who wrote them, and all that can't be used.
type attribution struct {
	*producers
	whose whose
	// next is the record of the input that is asked next, in the stretch of records from begin that it stands for; weight is
	// their number.
	next, begin, stretch, length int
	weight                       int64
	random                       uint64
}

// start prepares for an input of so many records.
func (a *attribution) start(records int) {
	a.fade(time.Now())
	a.begin, a.length = 0, records
	a.stretch = (records + samplesPerInput - 1) / samplesPerInput
	a.choose()
}

// choose chooses a record of the stretch, at random: producers that write in turns would be seen unevenly by one at a fixed place.
func (a *attribution) choose() {
	n := min(a.stretch, a.length-a.begin)
	if n <= 0 {
		a.next = -1
		return
	}
	a.random ^= a.random << 13 // xorshift64 (G. Marsaglia, 2003)
	a.random ^= a.random >> 7
	a.random ^= a.random << 17
	a.next, a.weight = a.begin+int(a.random%uint64(n)), int64(n)
}

// sample counts the record that was chosen, and chooses the next one.
func (a *attribution) sample(rec *pipeline.Record, series *pipeline.Series) {
	entity := ""
	if series != nil {
		entity = series.Entity
	}
	a.wrote(a.whose.of(rec, series), a.weight, entity)
	a.begin += a.stretch
	a.choose()
}

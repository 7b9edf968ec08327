package broker

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/segmentio/kafka-go"
)

// FetchConfig bounds what a Fetcher asks for. Zero values are the defaults.
type FetchConfig struct {
	// MaxBytes bounds the answer of one broker; default 8 MiB. PartitionBytes bounds one partition in it; default 1 MiB.
	// One batch is always delivered, however large.
	MaxBytes, PartitionBytes int
	// MaxWait is how long a broker may wait for records; default 500 ms.
	MaxWait time.Duration
	// Pace is how long partitions rest behind an answer with records before they are asked again, so that records that come
	// in small pieces cost few requests and make few chunks; a reader is so much later at most. What is not at its end does
	// not rest, and neither does a partition that was quiet: its first record comes at once. By default nothing rests.
	Pace time.Duration
	// Rest, if set, says in place of Pace how long a partition that gave records may rest. Poll asks it. All such partitions of an answer
	// rest for the shortest of their times, so that they stay in one request.
	Rest func(TopicPartition) time.Duration
	// DecodedBytes bounds the decompressed bytes of one batch; default 64 MiB. A larger batch counts as corrupt.
	DecodedBytes int
	// Uncommitted also delivers records of pending and aborted transactions.
	Uncommitted bool
}

// requestsPerBroker is how many requests may wait at one broker: a partition that is resumed need not wait for the
// others' request to come back.
const requestsPerBroker = 4

// ErrClosed is what Poll and Next return after Close.
var ErrClosed = errors.New("closed")

// Fetcher reads partitions. Poll may be called by one goroutine at a time; the other methods by any, also meanwhile.
type Fetcher struct {
	client  *Client
	cfg     FetchConfig
	ctx     context.Context
	cancel  context.CancelFunc
	decoder *decoder // Poll's
	wake    chan struct{}
	answers chan *fetch
	// absentLimit is how long a topic may be missing before its partitions stop: brokers learn of topics one by one.
	absentLimit time.Duration

	mu         sync.Mutex
	running    sync.WaitGroup
	partitions []*fetched // in the order in which they are asked for next
	byName     map[TopicPartition]*fetched
	underWay   map[int32]int // requests by broker
}

// fetched is a partition being read.
type fetched struct {
	TopicPartition
	next    int64
	round   int  // counts the Assigns, so that answers to earlier ones are told
	asked   bool // in a request that is under way
	paused  bool
	stopped bool // at an error
	gone    bool
	absent  time.Time // since when its topic is missing
	rest    rest
}

// rest is a time in which a partition is not asked. From early on it goes along when others are.
type rest struct{ early, over time.Time }

func restFrom(now time.Time, d time.Duration) rest { return rest{now.Add(d / 2), now.Add(d)} }

// fetch is one request to one broker, and what came of it.
type fetch struct {
	leader     int32
	partitions []wanted
	response   *fetchResponse
	stops      map[TopicPartition]error
}

// wanted is a partition as a request asked for it.
type wanted struct {
	*fetched
	from  int64
	round int
}

// NewFetcher returns a fetcher without partitions. Close it before the client.
func (c *Client) NewFetcher(cfg FetchConfig) *Fetcher {
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = 8 << 20
	}
	if cfg.PartitionBytes == 0 {
		cfg.PartitionBytes = 1 << 20
	}
	if cfg.MaxWait == 0 {
		cfg.MaxWait = 500 * time.Millisecond
	}
	if cfg.DecodedBytes == 0 {
		cfg.DecodedBytes = 64 << 20
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Fetcher{
		client: c, cfg: cfg, ctx: ctx, cancel: cancel,
		decoder:     newDecoder(cfg.DecodedBytes),
		wake:        make(chan struct{}, 1),
		answers:     make(chan *fetch),
		absentLimit: 10 * time.Second,
		byName:      map[TopicPartition]*fetched{},
		underWay:    map[int32]int{},
	}
}

// Assign adds a partition, or moves it, to be read from offset on. It also restarts a partition that stopped at an error,
// and ends a pause.
func (f *Fetcher) Assign(tp TopicPartition, offset int64) {
	f.change(func() {
		p := f.byName[tp]
		if p == nil {
			p = &fetched{TopicPartition: tp}
			f.byName[tp] = p
			f.partitions = append(f.partitions, p)
		}
		p.next, p.stopped, p.paused, p.absent, p.rest = offset, false, false, time.Time{}, rest{}
		p.round++
	})
}

// Remove forgets a partition. What is under way for it is not delivered any more, chunks already returned by Poll stay valid.
func (f *Fetcher) Remove(tp TopicPartition) {
	f.change(func() {
		if p := f.byName[tp]; p != nil {
			p.gone = true
			delete(f.byName, tp)
			f.partitions = slices.DeleteFunc(f.partitions, func(q *fetched) bool { return q == p })
		}
	})
}

// Pause stops asking for a partition's records until Resume. One more chunk may arrive that was asked for already.
func (f *Fetcher) Pause(tp TopicPartition) { f.pause(tp, true) }

// Resume ends a Pause.
func (f *Fetcher) Resume(tp TopicPartition) { f.pause(tp, false) }

func (f *Fetcher) pause(tp TopicPartition, paused bool) {
	f.change(func() {
		if p := f.byName[tp]; p != nil {
			p.paused = paused
		}
	})
}

// change changes the partitions and lets a waiting Poll look again.
func (f *Fetcher) change(do func()) {
	f.mu.Lock()
	do()
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// Close stops all requests and waits for them. Chunks stay valid.
func (f *Fetcher) Close() {
	f.mu.Lock()
	f.cancel()
	f.mu.Unlock()
	f.running.Wait()
}

// Poll waits for the next answer of any broker and returns its chunks: one for each partition asked for that is still
// assigned, also if it holds no record. Transient errors are repeated inside, for as long as they last.
// The error is ctx's, or ErrClosed.
func (f *Fetcher) Poll(ctx context.Context) ([]Chunk, error) {
	var rested <-chan time.Time
	for {
		if wait := f.start(time.Now()); wait > 0 {
			rested = time.After(wait)
		}
		select {
		case a := <-f.answers:
			if chunks := f.deliver(a); len(chunks) > 0 {
				return chunks, nil
			}
		case <-rested:
		case <-f.wake:
		case <-f.ctx.Done():
			return nil, ErrClosed
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// start sends requests for all partitions that may be asked for, one for each leader. It returns how long the others rest, 0 if
// none does.
func (f *Fetcher) start(now time.Time) (wait time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ctx.Err() != nil {
		return 0
	}
	requests := map[int32]*fetch{}
	for _, p := range f.partitions {
		if p.asked || p.paused || p.stopped {
			continue
		}
		if p.rest.early.After(now) {
			if left := p.rest.over.Sub(now); wait == 0 || left < wait {
				wait = left
			}
			continue
		}
		l := f.client.knownLeader(p.TopicPartition)
		if f.underWay[l] >= requestsPerBroker {
			continue
		}
		r := requests[l]
		if r == nil {
			r = &fetch{leader: l}
			requests[l] = r
		}
		p.asked = true
		r.partitions = append(r.partitions, wanted{fetched: p, from: p.next, round: p.round})
	}
	for l, r := range requests {
		f.underWay[l]++
		f.running.Go(func() { f.run(r) })
	}
	return wait
}

// run carries out one request and hands its result to Poll.
func (f *Fetcher) run(r *fetch) {
	if r.leader < 0 {
		f.findLeaders(r)
	} else {
		f.request(r)
	}
	select {
	case f.answers <- r:
	case <-f.ctx.Done():
	}
}

// pauseAfterFailure keeps a broker that is gone from being asked without rest.
const pauseAfterFailure = 100 * time.Millisecond

// findLeaders looks up the leaders of partitions whose leader is not known, so that the next start can ask them.
func (f *Fetcher) findLeaders(r *fetch) {
	failed := false
	for _, topic := range topicsOf(r.partitions) {
		leaders, err := f.client.describe(f.ctx, topic)
		absent := pipeline.Code(err) == "kafka.topic.missing"
		failed = failed || err != nil
		for _, p := range r.partitions {
			switch {
			case p.Topic != topic:
			case err == nil && int(p.Partition) >= len(leaders):
				_, err := f.client.leader(f.ctx, p.TopicPartition)
				r.stop(p.TopicPartition, err)
			case err == nil:
				failed = failed || leaders[p.Partition] < 0
			case absent && f.absentTooLong(p.fetched), !absent && !transient(err):
				r.stop(p.TopicPartition, named("find the leaders of topic "+topic, err))
			}
		}
		if err == nil && slices.Contains(leaders, -1) {
			f.client.forget(topic)
		}
	}
	if failed && f.ctx.Err() == nil {
		_ = sleep(f.ctx, pauseAfterFailure) // its only error is that the fetcher is closed
	}
}

func (f *Fetcher) absentTooLong(p *fetched) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p.absent.IsZero() {
		p.absent = time.Now()
	}
	return time.Since(p.absent) > f.absentLimit
}

func (r *fetch) stop(tp TopicPartition, err error) {
	if r.stops == nil {
		r.stops = map[TopicPartition]error{}
	}
	r.stops[tp] = err
}

func topicsOf(partitions []wanted) []string {
	var topics []string
	for _, p := range partitions {
		if !slices.Contains(topics, p.Topic) {
			topics = append(topics, p.Topic)
		}
	}
	return topics
}

// request asks the leader and looks into what can be said without decoding.
func (f *Fetcher) request(r *fetch) {
	c := f.client
	res, err := askFor[*fetchResponse](f.ctx, c, f.message(r), f.cfg.MaxWait+c.cfg.RequestTimeout)
	if err == nil {
		err = check(res.ErrorCode)
	}
	if err != nil {
		if shut(err) {
			for _, p := range r.partitions {
				r.stop(p.TopicPartition, shutOut("read topic "+p.Topic, err))
			}
			return
		}
		if f.ctx.Err() == nil {
			c.log.Debug("kafka: fetch failed and is repeated", "broker", r.leader, "error", err)
			for _, topic := range topicsOf(r.partitions) {
				c.forget(topic)
			}
			_ = sleep(f.ctx, pauseAfterFailure)
		}
		return
	}
	r.response = res
	var outside []TopicPartition
	rest := false
	for i := range res.Topics {
		t := &res.Topics[i]
		for j := range t.Partitions {
			tp := TopicPartition{Topic: t.Topic, Partition: t.Partitions[j].Partition}
			err := check(t.Partitions[j].ErrorCode)
			switch {
			case err == nil:
			case errors.Is(err, kafka.OffsetOutOfRange):
				outside = append(outside, tp)
			case refused(err), errors.Is(err, kafka.UnknownTopicOrPartition):
				c.forget(t.Topic)
				rest = true
			case errors.Is(err, kafka.InvalidMessage):
				r.stop(tp, &CorruptError{TopicPartition: tp, From: r.from(tp), To: -1, Err: err})
			case withheld(err, rights{}) != nil:
				r.stop(tp, withheld(err, rights{operation: "Read", topic: tp.Topic}))
			default:
				r.stop(tp, pipeline.Errorf("kafka.fetch.refused", "topic %s partition %d: the broker refused to be read: %w", tp.Topic, tp.Partition, err))
			}
		}
	}
	if len(outside) > 0 {
		rest = f.explain(r, outside) || rest
	}
	if rest {
		_ = sleep(f.ctx, pauseAfterFailure)
	}
}

func (r *fetch) from(tp TopicPartition) int64 {
	for _, p := range r.partitions {
		if p.TopicPartition == tp {
			return p.from
		}
	}
	return -1
}

// explain tells why positions lie outside of their partitions. again says that some do not, by now.
func (f *Fetcher) explain(r *fetch, outside []TopicPartition) (again bool) {
	bounds, err := f.client.Bounds(f.ctx, outside)
	if err != nil {
		return true
	}
	for _, tp := range outside {
		b, from := bounds[tp], r.from(tp)
		switch {
		case from < b.Start:
			r.stop(tp, &GapError{TopicPartition: tp, From: from, To: b.Start})
		case from > b.End:
			r.stop(tp, &GapError{TopicPartition: tp, From: from, To: b.End})
		default:
			again = true
		}
	}
	return again
}

func (f *Fetcher) message(r *fetch) *fetchRequest {
	req := &fetchRequest{
		ReplicaID:    -1,
		MaxWaitTime:  int32(f.cfg.MaxWait.Milliseconds()),
		MinBytes:     1,
		MaxBytes:     int32(f.cfg.MaxBytes),
		SessionEpoch: -1, // no session: each request names its partitions
		route:        route(r.leader),
	}
	if !f.cfg.Uncommitted {
		req.IsolationLevel = 1
	}
	for _, p := range r.partitions {
		n := len(req.Topics)
		if n == 0 || req.Topics[n-1].Topic != p.Topic {
			req.Topics = append(req.Topics, fetchRequestTopic{Topic: p.Topic})
			n++
		}
		req.Topics[n-1].Partitions = append(req.Topics[n-1].Partitions, fetchRequestPartition{
			Partition: p.Partition, CurrentLeaderEpoch: -1, FetchOffset: p.from, LogStartOffset: -1, PartitionMaxBytes: int32(f.cfg.PartitionBytes),
		})
	}
	return req
}

// deliver decodes an answer and moves the positions.
func (f *Fetcher) deliver(r *fetch) []Chunk {
	found := map[TopicPartition]*fetchResponsePartition{}
	if r.response != nil {
		for i := range r.response.Topics {
			t := &r.response.Topics[i]
			for j := range t.Partitions {
				found[TopicPartition{Topic: t.Topic, Partition: t.Partitions[j].Partition}] = &t.Partitions[j]
			}
		}
	}
	chunks := make([]Chunk, 0, len(r.partitions))
	served := map[*fetched]bool{}
	gave := func(p wanted) bool {
		part := found[p.TopicPartition]
		return part != nil && part.RecordSet.buffer != nil
	}
	full, empty := f.rests(r, gave)
	for _, p := range r.partitions {
		part, stop := found[p.TopicPartition], r.stops[p.TopicPartition]
		if !f.current(p) || part == nil && stop == nil || stop == nil && part.ErrorCode != 0 {
			f.settle(p, nil, rest{})
			if part != nil && part.RecordSet.buffer != nil {
				buffers.put(part.RecordSet.buffer)
			}
			continue
		}
		chunk := Chunk{TopicPartition: p.TopicPartition, Next: p.from, Stable: -1, HighWatermark: -1, Err: stop}
		if stop == nil {
			chunk = f.decoder.decode(answer{
				TopicPartition: p.TopicPartition, from: p.from, raw: part.RecordSet.buffer,
				aborted: part.AbortedTransactions, committed: !f.cfg.Uncommitted,
				stable: f.stable(part), watermark: part.HighWatermark,
			})
			served[p.fetched] = part.RecordSet.buffer != nil
		}
		rests := empty
		if served[p.fetched] {
			rests = full
		}
		if !f.settle(p, &chunk, rests) {
			chunk.Release()
			continue
		}
		chunks = append(chunks, chunk)
	}
	f.mu.Lock()
	// Brokers fill an answer in the order of the request, so those that got something queue up behind the others.
	slices.SortStableFunc(f.partitions, func(a, b *fetched) int { return order(served[a]) - order(served[b]) })
	if f.underWay[r.leader]--; f.underWay[r.leader] == 0 {
		delete(f.underWay, r.leader)
	}
	f.mu.Unlock()
	return chunks
}

// rests returns how long the partitions rest behind an answer: those that gave records, and the others. Nobody rests if none gave any.
func (f *Fetcher) rests(r *fetch, gave func(wanted) bool) (full, empty rest) {
	if !slices.ContainsFunc(r.partitions, gave) {
		return rest{}, rest{}
	}
	now, d := time.Now(), f.cfg.Pace
	if f.cfg.Rest != nil {
		d = math.MaxInt64
		for _, p := range r.partitions {
			if gave(p) {
				d = min(d, f.cfg.Rest(p.TopicPartition))
			}
		}
	}
	return restFrom(now, d), restFrom(now, f.cfg.Pace)
}

// stable is the end of what this reader may see.
func (f *Fetcher) stable(p *fetchResponsePartition) int64 {
	if f.cfg.Uncommitted {
		return p.HighWatermark
	}
	return p.LastStableOffset
}

func order(served bool) int {
	if served {
		return 1
	}
	return 0
}

// current says whether an answer is still wanted.
func (f *Fetcher) current(p wanted) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !p.gone && p.fetched.round == p.round
}

// settle ends a partition's part in a request; false if its chunk is not wanted any more. A partition read to its end rests.
func (f *Fetcher) settle(p wanted, chunk *Chunk, rests rest) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	p.asked = false
	if p.gone || p.fetched.round != p.round || chunk == nil {
		return false
	}
	p.next, p.stopped, p.absent, p.rest = chunk.Next, chunk.Err != nil, time.Time{}, rest{}
	if chunk.Next >= chunk.Stable {
		p.rest = rests
	}
	return true
}

// knownLeader returns a partition's leader without asking the cluster, -1 if it has to be asked.
func (c *Client) knownLeader(tp TopicPartition) int32 {
	c.topology.mu.Lock()
	defer c.topology.mu.Unlock()
	if l := c.topology.leaders[tp.Topic]; tp.Partition >= 0 && int(tp.Partition) < len(l) {
		return l[tp.Partition]
	}
	return -1
}

package broker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/segmentio/kafka-go"
)

// GroupConfig says which group to join, and how.
type GroupConfig struct {
	// ID of the group. No other client may use it.
	ID string
	// Topics that the group shares out; they must be there already. Partitions with one number go to one member, across
	// all topics.
	Topics []string
	// Session is how long the broker waits for a silent member before it gives its partitions away; default 10 s.
	// Brokers refuse less than 6 s by default. Heartbeat is a third of it at most; default 1 s. It is also how long
	// a member may need to see that a rebalance began.
	Session, Heartbeat time.Duration
	// Rebalance is how long members have to finish, release their generation and join again; default Session.
	Rebalance time.Duration
}

// Group is this process's membership of a group. Next is for one goroutine at a time.
type Group struct {
	cfg    GroupConfig
	client *Client
	member *kafka.ConsumerGroup
	sticky *stickyBalancer
	lines  lines

	mu      sync.Mutex
	current *Generation
}

// JoinGroup starts to join. The first generation comes from Next. Close the group before the client.
func (c *Client) JoinGroup(cfg GroupConfig) (*Group, error) {
	if cfg.ID == "" || len(cfg.Topics) == 0 {
		return nil, pipeline.Errorf("kafka.group.config", "a group needs an id and topics, not id %q and topics %v: name them", cfg.ID, cfg.Topics)
	}
	if cfg.Session == 0 {
		cfg.Session = 10 * time.Second
	}
	if cfg.Heartbeat == 0 {
		cfg.Heartbeat = min(time.Second, cfg.Session/3)
	}
	if cfg.Heartbeat > cfg.Session/3 {
		return nil, pipeline.Errorf("kafka.group.heartbeat", "group %s: a heartbeat each %v is too rare for a session of %v: use a third of it at most", cfg.ID, cfg.Heartbeat, cfg.Session)
	}
	if cfg.Rebalance == 0 {
		cfg.Rebalance = cfg.Session
	}
	g := &Group{cfg: cfg, client: c, sticky: &stickyBalancer{}}
	log := c.log.With("group", cfg.ID)
	member, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID:      cfg.ID,
		Topics:  cfg.Topics,
		Brokers: c.cfg.Bootstrap,
		Dialer: &kafka.Dialer{
			ClientID: c.clientID, TLS: c.cfg.TLS, SASLMechanism: c.cfg.SASL, Timeout: c.cfg.RequestTimeout, DialFunc: g.lines.dial,
		},
		GroupBalancers:         []kafka.GroupBalancer{g.sticky},
		HeartbeatInterval:      cfg.Heartbeat,
		SessionTimeout:         cfg.Session,
		RebalanceTimeout:       cfg.Rebalance,
		JoinGroupBackoff:       250 * time.Millisecond,
		WatchPartitionChanges:  true,
		PartitionWatchInterval: 10 * time.Second,
		Timeout:                c.cfg.RequestTimeout,
		Logger:                 kafka.LoggerFunc(func(format string, args ...any) { log.Debug("kafka: " + fmt.Sprintf(format, args...)) }),
	})
	if err != nil {
		return nil, pipeline.Errorf("kafka.group.config", "group %s cannot be joined: %w", cfg.ID, err)
	}
	g.member = member
	return g, nil
}

// Next waits for the next generation. The one before must be released first. Transient errors are repeated inside, for as
// long as ctx allows. After Close it returns ErrClosed.
func (g *Group) Next(ctx context.Context) (*Generation, error) {
	start, told := time.Now(), false
	var last error
	for {
		next, err := g.member.Next(ctx)
		switch {
		case err == nil:
			g.client.answered()
			return g.generation(next), nil
		case ctx.Err() != nil:
			return nil, gaveUp(ctx, "join group "+g.cfg.ID, last)
		case errors.Is(err, kafka.ErrGroupClosed):
			return nil, ErrClosed
		case !joinable(err):
			if out := shutOut("join group "+g.cfg.ID, err); out != nil {
				return nil, out
			}
			if out := withheld(err, rights{operation: "Describe", topic: strings.Join(g.cfg.Topics, " or "), group: g.cfg.ID}); out != nil {
				return nil, out
			}
			return nil, pipeline.Errorf("kafka.group.join", "group %s cannot be joined: %w", g.cfg.ID, err)
		}
		last = err
		if time.Since(start) > absentTopicLimit {
			if err := g.client.absent(ctx, g.cfg.Topics); err != nil {
				return nil, err
			}
		}
		g.client.unheard(ctx, err)
		if !told && time.Since(start) > complainAfter {
			told = true
			g.client.log.Warn("kafka: still trying to join", "group", g.cfg.ID, "for", time.Since(start).Round(time.Second), "error", err)
		}
	}
}

// absentTopicLimit is how long a topic of the group may be missing: brokers learn of topics one by one.
const absentTopicLimit = 10 * time.Second

// absent is the error of a topic that is certainly not there.
func (c *Client) absent(ctx context.Context, topics []string) error {
	for _, t := range topics {
		if _, err := c.describe(ctx, t); pipeline.Code(err) == "kafka.topic.missing" {
			return err
		}
	}
	return nil
}

// joinable says that another attempt to join may succeed.
func joinable(err error) bool {
	if transient(err) {
		return true
	}
	for _, code := range []kafka.Error{kafka.RebalanceInProgress, kafka.UnknownMemberId, kafka.IllegalGeneration, kafka.MemberIDRequired,
		kafka.UnknownTopicOrPartition, kafka.Unknown} {
		if errors.Is(err, code) {
			return true
		}
	}
	return false
}

func (g *Group) generation(next *kafka.Generation) *Generation {
	gen := &Generation{Group: g.cfg.ID, ID: next.ID, Member: next.MemberID, done: make(chan struct{}), released: make(chan struct{}), over: make(chan struct{})}
	for topic, partitions := range next.Assignments {
		for _, p := range partitions {
			gen.Assigned = append(gen.Assigned, TopicPartition{Topic: topic, Partition: int32(p.ID)})
		}
	}
	slices.SortFunc(gen.Assigned, func(a, b TopicPartition) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	g.sticky.own(next.ID, gen.Assigned)
	g.mu.Lock()
	g.current = gen
	g.mu.Unlock()
	// kafka-go joins anew only when this function has returned, so it holds the door until the owner has finished.
	next.Start(func(ctx context.Context) {
		select {
		case <-ctx.Done():
		case <-gen.released:
		}
		close(gen.done)
		gen.awaitRelease(g.cfg.Rebalance, g.client.log)
		close(gen.over)
	})
	return gen
}

// Close ends the current generation, waits for its Release, for the rebalance time at most, and leaves the group.
func (g *Group) Close() {
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		_ = g.member.Close() // always nil
	}()
	g.mu.Lock()
	current := g.current
	g.mu.Unlock()
	if current != nil {
		select {
		case <-current.over:
		case <-finished:
		}
	}
	// A member that is joining waits for the others, or for a broker, much longer than a process takes to stop.
	t := time.NewTimer(time.Second)
	defer t.Stop()
	select {
	case <-t.C:
		g.lines.cut()
		<-finished
	case <-finished:
	}
}

// lines are a member's connections, so that Close can cut off a request that takes too long.
type lines struct {
	mu   sync.Mutex
	open map[net.Conn]struct{}
}

func (l *lines) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := (&net.Dialer{KeepAlive: 30 * time.Second}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		l.open = map[net.Conn]struct{}{}
	}
	held := &line{Conn: c, of: l}
	l.open[held] = struct{}{}
	return held, nil
}

func (l *lines) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		_ = c.(*line).Conn.Close() // its user sees the error
	}
}

type line struct {
	net.Conn
	of *lines
}

func (l *line) Close() error {
	l.of.mu.Lock()
	delete(l.of.open, l)
	l.of.mu.Unlock()
	return l.Conn.Close()
}

// Generation is one sharing-out of a group's partitions.
type Generation struct {
	// Group, ID and Member are what a commit is fenced by.
	Group  string
	ID     int32
	Member string
	// Assigned are this member's partitions, sorted by topic and number. May be empty.
	Assigned []TopicPartition

	done     chan struct{}
	once     sync.Once
	released chan struct{}
	over     chan struct{} // released, or not waited for any longer
}

// Done is closed when the generation ends: a rebalance began, the broker lost sight of this member, or the group was
// closed. A commit in this generation still succeeds until the members have joined anew.
func (g *Generation) Done() <-chan struct{} { return g.done }

// Release says that the owner makes no more commits in this generation. Only then does the member join the next one;
// without it, after the rebalance time. Calling it before Done gives the generation up. May be called more than once.
func (g *Generation) Release() { g.once.Do(func() { close(g.released) }) }

func (g *Generation) awaitRelease(limit time.Duration, log *slog.Logger) {
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-g.released:
	case <-t.C:
		log.Warn("kafka: a generation was not released in time, its commits will be refused", "group", g.Group, "generation", g.ID, "limit", limit)
	}
}

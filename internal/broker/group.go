package broker

import (
	"context"
	"time"
)

// GroupConfig says which group to join, and how.
type GroupConfig struct {
	// ID of the group. No other client may use it.
	ID string
	// Topics that the group shares out. Partitions with one number go to one member, across all topics.
	Topics []string
	// Session is how long the broker waits for a silent member before it gives its partitions away; default 10 s.
	// Brokers refuse less than 6 s by default. Heartbeat is a third of it at most; default 1 s.
	Session, Heartbeat time.Duration
	// Rebalance is how long members have to finish, release their generation and join again; default Session.
	Rebalance time.Duration
}

// Group is this process's membership of a group.
type Group struct{}

// JoinGroup starts to join. The first generation comes from Next.
func (c *Client) JoinGroup(cfg GroupConfig) (*Group, error) { return nil, errNotYet }

// Next waits for the next generation. The one before must be released first. Transient errors are repeated inside.
func (g *Group) Next(ctx context.Context) (*Generation, error) { return nil, errNotYet }

// Close ends the current generation, waits for its Release, for the rebalance time at most, and leaves the group.
func (g *Group) Close() {}

// Generation is one sharing-out of a group's partitions.
type Generation struct {
	// Group, ID and Member are what a commit is fenced by.
	Group  string
	ID     int32
	Member string
	// Assigned are this member's partitions, sorted by topic and number. May be empty.
	Assigned []TopicPartition
}

// Done is closed when the generation ends: a rebalance began, the broker lost sight of this member, or the group was closed.
// A commit in this generation still succeeds until the members have joined anew.
func (g *Generation) Done() <-chan struct{} { return nil }

// Release says that the owner makes no more commits in this generation. Only then does the member join the next one;
// without it, after the rebalance time. Calling it before Done leaves the generation. May be called more than once.
func (g *Generation) Release() {}

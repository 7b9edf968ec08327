package broker

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/homeostat/homeostat/internal/broker/embedded"
	"github.com/segmentio/kafka-go"
)

func members(had ...[]int32) []kafka.GroupMember {
	var list []kafka.GroupMember
	for i, n := range had {
		b := &stickyBalancer{}
		var tps []TopicPartition
		for _, p := range n {
			tps = append(tps, TopicPartition{"in", p})
		}
		b.own(int32(i), tps) // later members claim with later generations
		data, _ := b.UserData()
		list = append(list, kafka.GroupMember{ID: fmt.Sprintf("m%d", i), Topics: []string{"in"}, UserData: data})
	}
	return list
}

func TestSticky(t *testing.T) {
	for _, c := range []struct {
		name       string
		had        [][]int32
		partitions int
		want       string
	}{
		{"one member", [][]int32{{}}, 3, "[[0 1 2]]"},
		{"two new ones", [][]int32{{}, {}}, 5, "[[0 1 4] [2 3]]"},
		{"nothing changes", [][]int32{{1, 3}, {0, 2}}, 4, "[[1 3] [0 2]]"},
		{"a second one comes", [][]int32{{0, 1, 2, 3}, {}}, 4, "[[0 1] [2 3]]"},
		{"the larger share stays where it is", [][]int32{{0}, {1, 2}}, 3, "[[0] [1 2]]"},
		{"one has gone", [][]int32{{0, 1}, {4, 5}}, 6, "[[0 1 2] [3 4 5]]"},
		{"two claim one: the later wins", [][]int32{{0, 1}, {1, 2}}, 4, "[[0 3] [1 2]]"},
		{"claims of what is not there any more", [][]int32{{7, 8}, {0}}, 2, "[[1] [0]]"},
		{"more members than partitions", [][]int32{{}, {}, {0}}, 2, "[[1] [] [0]]"},
	} {
		var partitions []kafka.Partition
		for p := range c.partitions {
			partitions = append(partitions, kafka.Partition{Topic: "in", ID: p}, kafka.Partition{Topic: "beside", ID: p})
		}
		ms := members(c.had...)
		assigned := new(stickyBalancer).AssignGroups(ms, partitions)
		got := make([][]int, len(ms))
		for i, m := range ms {
			got[i] = assigned[m.ID]["in"]
			if !slices.Equal(got[i], assigned[m.ID]["beside"]) {
				t.Errorf("%s: %v and %v are torn apart", c.name, got[i], assigned[m.ID]["beside"])
			}
		}
		if fmt.Sprint(got) != c.want {
			t.Errorf("%s: %v, not %s", c.name, got, c.want)
		}
	}
}

// A member that waits for the others to join must not keep its process from ending.
func TestCloseWhileJoining(t *testing.T) {
	b, err := embedded.Start(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	r := &rig{t: t, bootstrap: b.Addr(), prefix: "join"}
	c := r.client()
	topic := r.topic(c, "in", 2)
	cfg := GroupConfig{ID: "g", Topics: []string{topic}, Heartbeat: 20 * time.Millisecond, Rebalance: time.Minute}
	there, err := c.JoinGroup(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	busy := next(r, there)
	joining, err := c.JoinGroup(cfg)
	if err != nil {
		t.Fatal(err)
	}
	<-busy.Done()
	start := time.Now()
	joining.Close()
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("closing took %v", d)
	}
	busy.Release()
}

// Without Release the member waits for the rebalance time and then goes on.
func TestForgottenRelease(t *testing.T) {
	b, err := embedded.Start(embedded.Options{MinSession: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	r := &rig{t: t, bootstrap: b.Addr(), prefix: "forgotten"}
	c := r.client()
	topic := r.topic(c, "in", 2)
	a, err := c.JoinGroup(GroupConfig{ID: "g", Topics: []string{topic}, Session: 3 * time.Second, Heartbeat: 20 * time.Millisecond, Rebalance: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	first := next(r, a)
	second, err := c.JoinGroup(GroupConfig{ID: "g", Topics: []string{topic}, Session: 3 * time.Second, Heartbeat: 20 * time.Millisecond, Rebalance: 3 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	<-first.Done()
	again := next(r, a)
	if again.ID <= first.ID {
		t.Errorf("generation %d after %d", again.ID, first.ID)
	}
	again.Release()
	a.Close()
	second.Close()
}

func TestGroupConfig(t *testing.T) {
	c, err := Open(Config{Bootstrap: []string{"127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, cfg := range []GroupConfig{
		{Topics: []string{"t"}},
		{ID: "g"},
		{ID: "g", Topics: []string{"t"}, Session: time.Second, Heartbeat: time.Second},
	} {
		if _, err := c.JoinGroup(cfg); err == nil {
			t.Errorf("%+v was accepted", cfg)
		}
	}
	g, err := c.JoinGroup(GroupConfig{ID: "g", Topics: []string{"t"}})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := g.Next(ctx); err == nil {
		t.Error("a generation without a broker")
	}
}

package broker_test

import (
	"fmt"
	"testing"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/internal/broker/embedded"
)

// TestSample takes the beginning, the middle and the end of partitions of all lengths.
func TestSample(t *testing.T) {
	b, err := embedded.Start(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	client, err := broker.Open(broker.Config{Bootstrap: []string{b.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	lengths := []int{0, 1, 4, 5, 9, 100}
	if err := client.EnsureTopics(t.Context(), []broker.Topic{{Name: "t", Partitions: len(lengths)}}); err != nil {
		t.Fatal(err)
	}
	var messages []broker.Message
	var partitions []broker.TopicPartition
	for p, n := range lengths {
		partitions = append(partitions, broker.TopicPartition{Topic: "t", Partition: int32(p)})
		for i := range n {
			messages = append(messages, broker.Message{Topic: "t", Partition: int32(p), Key: []byte("k"), Value: fmt.Appendf(nil, "%d/%d", p, i)})
		}
	}
	if err := client.Produce(t.Context(), messages); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		cfg  broker.SampleConfig
		want string
	}{
		{broker.SampleConfig{Places: []broker.Place{broker.Beginning, broker.Middle, broker.End}, Records: 3, Bytes: 1 << 20},
			"[1/0][2/0 2/1 2/2 2/3][3/0 3/1 3/2 3/3 3/4][4/0 4/1 4/2 4/3 4/4 4/5 4/6 4/7 4/8][5/0 5/1 5/2][5/48 5/49 5/50][5/97 5/98 5/99]"},
		{broker.SampleConfig{Places: []broker.Place{broker.Beginning}, Records: 2, Bytes: 1 << 20}, "[1/0][2/0 2/1][3/0 3/1][4/0 4/1][5/0 5/1]"},
		{broker.SampleConfig{Places: []broker.Place{broker.End}, Records: 50, Bytes: 7}, "[1/0][2/0 2/1 2/2][3/0 3/1 3/2][4/0 4/1 4/2][5/50 5/51]"},
	} {
		found, err := broker.Sample(t.Context(), client.Cluster(), partitions, c.cfg)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, s := range found {
			line := ""
			for _, r := range s.Records {
				if r.Partition != s.Partition || string(r.Key) != "k" {
					t.Errorf("%+v is in a stretch of %d", r, s.Partition)
				}
				line += " " + string(r.Value)
			}
			got += "[" + line[1:] + "]"
		}
		if got != c.want {
			t.Errorf("%+v:\n%s\nwant\n%s", c.cfg, got, c.want)
		}
	}
}

package embedded_test

import (
	"context"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/internal/broker/embedded"
	"github.com/homeostat/homeostat/pipeline"
)

// A broker with a folder has its records and positions after a restart.
func TestDirKeepsData(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	dir := t.TempDir()
	tp := broker.TopicPartition{Topic: "kept"}
	for round := range int64(3) {
		b, err := embedded.Start(embedded.Options{Dir: dir, SyncWrites: true})
		if err != nil {
			t.Fatal(err)
		}
		c, err := broker.Open(broker.Config{Bootstrap: []string{b.Addr()}})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.EnsureTopics(ctx, []broker.Topic{{Name: "kept", Partitions: 1}}); err != nil {
			t.Fatal(err)
		}
		bounds, err := c.Bounds(ctx, []broker.TopicPartition{tp})
		if err != nil {
			t.Fatal(err)
		}
		if end := bounds[tp].End; end != round {
			t.Errorf("round %d begins with %d records", round, end)
		}
		if err := c.Produce(ctx, []broker.Message{{Topic: "kept", Value: []byte("v")}}); err != nil {
			t.Fatal(err)
		}
		c.Close()
		b.Close()
	}
}

func TestPortTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := embedded.Start(embedded.Options{Port: n}); pipeline.Code(err) != "kafka.embedded.start" {
		t.Errorf("a taken port: %v", err)
	}
}

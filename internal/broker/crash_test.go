package broker

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/homeostat/homeostat/internal/broker/apachekafka"
)

// TestCrash kills the broker under a lane that commits without rest: each input's output must be there once, and the
// position must be the number of outputs.
func TestCrash(t *testing.T) {
	t.Parallel()
	b := apachekafka.Start(t)
	r := &rig{t: t, bootstrap: b.Addr(), apache: true, prefix: "crash"}
	c := r.client(func(cfg *Config) { cfg.RequestTimeout = 3 * time.Second })
	in, out := TopicPartition{r.topic(c, "in", 1), 0}, r.topic(c, "out", 1)
	tr := r.transactor(c, "crash", 5*time.Second)
	g, err := c.JoinGroup(GroupConfig{ID: r.name("group"), Topics: []string{in.Topic}, Session: 2 * time.Second, Heartbeat: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx := r.context()
	killed := make(chan error, 1)
	crash := func() {
		if err := b.Crash(); err != nil {
			killed <- err
			return
		}
		killed <- b.Restart()
	}
	var position int64
	var gen *Generation
	crashes, doubts, losses := 0, 0, 0
	resume := func() {
		t.Helper()
		if gen != nil {
			gen.Release()
		}
		if gen, err = g.Next(ctx); err != nil {
			t.Fatal(err)
		}
		got, err := c.Committed(ctx, gen.Group, []TopicPartition{in})
		if err != nil {
			t.Fatal(err)
		}
		position = max(got[in], 0)
	}
	resume()
	sinceCrash := 0
	for crashes < 2 || sinceCrash < 20 {
		if sinceCrash == 20 {
			crashes, sinceCrash = crashes+1, 0
			go crash()
		}
		select {
		case <-gen.Done():
			resume()
		default:
		}
		err := tr.Commit(ctx, []Message{{Topic: out, Value: fmt.Append(nil, position)}}, []Share{{Generation: gen, Offsets: map[TopicPartition]int64{in: position + 1}}})
		var lost *LostGroupError
		switch {
		case err == nil:
			position++
		case errors.Is(err, ErrDoubt):
			doubts++
			got, err := c.Committed(ctx, gen.Group, []TopicPartition{in})
			if err != nil {
				t.Fatal(err)
			}
			position = max(got[in], 0)
		case errors.As(err, &lost):
			losses++
			resume()
		default:
			t.Fatal(err)
		}
		select {
		case err := <-killed:
			if err != nil {
				t.Fatal(err)
			}
			sinceCrash = 1
		default:
			if sinceCrash > 0 || crashes == 0 {
				sinceCrash++
			}
		}
	}
	gen.Release()
	g.Close()
	t.Logf("%d outputs over %d crashes, %d doubts, %d lost generations", position, crashes, doubts, losses)
	for i, rec := range readAll(t, r, c, out, 0) {
		if string(rec.Value) != fmt.Sprint(i) {
			t.Fatalf("output %d is %q", i, rec.Value)
		}
		position--
	}
	if position != 0 {
		t.Errorf("%d outputs are missing", position)
	}
}

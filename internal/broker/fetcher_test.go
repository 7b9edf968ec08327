package broker

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/homeostat/homeostat/internal/broker/embedded"
)

// TestFetcherPaces: a partition rests once it was read to its end, and only then; those that have rested for half of their time go along.
func TestFetcherPaces(t *testing.T) {
	f := resting(t, FetchConfig{Pace: 20 * time.Millisecond})
	now, atEnd, behind := time.Now(), TopicPartition{"t", 0}, TopicPartition{"t", 1}
	for tp, stable := range map[TopicPartition]int64{atEnd: 5, behind: 9} {
		f.Assign(tp, 0)
		p := f.byName[tp]
		p.asked = true
		if !f.settle(wanted{fetched: p, round: p.round}, &Chunk{TopicPartition: tp, Next: 5, Stable: stable}, restFrom(now, 20*time.Millisecond)) {
			t.Fatalf("%v: the chunk was not wanted", tp)
		}
	}
	for _, at := range []struct {
		after, wait   time.Duration
		atEnd, behind bool
	}{{0, 20 * time.Millisecond, false, true}, {9 * time.Millisecond, 11 * time.Millisecond, false, true}, {10 * time.Millisecond, 0, true, true}} {
		if wait := f.start(now.Add(at.after)); wait != at.wait || f.byName[atEnd].asked != at.atEnd || f.byName[behind].asked != at.behind {
			t.Errorf("after %v: %v to rest, asked %v and %v", at.after, wait, f.byName[atEnd].asked, f.byName[behind].asked)
		}
	}
	f.Assign(atEnd, 0)
	if f.byName[atEnd].rest != (rest{}) {
		t.Error("a partition that was moved rests")
	}
}

// TestFetcherAsksHowLongToRest: those that gave records rest together, for the shortest time that one of them may; the others by the pace,
// so that their first record is not kept waiting; nobody after an answer without records.
func TestFetcherAsksHowLongToRest(t *testing.T) {
	const a, b, quiet = 0, 1, 2
	allowed := map[int32]time.Duration{a: 80 * time.Millisecond, b: 60 * time.Millisecond, quiet: time.Millisecond}
	f := resting(t, FetchConfig{Pace: 20 * time.Millisecond, Rest: func(tp TopicPartition) time.Duration { return allowed[tp.Partition] }})
	r := &fetch{}
	for p := range int32(3) {
		tp := TopicPartition{"t", p}
		f.Assign(tp, 0)
		r.partitions = append(r.partitions, wanted{fetched: f.byName[tp], round: 1})
	}
	began := time.Now()
	full, empty := f.rests(r, func(p wanted) bool { return p.Partition != quiet })
	took := time.Since(began)
	for name, rest := range map[string]struct {
		rest
		want time.Duration
	}{"with records": {full, 60 * time.Millisecond}, "without": {empty, 20 * time.Millisecond}} {
		if over := rest.over.Sub(began); over < rest.want || over > rest.want+took {
			t.Errorf("partitions %s rest %v, not %v", name, over, rest.want)
		}
		if early := rest.over.Sub(rest.early); early != rest.want/2 {
			t.Errorf("partitions %s go along %v before their time", name, early)
		}
	}
	if full, empty := f.rests(r, func(wanted) bool { return false }); full != (rest{}) || empty != (rest{}) {
		t.Error("partitions rest behind an answer without records")
	}
}

// resting makes a fetcher that asks nobody: its broker is not there.
func resting(t *testing.T, cfg FetchConfig) *Fetcher {
	t.Helper()
	c, err := Open(Config{Bootstrap: []string{"127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	f := c.NewFetcher(cfg)
	t.Cleanup(f.Close)
	return f
}

// BenchmarkFetch reads 8 partitions of 100,000 records of about 200 bytes over loopback, from KAFKA_BOOTSTRAP if it is
// set, otherwise from the embedded broker, which shares the processors with it.
func BenchmarkFetch(b *testing.B) {
	const partitions, each = 8, 100_000
	bootstrap := os.Getenv("KAFKA_BOOTSTRAP")
	if bootstrap == "" {
		e, err := embedded.Start(embedded.Options{})
		if err != nil {
			b.Fatal(err)
		}
		defer e.Close()
		bootstrap = e.Addr()
	}
	for _, name := range []string{"none", "lz4", "zstd"} {
		b.Run(name, func(b *testing.B) {
			c, err := Open(Config{Bootstrap: []string{bootstrap}, Compression: compressions[name]})
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			ctx := context.Background()
			topic := fmt.Sprintf("bench-%s-%d", name, os.Getpid())
			fill(b, c, topic, partitions, each)
			f := c.NewFetcher(FetchConfig{})
			defer f.Close()
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				for p := range int32(partitions) {
					f.Assign(TopicPartition{topic, p}, 0)
				}
				for left := partitions * each; left > 0; {
					chunks, err := f.Poll(ctx)
					if err != nil {
						b.Fatal(err)
					}
					for i := range chunks {
						left -= len(chunks[i].Records)
						chunks[i].Release()
					}
				}
				n += partitions * each
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/record")
		})
	}
}

func fill(b *testing.B, c *Client, topic string, partitions, each int) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	topics := []Topic{{Name: topic, Partitions: partitions}}
	if err := c.EnsureTopics(ctx, topics); err != nil {
		b.Fatal(err)
	}
	if bounds, err := c.Bounds(ctx, []TopicPartition{{topic, 0}}); err != nil || bounds[TopicPartition{topic, 0}].End > 0 {
		return
	}
	for at := 0; at < each; at += 1000 {
		var messages []Message
		for p := range partitions {
			for j := range 1000 {
				messages = append(messages, Message{Topic: topic, Partition: int32(p), Value: fmt.Appendf(nil, "cpu,host=web%03d,region=eu-west-1,service=checkout,az=b usage_user=%d.5,usage_system=%d.25,usage_idle=%d,usage_iowait=0.%d,usage_steal=0,usage_nice=0,n_users=%d %d", j%200, j%100, j%17, 100-j%100, j%10, j%7, 1_700_000_000_000_000_000+int64(j)*1_000_000)})
			}
		}
		if err := c.Produce(ctx, messages); err != nil {
			b.Fatal(err)
		}
	}
}

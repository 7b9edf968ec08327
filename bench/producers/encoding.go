package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/homeostat/homeostat/bench/stand"
)

// producer is one of the programs that write.
type producer struct {
	name string
	// get brings the program here, or finds it in the cache.
	get func(context.Context, *workshop) (tools, error)
	// write lets it write to topics that it opens by site.open, and ends it.
	write func(context.Context, *site) error
}

// tools is what there is of a producer.
type tools struct {
	version string
	// program, and what else it needs, by name.
	program string
	paths   map[string]string
	env     []string
}

// encoding is one topic: what a producer writes there, and in which form.
type encoding struct {
	name string // of the form, as the table has it
	// codec reads it, by its word in a pipeline.
	codec string
	// compression that the producer was told to use: none, gzip, snappy, lz4, zstd.
	compression string
	partitions  int32 // 1 if it is 0
	unkeyed     bool  // rows of an entity are in any partition
	// given is what the producer was fed; nil if it measures by itself.
	given *account
	// oracle reads what was written from the bytes, by a library that Homeostat doesn't use; its name is by.
	oracle func([]*kgo.Record) (*account, error)
	by     string

	producer, version string
	topic             string
	records           []*kgo.Record
}

// seenCompression lists how the batches in the topic are compressed.
func (e *encoding) seenCompression() []string {
	var all []string
	for _, r := range e.records {
		if name := [...]string{"none", "gzip", "snappy", "lz4", "zstd", "?", "?", "?"}[r.Attrs.CompressionType()&7]; !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

// load reads the topic's records.
func (e *encoding) load(ctx context.Context, c *stand.Cluster) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	partitions, err := c.Partitions(ctx, e.topic)
	if err != nil {
		return err
	}
	return c.Each(ctx, partitions, func(r *kgo.Record) { e.records = append(e.records, r) })
}

// written is what was written, known without Homeostat, and who says so.
func (e *encoding) written() (a *account, by string, err error) {
	if e.given != nil {
		return e.given, "given", nil
	}
	a, err = e.oracle(e.records)
	return a, e.by, err
}

// site is where a producer works.
type site struct {
	tools
	cluster   *stand.Cluster
	had       map[string]tools
	producer  string
	dir       string
	encodings []*encoding
}

// writeLimit bounds how long a producer may take to start, write and end.
const writeLimit = 2 * time.Minute

func (s *site) write(ctx context.Context, p producer) error {
	ctx, cancel := context.WithTimeoutCause(ctx, writeLimit, fmt.Errorf("it did not finish within %s, see the logs in %s", writeLimit, s.dir))
	defer cancel()
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	return p.write(ctx, s)
}

// open makes the topic of an encoding and returns its name.
func (s *site) open(ctx context.Context, e *encoding) (topic string, err error) {
	e.producer, e.version = s.producer, s.version
	e.topic = fmt.Sprintf("%s-%d", s.producer, len(s.encodings))
	e.partitions = max(e.partitions, 1)
	s.encodings = append(s.encodings, e)
	return e.topic, s.cluster.CreateTopic(ctx, e.topic, e.partitions, nil)
}

// await waits until a topic has so many records.
func (s *site) await(ctx context.Context, topic string, records int) error {
	for {
		partitions, err := s.cluster.Partitions(ctx, topic)
		var n int64
		if err == nil {
			var ends map[stand.Partition]int64
			ends, err = s.cluster.Ends(ctx, partitions, false)
			for _, end := range ends {
				n += end
			}
		}
		if err == nil && n >= int64(records) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("topic %s has %d records of at least %d that it was given: %w", topic, n, records, context.Cause(ctx))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// file writes a file in the site's folder and returns its path.
func (s *site) file(name, text string) (string, error) {
	path := filepath.Join(s.dir, name)
	return path, os.WriteFile(path, []byte(text), 0o644)
}

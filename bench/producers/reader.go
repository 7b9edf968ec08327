package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/homeostat/homeostat/bench/stand"
)

// reader has Homeostat read all topics: one pipeline over all of them, exactly once, to their ends.
type reader struct {
	program string
	dir     string
	cluster *stand.Cluster
}

// readLimit bounds how long the pipeline may take.
const readLimit = 3 * time.Minute

const windowsTopic = "producers.windows"

// read fills the report with what Homeostat made of the encodings' topics.
func (r *reader) read(ctx context.Context, to *report, all []*encoding) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readLimit, fmt.Errorf("homeostat did not finish within %s", readLimit))
	defer cancel()
	config := filepath.Join(r.dir, "pipeline.yaml")
	if err := os.WriteFile(config, r.pipeline(all), 0o644); err != nil {
		return err
	}
	said, err := command(ctx, r.dir, nil, r.program, "run", "--until-end", "-c", config)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(r.dir, "homeostat.log"), []byte(said), 0o644); err != nil {
		return err
	}
	ledger, err := r.ledger(ctx, config)
	if err != nil {
		return err
	}
	rows := 0
	for _, e := range all {
		want, by, err := e.written()
		if err != nil {
			to.fail("%s, %s: %s can't read what it wrote: %v", e.producer, e.name, e.by, err)
			continue
		}
		got, err := r.tap(ctx, e)
		if err != nil {
			return err
		}
		l := ledger[e.topic]
		if l == nil {
			l = newBooked()
		}
		got.lost, got.undecodable = l.lost, l.undecodable
		rows += l.rows
		to.add(e, by, want, got, l.rows)
	}
	return r.windows(ctx, to, rows)
}

// pipeline is the configuration.
func (r *reader) pipeline(all []*encoding) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `version: 1
name: producers
kafka: {bootstrap: [%q]}
scope:
  entity: ["{{.host.name}}", "{{.host}}", "{{.hostname}}", "{{.service.name}}"]
  system: producers
sources:
`, r.cluster.Addr())
	for _, e := range all {
		// Rows are not to be late, whatever times producers give them: what is asked here is what they say.
		fmt.Fprintf(&b, "  - {name: %s, topic: %s, codec: %s, keyed: %t, disorder: 168h, late: dead_letter, max_future_skew: 0s}\n", e.topic, e.topic, e.codec, !e.unkeyed)
	}
	fmt.Fprintf(&b, "detect:\n  - window: {size: 10s}\n  - export: {topic: %s}\nadmin: {listen: \"off\"}\nlog: {level: warn}\n", windowsTopic)
	return b.Bytes()
}

// booked is what the ledger says of a source.
type booked struct {
	rows        int // that went on
	lost        map[string]int
	undecodable int
}

func newBooked() *booked { return &booked{lost: map[string]int{}} }

// ledger reads the pipeline's account of each source, at the lanes that read it first.
func (r *reader) ledger(ctx context.Context, config string) (map[string]*booked, error) {
	text, err := command(ctx, r.dir, nil, r.program, "ledger", "--json", "-c", config)
	if err != nil {
		return nil, err
	}
	all := map[string]*booked{}
	for line := range strings.Lines(text) {
		var a struct {
			Source   string
			On, Held int
			Lost     map[string]int
		}
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			return nil, fmt.Errorf("homeostat ledger printed %q: %w", line, err)
		}
		if all[a.Source] == nil {
			all[a.Source] = newBooked()
		}
		s := all[a.Source]
		s.rows += a.On + a.Held
		for reason, n := range a.Lost {
			if reason == "undecodable" {
				s.undecodable += n
			} else if n > 0 {
				s.lost[reason] += n
			}
		}
	}
	return all, nil
}

// What tap prints of a point and of a line of logs.
var (
	tapRow  = regexp.MustCompile(`^  \S+ (?:[^{:\\]|\\.)*(?::(delta|cumulative|stream))?\{(.*)\} (.*)$`)
	tapLine = regexp.MustCompile(`^  \S+ (?:[^{:\\]|\\.)*:stream\{(.*?)\} (\d+) (.*)$`)
)

// tap has the rows of a topic printed, one by one.
func (r *reader) tap(ctx context.Context, e *encoding) (*account, error) {
	text, err := command(ctx, r.dir, nil, r.program, "tap", e.topic, "--codec", e.codec, "--bootstrap", r.cluster.Addr())
	if err != nil {
		return nil, err
	}
	return tapped(strings.NewReader(text))
}

// tapped takes apart what tap prints.
func tapped(text io.Reader) (*account, error) {
	a := newAccount()
	lines := bufio.NewScanner(text)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		line := lines.Text()
		if m := tapLine.FindStringSubmatch(line); m != nil {
			severity, err := strconv.Atoi(m[2])
			if err != nil {
				return nil, err
			}
			a.line(severity, m[3])
			continue
		}
		if m := tapRow.FindStringSubmatch(line); m != nil {
			v, err := strconv.ParseFloat(m[3], 64)
			if err != nil {
				return nil, fmt.Errorf("homeostat tap printed %q: %w", line, err)
			}
			series := m[1]
			if series == "" {
				series = gauge
			}
			a.add(series, v)
		}
	}
	return a, lines.Err()
}

// windows holds the pipeline's own output against the rows that it took: each is in one window, which is there once.
func (r *reader) windows(ctx context.Context, to *report, rows int) error {
	partitions, err := r.cluster.Partitions(ctx, windowsTopic)
	if err != nil {
		return err
	}
	windows, counted := 0, 0
	var failed error
	err = r.cluster.Each(ctx, partitions, func(rec *kgo.Record) {
		var w struct{ Count int }
		if err := json.Unmarshal(rec.Value, &w); err != nil {
			failed = fmt.Errorf("topic %s has %q: %w", windowsTopic, rec.Value, err)
		}
		windows++
		counted += w.Count
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return err
	}
	to.windows = windows
	if counted != rows {
		to.fail("the windows in %s count %d rows, and %d went into them", windowsTopic, counted, rows)
	}
	return nil
}

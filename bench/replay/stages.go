package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/homeostat/homeostat/bench/stand"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// message is what `homeostat replay` prints, a line each.
type message struct {
	Lane      string
	Topic     string
	Partition int32
	Key       *string
	Headers   [][2]string
	Value     []byte
}

// print is a hash of all that a message says, in the order of its headers, but for the number of its process.
type print [sha256.Size]byte

func printOf(key *string, headers [][2]string, value []byte) (p print) {
	d := sha256.New()
	if key != nil {
		fmt.Fprintf(d, "%q", *key)
	}
	for _, h := range headers {
		if h[0] != schemas.HeaderSequence {
			fmt.Fprintf(d, "\n%q=%q", h[0], h[1])
		}
	}
	d.Write([]byte("\n\n"))
	d.Write(value)
	copy(p[:], d.Sum(nil))
	return p
}

func headersOf(r *kgo.Record) [][2]string {
	out := make([][2]string, len(r.Headers))
	for i, h := range r.Headers {
		out[i] = [2]string{h.Key, string(h.Value)}
	}
	return out
}

// name tells a message to people.
func name(topic string, headers [][2]string) string {
	of := map[string]string{}
	for _, h := range headers {
		of[h[0]] = h[1]
	}
	if lane, ok := of[schemas.HeaderLane]; ok {
		return fmt.Sprintf("%s: time %q of lane %s", topic, of[schemas.HeaderWatermark], lane)
	}
	return fmt.Sprintf("%s: %s %s %s at %s", topic, of[schemas.HeaderType], of[schemas.HeaderSource], of[schemas.HeaderID], of[schemas.HeaderTime])
}

// stageResult is what a replay of a stage came to.
type stageResult struct {
	input, deployment, stage  string
	messages, missing, wrongs int
	rows                      int64
	examples                  []string
}

func (s *stageResult) bad() int { return s.missing + s.wrongs }

func (s *stageResult) show(text string) {
	if len(s.examples) < 5 {
		s.examples = append(s.examples, text)
	}
}

// place is where a message lies that a stage wrote.
type place struct {
	at     stand.Partition
	offset int64
}

// written is what lies in the topics that the stages write, to be found by what it says.
type written struct {
	pipeline string
	places   map[string]map[print][]place // by topic; what a replay has found is taken away
	names    map[string]map[print]string
	rows     rows
}

// replay replays the stages of a trial and holds what they give against what is in the topics: each message at its partition,
// those of a lane in their order, and none in the topics that no stage gives.
func (s *settings) replay(ctx context.Context, r *report, t *trial) error {
	w := &written{pipeline: t.pipeline, places: map[string]map[print][]place{}, names: map[string]map[print]string{}, rows: rows{}}
	topics := append(t.outputTopics(), t.pipeline+".columns")
	partitions, err := t.cluster.Partitions(ctx, topics...)
	if err != nil {
		return err
	}
	var failed error
	err = t.cluster.Each(ctx, partitions, func(r *kgo.Record) {
		if err := w.add(r); err != nil {
			failed = fmt.Errorf("%s/%d@%d: %w", r.Topic, r.Partition, r.Offset, err)
		}
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return err
	}
	for i, stage := range t.replayed {
		out, err := s.command(ctx, t.dir, "replay-"+stage, "replay", "-c", t.config, "--stage", stage)
		if err != nil {
			return err
		}
		res := &stageResult{input: t.input.name, deployment: t.name, stage: stage}
		if err := w.compare(bytes.NewReader(out), res); err != nil {
			return err
		}
		if stage == "ingest" {
			w.rows.judge(res)
		}
		if i == len(t.replayed)-1 {
			w.left(res)
		}
		r.stages = append(r.stages, res)
	}
	return nil
}

// add takes in a record of the topics that stages write.
func (w *written) add(r *kgo.Record) error {
	hs := headersOf(r)
	if kind, ok := kindOf(hs); ok && r.Topic == w.pipeline+".columns" {
		return w.rows.add(kind, r.Partition, r.Value, -1)
	}
	var key *string
	if r.Key != nil {
		k := string(r.Key)
		key = &k
	}
	if w.places[r.Topic] == nil {
		w.places[r.Topic], w.names[r.Topic] = map[print][]place{}, map[print]string{}
	}
	p := printOf(key, hs, r.Value)
	w.places[r.Topic][p] = append(w.places[r.Topic][p], place{stand.Partition{Topic: r.Topic, N: r.Partition}, r.Offset})
	w.names[r.Topic][p] = name(r.Topic, hs)
	return nil
}

func kindOf(headers [][2]string) (pipeline.Kind, bool) {
	for _, h := range headers {
		switch {
		case h[0] == schemas.HeaderKind && h[1] == pipeline.Logs.String():
			return pipeline.Logs, true
		case h[0] == schemas.HeaderKind:
			return pipeline.Points, true
		}
	}
	return pipeline.Points, false
}

// compare holds what a replay printed against what was written.
func (w *written) compare(in io.Reader, res *stageResult) error {
	type where struct {
		lane string
		at   stand.Partition
	}
	last := map[where]int64{}
	lines := json.NewDecoder(bufio.NewReader(in))
	for {
		var m message
		if err := lines.Decode(&m); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("a line of homeostat replay: %w", err)
		}
		if kind, ok := kindOf(m.Headers); ok && m.Topic == w.pipeline+".columns" {
			if err := w.rows.add(kind, m.Partition, m.Value, 1); err != nil {
				return err
			}
			continue
		}
		res.messages++
		p := printOf(m.Key, m.Headers, m.Value)
		found := w.places[m.Topic][p]
		i := slices.IndexFunc(found, func(f place) bool { return m.Partition < 0 || f.at.N == m.Partition })
		if i < 0 {
			res.wrongs++
			res.show("lane " + m.Lane + " gives what was not written: " + name(m.Topic, m.Headers))
			continue
		}
		f := found[i]
		w.places[m.Topic][p] = slices.Delete(found, i, i+1)
		if before, ok := last[where{m.Lane, f.at}]; ok && m.Partition >= 0 && f.offset < before {
			res.wrongs++
			res.show(fmt.Sprintf("lane %s gives in another order than it was written: %s, which is at %s@%d, after %d", m.Lane, name(m.Topic, m.Headers), f.at, f.offset, before))
		}
		last[where{m.Lane, f.at}] = f.offset
	}
}

// left counts what no replay gave.
func (w *written) left(res *stageResult) {
	for topic, places := range w.places {
		for p, list := range places {
			for _, at := range list {
				res.missing++
				res.show(fmt.Sprintf("no replay gives %s, which was written at %s@%d", w.names[topic][p], at.at, at.offset))
			}
		}
	}
}

// rows counts the rows of the columns topic by partition and all that they say: those that a replay gives less those that were
// written. In which portions they lie follows from when was committed.
type rows map[string]int

func (r rows) add(kind pipeline.Kind, partition int32, value []byte, n int) error {
	table := pipeline.NewSeriesTable(nil, math.MaxInt32)
	b, _, err := schemas.NewRowsReader(table).Read(kind, value)
	if err != nil {
		return err
	}
	defer b.Release()
	series := b.Record.Column(0).(*array.Uint32)
	for i := range b.Rows() {
		s := table.At(series.Value(i))
		text := fmt.Sprintf("%d %s %s %s %s %s %s", partition, kind, s.Key(), s.Unit, s.Entity, s.System, s.Domain)
		for c := 1; c < int(b.Record.NumCols()); c++ {
			text += " " + b.Record.Column(c).ValueStr(i)
		}
		r[text] += n
		if n < 0 {
			r[total]++
		}
	}
	return nil
}

// total is the entry of rows that counts all that were written.
const total = "total"

// judge says whether the rows that were written are those that were given.
func (r rows) judge(res *stageResult) {
	res.rows = int64(r[total])
	for text, n := range r {
		switch {
		case text == total || n == 0:
		case n < 0:
			res.missing -= n
			res.show("no replay gives the row " + text)
		default:
			res.wrongs += n
			res.show("the replay gives a row that was not written: " + text)
		}
	}
}

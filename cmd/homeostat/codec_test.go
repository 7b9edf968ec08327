package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/internal/broker/embedded"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/config"
	"github.com/homeostat/homeostat/pipeline/engine"
	"github.com/homeostat/homeostat/schemas/codec/sniff"
)

func TestAutoIsOneWord(t *testing.T) {
	if config.Auto != sniff.Auto {
		t.Errorf("%s and %s", config.Auto, sniff.Auto)
	}
}

// station is an embedded broker with a client.
type station struct {
	*testing.T
	addr   string
	client *broker.Client
}

func newStation(t *testing.T) *station {
	t.Helper()
	b, err := embedded.Start(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	client, err := broker.Open(broker.Config{Bootstrap: []string{b.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &station{t, b.Addr(), client}
}

func (s *station) topic(name string, partitions int) {
	s.Helper()
	if err := s.client.EnsureTopics(s.Context(), []broker.Topic{{Name: name, Partitions: partitions}}); err != nil {
		s.Fatal(err)
	}
}

func (s *station) write(messages ...broker.Message) {
	s.Helper()
	if err := s.client.Produce(s.Context(), messages); err != nil {
		s.Fatal(err)
	}
}

// lines writes n lines to a topic, one a second of event time.
func (s *station) lines(topic, pattern string, from, n int) {
	s.Helper()
	var messages []broker.Message
	for i := from; i < from+n; i++ {
		at := time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Second)
		messages = append(messages, broker.Message{Topic: topic, Value: []byte(strings.ReplaceAll(strings.ReplaceAll(pattern, "$time", at.Format(time.RFC3339)), "$i", fmt.Sprint(i))), Time: at})
	}
	s.write(messages...)
}

func (s *station) file(name, text string) string {
	s.Helper()
	file := filepath.Join(s.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		s.Fatal(err)
	}
	return file
}

const jsonLine = `{"time":"$time","level":"info","host":"web-1","message":"request $i done"}`

func (s *station) auto(more string) string {
	return s.file("auto.yaml", `
version: 1
name: auto
kafka: {bootstrap: "`+s.addr+`"}
sources:
  - {name: logs, topic: app.logs, codec: auto, late: drop}
detect:
  - window: {size: 10s}
  - errorlogs
admin: {listen: "off"}
log: {level: warn}
`+more)
}

// TestAutoWaitsPinsAndKeeps runs a pipeline on a topic that is empty, that is filled, and whose producer then changes its format.
func TestAutoWaitsPinsAndKeeps(t *testing.T) {
	for name, state := range map[string]string{"topic": "", "directory": "state: {directory: " + filepath.Join(t.TempDir(), "state") + "}\n"} {
		t.Run(name, func(t *testing.T) {
			s := newStation(t)
			s.topic("app.logs", 2)
			file := s.auto(state)
			if out := mustRun(t, "explain", file); !strings.Contains(out, "not pinned yet: the first run finds it out and keeps it") {
				t.Errorf("before the first run explain says\n%s", out)
			}
			s.waitsForRecords(file)

			seen := "40 of 40 records understood, 40 log records of 1 series; no other codec understands any"
			if out := mustRun(t, "explain", file); !strings.Contains(out, "codec json_logs") || !strings.Contains(out, "found by codec: auto, pinned 20") || !strings.Contains(out, "seen: "+seen) {
				t.Errorf("explain says\n%s", out)
			}
			if out := mustRun(t, "state", "codec", "-c", file); !strings.Contains(out, "json_logs") || !strings.Contains(out, seen) {
				t.Errorf("state codec says\n%s", out)
			}
			if out := mustRun(t, "state", "codec", "-c", file, "logs"); !strings.Contains(out, `"codec": "json_logs"`) {
				t.Errorf("state codec logs says\n%s", out)
			}

			s.lines("app.logs", "$time web-1 app[7]: request $i done", 40, 60)
			mustRun(t, "run", "--until-end", "-c", file)
			if out := mustRun(t, "ledger", "-c", file); !strings.Contains(out, "undecodable 60") {
				t.Errorf("lines of another format are no dead letters of the codec that was found:\n%s", out)
			}

			mustRun(t, "state", "codec", "-c", file, "logs", "--forget")
			if _, err := run(t, "state", "codec", "-c", file, "logs"); pipeline.Code(err) != "state.codec.none" {
				t.Error(err)
			}
			if _, err := run(t, "run", "--until-end", "-c", file); pipeline.Code(err) != "sniff.mixed" || !strings.Contains(err.Error(), "syslog 60 of 100, json_logs 40 of 100") {
				t.Error(err)
			}
			if out := mustRun(t, "state", "codec", "-c", file); !strings.Contains(out, "not pinned yet") {
				t.Errorf("state codec says\n%s", out)
			}
		})
	}
}

// waitsForRecords runs the pipeline on its empty topic, and then writes to it.
func (s *station) waitsForRecords(file string) {
	s.Helper()
	_, p, err := load(file)
	if err != nil {
		s.Fatal(err)
	}
	ctx, cancel := context.WithCancel(s.Context())
	defer cancel()
	runner, err := engine.NewRunner(ctx, p, engine.RunOptions{Options: engine.Options{NewOutput: newOutput(p), Logger: slog.New(slog.NewTextHandler(s.Output(), nil))}, Cluster: s.client.Cluster()})
	if err != nil {
		s.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- runner.Run(ctx) }()
	s.until("the pipeline is ready although there are no records", func() bool { return runner.Ready() == nil && runner.Live() == nil })
	s.lines("app.logs", jsonLine, 0, 40)
	s.until("the codec is pinned", func() bool {
		out, err := run(s.T, "state", "codec", "-c", file)
		return err == nil && strings.Contains(out, "json_logs")
	})
	s.until("lanes are live", func() bool { return runner.Ready() == nil && runner.Live() == nil })
	cancel()
	if err := <-ended; err != nil {
		s.Error(err)
	}
	if err := runner.Close(); err != nil {
		s.Error(err)
	}
}

func (s *station) until(what string, holds func() bool) {
	s.Helper()
	for start := time.Now(); !holds(); {
		if time.Since(start) > time.Minute {
			s.Fatal("waited a minute until " + what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestAutoIsLimitedToItsCandidates(t *testing.T) {
	s := newStation(t)
	s.topic("app.logs", 1)
	s.lines("app.logs", jsonLine, 0, 30)
	text := func(codec string) string {
		b, err := os.ReadFile(s.auto(""))
		if err != nil {
			t.Fatal(err)
		}
		return s.file("c.yaml", strings.Replace(string(b), "codec: auto", "codec: "+codec, 1))
	}
	if _, err := run(t, "run", "--until-end", "-c", text("{auto: {candidates: [otlp_logs, syslog]}}")); pipeline.Code(err) != "sniff.unknown" {
		t.Error(err)
	}
	if out, err := run(t, "validate", text("{auto: {candidates: [avro]}}")); err == nil || !strings.Contains(out, "sniff.candidate") {
		t.Error(out, err)
	}
	mustRun(t, "run", "--until-end", "-c", text("auto"))
	if _, err := run(t, "run", "--until-end", "-c", text("{auto: {candidates: [syslog]}}")); pipeline.Code(err) != "codec.auto.candidates" {
		t.Error(err)
	}
	// A codec that a person writes counts, whatever was found.
	if out := mustRun(t, "state", "codec", "-c", text("text")); !strings.Contains(out, "not used, the configuration says text") {
		t.Errorf("state codec says\n%s", out)
	}
	mustRun(t, "replay", "--stage", "detect", "-c", text("auto"))
	mustRun(t, "state", "codec", "-c", text("auto"), "logs", "--forget")
	if _, err := run(t, "replay", "--stage", "detect", "-c", text("auto")); pipeline.Code(err) != "engine.replay.codec" {
		t.Error(err)
	}
	_, p, err := load(text("auto"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := engine.NewLocal(t.Context(), p, false, engine.Options{NewOutput: newOutput(p)}); pipeline.Code(err) != "local.codec.auto" {
		t.Error(err)
	}
	if out, err := run(t, "backtest", "-c", text("auto"), "--input", t.TempDir(), "--out", t.TempDir()); err == nil {
		t.Error(out)
	}
}

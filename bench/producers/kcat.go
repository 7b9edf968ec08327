package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
)

// kcat writes lines from its standard input, here from a file.
var kcat = producer{name: "kcat", get: getKcat, write: writeKcat}

func getKcat(ctx context.Context, w *workshop) (tools, error) {
	root, env, err := w.debian(ctx, "kcat")
	if err != nil {
		return tools{}, err
	}
	t := tools{program: filepath.Join(root, "usr/bin/kcat"), env: env}
	return t, t.versionOf(ctx, `Version (\S+)`, "-V")
}

// kcatLines is how many lines each topic gets.
const kcatLines = 300

func writeKcat(ctx context.Context, s *site) error {
	plain, text := newAccount(), ""
	for i := range kcatLines {
		body := fmt.Sprintf("worker %d took %d ms", i%7, i)
		if i%10 == 9 {
			line := fmt.Sprintf("2026-11-28T10:00:%02dZ ERROR %s", i%60, body)
			plain.line(17, line)
			text += line + "\n"
			continue
		}
		plain.line(0, body)
		text += body + "\n"
	}
	if err := s.kcat(ctx, &encoding{name: "lines", codec: "text", compression: "none", given: plain}, text); err != nil {
		return err
	}
	logs, text := jsonLines(func(i int) string { return "" })
	if err := s.kcat(ctx, &encoding{name: "JSON lines", codec: "json_logs", compression: "lz4", given: logs}, text, "-z", "lz4"); err != nil {
		return err
	}
	logs, text = jsonLines(func(i int) string { return fmt.Sprintf("host-%d\t", i%5) })
	keyed := &encoding{name: "JSON lines, keys, headers", codec: "json_logs", compression: "zstd", partitions: 3, given: logs}
	if err := s.kcat(ctx, keyed, text, "-z", "zstd", "-K", `\t`, "-H", "source=kcat", "-H", "trace=1"); err != nil {
		return err
	}
	// A null value is nothing that a codec can read: it is a dead letter, and the lines around it are read.
	logs, text = jsonLines(func(i int) string { return fmt.Sprintf("host-%d\t", i%5) })
	for i := range 4 {
		text += fmt.Sprintf("host-%d\t\n", i)
		logs.undecodable++
	}
	null := &encoding{name: "JSON lines, null values", codec: "json_logs", compression: "gzip", given: logs}
	return s.kcat(ctx, null, text, "-z", "gzip", "-K", `\t`, "-Z")
}

// jsonLines are lines of logs in JSON, each behind what before gives.
func jsonLines(before func(int) string) (*account, string) {
	a, text := newAccount(), strings.Builder{}
	levels := [...]struct {
		word   string
		number int
	}{{"debug", 5}, {"info", 9}, {"warn", 13}, {"error", 17}, {"fatal", 21}}
	for i := range kcatLines {
		l := levels[i%len(levels)]
		body := fmt.Sprintf("order %d of customer %d is paid", i, i%17)
		fmt.Fprintf(&text, "%s{\"time\":\"2026-11-28T10:00:%02d.%03dZ\",\"level\":%q,\"host\":\"host-%d\",\"msg\":%q}\n", before(i), i%60, i, l.word, i%5, body)
		a.line(l.number, body)
	}
	return a, text.String()
}

// kcat writes a text to the topic of an encoding, a record a line.
func (s *site) kcat(ctx context.Context, e *encoding, text string, args ...string) error {
	topic, err := s.open(ctx, e)
	if err != nil {
		return err
	}
	input, err := s.file(topic+".txt", text)
	if err != nil {
		return err
	}
	p, err := s.launch(topic, s.had["kcat"], append([]string{"-P", "-b", s.cluster.Addr(), "-t", topic, "-l", input}, args...)...)
	if err != nil {
		return err
	}
	return p.wait(ctx)
}

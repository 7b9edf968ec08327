package file_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
	"github.com/homeostat/homeostat/sinks/file"
)

func event(typ string, n int) schemas.Event {
	return schemas.Event{ID: fmt.Sprint("id", n), Source: "/homeostat/p/c", Type: typ, Time: int64(n) * 1e9, System: "prod/shop",
		Key: "prod/shop", Content: schemas.ContentJSON, Epoch: schemas.NoEpoch, Data: []byte(fmt.Sprintf(`{"n":%d}`, n))}
}

func write(t *testing.T, s pipeline.Sink, events ...schemas.Event) {
	t.Helper()
	b := schemas.NewEvents(memory.DefaultAllocator, events)
	defer b.Release()
	if err := s.Write(context.Background(), b); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, cfg file.Config) *file.Sink {
	t.Helper()
	s, err := file.NewSink(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Open(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// content returns the files of a directory by name.
func content(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, e := range entries {
		raw, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out[e.Name()] = string(raw)
	}
	return out
}

func line(e schemas.Event) string { return string(schemas.AppendJSON(nil, e)) + "\n" }

func want(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	got := content(t, dir)
	for name, text := range files {
		if got[name] != text {
			t.Errorf("%s holds\n%s\nwant\n%s", name, got[name], text)
		}
	}
	for name := range got {
		if _, ok := files[name]; !ok {
			t.Errorf("file %s should not be there", name)
		}
	}
}

func TestOneFileAType(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "out")
	s := open(t, file.Config{Dir: dir})
	f1, i1, f2 := event(schemas.TypeFinding, 1), event(schemas.TypeIncidentOpened, 2), event(schemas.TypeFinding, 3)
	foreign := event("../../etc/passwd", 4)
	write(t, s, f1, i1)
	write(t, s, f2, foreign)
	if err := s.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	want(t, dir, map[string]string{
		"finding.v1.jsonl": line(f1) + line(f2), "incident.opened.v1.jsonl": line(i1), file.Other: line(foreign)})
}

func TestTypesChoose(t *testing.T) {
	dir := t.TempDir()
	s := open(t, file.Config{Dir: dir, Types: []string{"incident.*", "result.v1"}})
	opened, closed, result := event(schemas.TypeIncidentOpened, 1), event(schemas.TypeIncidentClosed, 2), event(schemas.TypeResult, 3)
	write(t, s, event(schemas.TypeFinding, 0), opened, closed, result)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	want(t, dir, map[string]string{"incident.opened.v1.jsonl": line(opened), "incident.closed.v1.jsonl": line(closed), "result.v1.jsonl": line(result)})
}

func TestAppendGoesOn(t *testing.T) {
	dir := t.TempDir()
	a, b := event(schemas.TypeFinding, 1), event(schemas.TypeFinding, 2)
	for _, e := range []schemas.Event{a, b} {
		s := open(t, file.Config{Dir: dir})
		write(t, s, e)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	want(t, dir, map[string]string{"finding.v1.jsonl": line(a) + line(b)})
}

func TestTruncateRemovesWhatAnEarlierRunLeft(t *testing.T) {
	dir := t.TempDir()
	old := open(t, file.Config{Dir: dir})
	write(t, old, event(schemas.TypeFinding, 1), event(schemas.TypeIncidentOpened, 2), event("foreign", 3))
	old.Close()
	if err := os.WriteFile(filepath.Join(dir, "summary.json"), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := open(t, file.Config{Dir: dir, Truncate: true})
	f := event(schemas.TypeFinding, 9)
	write(t, s, f)
	s.Close()
	want(t, dir, map[string]string{"finding.v1.jsonl": line(f), "summary.json": "{}"})
}

// A crash can leave half a line; what follows must not be glued to it.
func TestTornLineIsCut(t *testing.T) {
	for _, torn := range []string{`{"specversion":"1.0","id":"x`, strings.Repeat("x", 200<<10)} {
		dir := t.TempDir()
		a, b := event(schemas.TypeFinding, 1), event(schemas.TypeFinding, 2)
		if err := os.WriteFile(filepath.Join(dir, "finding.v1.jsonl"), []byte(line(a)+torn), 0o644); err != nil {
			t.Fatal(err)
		}
		s := open(t, file.Config{Dir: dir})
		write(t, s, b)
		s.Close()
		want(t, dir, map[string]string{"finding.v1.jsonl": line(a) + line(b)})
	}
}

func TestMemoryIsBounded(t *testing.T) {
	dir := t.TempDir()
	s := open(t, file.Config{Dir: dir})
	var all strings.Builder
	for n := range 100 {
		e := event(schemas.TypeFinding, n)
		e.Data = []byte(`"` + strings.Repeat("x", 64<<10) + `"`)
		write(t, s, e)
		all.WriteString(line(e))
	}
	if written := len(content(t, dir)["finding.v1.jsonl"]); written < all.Len()/2 {
		t.Errorf("%d of %d bytes went to the file before Flush: the sink holds too much", written, all.Len())
	}
	s.Close()
	want(t, dir, map[string]string{"finding.v1.jsonl": all.String()})
}

// A write that fails leaves nothing of its batch, and the next one that works goes on where the last whole line ends.
func TestFailedSpillCanBeRepeated(t *testing.T) {
	dir := t.TempDir()
	s := open(t, file.Config{Dir: dir})
	blocked := filepath.Join(dir, "finding.v1.jsonl")
	if err := os.Mkdir(blocked, 0o755); err != nil {
		t.Fatal(err)
	}
	f := event(schemas.TypeFinding, 1)
	write(t, s, f)
	if err := s.Flush(context.Background()); pipeline.Code(err) != "file.open" {
		t.Fatalf("flush into a directory: %v", err)
	}
	if err := os.Remove(blocked); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	want(t, dir, map[string]string{"finding.v1.jsonl": line(f)})
}

func TestSettings(t *testing.T) {
	reg := pipeline.NewRegistry()
	file.Register(reg)
	entry, _ := reg.Sink("file")
	dir := t.TempDir()
	s, err := entry.New(pipeline.Settings{"dir": dir, "types": []any{"finding.*"}, "mode": "truncate"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "finding.v1.jsonl"), []byte("old\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.Open(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	s.Close()
	want(t, dir, map[string]string{})
	for _, c := range []struct {
		settings pipeline.Settings
		code     string
	}{
		{pipeline.Settings{"mode": "append"}, "file.dir.missing"},
		{pipeline.Settings{"dir": dir, "types": []any{"[a"}}, "file.types.pattern"},
	} {
		if _, err := entry.New(c.settings); pipeline.Code(err) != c.code {
			t.Errorf("%v: error %v, want code %s", c.settings, err, c.code)
		}
	}
}

func TestEqualEventsMakeEqualFiles(t *testing.T) {
	var first map[string]string
	for range 2 {
		dir := t.TempDir()
		s := open(t, file.Config{Dir: dir})
		for n := range 50 {
			write(t, s, event(schemas.Types()[n%len(schemas.Types())], n))
		}
		s.Close()
		got := content(t, dir)
		if first == nil {
			first = got
			continue
		}
		want(t, dir, first)
	}
	if len(first) != len(schemas.Types()) {
		t.Errorf("%d files for %d types", len(first), len(schemas.Types()))
	}
	for name, text := range first {
		if bytes.Count([]byte(text), []byte("\n")) == 0 {
			t.Errorf("%s has no line", name)
		}
	}
}

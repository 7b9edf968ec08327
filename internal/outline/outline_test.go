package outline

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
)

const guide = "../../docs/guides/write-a-detector.md"

// The guide shows the files as they are laid.
func TestGuideShowsTheFiles(t *testing.T) {
	text, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	var shown strings.Builder
	for _, block := range strings.Split(string(text), "```go\n")[1:] {
		code, _, _ := strings.Cut(block, "```")
		shown.WriteString(code)
	}
	files, err := Detector("record")
	if err != nil {
		t.Fatal(err)
	}
	plain := func(s string) string { return strings.ReplaceAll(s, "\n", "") }
	if got, want := plain(shown.String()), plain(files[0].Content+files[1].Content); got != want {
		i := 0
		for i < min(len(got), len(want)) && got[i] == want[i] {
			i++
		}
		t.Errorf("the guide differs from the files at …%s…", want[max(0, i-60):min(len(want), i+60)])
	}
}

// What is laid compiles, is formatted, and passes its own tests, of which the conformance kit is one.
func TestLaidDetectorWorks(t *testing.T) {
	files, err := Detector("laid")
	if err != nil {
		t.Fatal(err)
	}
	top, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir, replace := t.TempDir(), map[string]string{}
	for _, f := range files {
		path := filepath.Join(dir, filepath.Base(f.Path))
		if err := os.WriteFile(path, []byte(f.Content), 0o644); err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(top, f.Path)] = path
		if out, err := exec.Command("gofmt", "-l", path).Output(); err != nil || len(out) > 0 {
			t.Errorf("%s is not formatted: %v", f.Path, err)
		}
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o644); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "laid.test")
	build := exec.Command("go", "test", "-c", "-o", binary, "-tags", "assert", "-vet=off", "-overlay", list, "./operators/detect/laid")
	build.Dir = top
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	run := exec.Command(binary, "-test.bench", "Quiet", "-test.benchtime", "1x")
	run.Dir = dir
	if out, err := run.CombinedOutput(); err != nil || !strings.Contains(string(out), "ns/value") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestNames(t *testing.T) {
	for _, name := range []string{"", "Drift", "my-drift", "func", "drifttest", "1st", "../x"} {
		if _, err := Detector(name); pipeline.Code(err) != "new.name" {
			t.Errorf("%q: %v", name, err)
		}
	}
}

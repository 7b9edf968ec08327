package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// yamlBlocks are the blocks of YAML in a page.
var yamlBlocks = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// TestPipelinesOfGuidesAreValid: what a guide shows as a whole pipeline can be run as it stands.
func TestPipelinesOfGuidesAreValid(t *testing.T) {
	pages, err := filepath.Glob("../../docs/guides/*.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range yamlBlocks.FindAllStringSubmatch(string(text), -1) {
			if !strings.HasPrefix(block[1], "version:") {
				continue // a part of one
			}
			found++
			file := filepath.Join(t.TempDir(), "guide.yaml")
			if err := os.WriteFile(file, []byte(block[1]), 0o600); err != nil {
				t.Fatal(err)
			}
			mustRun(t, "validate", file)
			if out := mustRun(t, "explain", file); strings.HasSuffix(page, "several-series.md") && !strings.Contains(out, "by system, since cohort") {
				t.Errorf("%s: explain says\n%s", page, out)
			}
		}
	}
	if found == 0 {
		t.Error("no guide has a whole pipeline")
	}
}

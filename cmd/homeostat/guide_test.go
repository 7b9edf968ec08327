package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
)

// TestGuideKnowsAllDetectors: who looks for a detector finds each of them in the guide.
func TestGuideKnowsAllDetectors(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "guides", "detectors.md"))
	if err != nil {
		t.Fatal(err)
	}
	registry := newRegistry()
	detectors := 0
	for _, name := range registry.Operators(pipeline.Detect) {
		if e, _ := registry.Operator(name); e.NewDetector == nil {
			continue
		}
		if detectors++; !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("docs/guides/detectors.md does not tell of %s", name)
		}
	}
	if detectors < 11 {
		t.Errorf("the registry has %d detectors", detectors)
	}
}

package golden

import (
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

var (
	update = flag.Bool("update", false, "rewrite what the scripts expect")
	only   = flag.String("script", "", "run the scripts whose name contains this")
	thin   = flag.Bool("thin", thinByDefault, "run few variants of each script")
)

func TestMain(m *testing.M) {
	debug.SetGCPercent(600) // what a run leaves is small
	goleak.VerifyTestMain(m)
}

// one lets a single goroutine run at a time, so that a run depends on its seed alone.
func one(t *testing.T) {
	before := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

var straight = variant{name: "straight", seed: 1, many: 1}

// variants are the ways in which all scripts are run besides straight.
var variants = []variant{
	{name: "crash everywhere, two instances", seed: 12, many: 2, borders: true, records: true},
	{name: "crash at each statement", seed: 2, many: 1, borders: true},
	{name: "crash in each load, two instances", seed: 3, many: 2, records: true},
	{name: "four instances", seed: 4, many: 4},
	{name: "one record at once", seed: 5, many: 1, batch: 1},
	{name: "backlog, whole batches", seed: 6, many: 1, batch: whole, backlog: true},
	{name: "crash everywhere", seed: 7, many: 1, borders: true, records: true},
	{name: "two instances, crash at each statement", seed: 8, many: 2, borders: true, batch: 1},
	{name: "crash in each load", seed: 9, many: 1, records: true},
	{name: "crash in each load, again", seed: 10, many: 1, records: true},
	{name: "whole batches", seed: 11, many: 2, batch: whole},
}

// spread are the ways in which scripts are run again whose producers may as well not key.
var spread = []variant{
	{name: "repartitioned, crash in each load, two instances", seed: 23, many: 2, repartition: 3, records: true},
	{name: "repartitioned", seed: 20, many: 1, repartition: 3},
	{name: "repartitioned, two instances", seed: 21, many: 2, repartition: 3},
	{name: "repartitioned, crash at each statement", seed: 22, many: 1, repartition: 3, borders: true},
	{name: "repartitioned, backlog", seed: 24, many: 1, repartition: 3, backlog: true},
}

// TestGolden runs all scripts in all variants.
func TestGolden(t *testing.T) {
	one(t)
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d scripts, %v", len(files), err)
	}
	for _, file := range files {
		if !strings.Contains(file, *only) {
			continue
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			s, err := load(file)
			if err != nil {
				t.Fatal(err)
			}
			first := execute(t, s, straight)
			if *update {
				if s = rewrite(t, s, first); s == nil {
					return
				}
				first = execute(t, s, straight)
			}
			report(t, first)
			same(t, s)
			if t.Failed() {
				return
			}
			for _, v := range chosen(s) {
				got := execute(t, s, v)
				report(t, got)
				want, have := first.records, got.records
				if v.repartition > 0 {
					want, have = first.named, got.named
				}
				if len(got.problems) == 0 && !slices.Equal(have, want) {
					t.Errorf("%s:1: [%s] what was written is, byte for byte, not what the straight run wrote: %s", s.file, v.name, apart(want, have))
				}
			}
		})
	}
}

// chosen returns the variants that a script is run in besides straight.
func chosen(s *script) (out []variant) {
	all, again := variants, spread
	if *thin {
		all, again = all[:1], nil
	}
	if s.repartitioned {
		all = append(slices.Clone(all), again...)
	}
	for _, v := range all {
		kind, _, _ := strings.Cut(v.name, ",")
		word, _, _ := strings.Cut(kind, " ")
		if !s.without[word] {
			out = append(out, v)
		}
	}
	return out
}

func report(t *testing.T, r *result) {
	t.Helper()
	for _, p := range r.problems {
		t.Error(p)
	}
	if len(r.problems) > 0 {
		for _, l := range r.logs {
			t.Log(l)
		}
	}
}

func rewrite(t *testing.T, s *script, r *result) *script {
	for _, p := range r.problems {
		if strings.Contains(p.text, "] expect ") {
			continue
		}
		t.Errorf("not rewritten: %s", p)
		report(t, r)
		return nil
	}
	if err := os.WriteFile(s.file, []byte(s.rewritten(r.found)), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := load(s.file)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// same holds that a script expects what the script does that it names.
func same(t *testing.T, s *script) {
	if s.same == "" {
		return
	}
	other, err := load(filepath.Join("testdata", s.same))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(s.expectations(), other.expectations()) {
		t.Errorf("%s expects something else than %s", s.file, other.file)
	}
}

// apart says where two sorted lists part.
func apart(want, have []string) string {
	for i := range min(len(want), len(have)) {
		if want[i] != have[i] {
			return "wanted " + cut(want[i]) + "\nhave   " + cut(have[i])
		}
	}
	return "one has more than the other"
}

func cut(s string) string { return s[:min(len(s), 700)] }

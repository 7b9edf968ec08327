package main

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/homeostat/homeostat/bench/stand"
	"github.com/homeostat/homeostat/internal/broker/embedded"
)

// TestBacklogIsAsLive is a slice of the trials on the embedded broker.
func TestBacklogIsAsLive(t *testing.T) {
	if testing.Short() {
		t.Skip("the test builds the program, and -short is set")
	}
	program := filepath.Join(t.TempDir(), "homeostat")
	if out, err := exec.Command("go", "build", "-tags", "assert", "-o", program, "../../cmd/homeostat").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, l := range layouts {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel() // they wait more than they compute
			in := &load{layout: l, seed: 1, hosts: 8, partitions: 3, rounds: 20 * int64(time.Minute) / round}
			if l.shift > 0 {
				in.rounds /= 2
			}
			r := &report{}
			for _, w := range ways {
				if w.killed && !l.spread {
					continue // the engine's own tests kill lanes that are fused
				}
				r.add(l.name, w.name, onEmbedded(t, program, in, w))
			}
			var text strings.Builder
			r.print(&text)
			t.Log(text.String())
			if r.failed() {
				t.Fail()
			}
		})
	}
}

// onEmbedded does a load in one way on a broker of its own.
func onEmbedded(t *testing.T, program string, in *load, w way) *outcome {
	t.Helper()
	b, err := embedded.Start(embedded.Options{MinSession: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	c, err := stand.Dial(b.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	trial := &trial{load: in, way: w, dir: t.TempDir(), program: program, session: 3 * time.Second, limit: time.Minute, cluster: c}
	o, err := trial.run(context.Background())
	if err != nil {
		t.Fatalf("%s: %v", w.name, err)
	}
	return o
}

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/homeostat/homeostat/internal/broker/embedded"
	"github.com/homeostat/homeostat/pipeline"
)

// TestStateAndLedgerOfARun looks into what a run left, in a topic and in a directory.
func TestStateAndLedgerOfARun(t *testing.T) {
	b, err := embedded.Start(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	t.Setenv("KAFKA_BOOTSTRAP", b.Addr())
	nab, err := os.ReadFile("../../examples/nab.yaml")
	if err != nil {
		t.Fatal(err)
	}
	in := series(t)
	for _, c := range []struct{ name, state string }{{"topic", ""}, {"files", "state: {directory: " + filepath.Join(t.TempDir(), "state") + "}\n"}} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "p.yaml")
			text := strings.NewReplacer("name: nab\n", "name: "+c.name+"\n", "topic: nab\n", "topic: "+c.name+".in\n").Replace(string(nab)) + c.state
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			mustRun(t, "feed", in, "--topic", c.name+".in", "-c", file)
			mustRun(t, "run", "--until-end", "-c", file)
			lookInto(t, file)
		})
	}
}

func lookInto(t *testing.T, file string) {
	t.Helper()
	var lane string
	for _, line := range strings.Split(strings.TrimSpace(mustRun(t, "ledger", "--json", "-c", file)), "\n") {
		var a struct {
			Stage, Lane string
			In, On      int64
		}
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatal(err)
		}
		if a.Stage == "detect" && a.In > 0 {
			lane = a.Lane
			if a.In != 600 || a.On != 600 {
				t.Errorf("of 600 rows: %s", line)
			}
		}
	}
	if lane == "" {
		t.Fatal("the ledger knows no lane with rows")
	}
	if out := mustRun(t, "ledger", "-c", file); !strings.Contains(out, lane) || !strings.HasPrefix(out, "stage ") {
		t.Errorf("ledger prints\n%s", out)
	}
	if out := mustRun(t, "state", "ls", "-c", file); strings.Count(out, lane+" ") != 2 || !strings.Contains(out, " good") || strings.Contains(out, "damaged") {
		t.Errorf("state ls prints\n%s", out)
	}
	if out := mustRun(t, "state", "get", "-c", file, lane); !strings.Contains(out, `"lane": "`+lane+`"`) || !strings.Contains(out, `"operator/novelty"`) {
		t.Errorf("state get prints\n%s", out)
	}
	for part, want := range map[string]string{"lane": `"newest"`, "series": `value{series="cpu"}`, "operator/novelty": `"table":`, "operator/window": `"table":`} {
		if out := mustRun(t, "state", "get", "-c", file, lane, part); !strings.Contains(out, want) {
			t.Errorf("state get of %s prints\n%.500s", part, out)
		}
	}
	if _, err := run(t, "state", "get", "-c", file, lane, "operator/none"); pipeline.Code(err) != "state.part.unknown" {
		t.Errorf("%v", err)
	}
	if _, err := run(t, "state", "get", "-c", file, "none/0"); pipeline.Code(err) != "state.lane.unknown" {
		t.Errorf("%v", err)
	}
	if out := mustRun(t, "state", "verify", "-c", file); !strings.Contains(out, "are good") {
		t.Errorf("state verify prints\n%s", out)
	}
	mustRun(t, "state", "rm", "-c", file, lane)
	if out := mustRun(t, "state", "ls", "-c", file); strings.Contains(out, lane+" ") {
		t.Errorf("after rm state ls prints\n%s", out)
	}
}

func TestStateOfAnEmbeddedBrokerIsNotToBeHad(t *testing.T) {
	t.Setenv("KAFKA_BOOTSTRAP", "")
	for _, args := range [][]string{{"ledger"}, {"state", "ls"}} {
		if _, err := run(t, append(args, "-c", "../../examples/shop.yaml")...); pipeline.Code(err) != "cli.state.embedded" {
			t.Errorf("%v: %v", args, err)
		}
	}
}

package engine

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/plan"
	"github.com/homeostat/homeostat/schemas"
)

// wary is a detector that writes down what it hears of changes, and after which window.
type wary struct {
	heard *[]string
	mu    *sync.Mutex
	end   int64
}

func (d *wary) Open(*pipeline.Env) error { return nil }
func (d *wary) Detect(w *pipeline.Window, found []pipeline.Finding) ([]pipeline.Finding, error) {
	d.end = max(d.end, w.End)
	return found, nil
}
func (d *wary) Heed(c *pipeline.Change) {
	d.mu.Lock()
	defer d.mu.Unlock()
	*d.heard = append(*d.heard, fmt.Sprintf("%s of %v in %s at %d after %d", c.Kind, c.Entities, c.System, c.Time/second, d.end/second))
}

// withWary is the pipeline small with the detector wary, which writes what it hears to heard.
func withWary(t *testing.T, heard *[]string) *plan.Plan {
	k := newKit()
	k.AddDetector(pipeline.Spec{Name: "wary"}, func(pipeline.Settings) (pipeline.Detector, error) { return &wary{heard: heard, mu: &sync.Mutex{}}, nil })
	return k.plan(t, strings.Replace(small, "detect: [bucket, ", "detect: [bucket, wary, ", 1))
}

func deploy(t *testing.T) pipeline.Record {
	return event(t, schemas.Event{ID: "1", Source: "/ci", Type: schemas.TypeChange, Time: 29 * second, System: "shop"},
		schemas.Change{Change: "v2", Kind: "deploy", Entities: []string{"m"}}, 30_000)
}

// TestChangesReachFusedLanes in one goroutine, each once; the events topic has the change once all the same.
func TestChangesReachFusedLanes(t *testing.T) {
	var heard []string
	l, r := newLocal(t, withWary(t, &heard), false)
	write := func(rec pipeline.Record) {
		if err := l.Write(rec); err != nil {
			t.Fatal(err)
		}
	}
	for s := int64(1); s < 40; s++ {
		write(pipeline.Record{Topic: "right", Timestamp: s * 1000, Value: fmt.Appendf(nil, "m 1 %d", s)})
		if s == 30 {
			write(deploy(t))
		}
	}
	if err := l.Finish(); err != nil {
		t.Fatal(err)
	}
	if want := []string{"deploy of [m] in shop at 29 after 0", "deploy of [m] in shop at 29 after 30"}; !slices.Equal(heard, want) {
		t.Errorf("heard %q, want %q", heard, want)
	}
	events := 0
	for _, line := range r.lines {
		if strings.HasPrefix(line, "small.events") && strings.Contains(line, schemas.TypeChange) {
			events++
		}
	}
	if events != 1 {
		t.Errorf("the events topic has the change %d times", events)
	}
}

// TestChangesGoThroughTheColumnsTopic: the inbox tells each of its partitions, and a lane behind it hears.
func TestChangesGoThroughTheColumnsTopic(t *testing.T) {
	var heard []string
	p := withWary(t, &heard)
	p.Sources[0].Keyed = false
	p.Place(map[string]int{"left": 3, "right": 1})
	s := surroundingsOf(t, p)
	inbox, err := s.inboxLane(p, "inbox/0", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { must(t, inbox.close()) }()
	must(t, inbox.process(input(deploy(t))))
	lane, err := s.columnsLane(p, "columns/0", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { must(t, lane.close()) }()
	told := map[int32]bool{}
	for _, m := range inbox.take() {
		if m.Topic != p.Topics.Columns.Name {
			continue
		}
		told[m.Partition] = true
		must(t, lane.process(input(pipeline.Record{Topic: m.Topic, Value: m.Value, Headers: m.Headers})))
	}
	if len(told) != p.Topics.Columns.Partitions || len(heard) != len(told) || heard[0] != "deploy of [m] in shop at 29 after 0" {
		t.Errorf("%d of %d partitions told, heard %q", len(told), p.Topics.Columns.Partitions, heard)
	}
	broken := input(pipeline.Record{Value: []byte("{"), Headers: []pipeline.Header{{Key: schemas.HeaderKind, Value: []byte(pipeline.Events.String())}}})
	must(t, lane.process(broken))
	if out := lane.take(); len(out) != 1 || out[0].Topic != s.dead || len(heard) != len(told) {
		t.Errorf("what is no event: %d messages, heard %q", len(out), heard)
	}
}

package snapshot

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/homeostat/homeostat/pipeline"
)

func TestPinsHoldUntilTheyAreForgotten(t *testing.T) {
	stores(t, func(t *testing.T, s Store, _ func(string, int)) {
		pins, ctx := s.(Pins), t.Context()
		if all, err := pins.Pins(ctx); err != nil || len(all) != 0 {
			t.Fatal(all, err)
		}
		hold := func(codec string) string {
			p, err := pins.Hold(ctx, Pin{Source: "logs", Topic: "a|b", Codec: codec, Settings: map[string]any{"preset": "x"}, Evidence: "3 of 3", Instance: "i", Written: time.Unix(7, 0).UTC()})
			must(t, err)
			return p.Codec
		}
		if got := hold("syslog") + hold("text"); got != "syslogsyslog" {
			t.Error(got)
		}
		must(t, s.Save(ctx, 0, of(t, "logs/0", 5, 100)))
		all, err := pins.Pins(ctx)
		must(t, err)
		if len(all) != 1 || all[0].Codec != "syslog" || all[0].Settings["preset"] != "x" || all[0].Topic != "a|b" {
			t.Errorf("%+v", all)
		}
		found, err := s.Load(ctx)
		must(t, err)
		if len(found) != 1 {
			t.Errorf("a pin counts as a lane: %v", found)
		}
		must(t, pins.Forget(ctx, "logs", "a|b"), pins.Forget(ctx, "logs", "never"))
		if got := hold("text"); got != "text" {
			t.Error(got)
		}
	})
}

// TestOneOfSeveralPinsHolds lets processes that found different codecs write at once.
func TestOneOfSeveralPinsHolds(t *testing.T) {
	stores(t, func(t *testing.T, s Store, _ func(string, int)) {
		pins, ctx := s.(Pins), t.Context()
		got := make([]string, 8)
		var all sync.WaitGroup
		for i := range got {
			all.Go(func() {
				p, err := pins.Hold(ctx, Pin{Source: "s", Topic: "t", Codec: fmt.Sprint("codec", i)})
				if err != nil {
					t.Error(err)
				}
				got[i] = p.Codec
			})
		}
		all.Wait()
		after, err := pins.Pins(ctx)
		must(t, err)
		for _, codec := range got {
			if codec != after[0].Codec {
				t.Errorf("processes go by %q, and %s holds", got, after[0].Codec)
			}
		}
		topic, ok := s.(*Topic)
		if !ok {
			return
		}
		// Compaction keeps the last record of a key alone.
		written, err := topic.pins(ctx)
		must(t, err)
		list := written[keyOf("s", "t")]
		if last, _ := holds(list[len(list)-1:]); last.Codec != after[0].Codec {
			t.Errorf("%s holds, and after compaction %s", after[0].Codec, last.Codec)
		}
	})
}

func TestWhichPinHolds(t *testing.T) {
	a, b := Pin{ID: "a"}, Pin{ID: "b"}
	again := Pin{ID: "a", Again: true}
	for want, written := range map[string][][]Pin{"a": {{a}, {a, b}, {a, b, again}, {b, again}, {again}, {again, b}}, "b": {{b, a}}} {
		for _, w := range written {
			if p, ok := holds(w); !ok || p.ID != want {
				t.Errorf("of %v %s holds, not %s", w, p.ID, want)
			}
		}
	}
	for _, bad := range []string{"", "{}", `{"format":2,"source":"s","codec":"c"}`, `{"format":1,"source":"s"}`} {
		if _, err := readPin("s", []byte(bad)); pipeline.Code(err) != "state.codec.damaged" {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

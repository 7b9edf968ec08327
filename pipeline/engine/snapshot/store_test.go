package snapshot

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/internal/broker/embedded"
	"github.com/homeostat/homeostat/pipeline"
)

func must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// of makes a snapshot of a lane at a position, of some megabyte so that it has several chunks.
func of(t testing.TB, lane string, position int64, bytes int) *Snapshot {
	t.Helper()
	s, err := New(Manifest{Lane: lane, Position: position, Watermark: position, Timed: true, Written: time.Unix(position, 0).UTC(),
		Account: Account{Lane: lane, In: position, On: position}}, []string{"lane", "operator/x"}, func(name string, w io.Writer) error {
		_, err := io.WriteString(w, strings.Repeat(fmt.Sprint(name, position, " "), bytes/10))
		return err
	})
	must(t, err)
	return s
}

// stores are both kinds, and how to damage what lies in a slot of one.
func stores(t *testing.T, f func(t *testing.T, s Store, damage func(lane string, slot int))) {
	t.Run("directory", func(t *testing.T) {
		d := &Directory{Path: filepath.Join(t.TempDir(), "state")}
		f(t, d, func(lane string, slot int) {
			b, err := os.ReadFile(d.file(lane, slot))
			must(t, err)
			b[len(b)-5] ^= 1
			must(t, os.WriteFile(d.file(lane, slot), b, 0o600))
		})
	})
	t.Run("topic", func(t *testing.T) {
		b, err := embedded.Start(embedded.Options{})
		must(t, err)
		defer b.Close()
		client, err := broker.Open(broker.Config{Bootstrap: []string{b.Addr()}})
		must(t, err)
		defer client.Close()
		must(t, client.EnsureTopics(t.Context(), []broker.Topic{{Name: "state", Partitions: 4, Settings: map[string]string{"cleanup.policy": "compact"}}}))
		topic := &Topic{Cluster: client.Cluster(), Name: "state", Partitions: 4}
		f(t, topic, func(lane string, slot int) {
			found, err := topic.manifests(t.Context(), []string{lane})
			must(t, err)
			for _, s := range found[lane] {
				if s.Slot == slot {
					// Another process writes over a chunk while the manifest stays, and compaction drops the old one: the checksum tells.
					m := s.Manifest
					m.Checksum = "0000000000000000"
					m.Sum = m.sum()
					text, err := json.Marshal(m)
					must(t, err, client.Produce(t.Context(), []broker.Message{{Topic: "state", Key: key(lane, slot, manifestKey), Value: text,
						Headers: []pipeline.Header{{Key: headerSnapshot, Value: []byte(m.ID)}}}}))
				}
			}
		})
	})
}

func TestStoresKeepTwoSlots(t *testing.T) {
	stores(t, func(t *testing.T, s Store, damage func(string, int)) {
		ctx := context.Background()
		slots := map[string]int{}
		for at := int64(10); at <= 40; at += 10 {
			for i, lane := range []string{"a/0", "b|odd/1", "c/2"} {
				must(t, s.Save(ctx, slots[lane], of(t, lane, at+int64(i), 1<<21)))
				slots[lane] = (slots[lane] + 1) % Slots
			}
		}
		found, err := s.Load(ctx)
		must(t, err)
		if len(found) != 3 || len(found["b|odd/1"]) != 2 || found["b|odd/1"][0].Position != 41 || found["b|odd/1"][1].Position != 31 {
			t.Fatalf("%d lanes: %+v", len(found), found["b|odd/1"])
		}
		if b, ok := found["a/0"][0].Part("operator/x"); !ok || !strings.HasPrefix(string(b), "operator/x40 ") || found["a/0"][0].Account.In != 40 {
			t.Errorf("the part begins with %.20q", b)
		}
		if _, ok := found["a/0"][0].Part("operator/y"); ok {
			t.Error("it has a part that nobody wrote")
		}
		newest := func(lane string, at int64) string {
			found, err := s.Newest(ctx, map[string]int64{lane: at})
			must(t, err)
			out := ""
			for _, f := range found[lane] {
				switch {
				case f.Err != nil:
					out += fmt.Sprint(" damaged ", pipeline.Code(f.Err))
				case f.Snapshot != nil && (at < 0 || f.Position <= at):
					out += fmt.Sprint(" ", f.Position)
				}
			}
			return out
		}
		if got := newest("a/0", 39); got != " 30" {
			t.Errorf("at or before 39:%s", got)
		}
		if got := newest("a/0", 29); got != "" {
			t.Errorf("at or before 29:%s", got)
		}
		if got := newest("a/0", -1); !strings.HasPrefix(got, " 40") {
			t.Errorf("any:%s", got)
		}
		found, err = s.Load(ctx, "a/0")
		must(t, err)
		damage("a/0", found["a/0"][0].Slot)
		if got := newest("a/0", 99); got != " 30 damaged state.damaged" {
			t.Errorf("the newest is damaged:%s", got)
		}
		found, err = s.Load(ctx, "a/0")
		must(t, err)
		must(t, s.Delete(ctx, "c/2"), s.Delete(ctx, "no/0"))
		if gone, err := s.Load(ctx, "c/2"); err != nil || len(gone) != 0 {
			t.Errorf("of a deleted lane there is %v, %v", gone, err)
		}
		if next := Next(found["a/0"]); next != found["a/0"][1].Slot || found["a/0"][1].Err == nil {
			t.Errorf("the next goes to slot %d of %+v", next, found["a/0"])
		}
	})
}

func TestDamageIsTold(t *testing.T) {
	s := of(t, "a/0", 7, 1<<20)
	text, err := json.Marshal(s.Manifest)
	must(t, err)
	chunks := func() map[int][]byte {
		out := map[int][]byte{}
		for i := range s.Chunks {
			out[i] = append([]byte{}, s.chunk(i)...)
		}
		return out
	}
	if got := assemble(1, text, chunks()); got.Err != nil || got.Position != 7 || got.Slot != 1 {
		t.Fatalf("%+v", got.Err)
	}
	for name, change := range map[string]func(map[int][]byte) []byte{
		"a chunk is missing": func(c map[int][]byte) []byte { delete(c, 1); return text },
		"a bit is flipped":   func(c map[int][]byte) []byte { c[0][3] ^= 4; return text },
		"a chunk is shorter": func(c map[int][]byte) []byte { c[1] = c[1][1:]; return text },
		"no manifest":        func(map[int][]byte) []byte { return []byte("{") },
		"negative sizes":     func(map[int][]byte) []byte { return []byte(`{"format":1,"bytes":-1}`) },
		"parts that add wrong": func(map[int][]byte) []byte {
			return []byte(strings.Replace(string(text), `"bytes":`, `"bytes":1`, 1))
		},
	} {
		c := chunks()
		manifest := change(c)
		if got := assemble(0, manifest, c); pipeline.Code(got.Err) != "state.damaged" {
			t.Errorf("%s: %v", name, got.Err)
		}
	}
	if got := assemble(0, []byte(`{"format":99}`), nil); pipeline.Code(got.Err) != "state.format" {
		t.Errorf("%v", got.Err)
	}
}

// FuzzAssemble wants of any bytes an error or a snapshot, and no more memory than they have.
func FuzzAssemble(f *testing.F) {
	s := of(f, "a/0", 7, 1000)
	text, err := json.Marshal(s.Manifest)
	must(f, err)
	f.Add(text, s.body)
	f.Add([]byte(`{"format":1,"bytes":9223372036854775807,"chunks":1,"parts":[{"name":"x","bytes":9223372036854775807}]}`), []byte("x"))
	f.Fuzz(func(t *testing.T, manifest, body []byte) {
		got := assemble(0, manifest, map[int][]byte{0: body})
		if got.Err == nil {
			for _, p := range got.Parts {
				if b, ok := got.Part(p.Name); !ok || int64(len(b)) > int64(len(body)) {
					t.Errorf("part %s has %d bytes", p.Name, len(b))
				}
			}
		}
	})
}

// TestLateChunksAreFound: what is left of a chunk after compaction may be a repeated request that arrived late, behind the
// offsets in the manifest.
func TestLateChunksAreFound(t *testing.T) {
	b, err := embedded.Start(embedded.Options{})
	must(t, err)
	defer b.Close()
	client, err := broker.Open(broker.Config{Bootstrap: []string{b.Addr()}})
	must(t, err)
	defer client.Close()
	ctx := t.Context()
	must(t, client.EnsureTopics(ctx, []broker.Topic{{Name: "state", Partitions: 2, Settings: map[string]string{"cleanup.policy": "compact"}}}))
	topic := &Topic{Cluster: client.Cluster(), Name: "state", Partitions: 2}
	early, late := of(t, "left/0", 7, 3*chunkBytes), of(t, "left/0", 9, 2*chunkBytes)
	must(t, topic.Save(ctx, 0, early), topic.Save(ctx, 1, late))
	found, err := topic.manifests(ctx, []string{"left/0"})
	must(t, err)
	for _, s := range found["left/0"] {
		m := s.Manifest
		m.To = m.From // nothing is left there
		m.Sum = m.sum()
		text, err := json.Marshal(m)
		must(t, err, client.Produce(ctx, []broker.Message{{Topic: "state", Key: key("left/0", s.Slot, manifestKey), Value: text,
			Headers: []pipeline.Header{{Key: headerSnapshot, Value: []byte(m.ID)}}}}))
	}
	all, err := topic.Load(ctx, "left/0")
	must(t, err)
	newest, err := topic.Newest(ctx, map[string]int64{"left/0": 8})
	must(t, err)
	for name, slots := range map[string][]Stored{"load": all["left/0"], "newest": newest["left/0"]} {
		whole := 0
		for _, s := range slots {
			if s.Err != nil {
				t.Errorf("%s: slot %d: %v", name, s.Slot, s.Err)
			}
			if s.Snapshot != nil {
				whole++
			}
		}
		if want := map[string]int{"load": 2, "newest": 1}[name]; whole != want {
			t.Errorf("%s: %d snapshots were put together, want %d", name, whole, want)
		}
	}
}

package streams_test

import (
	"fmt"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/streams"
)

func find(t *testing.T, f *streams.Finder, layout uint32, raw string) uint32 {
	t.Helper()
	stream, ok := f.Find(layout, []byte(raw))
	if ok {
		return stream
	}
	stream, err := f.Add(layout, []byte(raw), streams.Label(streams.Label(nil, "raw", []byte(raw)), "layout", fmt.Append(nil, layout)))
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func TestFinder(t *testing.T) {
	table := pipeline.NewSeriesTable(nil, 100)
	f := streams.New(1) // starts anew with each record
	for range 3 {
		f.Use(table)
		for i := range 100 {
			if got := find(t, f, uint32(i%2), fmt.Sprint(i/2)); got != uint32(i) {
				t.Fatalf("stream %d is %d", i, got)
			}
		}
		for range 2 {
			if got := find(t, f, 2, "one more"); got != streams.Refused {
				t.Fatalf("a full table gave stream %d", got)
			}
		}
	}
	if key := table.At(3).Key(); key != `:stream{layout="1",raw="1"}` {
		t.Fatal(key)
	}
	f = streams.New(1 << 20)
	for range 2 { // what one table refused, and how it numbers, is not known of another
		table = pipeline.NewSeriesTable(nil, 0)
		f.Use(table)
		if got := find(t, f, 2, "one more"); got != 0 {
			t.Fatal(got)
		}
		if _, ok := f.Find(2, []byte("one more")); !ok {
			t.Fatal("it was forgotten")
		}
		f.Use(table)
		if _, ok := f.Find(2, []byte("one more")); !ok {
			t.Fatal("it was forgotten with the next record")
		}
	}
}

func TestLabel(t *testing.T) {
	got := streams.Label(streams.Label(nil, "empty", nil), "a", []byte("x\xffy"))
	if len(got) != 1 || got[0] != (pipeline.Label{Name: "a", Value: "x\uFFFDy"}) {
		t.Fatal(got)
	}
}

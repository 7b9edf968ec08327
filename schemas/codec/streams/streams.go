// Package streams finds the streams of log records by the raw bytes that their labels are made of.
package streams

import (
	"strings"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/memo"
)

// Refused stands for a stream that came when the lane's table was full: the table only grows, so it stays so.
const Refused = ^uint32(0)

// Finder leads from raw bytes to streams. What it holds is right for one table. It is used by one goroutine.
type Finder struct {
	limit int
	table *pipeline.SeriesTable
	memo  memo.Memo
	hash  uint32 // of what Find did not find
}

// New makes a finder that takes about limit bytes at most. Beyond that it starts anew, which costs time only.
func New(limit int) *Finder { return &Finder{limit: limit} }

// Use says which table the streams of the next record are in.
func (f *Finder) Use(table *pipeline.SeriesTable) {
	if f.table != table || f.memo.Bytes() > f.limit {
		f.table, f.memo = table, memo.New()
	}
}

// Find returns the stream of raw bytes. layout says how they are to be read: the same bytes may mean other labels elsewhere.
func (f *Finder) Find(layout uint32, raw []byte) (stream uint32, ok bool) {
	stream, f.hash, ok = f.memo.Find(layout, raw)
	return stream, ok
}

// Add interns the stream with these labels, and remembers it by what Find was asked for last and did not find. It takes over the slice.
func (f *Finder) Add(layout uint32, raw []byte, labels []pipeline.Label) (uint32, error) {
	stream, err := f.table.Intern("", "", pipeline.Stream, pipeline.NewLabels(labels))
	switch {
	case pipeline.Code(err) == "series.limit":
		stream = Refused
	case err != nil:
		return 0, err
	}
	f.memo.Add(f.hash, layout, raw, stream)
	return stream, nil
}

// Label adds a label of raw bytes to a list, unless they are empty. What is not UTF-8 is replaced by U+FFFD.
func Label(labels []pipeline.Label, name string, value []byte) []pipeline.Label {
	if len(value) == 0 {
		return labels
	}
	return append(labels, pipeline.Label{Name: name, Value: strings.ToValidUTF8(string(value), "\uFFFD")})
}

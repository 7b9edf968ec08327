// Package snapshot keeps the states of lanes: in a compacted topic, or in a directory.
//
// A lane has two slots, which are written in turn. A snapshot is cut into chunks, and its manifest is written last, so a
// crash in the middle leaves the other slot untouched. All chunks and the manifest bear the snapshot's id; a checksum
// covers the whole. What does not fit together is reported as damaged and never used.
package snapshot

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/homeostat/homeostat/pipeline"
)

// Format is the version of the layout of manifests and chunks.
const Format = 1

// Slots is how many snapshots of a lane are kept.
const Slots = 2

// chunkBytes is well below what a topic takes in one record.
const chunkBytes = 512 << 10

// Manifest says what a snapshot is.
type Manifest struct {
	Format int `json:"format"`
	// Lane is the lane's name, ID this snapshot's own.
	Lane string `json:"lane"`
	ID   string `json:"id"`
	// Position is the offset of the first record that the state does not know; Watermark the lane's time (0 and Timed false
	// before it has one).
	Position  int64 `json:"position"`
	Watermark int64 `json:"watermark"`
	Timed     bool  `json:"timed"`
	// Times is the offset in the lane's partition of the time topic from which on what time added later is found.
	Times int64 `json:"times"`
	// Fingerprint is that of the configuration and of the versions of what wrote it.
	Fingerprint string `json:"fingerprint"`
	// Written is when, by the clock of the machine that wrote it.
	Written time.Time `json:"written"`
	// Account is the lane's loss ledger at the position.
	Account Account `json:"account"`
	Parts   []Part  `json:"parts"`
	Bytes   int64   `json:"bytes"`
	Chunks  int     `json:"chunks"`
	// From and To are the offsets in the topic between which the chunks are.
	From int64 `json:"from,omitempty"`
	To   int64 `json:"to,omitempty"`
	// Checksum is the xxHash64 of the parts' bytes, one after the other, in hex.
	Checksum string `json:"checksum"`
	// Sum is the xxHash64 of this manifest as JSON without Sum, in hex: a part whose name is wrong would count as missing.
	Sum string `json:"sum"`
}

func (m Manifest) sum() string {
	m.Sum = ""
	b, err := json.Marshal(m)
	if err != nil {
		panic("BUG: a manifest is no JSON: " + err.Error())
	}
	return checksum(b)
}

// Account is the loss ledger of one lane: In = On + Held + the sum of Lost. What operators lost is of the rows that went on.
type Account struct {
	Stage     string                      `json:"stage"`
	Source    string                      `json:"source"`
	Lane      string                      `json:"lane"`
	In        int64                       `json:"in"`
	On        int64                       `json:"on"`
	Held      int64                       `json:"held"`
	Lost      map[string]int64            `json:"lost"`
	Operators map[string]map[string]int64 `json:"operators,omitempty"`
}

// Accounted is what became of the rows that came in, as far as the account says.
func (a *Account) Accounted() int64 {
	sum := a.On + a.Held
	for _, n := range a.Lost {
		sum += n
	}
	return sum
}

// Balanced says whether conservation holds (invariant I1).
func (a *Account) Balanced() bool { return a.Accounted() == a.In }

// Part is the state of one component of the lane: the lane itself, its series, or an operator by its name.
type Part struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
}

// Snapshot is a manifest with the bytes of its parts, in the manifest's order.
type Snapshot struct {
	Manifest
	body []byte
}

// New puts a snapshot together. write is called once for each name, in order.
func New(m Manifest, names []string, write func(name string, w io.Writer) error) (*Snapshot, error) {
	s := &Snapshot{Manifest: m}
	var body bytes.Buffer
	for _, name := range names {
		before := body.Len()
		if err := write(name, &body); err != nil {
			return nil, fmt.Errorf("writing the state of %s of lane %s: %w", name, m.Lane, err)
		}
		s.Parts = append(s.Parts, Part{Name: name, Bytes: int64(body.Len() - before)})
	}
	s.body = body.Bytes()
	s.Format, s.Bytes = Format, int64(len(s.body))
	s.Chunks = (len(s.body) + chunkBytes - 1) / chunkBytes
	s.Checksum = checksum(s.body)
	s.ID = pipeline.ID("snapshot", m.Lane, fmt.Sprint(m.Position), fmt.Sprint(m.Watermark), m.Written.Format(time.RFC3339Nano), s.Checksum)
	s.Sum = s.sum()
	return s, nil
}

func checksum(b []byte) string {
	return hex.EncodeToString(binaryOf(xxhash.Sum64(b)))
}

func binaryOf(v uint64) []byte {
	b := make([]byte, 8)
	for i := range b {
		b[i] = byte(v >> (56 - 8*i))
	}
	return b
}

// chunk returns the bytes of one chunk.
func (s *Snapshot) chunk(i int) []byte {
	return s.body[i*chunkBytes : min((i+1)*chunkBytes, len(s.body))]
}

// Part returns the bytes of one part; ok says whether the snapshot has it.
func (s *Snapshot) Part(name string) (b []byte, ok bool) {
	at := int64(0)
	for _, p := range s.Parts {
		if p.Name == name {
			return s.body[at : at+p.Bytes], true
		}
		at += p.Bytes
	}
	return nil, false
}

// Stored is what lies in one slot of a lane.
type Stored struct {
	Slot int
	// Snapshot is whole; nil if Err says why it can't be used, or if it was not read.
	*Snapshot
	// Manifest is as it was found, for messages, also of a damaged one; its zero value if it could not be read.
	Manifest Manifest
	Err      error

	text []byte // of the manifest
}

// assemble checks what was found in a slot.
func assemble(slot int, manifest []byte, chunks map[int][]byte) Stored {
	s := Stored{Slot: slot}
	m, err := readManifest(manifest)
	if s.Manifest = m; err != nil {
		s.Err = err
		return s
	}
	body := make([]byte, 0, min(m.Bytes, int64(len(chunks))*chunkBytes))
	for i := range m.Chunks {
		c, ok := chunks[i]
		if !ok {
			s.Err = damaged(&m, "chunk %d of %d is missing", i, m.Chunks)
			return s
		}
		body = append(body, c...)
	}
	sum := int64(0)
	for _, p := range m.Parts {
		sum += p.Bytes
	}
	switch {
	case int64(len(body)) != m.Bytes || sum != m.Bytes:
		s.Err = damaged(&m, "it has %d bytes and its manifest says %d", len(body), m.Bytes)
	case checksum(body) != m.Checksum:
		s.Err = damaged(&m, "its checksum is wrong")
	default:
		s.Snapshot = &Snapshot{Manifest: m, body: body}
	}
	return s
}

func readManifest(b []byte) (Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return m, damaged(&m, "its manifest is no JSON: %v", err)
	}
	if m.Format != Format {
		return m, pipeline.Errorf("state.format", "the snapshot of lane %s at offset %d has format %d and this program reads format %d: use the program that wrote it, or delete the snapshot to begin without", m.Lane, m.Position, m.Format, Format)
	}
	if m.Sum != m.sum() {
		return m, damaged(&m, "the checksum of its manifest is wrong")
	}
	negative := m.Bytes < 0 || m.Chunks < 0 || m.Position < 0
	for _, p := range m.Parts {
		negative = negative || p.Bytes < 0 || p.Bytes > m.Bytes
	}
	if negative {
		return m, damaged(&m, "its manifest has impossible sizes")
	}
	return m, nil
}

func damaged(m *Manifest, format string, args ...any) error {
	return pipeline.Errorf("state.damaged", "the snapshot %s of lane %q at offset %d is damaged, %s: the other slot is used; if neither can be, delete both to begin without state", m.ID, m.Lane, m.Position, fmt.Sprintf(format, args...))
}

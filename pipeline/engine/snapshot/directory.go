package snapshot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
)

// Directory keeps each snapshot in a file, LANE.SLOT.snapshot with the lane's name escaped as in a URL: the manifest in one
// line of JSON, then the bytes. A file is written beside and renamed, so it is there whole or not at all.
type Directory struct{ Path string }

const fileEnd = ".snapshot"

// largestManifest bounds the first line of a file.
const largestManifest = 1 << 20

func (d *Directory) file(lane string, slot int) string {
	return filepath.Join(d.Path, url.PathEscape(lane)+"."+strconv.Itoa(slot)+fileEnd)
}

// Save implements Store.
func (d *Directory) Save(_ context.Context, slot int, s *Snapshot) error {
	bad := func(err error) error {
		return pipeline.Errorf("state.directory.write", "the snapshot of lane %s cannot be written to %s: %w: make room there and see that it is writable; until then a restart replays more", s.Lane, d.Path, err)
	}
	m, err := json.Marshal(s.Manifest)
	if err != nil {
		return bad(err)
	}
	if err := os.MkdirAll(d.Path, 0o700); err != nil {
		return bad(err)
	}
	f, err := os.CreateTemp(d.Path, "writing-*")
	if err != nil {
		return bad(err)
	}
	_, err = f.Write(append(m, '\n'))
	if err == nil {
		_, err = f.Write(s.body)
	}
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), d.file(s.Lane, slot))
	}
	if err != nil {
		return bad(errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

// Load implements Store.
func (d *Directory) Load(_ context.Context, lanes ...string) (map[string][]Stored, error) {
	wanted := map[string]bool{}
	for _, l := range lanes {
		wanted[l] = true
	}
	entries, err := os.ReadDir(d.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string][]Stored{}, nil
	}
	if err != nil {
		return nil, pipeline.Errorf("state.directory.read", "snapshots in %s cannot be read: %w: make the directory readable", d.Path, err)
	}
	out := map[string][]Stored{}
	for _, e := range entries {
		lane, slot, ok := parseFile(e.Name())
		if !ok || len(lanes) > 0 && !wanted[lane] {
			continue
		}
		out[lane] = append(out[lane], d.read(lane, slot))
	}
	for lane := range out {
		out[lane] = sorted(out[lane])
	}
	return out, nil
}

func parseFile(name string) (lane string, slot int, ok bool) {
	base, ok := strings.CutSuffix(name, fileEnd)
	if !ok {
		return "", 0, false
	}
	i := strings.LastIndexByte(base, '.')
	if i < 0 {
		return "", 0, false
	}
	slot, err := strconv.Atoi(base[i+1:])
	if err != nil || slot < 0 || slot >= Slots {
		return "", 0, false
	}
	lane, err = url.PathUnescape(base[:i])
	return lane, slot, err == nil
}

func (d *Directory) read(lane string, slot int) Stored {
	b, err := os.ReadFile(d.file(lane, slot))
	if err != nil {
		return Stored{Slot: slot, Manifest: Manifest{Lane: lane}, Err: pipeline.Errorf("state.directory.read", "the snapshot of lane %s in %s cannot be read: %w: make it readable", lane, d.Path, err)}
	}
	i := bytes.IndexByte(b[:min(len(b), largestManifest)], '\n')
	if i < 0 {
		m := Manifest{Lane: lane}
		return Stored{Slot: slot, Manifest: m, Err: damaged(&m, "it has no manifest")}
	}
	chunks := map[int][]byte{}
	for body := b[i+1:]; len(body) > 0; {
		n := min(len(body), chunkBytes)
		chunks[len(chunks)] = body[:n]
		body = body[n:]
	}
	return assemble(slot, b[:i], chunks)
}

// Remove implements Store.
func (d *Directory) Remove(_ context.Context, lane string) error {
	var all error
	for slot := range Slots {
		if err := os.Remove(d.file(lane, slot)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			all = errors.Join(all, err)
		}
	}
	if all != nil {
		return pipeline.Errorf("state.directory.remove", "the snapshots of lane %s in %s are not all removed: %w: make the directory writable", lane, d.Path, all)
	}
	return nil
}

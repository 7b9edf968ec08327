package snapshot

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/homeostat/homeostat/pipeline"
)

// Manifests returns what is said of the snapshots of all lanes, by lane, the newest first and damaged ones last. Other than Load it
// does not read the snapshots themselves, which may be large.
func (t *Topic) Manifests(ctx context.Context) (map[string][]Stored, error) {
	found, err := t.manifests(ctx, nil)
	for lane := range found {
		found[lane] = sorted(found[lane])
	}
	return found, err
}

// Manifests returns what is said of the snapshots of all lanes, as Topic.Manifests does.
func (d *Directory) Manifests(context.Context) (map[string][]Stored, error) {
	entries, err := os.ReadDir(d.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string][]Stored{}, nil
	}
	if err != nil {
		return nil, pipeline.Errorf("state.directory.read", "snapshots in %s cannot be read: %w: make the directory readable", d.Path, err)
	}
	out := map[string][]Stored{}
	for _, e := range entries {
		if lane, slot, ok := parseFile(e.Name()); ok {
			out[lane] = append(out[lane], d.manifest(lane, slot))
		}
	}
	for lane := range out {
		out[lane] = sorted(out[lane])
	}
	return out, nil
}

// manifest reads the first line of a file.
func (d *Directory) manifest(lane string, slot int) Stored {
	s := Stored{Slot: slot, Manifest: Manifest{Lane: lane}}
	f, err := os.Open(d.file(lane, slot))
	if err != nil {
		s.Err = pipeline.Errorf("state.directory.read", "the snapshot of lane %s in %s cannot be read: %w: make it readable", lane, d.Path, err)
		return s
	}
	defer f.Close()
	line, err := bufio.NewReaderSize(f, 64<<10).ReadBytes('\n')
	if err != nil || len(line) > largestManifest {
		s.Err = damaged(&s.Manifest, "it has no manifest")
		return s
	}
	s.Manifest, s.Err = readManifest(line[:len(line)-1])
	return s
}

package actuator

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sort"
	"sync"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// File keeps claims in a file to which lines are appended, each on disk before the call that wrote it returns. One process
// at a time may have it open.
type File struct {
	mu     sync.Mutex
	path   string
	file   *os.File
	table  Memory
	broken error
}

// note is one line of the file: one of next, a claim with its token, or the end of one.
type note struct {
	// Next is the token after the last one; it stands first in a file from which claims were forgotten.
	Next  int64           `json:"next,omitempty"`
	Token int64           `json:"token,omitempty"`
	Claim *Claim          `json:"claim,omitempty"`
	Done  string          `json:"done,omitempty"`
	Event json.RawMessage `json:"event,omitempty"`
}

// OpenFile opens or makes a file of claims and reads it. A last line without end is what a crash left of a note that nobody
// was told of: it is cut off. Any other line that can't be read is an error (claims.corrupt).
func OpenFile(path string) (*File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, pipeline.Errorf("claims.open", "file of claims can't be opened: %w", err)
	}
	f := &File{path: path, file: file}
	if err := f.start(); err != nil {
		file.Close()
		return nil, err
	}
	return f, nil
}

func (f *File) start() error {
	if err := lock(f.file); err != nil {
		return pipeline.Errorf("claims.locked", "file of claims %s is in use by another process: give each its own, or stop the other: %w", f.path, err)
	}
	// Between opening and locking another process may have written the file anew.
	if have, err := os.Stat(f.path); err != nil || !sameFile(have, f.file) {
		return pipeline.Errorf("claims.locked", "file of claims %s was replaced while it was opened: another process is using it", f.path)
	}
	size, err := f.load()
	if err != nil {
		return err
	}
	if err = f.file.Truncate(size); err == nil {
		if _, err = f.file.Seek(size, io.SeekStart); err == nil {
			err = syncDir(f.path)
		}
	}
	if err != nil {
		return pipeline.Errorf("claims.open", "file of claims %s can't be continued: %w", f.path, err)
	}
	return nil
}

// load reads the notes and returns where the last whole line ends.
func (f *File) load() (size int64, err error) {
	r := bufio.NewReader(f.file)
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return size, nil
		}
		if err == nil {
			err = f.apply(line)
		}
		if err != nil {
			return 0, pipeline.Errorf("claims.corrupt", "%s:%d: note of a claim can't be read: put the file back from a copy, or move it away after finding out by hand what was carried out: %w", f.path, n, err)
		}
		size += int64(len(line))
	}
}

func (f *File) apply(line []byte) error {
	var n note
	if err := json.Unmarshal(line, &n); err != nil {
		return err
	}
	switch {
	case n.Next > 0:
		f.table.token = max(f.table.token, n.Next-1)
	case n.Claim != nil && n.Token > 0 && n.Claim.Key != "":
		f.table.put(Entry{Claim: *n.Claim, Token: n.Token})
	case n.Done != "":
		e, err := f.table.endable(n.Done, n.Token)
		if err != nil {
			return err
		}
		final, err := schemas.ReadJSON(n.Event)
		if err != nil {
			return err
		}
		e.Final = &final
		f.table.put(e)
	default:
		return errors.New("it is no note")
	}
	return nil
}

// Lookup implements Claims.
func (f *File) Lookup(ctx context.Context, key string) (Entry, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		return Entry{}, false, f.broken
	}
	return f.table.Lookup(ctx, key)
}

// Claim implements Claims.
func (f *File) Claim(ctx context.Context, c Claim) (Entry, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := errors.Join(ctx.Err(), f.broken); err != nil {
		return Entry{}, false, err
	}
	e, won := f.table.claimable(c)
	if !won {
		return e, false, nil
	}
	if err := f.append(note{Token: e.Token, Claim: &c}); err != nil {
		return Entry{}, false, err
	}
	f.table.put(e)
	return e, true, nil
}

// Done implements Claims.
func (f *File) Done(_ context.Context, key string, token int64, final schemas.Event) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		return f.broken
	}
	e, err := f.table.endable(key, token)
	if err != nil {
		return err
	}
	if err := f.append(note{Token: token, Done: key, Event: schemas.AppendJSON(nil, final)}); err != nil {
		return err
	}
	e.Final = &final
	f.table.put(e)
	return nil
}

// append writes a note durably. After a failure nobody knows what is on disk, so the file is not used any more.
func (f *File) append(n note) error {
	line, err := json.Marshal(n)
	if err == nil {
		if _, err = f.file.Write(append(line, '\n')); err == nil {
			err = f.file.Sync()
		}
	}
	if err != nil {
		f.broken = pipeline.Errorf("claims.write", "claim can't be made durable in %s, so nothing more is carried out: check the disk and start again: %w", f.path, err)
	}
	return f.broken
}

// Forget drops the claims that were ended and whose commands expired before t (Unix nanoseconds), and writes the file anew.
// Such a command is refused by its deadline if it ever comes again, so leave a margin for clocks.
func (f *File) Forget(t int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		return f.broken
	}
	var kept []Entry
	for _, e := range f.table.entries {
		if e.Final == nil || e.Claim.Expiry >= t {
			kept = append(kept, e)
		}
	}
	sort.Slice(kept, func(i, j int) bool { return kept[i].Token < kept[j].Token })
	if err := f.rewrite(kept); err != nil {
		return pipeline.Errorf("claims.forget", "file of claims %s can't be written anew: %w", f.path, err)
	}
	return nil
}

func (f *File) rewrite(kept []Entry) error {
	var text bytes.Buffer
	out := json.NewEncoder(&text)
	notes := []note{{Next: f.table.token + 1}}
	for _, e := range kept {
		notes = append(notes, note{Token: e.Token, Claim: &e.Claim})
		if e.Final != nil {
			notes = append(notes, note{Token: e.Token, Done: e.Claim.Key, Event: schemas.AppendJSON(nil, *e.Final)})
		}
	}
	for _, n := range notes {
		if err := out.Encode(n); err != nil {
			return err
		}
	}
	file, err := f.replace(text.Bytes())
	if err != nil {
		return err
	}
	f.file.Close()
	f.file, f.table.entries = file, map[string]Entry{}
	for _, e := range kept {
		f.table.put(e)
	}
	return nil
}

// replace puts a file with that text in the place of the present one, locked before anyone can see it.
func (f *File) replace(text []byte) (*os.File, error) {
	file, err := os.OpenFile(f.path+".new", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	if err = lock(file); err == nil {
		if _, err = file.Write(text); err == nil {
			if err = file.Sync(); err == nil {
				err = os.Rename(file.Name(), f.path)
			}
		}
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	if err := syncDir(f.path); err != nil {
		// The new file may or may not be the one that is found after a crash; both hold every claim that counts.
		f.broken = pipeline.Errorf("claims.write", "folder of %s can't be made durable, so nothing more is carried out: check the disk and start again: %w", f.path, err)
	}
	return file, nil
}

// Close closes the file. It may be called twice.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file, f.broken = nil, pipeline.Errorf("claims.closed", "file of claims %s is closed", f.path)
	return err
}

func sameFile(have os.FileInfo, f *os.File) bool {
	info, err := f.Stat()
	return err == nil && os.SameFile(have, info)
}

func syncDir(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

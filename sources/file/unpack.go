package file

import (
	"bufio"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/homeostat/homeostat/pipeline"
)

// unpacked reads what is in a file, plain or packed, up to a number of bytes: a small packed file may be a huge one.
type unpacked struct {
	in      io.Reader
	left    int64
	closers []func()
}

// packings are told by how what is packed begins. No text does, nor anything that a codec reads. A name that ends as theirs promises one.
var packings = []struct {
	name, ending, head string
	open               func(io.Reader) (io.Reader, func(), error)
}{
	{"gzip", ".gz", "\x1f\x8b", func(r io.Reader) (io.Reader, func(), error) {
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, nil, err
		}
		return z, func() { z.Close() }, nil
	}},
	{"zstd", ".zst", "\x28\xb5\x2f\xfd", func(r io.Reader) (io.Reader, func(), error) {
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	}},
}

// maxWindow bounds the memory that a file packed with zstd may ask for: what zstd itself takes without --long.
const maxWindow = 128 << 20

// unpack opens a file for reading up to limit bytes of what is in it.
func unpack(fsys fs.FS, path string, limit int64) (_ *unpacked, err error) {
	f, err := fsys.Open(path)
	if err != nil {
		return nil, pipeline.Errorf("file.open", "%s can't be opened: %w", path, err)
	}
	u := &unpacked{left: limit, closers: []func(){func() { f.Close() }}}
	plain := bufio.NewReader(f)
	u.in = plain
	for _, p := range packings {
		head, err := plain.Peek(len(p.head))
		switch {
		case err != nil && err != io.EOF:
			u.close()
			return nil, pipeline.Errorf("file.open", "%s can't be read: %w", path, err)
		case string(head) == p.head:
			in, done, err := p.open(plain)
			if err != nil {
				u.close()
				return nil, pipeline.Errorf("file.packed", "%s begins as %s and can't be unpacked: %w", path, p.name, err)
			}
			u.in, u.closers = in, append(u.closers, done)
			return u, nil
		case strings.HasSuffix(path, p.ending):
			u.close()
			return nil, pipeline.Errorf("file."+p.name, "%s is no %s file although its name says so: unpack it again, or name it as what it is", path, p.name)
		}
	}
	return u, nil
}

var errTooLarge = errors.New("too large")

// Read implements io.Reader.
func (u *unpacked) Read(p []byte) (int, error) {
	n, err := u.in.Read(p)
	if u.left -= int64(n); u.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}

func (u *unpacked) close() {
	if u == nil {
		return
	}
	for i := len(u.closers) - 1; i >= 0; i-- {
		u.closers[i]()
	}
	u.closers = nil
}

// unreadable is what ends the reading of a file at a line.
func unreadable(path string, line int, err error) error {
	if errors.Is(err, errTooLarge) {
		return pipeline.Errorf("file.size", "%s:%d: the file is larger than max_file: raise it if that is meant", path, line)
	}
	return pipeline.Errorf("file.read", "%s:%d: the file can't be read on: %w", path, line, err)
}

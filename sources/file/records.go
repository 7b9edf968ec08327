package file

import (
	"cmp"
	"context"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
)

// Header is the key of the header that names a record's file, by its path below the root. The record's offset is the line that it begins at.
const Header = "file"

// Records reads files whose lines, or which as a whole, are records for a codec. It implements pipeline.Partitioned; each file is a partition.
type Records struct {
	root    string
	paths   []string
	whole   bool
	starts  *regexp.Regexp // nil: each line is a record
	limit   int
	maxFile int64
	written int64 // of all records, Unix milliseconds; 0 is unknown

	env   *pipeline.Env
	files []*recordFile
}

const (
	// A chunk ends with the record by which it has so many bytes, or records.
	chunkBytes   = 64 << 10
	chunkRecords = 1000
	// maxFiles bounds the files of a source: each has a lane of its own.
	maxFiles = 10_000
	// maxRecord is the longest line by default: what limits.record is by default.
	maxRecord = 16 << 20
)

// Open implements pipeline.Source: it lists the files. Each is opened when it is read first.
func (s *Records) Open(_ context.Context, env *pipeline.Env, _ *pipeline.SeriesTable) error {
	s.env = env
	for _, pattern := range s.paths {
		dir, pattern := base(s.root, pattern)
		fsys := os.DirFS(dir)
		paths, err := fitting(fsys, pattern)
		if err != nil {
			return err
		}
		if len(paths) == 0 {
			return nothing(dir, pattern)
		}
		for _, path := range paths {
			s.files = append(s.files, &recordFile{dir: dir, fsys: fsys, path: path, header: []pipeline.Header{{Key: Header, Value: []byte(path)}}})
		}
	}
	slices.SortFunc(s.files, func(a, b *recordFile) int {
		return cmp.Or(strings.Compare(a.path, b.path), strings.Compare(a.dir, b.dir))
	})
	s.files = slices.CompactFunc(s.files, func(a, b *recordFile) bool { return a.path == b.path && a.dir == b.dir })
	if len(s.files) > maxFiles {
		return pipeline.Errorf("file.paths.many", "%d files fit paths, more than the %d that a source reads: read them in portions", len(s.files), maxFiles)
	}
	return nil
}

// Partitions implements pipeline.Partitioned.
func (s *Records) Partitions() int { return len(s.files) }

// Next implements pipeline.Source: it reads one file after the other.
func (s *Records) Next(ctx context.Context) (pipeline.Input, error) {
	for p := range s.files {
		if in, err := s.NextOf(ctx, int32(p)); err != io.EOF {
			return in, err
		}
	}
	return pipeline.Input{}, io.EOF
}

// NextOf implements pipeline.Partitioned.
func (s *Records) NextOf(ctx context.Context, partition int32) (pipeline.Input, error) {
	if err := ctx.Err(); err != nil {
		return pipeline.Input{}, err
	}
	f := s.files[partition]
	if f.lines.in == nil && f.err == nil {
		if err := s.begin(f); err != nil {
			return pipeline.Input{}, err
		}
	}
	f.buffer, f.ends, f.at = f.buffer[:0], f.ends[:0], f.at[:0]
	for f.err == nil && f.lost == 0 && len(f.buffer) < chunkBytes && len(f.at) < chunkRecords {
		if f.err = s.read(f); f.err != nil {
			f.unpacked.close()
			f.losses.summary()
		}
	}
	in := pipeline.Input{Partition: partition, Next: int64(f.lines.line) + 1, Bytes: len(f.buffer), Release: func() {}}
	switch {
	case len(f.at) > 0:
		in.Records = f.records(partition, s.written)
	case f.lost > 0:
		in.Lost, in.LostRecords, f.lost = "line", f.lost, 0
	default:
		return pipeline.Input{}, f.err
	}
	return in, nil
}

// Close implements pipeline.Source.
func (s *Records) Close() error {
	for _, f := range s.files {
		f.unpacked.close()
	}
	s.files = nil
	return nil
}

// recordFile is one file and what was read of it.
type recordFile struct {
	dir, path string
	fsys      fs.FS
	header    []pipeline.Header
	unpacked  *unpacked
	lines     lines
	losses    losses
	lost      int64 // records that were lost and are still to be told of
	err       error // what ended the file, io.EOF as a rule

	// The record at hand, of which more lines may come, and the line that it began at; 0 is none. over says that it is too long.
	record []byte
	begun  int
	over   bool

	// The chunk: bytes of the records one behind the other, where each ends, and the line that it began at.
	buffer []byte
	ends   []int
	at     []int
	out    []pipeline.Record
}

func (s *Records) begin(f *recordFile) (err error) {
	if f.unpacked, err = unpack(f.fsys, f.path, s.maxFile); err != nil {
		return err
	}
	f.lines = newLines(f.unpacked, s.limit)
	f.losses = losses{log: s.env.Logger, path: f.path, lose: func(_ string, n int) { f.lost += int64(n) }}
	return nil
}

// read reads on by a line, or by the whole file. Its error ends the file.
func (s *Records) read(f *recordFile) error {
	if s.whole {
		return s.readWhole(f)
	}
	err := f.lines.readLine()
	text := f.lines.text
	switch {
	case err == errLong:
		s.flush(f)
		f.losses.add("line", 1, f.lines.line, err.Error())
	case err == io.EOF:
		s.flush(f)
		return io.EOF
	case err != nil:
		return unreadable(f.path, f.lines.line+1, err)
	case s.starts == nil:
		if len(text) > 0 {
			f.add(text, f.lines.line)
		}
	case f.begun > 0 && !s.starts.Match(text):
		f.goOn(text, s.limit)
	case f.begun > 0 || len(text) > 0:
		s.flush(f)
		f.record, f.begun = append(f.record[:0], text...), f.lines.line
	}
	return nil
}

func (s *Records) readWhole(f *recordFile) error {
	text, err := io.ReadAll(io.LimitReader(f.lines.in, int64(s.limit)+1))
	if err != nil {
		return unreadable(f.path, 1, err)
	}
	f.lines.line = 1
	switch {
	case len(text) > s.limit:
		f.losses.add("line", 1, 1, "the file is larger than max_line")
	case len(text) > 0:
		f.add(text, 1)
	}
	return io.EOF
}

// goOn adds a line to the record at hand.
func (f *recordFile) goOn(text []byte, limit int) {
	if f.over = f.over || len(f.record)+1+len(text) > limit; !f.over {
		f.record = append(append(f.record, '\n'), text...)
	}
}

// flush ends the record at hand.
func (s *Records) flush(f *recordFile) {
	switch {
	case f.begun == 0:
	case f.over:
		f.losses.add("line", 1, f.begun, "the record that begins here is longer than max_line")
	default:
		f.add(f.record, f.begun)
	}
	f.begun, f.over = 0, false
}

// add adds a record to the chunk.
func (f *recordFile) add(text []byte, line int) {
	f.buffer = append(f.buffer, text...)
	f.ends, f.at = append(f.ends, len(f.buffer)), append(f.at, line)
}

// records are those of the chunk. They are valid until the next one is read.
func (f *recordFile) records(partition int32, written int64) []pipeline.Record {
	f.out = f.out[:0]
	from := 0
	for i, to := range f.ends {
		f.out = append(f.out, pipeline.Record{Partition: partition, Offset: int64(f.at[i]), Timestamp: written, Value: f.buffer[from:to:to], Headers: f.header})
		from = to
	}
	return f.out
}

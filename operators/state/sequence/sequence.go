// Package sequence writes and reads state as a sequence of numbers and texts, little-endian, behind a name and a version. It is
// what package state was before it had tables, and is kept for operators whose state is not in tables yet.
//
// Reading is safe on any bytes: a length that the input does not back allocates no more than a small multiple of what is
// really there.
package sequence

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"math"

	"github.com/homeostat/homeostat/pipeline"
)

const (
	magic    = "hs01"
	maxText  = 1 << 20
	pageSize = 4096
)

// Number is what columns are made of.
type Number interface {
	~uint8 | ~int8 | ~uint16 | ~int16 | ~uint32 | ~int32 | ~uint64 | ~int64 | ~float64 | ~bool
}

// Writer writes a snapshot. Errors stick: only Close has to be checked. One goroutine uses it.
type Writer struct {
	out     *bufio.Writer
	scratch [8]byte
	err     error
}

// NewWriter begins a snapshot of the component of that name, in that version of its layout.
func NewWriter(w io.Writer, name string, version int) *Writer {
	s := &Writer{out: bufio.NewWriter(w)}
	_, s.err = s.out.WriteString(magic)
	s.Text(name)
	s.Int(int64(version))
	return s
}

// Int writes one whole number.
func (s *Writer) Int(v int64) { s.word(uint64(v)) }

// Float writes one number, bit by bit.
func (s *Writer) Float(v float64) { s.word(math.Float64bits(v)) }

// Text writes a string.
func (s *Writer) Text(v string) {
	s.Int(int64(len(v)))
	if s.err == nil {
		_, s.err = s.out.WriteString(v)
	}
}

func (s *Writer) word(v uint64) {
	binary.LittleEndian.PutUint64(s.scratch[:], v)
	if s.err == nil {
		_, s.err = s.out.Write(s.scratch[:])
	}
}

// Column writes a slice of numbers with its length.
func Column[T Number](s *Writer, values []T) {
	s.Int(int64(len(values)))
	for len(values) > 0 && s.err == nil {
		page := values[:min(len(values), pageSize)]
		s.err = binary.Write(s.out, binary.LittleEndian, page)
		values = values[len(page):]
	}
}

// Close ends the snapshot and returns the first error.
func (s *Writer) Close() error {
	if s.err != nil {
		return s.err
	}
	return s.out.Flush()
}

// Reader reads a snapshot. Errors stick: after the first one everything reads as zero. One goroutine uses it.
type Reader struct {
	in      *bufio.Reader
	name    string
	scratch [8]byte
	err     error
}

// NewReader checks that the snapshot is of that component and version.
func NewReader(r io.Reader, name string, version int) *Reader {
	s := &Reader{in: bufio.NewReader(r), name: name}
	var head [len(magic)]byte
	if _, err := io.ReadFull(s.in, head[:]); err != nil || string(head[:]) != magic {
		s.Fail("does not begin as one")
		return s
	}
	if got := s.Text(); s.err == nil && got != name {
		s.Fail("belongs to " + got)
	}
	if got := s.Int(); s.err == nil && got != int64(version) {
		s.err = pipeline.Errorf("snapshot.version", "snapshot of %s has version %d and this program reads version %d: use the program that wrote it, or start without snapshots", name, got, version)
	}
	return s
}

// Fail records that the snapshot can't be used, and why.
func (s *Reader) Fail(why string) {
	if s.err == nil {
		s.err = pipeline.Errorf("snapshot.unreadable", "snapshot of %s %s: it is damaged or not a snapshot; use an older one or start without", s.name, why)
	}
}

// Int reads one whole number.
func (s *Reader) Int() int64 { return int64(s.word()) }

// Float reads one number.
func (s *Reader) Float() float64 { return math.Float64frombits(s.word()) }

// Text reads a string.
func (s *Reader) Text() string {
	n := s.Int()
	if s.err != nil {
		return ""
	}
	if n < 0 || n > maxText {
		s.Fail("has a text of impossible length")
		return ""
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(s.in, text); err != nil {
		s.Fail("ends early")
		return ""
	}
	return string(text)
}

func (s *Reader) word() uint64 {
	if s.err != nil {
		return 0
	}
	if _, err := io.ReadFull(s.in, s.scratch[:]); err != nil {
		s.Fail("ends early")
		return 0
	}
	return binary.LittleEndian.Uint64(s.scratch[:])
}

// ReadColumn reads a slice of numbers. A negative want takes any length; otherwise another length is an error.
func ReadColumn[T Number](s *Reader, want int) []T {
	n := s.Int()
	if s.err != nil {
		return nil
	}
	if n < 0 || n > math.MaxUint32 || want >= 0 && n != int64(want) {
		s.Fail("has a column of impossible length")
		return nil
	}
	var values []T
	for left := int(n); left > 0; {
		page := make([]T, min(left, pageSize))
		if err := binary.Read(s.in, binary.LittleEndian, page); err != nil {
			s.Fail("ends early")
			return nil
		}
		values = append(values, page...)
		left -= len(page)
	}
	return values
}

// Close checks that all was read and returns the first error.
func (s *Reader) Close() error {
	if s.err != nil {
		return s.err
	}
	if _, err := s.in.ReadByte(); !errors.Is(err, io.EOF) {
		s.Fail("goes on after its end")
	}
	return s.err
}

// Ok tells whether nothing has failed so far.
func (s *Reader) Ok() bool { return s.err == nil }

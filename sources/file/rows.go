package file

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// Faults of single rows; the reader goes on with the next line.
var (
	errQuote = errors.New("a quote is not closed, or something follows it")
	errLong  = errors.New("the line is longer than max_line")
)

// rows reads CSV row by row. A row is a line. It allocates nothing a row once its buffers have grown.
type rows struct {
	in    *bufio.Reader
	comma byte
	limit int
	line  int // of the row that was read last, from 1

	text   []byte // the line
	fields [][]byte
	plain  []byte // unquoted fields, when there are quotes
}

func newRows(r io.Reader, comma byte, limit int) *rows {
	return &rows{in: bufio.NewReaderSize(r, 64<<10), comma: comma, limit: limit}
}

// next returns the fields of the next row that is not empty; they are valid until the next call. errQuote and errLong are
// faults of one row. io.EOF is the end; other errors are the file's.
func (r *rows) next() ([][]byte, error) {
	for {
		if err := r.readLine(); err != nil {
			return nil, err
		}
		if r.line == 1 {
			r.text = bytes.TrimPrefix(r.text, []byte("\xef\xbb\xbf"))
		}
		if len(r.text) > 0 {
			return r.split()
		}
	}
}

// readLine reads a line without its end into text.
func (r *rows) readLine() error {
	r.text = r.text[:0]
	long := false
	for {
		part, err := r.in.ReadSlice('\n')
		if long = long || len(r.text)+len(part) > r.limit+2; !long {
			r.text = append(r.text, part...)
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		if err != nil && (err != io.EOF || len(part) == 0 && len(r.text) == 0 && !long) {
			return err
		}
		break
	}
	r.line++
	r.text = bytes.TrimSuffix(bytes.TrimSuffix(r.text, []byte("\n")), []byte("\r"))
	if long || len(r.text) > r.limit {
		return errLong
	}
	return nil
}

// split cuts the line into fields.
func (r *rows) split() ([][]byte, error) {
	r.fields = r.fields[:0]
	if bytes.IndexByte(r.text, '"') >= 0 {
		return r.splitQuoted()
	}
	for rest := r.text; ; {
		i := bytes.IndexByte(rest, r.comma)
		if i < 0 {
			r.fields = append(r.fields, rest)
			return r.fields, nil
		}
		r.fields = append(r.fields, rest[:i])
		rest = rest[i+1:]
	}
}

// splitQuoted cuts a line with quotes. A field that doesn't begin with a quote is taken as it stands.
func (r *rows) splitQuoted() ([][]byte, error) {
	if cap(r.plain) < len(r.text) {
		r.plain = make([]byte, 0, 2*len(r.text))
	}
	r.plain = r.plain[:0]
	for rest := r.text; ; {
		from := len(r.plain)
		if len(rest) == 0 || rest[0] != '"' {
			i := bytes.IndexByte(rest, r.comma)
			if i < 0 {
				r.fields = append(r.fields, rest)
				return r.fields, nil
			}
			r.fields = append(r.fields, rest[:i])
			rest = rest[i+1:]
			continue
		}
		for rest = rest[1:]; ; {
			i := bytes.IndexByte(rest, '"')
			if i < 0 {
				return nil, errQuote
			}
			r.plain = append(r.plain, rest[:i]...)
			rest = rest[i+1:]
			if len(rest) == 0 || rest[0] != '"' {
				break
			}
			r.plain = append(r.plain, '"')
			rest = rest[1:]
		}
		r.fields = append(r.fields, r.plain[from:])
		switch {
		case len(rest) == 0:
			return r.fields, nil
		case rest[0] != r.comma:
			return nil, errQuote
		}
		rest = rest[1:]
	}
}

package file

import (
	"bytes"
	"errors"
	"io"
)

// errQuote is a fault of one row; the reader goes on with the next line.
var errQuote = errors.New("a quote is not closed, or something follows it")

// rows reads CSV row by row. A row is a line. It allocates nothing a row once its buffers have grown.
type rows struct {
	lines
	comma byte

	fields [][]byte
	plain  []byte // unquoted fields, when there are quotes
}

func newRows(r io.Reader, comma byte, limit int) *rows {
	return &rows{lines: newLines(r, limit), comma: comma}
}

// next returns the fields of the next row that is not empty; they are valid until the next call. errQuote and errLong are
// faults of one row. io.EOF is the end; other errors are the file's.
func (r *rows) next() ([][]byte, error) {
	for {
		if err := r.readLine(); err != nil {
			return nil, err
		}
		if len(r.text) > 0 {
			return r.split()
		}
	}
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

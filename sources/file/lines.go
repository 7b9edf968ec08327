package file

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// errLong is a fault of one line; the reader goes on with the next one.
var errLong = errors.New("the line is longer than max_line")

// lines reads text line by line. Lines end with a line feed, with or without a carriage return before it; the last one may end with the
// text. A byte order mark at the head is no part of the first.
type lines struct {
	in    *bufio.Reader
	limit int
	line  int    // number of the line that was read last, from 1
	text  []byte // the line, without its end; valid until the next one is read
}

func newLines(r io.Reader, limit int) lines {
	return lines{in: bufio.NewReaderSize(r, 64<<10), limit: limit}
}

// readLine reads a line into text. errLong says that it is beyond the limit, io.EOF that there is none; other errors are the file's.
func (l *lines) readLine() error {
	l.text = l.text[:0]
	long := false
	for {
		part, err := l.in.ReadSlice('\n')
		if long = long || len(l.text)+len(part) > l.limit+len(mark)+2; !long {
			l.text = append(l.text, part...)
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		if err != nil && (err != io.EOF || len(part) == 0 && len(l.text) == 0 && !long) {
			return err
		}
		break
	}
	l.line++
	l.text = bytes.TrimSuffix(bytes.TrimSuffix(l.text, []byte("\n")), []byte("\r"))
	if l.line == 1 {
		l.text = bytes.TrimPrefix(l.text, []byte(mark))
	}
	if long || len(l.text) > l.limit {
		return errLong
	}
	return nil
}

// mark is the byte order mark.
const mark = "\xef\xbb\xbf"

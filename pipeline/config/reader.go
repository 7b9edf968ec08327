package config

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/homeostat/homeostat/pipeline"
)

// reader reads one configuration and gathers its faults.
type reader struct {
	name     string
	registry *pipeline.Registry
	getenv   func(string) (string, bool)
	readFile func(string) ([]byte, error)
	faults   Faults
	// texts holds the lines of each file, so that no fault points outside of it.
	texts map[string][]string
}

// fault reports that the value at n is wrong.
func (r *reader) fault(n *node, path, code, format string, args ...any) {
	r.suggest(n, path, code, "", format, args...)
}

// suggest is fault with a word that was probably meant.
func (r *reader) suggest(n *node, path, code, suggestion, format string, args ...any) {
	line, column := n.line, n.column
	if text := r.texts[n.file]; line > 0 && len(text) > 0 {
		line = min(line, len(text))
		column = max(1, min(column, utf8.RuneCountInString(text[line-1])+1))
	}
	r.faults = append(r.faults, Fault{File: n.file, Line: line, Column: column, Path: path,
		Message: printable(fmt.Sprintf(format, args...)), Suggestion: suggestion, Code: code})
}

// printable keeps a message in one line.
func printable(message string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, message)
}

// raise reports an error that carries its own code.
func (r *reader) raise(n *node, path string, err error) {
	code, message := pipeline.Code(err), err.Error()
	var e *pipeline.Error
	if errors.As(err, &e) && e == err {
		message = e.Message()
	}
	if code == "" {
		code = "config.value.refused"
	}
	r.fault(n, path, code, "%s", message)
}

// at reports a fault of the value that path leads to, from the top of the configuration.
func (r *reader) at(root *node, path, code, format string, args ...any) {
	r.fault(find(root, path), path, code, format, args...)
}

// find follows a path such as a[2].b["c.d"] as far as it leads.
func find(n *node, path string) *node {
	for path != "" {
		next, rest := step(n, path)
		if next == nil {
			break
		}
		n, path = next, rest
	}
	return n
}

func step(n *node, path string) (next *node, rest string) {
	if n.include != nil {
		n = n.include
	}
	if inner, ok := strings.CutPrefix(path, "["); ok {
		index, rest, _ := strings.Cut(inner, "]")
		if i, err := strconv.Atoi(index); err == nil && i >= 0 && i < len(n.items) {
			return n.items[i], rest
		}
		if key, err := strconv.QuotedPrefix(inner); err == nil {
			name, _ := strconv.Unquote(key)
			return n.member(name), strings.TrimPrefix(inner[len(key):], "]")
		}
		return nil, ""
	}
	path = strings.TrimPrefix(path, ".")
	longest := -1 // keys may hold dots
	for _, m := range n.members {
		after, ok := strings.CutPrefix(path, m.name)
		if ok && (after == "" || after[0] == '.' || after[0] == '[') && len(m.name) > longest {
			next, rest, longest = m.value, after, len(m.name)
		}
	}
	return next, rest
}

// join adds a key to a path; a long one is cut.
func join(path, key string) string {
	key = clip(key)
	if key == "" {
		return path + `[""]`
	}
	for _, c := range key {
		if !(c == '_' || c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') {
			return path + "[" + strconv.Quote(key) + "]"
		}
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

func index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// resolve makes the path of a named file relative to the configuration's own folder.
func (r *reader) resolve(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(r.name), path)
}

// open reads the file that the scalar n names; nil after reporting why it cannot.
func (r *reader) open(n *node, path string) (file string, data []byte) {
	file = r.resolve(n.text)
	data, err := r.readFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.fault(n, path, "config.file.missing", "there is no file %s: paths are relative to the configuration's folder", file)
	case err != nil:
		r.fault(n, path, "config.file.unreadable", "cannot read %s: %v: make it readable", file, err)
	default:
		if data == nil {
			data = []byte{}
		}
		return file, data
	}
	return file, nil
}

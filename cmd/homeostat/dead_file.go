package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"unicode/utf8"

	"github.com/homeostat/homeostat/pipeline"
)

// deadLetters is the file of a backtest's dead letters. It is there only if there are any.
const deadLetters = "dead_letters.jsonl"

// deadFile writes dead letters, a line each, as they come: all records of a large file may be such.
type deadFile struct {
	path    string
	file    *os.File
	out     *bufio.Writer
	letters int
	err     error
}

// deadLetter is one line. Value is the record as it came, or Bytes, in base64, if that is no UTF-8.
type deadLetter struct {
	Headers map[string]string `json:"headers"`
	Value   string            `json:"value,omitempty"`
	Bytes   []byte            `json:"bytes,omitempty"`
}

// newDeadFile removes what a backtest before has left.
func newDeadFile(dir string) (*deadFile, error) {
	d := &deadFile{path: filepath.Join(dir, deadLetters)}
	if err := os.Remove(d.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, d.fault(err)
	}
	return d, nil
}

func (d *deadFile) fault(err error) error {
	return pipeline.Errorf("backtest.out", "results can't be written: %w: choose another --out", err)
}

func (d *deadFile) add(rec *pipeline.Record) {
	if d.letters++; d.err != nil {
		return
	}
	if d.file == nil {
		if d.file, d.err = os.Create(d.path); d.err != nil {
			return
		}
		d.out = bufio.NewWriter(d.file)
	}
	line := deadLetter{Headers: map[string]string{}}
	for _, h := range rec.Headers {
		line.Headers[h.Key] = string(h.Value)
	}
	if utf8.Valid(rec.Value) {
		line.Value = string(rec.Value)
	} else {
		line.Bytes = rec.Value
	}
	enc := json.NewEncoder(d.out)
	enc.SetEscapeHTML(false)
	d.err = enc.Encode(line)
}

// close ends the file; it returns what went wrong with it. It may be called twice.
func (d *deadFile) close() error {
	if d.file != nil {
		if d.err == nil {
			d.err = d.out.Flush()
		}
		d.err = errors.Join(d.err, d.file.Close())
		d.file = nil
	}
	if d.err != nil {
		return d.fault(d.err)
	}
	return nil
}

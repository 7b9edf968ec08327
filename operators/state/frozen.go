package state

import (
	"bytes"
	"io"
	"sync"

	"github.com/homeostat/homeostat/pipeline"
)

// Frozen makes a pipeline.Frozen of a function that writes frozen columns as the tables of a component, and of what has to
// be released. Write releases at its end; a second Write, or one after Release, is an error.
func Frozen(component string, write func(*Writer), release ...func()) pipeline.Frozen {
	return &frozen{component: component, write: write, release: release}
}

type frozen struct {
	component string

	mu      sync.Mutex // held by Write to its end, so that Release waits for it
	write   func(*Writer)
	release []func()
}

// Write implements pipeline.Frozen.
func (f *frozen) Write(w io.Writer) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.write == nil {
		return pipeline.Errorf("snapshot.released", "BUG: the frozen state of %s was written or released before: freeze it anew", f.component)
	}
	s := NewWriter(w, f.component)
	f.write(s)
	f.free()
	return s.Close()
}

// Release implements pipeline.Frozen.
func (f *frozen) Release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.free()
}

func (f *frozen) free() {
	for _, release := range f.release {
		release()
	}
	f.write, f.release = nil, nil
}

// Encoded makes a pipeline.Frozen by writing the tables into memory at once: for state that is small.
func Encoded(component string, write func(*Writer)) (pipeline.Frozen, error) {
	var b bytes.Buffer
	s := NewWriter(&b, component)
	write(s)
	if err := s.Close(); err != nil {
		return nil, err
	}
	return &encoded{component: component, data: b.Bytes()}, nil
}

type encoded struct {
	component string
	mu        sync.Mutex
	data      []byte
}

// Write implements pipeline.Frozen.
func (e *encoded) Write(w io.Writer) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.data == nil {
		return pipeline.Errorf("snapshot.released", "BUG: the frozen state of %s was written or released before: freeze it anew", e.component)
	}
	_, err := w.Write(e.data)
	e.data = nil
	if err != nil {
		return pipeline.Errorf("snapshot.write", "snapshot of %s can't be written: %w", e.component, err)
	}
	return nil
}

// Release implements pipeline.Frozen.
func (e *encoded) Release() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.data = nil
}

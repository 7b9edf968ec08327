package miner

import "github.com/cespare/xxhash/v2"

// memo remembers templates of shapes that were seen lately, so that nothing is looked for when lines of the same literal parts come
// again. What it says is what find says: it is cleared when a template gets a new form, and a new template is never found in place
// of an older one.
type memo struct {
	shelves [shelves][shelf]remembered // by the hash of the shape, the newest first
	epoch   uint32
}

const (
	shelves  = 1024
	shelf    = 4
	maxShape = 1 << 10
)

// remembered is a shape and its template.
type remembered struct {
	hash  uint64
	epoch uint32 // if it isn't that of the memo, there is nothing here
	of    *Template
	shape []byte
}

func hash(shape []byte) uint64 { return xxhash.Sum64(shape) }

func (m *memo) clear() { m.epoch++ }

// find returns the template of a shape; nil if it is not known.
func (m *memo) find(h uint64, shape []byte) *Template {
	s := &m.shelves[h%shelves]
	for i := range s {
		if r := &s[i]; r.hash == h && r.epoch == m.epoch && string(r.shape) == string(shape) {
			return r.of
		}
	}
	return nil
}

// keep remembers the template of a shape, and forgets an older one for it.
func (m *memo) keep(h uint64, shape []byte, t *Template) {
	if len(shape) > maxShape {
		return
	}
	s := &m.shelves[h%shelves]
	room := s[shelf-1].shape
	copy(s[1:], s[:])
	s[0] = remembered{hash: h, epoch: m.epoch, of: t, shape: append(room[:0], shape...)}
}

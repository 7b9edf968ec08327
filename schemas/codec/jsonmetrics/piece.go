package jsonmetrics

import (
	"bytes"
	"math/bits"

	"github.com/homeostat/homeostat/schemas/codec/jsontext"
	"github.com/homeostat/homeostat/schemas/codec/octets"
)

// spot is where a member may begin: in an object whose members are at a place, as its first one or behind another. What bytes mean there follows
// from the spot alone.
type spot struct {
	place
	number uint32
	first  bool
	behind *spot // where the next member begins
	// pieces are those that were seen here, in a table by their bytes: a power of two, at most half full.
	pieces []*piece
	count  int
}

// piece is what stands between the values of two members: from behind the one to where the other one begins, with the quote or bracket that
// begins it. Words (true, false, null) are part of it. So with pieces that are known an object need not be taken apart: a producer writes the same
// ones again and again, even where no two of its messages have all in common.
type piece struct {
	// first and second are its first two eight bytes, as far as the masks say that it has them; rest is what is beyond sixteen.
	first, second, firstMask, secondMask uint64
	rest                                 string
	size                                 int
	spot                                 *spot
	kind                                 pieceKind
	use                                  use
	named                                bool  // the value, or that there is one, is part of what names the series
	slot                                 int   // of a measure
	child                                *node // that its member leads to
	name                                 []byte
	value                                scalar // but for texts and numbers
	inner                                *spot  // of an object that counts
	unfit                                unfit
	raw                                  []byte
	hash                                 int
	// next are the pieces that followed the last two times.
	next [2]*piece
}

type pieceKind uint8

const (
	aText pieceKind = iota
	aNumber
	aWord
	anObject // in which members count
	skipped  // another object, or an array
	theEnd   // of the object
)

// use is what is to be done with a member's value.
type use uint8

const (
	nothing use = iota
	brackets
	identity // it is put into the event if all of that is asked for
	measure  // it fills one slot in any case
	several  // it is put into the event in any case
)

// maxPieces, maxPieceBytes and maxPiece bound what is remembered. piecesTrial is how many are kept before it is seen whether they come again.
const maxPieces, maxPieceBytes, maxPiece, piecesTrial = 4096, 256 << 10, 256, 256

// fits tells whether a piece stands at a position. Behind one before a number, which does not hold the number's beginning, anything else may follow,
// too.
func (p *piece) fits(b []byte, i int) bool {
	end := i + p.size
	return octets.At(b, i)&p.firstMask == p.first && end <= len(b) &&
		(p.size <= 8 || octets.At(b, i+8)&p.secondMask == p.second && (p.size <= 16 || string(b[i+16:end]) == p.rest)) &&
		(p.kind != aNumber || end < len(b) && (b[end]-'0' <= 9 || b[end] == '-'))
}

// find returns the piece that stands at a position, nil if what does is broken.
func (r *reader) find(b []byte, i int, s *spot) *piece {
	end, kind := r.delimit(b, i, s)
	if end == 0 {
		return nil
	}
	raw := b[i:end]
	hash := hashOf(raw)
	mask := len(s.pieces) - 1
	for n := hash; mask > 0; n++ {
		p := s.pieces[n&mask]
		if p == nil {
			break
		}
		if p.hash == hash && string(p.raw) == string(raw) {
			return p
		}
	}
	p := &r.strange
	if r.remember(len(raw)) {
		p = &piece{}
		raw = bytes.Clone(raw)
	}
	r.describe(p, raw, kind, s)
	if p.hash = hash; p != &r.strange {
		s.add(p)
	}
	return p
}

func hashOf(raw []byte) int {
	const odd = 0x9e3779b97f4a7c15
	first, last := octets.At(raw, 0), octets.At(raw, max(len(raw)-8, 0))
	return int((first ^ bits.RotateLeft64((last^uint64(len(raw)))*odd, 32)) * odd >> 40)
}

// remember tells whether another piece is to be kept. If there is no room they all are forgotten as soon as they were of use for long enough:
// producers change.
func (r *reader) remember(size int) bool {
	if size > maxPiece || r.learned > piecesTrial+r.met/64 {
		return false
	}
	if r.learned++; r.count == maxPieces || r.bytes+size > maxPieceBytes {
		r.forget()
	}
	r.count++
	r.bytes += size
	return true
}

// forget forgets all pieces.
func (r *reader) forget() {
	for _, s := range r.spots {
		s.pieces, s.count = nil, 0
	}
	r.start = piece{}
	r.count, r.bytes = 0, 0
}

// add puts a piece into the table.
func (s *spot) add(p *piece) {
	if s.count++; 2*s.count > len(s.pieces) {
		old := s.pieces
		s.pieces = make([]*piece, max(2*len(old), 16))
		for _, q := range old {
			if q != nil {
				s.put(q)
			}
		}
	}
	s.put(p)
}

func (s *spot) put(p *piece) {
	n, mask := p.hash, len(s.pieces)-1
	for s.pieces[n&mask] != nil {
		n++
	}
	s.pieces[n&mask] = p
}

// delimit finds the end of the piece at a position, 0 if that is none.
func (r *reader) delimit(b []byte, i int, s *spot) (end int, kind pieceKind) {
	// As most write it: ,"name":
	if !s.first && i+2 < len(b) && b[i] == ',' && b[i+1] == '"' {
		if at := octets.QuoteOrBackslash(b, i+2); at+2 < len(b) && b[at] == '"' && b[at+1] == ':' && b[at+2] > ' ' {
			return r.begins(b, at+2)
		}
	}
	i = jsontext.SkipSpace(b, i)
	if i < len(b) && b[i] == '}' {
		return i + 1, theEnd
	}
	if !s.first {
		if i == len(b) || b[i] != ',' {
			return 0, 0
		}
		i = jsontext.SkipSpace(b, i+1)
	}
	if i = jsontext.Name(b, i); i == 0 || i == len(b) {
		return 0, 0
	}
	return r.begins(b, i)
}

// begins tells what value begins at a position, and where the piece before it ends.
func (r *reader) begins(b []byte, i int) (end int, kind pieceKind) {
	switch b[i] {
	case '"':
		return i + 1, aText
	case '{', '[':
		return i + 1, skipped
	case 't', 'f', 'n':
		if word := jsontext.Word(b, i); word != "" {
			return i + len(word), aWord
		}
	}
	return i, aNumber
}

// describe makes a piece of its bytes, which it keeps. The kind is right but for objects in which members count.
func (r *reader) describe(p *piece, raw []byte, kind pieceKind, s *spot) {
	*p = piece{raw: raw, size: len(raw), spot: s, kind: kind, use: brackets}
	p.firstMask = ^uint64(0) >> (8 * max(8-len(raw), 0))
	p.secondMask = ^uint64(0) >> (8 * min(max(16-len(raw), 0), 8))
	p.first, p.second = octets.At(raw, 0)&p.firstMask, octets.At(raw, 8)&p.secondMask
	if len(raw) > 16 {
		p.rest = string(raw[16:])
	}
	if kind == theEnd {
		return
	}
	from := bytes.IndexByte(raw, '"') + 1
	to, escaped := jsontext.TextEnd(raw, from)
	if p.name = raw[from:to]; escaped {
		p.name = jsontext.Unescape(nil, p.name)
	}
	if s.node != nil {
		p.child = s.node.children[string(p.name)]
	}
	switch {
	case kind == aWord && raw[len(raw)-1] == 'l': // null
		p.value = scalar{kind: null, step: fixed}
	case kind == aWord && raw[len(raw)-2] == 'u': // true
		p.value = scalar{kind: boolean, step: fixed, text: literalTrue}
	case kind == aWord:
		p.value = scalar{kind: boolean, step: fixed, text: literalFalse}
	case kind == skipped:
		p.value = scalar{kind: nested, step: fixed}
		if inner := below(p.child); raw[len(raw)-1] == '{' && inner.leads() {
			p.kind, p.inner = anObject, r.spotOf(inner, true)
		}
	case kind == aText:
		p.value.kind = text
	default:
		p.value.kind = number
	}
	if r.mapping.typed {
		p.unfit = r.mapping.unfit(s.place, p.child, p.name, p.value)
	}
	if p.use, p.named, p.slot = r.mapping.use(s.place, p.child, p.value.kind); p.use == nothing && p.kind == anObject {
		p.use = brackets
	}
}

// spotOf returns a spot of a place.
func (r *reader) spotOf(at place, first bool) *spot {
	for _, s := range r.spots {
		if s.place == at && s.first == first {
			return s
		}
	}
	s := &spot{place: at, first: first, number: uint32(len(r.spots))}
	r.spots = append(r.spots, s)
	if s.behind = s; first {
		s.behind = r.spotOf(at, false)
	}
	return s
}

package octets_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/homeostat/homeostat/schemas/codec/octets"
)

// TestAgreesWithBytes holds all functions against a byte by byte search.
func TestAgreesWithBytes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	alphabet := []byte("\"\\=!#[]<>\x00\x01\x7f\x80\xa2\xdc\xbd\xff")
	for range 20_000 {
		b := make([]byte, r.IntN(40))
		for i := range b {
			b[i] = alphabet[r.IntN(len(alphabet))]
			if r.IntN(2) == 0 {
				b[i] = byte(r.Uint32())
			}
		}
		at := r.IntN(len(b) + 10)
		padded := append(bytes.Clone(b), make([]byte, 30)...)
		w := octets.At(b, at)
		for k := range 8 {
			if byte(w>>(8*k)) != padded[at+k] {
				t.Fatalf("%q from %d: %x", b, at, w)
			}
		}
		for _, ch := range alphabet {
			want := bytes.IndexByte(padded[at:at+8], ch)
			if want < 0 {
				want = 8
			}
			if got := octets.Before(w, ch); got != want {
				t.Fatalf("%x: %d bytes before %#x, want %d", w, got, ch, want)
			}
		}
		want := len(b)
		if at < len(b) {
			if i := bytes.IndexAny(b[at:], `"\`); i >= 0 {
				want = at + i
			}
		}
		if got := octets.QuoteOrBackslash(b, at); got != want {
			t.Fatalf("%q from %d: %d, want %d", b, at, got, want)
		}
	}
}

package templates

import (
	"math"
	"math/bits"
	"unicode/utf8"
)

const (
	// registers are those of HyperLogLog: with so many an estimate of many values is off by 6.5% (1.04/√m), one of a few dozen hardly ever.
	registers = 256
	// contenders are the values that are counted by themselves. What has more than one part in so many of all is among them.
	contenders = 8
	// maxValue bounds the text of a value that is kept.
	maxValue = 64
)

// sketch is what is known of the values at one place, in bounded memory and without pointers: how many are different, by HyperLogLog (P.
// Flajolet, É. Fusy, O. Gandouet, F. Meunier: HyperLogLog: the analysis of a near-optimal cardinality estimation algorithm,
// AofA 2007), where few are by linear counting (K.-Y. Whang, B. T. Vander-Zanden, H. M. Taylor: A linear-time probabilistic counting
// algorithm for database applications, ACM TODS 15(2), 1990); and which are the most frequent, by Space-Saving (A. Metwally, D.
// Agrawal, A. El Abbadi: Efficient computation of frequent and top-k elements in data streams, ICDT 2005).
type sketch struct {
	rows      uint32
	registers [registers]uint8
	top       ranking
}

// ranking is the values that may be the most frequent ones, column by column, so that one that is there touches two cache lines.
type ranking struct {
	hashes [contenders]uint64
	// counts are of these values and, at most over of them, of others that were in their places before. 0: there is none.
	counts, over [contenders]uint32
	sizes        [contenders]uint8
	texts        [contenders][maxValue]byte // the beginnings of them
}

// add takes a value in.
func (s *sketch) add(hash uint64, value []byte) {
	if s.rows < math.MaxUint32 {
		s.rows++
	}
	i := hash >> (64 - 8)
	if n := uint8(bits.LeadingZeros64(hash<<8|1<<7)) + 1; n > s.registers[i] {
		s.registers[i] = n
	}
	s.top.add(hash, value)
}

// add counts a value, in the place of the one with the lowest count if it has none.
func (r *ranking) add(hash uint64, value []byte) {
	least := 0
	for i, n := range r.counts {
		if n > 0 && r.hashes[i] == hash {
			if n < math.MaxUint32 {
				r.counts[i]++
			}
			return
		}
		if n < r.counts[least] {
			least = i
		}
	}
	r.hashes[least], r.over[least] = hash, r.counts[least]
	if r.counts[least] < math.MaxUint32 {
		r.counts[least]++
	}
	r.sizes[least] = uint8(copy(r.texts[least][:], value))
}

// distinct estimates how many different values there were.
func (s *sketch) distinct() float64 {
	const m = float64(registers)
	sum, none := 0.0, 0.0
	for _, r := range s.registers {
		sum += math.Ldexp(1, -int(r))
		if r == 0 {
			none++
		}
	}
	n := 0.7213 / (1 + 1.079/m) * m * m / sum
	if n <= 2.5*m && none > 0 {
		n = m * math.Log(m/none)
	}
	return min(math.Round(n), float64(s.rows))
}

// most returns the most frequent value, as text, and which share of the others have at least the value that one of them has: nothing where all
// are different, however few they are. Of equal ones it is the one that came first. There have to be two.
func (s *sketch) most() (value string, share float64) {
	best, count := 0, uint32(0)
	for i, n := range s.top.counts {
		if n -= s.top.over[i]; n > count {
			best, count = i, n
		}
	}
	return readable(s.top.texts[best][:s.top.sizes[best]]), max(0, float64(count)-1) / float64(s.rows-1)
}

// readable returns the beginning of a value as text that has no half characters.
func readable(value []byte) string {
	if len(value) == maxValue {
		n := len(value) - 1
		for n > 0 && n > len(value)-utf8.UTFMax && !utf8.RuneStart(value[n]) {
			n--
		}
		if !utf8.FullRune(value[n:]) {
			value = value[:n]
		}
	}
	text := make([]rune, 0, len(value))
	for _, r := range string(value) {
		if r < ' ' || r == 0x7f {
			r = utf8.RuneError
		}
		text = append(text, r)
	}
	return string(text)
}

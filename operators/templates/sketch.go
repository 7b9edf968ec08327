package templates

import (
	"math"
	"math/bits"
	"slices"
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
	top       [contenders]contender
}

// contender is a value that may be the most frequent one.
type contender struct {
	hash uint64
	// count is of this value and, at most over of them, of others that were in its place before.
	count, over uint32
	size        uint8
	text        [maxValue]byte // the beginning of it
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
	least := 0
	for i := range s.top {
		c := &s.top[i]
		if c.count > 0 && c.hash == hash {
			if c.count < math.MaxUint32 {
				c.count++
			}
			return
		}
		if c.count < s.top[least].count {
			least = i
		}
	}
	c := &s.top[least]
	c.hash, c.over = hash, c.count
	if c.count < math.MaxUint32 {
		c.count++
	}
	c.size = uint8(copy(c.text[:], value))
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
	best := slices.MaxFunc(s.top[:], func(a, b contender) int { return int(int64(a.count-a.over) - int64(b.count-b.over)) })
	return readable(best.text[:best.size]), float64(best.count-best.over-1) / float64(s.rows-1)
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

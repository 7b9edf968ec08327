package gather

// Sum is a sum that rounding takes nothing away from, so that it does not depend on the order of its parts: which series a
// lane met first, and in which batches they came. It is kept as numbers that do not overlap, the smallest first, whose
// unrounded sum is the true one (J. R. Shewchuk: Adaptive Precision Floating-Point Arithmetic, Discrete & Computational
// Geometry 18(3), 1997, grow-expansion). Counts need one of them, what is measured in practice two.
type Sum struct{ parts []float64 }

// Add adds a finite number. A sum beyond float64 becomes no number, and stays so.
func (s *Sum) Add(v float64) {
	n := 0
	for _, p := range s.parts {
		sum := v + p
		t := sum - v
		if rest := (v - (sum - t)) + (p - t); rest != 0 {
			s.parts[n] = rest
			n++
		}
		v = sum
	}
	s.parts = append(s.parts[:n], v)
}

// Value returns the sum, rounded once.
func (s *Sum) Value() float64 {
	n := len(s.parts)
	if n == 0 {
		return 0
	}
	n--
	sum, rest := s.parts[n], 0.0
	for n > 0 && rest == 0 {
		n--
		t := sum
		sum += s.parts[n]
		rest = s.parts[n] - (sum - t)
	}
	// In the middle between two numbers, what is left decides which is nearer.
	if n > 0 && (rest < 0) == (s.parts[n-1] < 0) {
		if twice := 2 * rest; twice == (sum+twice)-sum {
			sum += twice
		}
	}
	return sum
}

// Split returns the sum as its largest part and the others, Joined takes it over from them: for snapshots.
func (s *Sum) Split() (most float64, rest []float64) {
	n := len(s.parts)
	if n == 0 {
		return 0, nil
	}
	return s.parts[n-1], s.parts[:n-1]
}

func Joined(most float64, rest []float64) Sum {
	return Sum{append(append([]float64(nil), rest...), most)}
}

// Empty makes the sum zero; it keeps its memory.
func (s *Sum) Empty() { s.parts = s.parts[:0] }

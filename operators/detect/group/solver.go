package group

import "math"

// most is the number of series of an entity that are looked at together.
const most = 32

// solver solves equations with a matrix of correlations. Its memory is used again for each.
type solver struct {
	n int
	// l is the lower triangle of the matrix, row by row; after factor that of its Cholesky factor.
	l [most * (most + 1) / 2]float64
}

// row returns the part of the matrix's i-th row that is left of the diagonal and on it.
func (s *solver) row(i int) []float64 { return s.l[i*(i+1)/2 : i*(i+1)/2+i+1] }

// least is the least pivot: what it is less by is rounding, or correlations that were learned in parts and do not fit together.
const least = 1e-3

// factor makes L of the matrix L·L′.
func (s *solver) factor() {
	for i := range s.n {
		a := s.row(i)
		for j := range i {
			b := s.row(j)
			sum := a[j]
			for k := range j {
				sum -= a[k] * b[k]
			}
			a[j] = sum / b[j]
		}
		sum := a[i]
		for k := range i {
			sum -= a[k] * a[k]
		}
		a[i] = math.Sqrt(max(sum, least))
	}
}

// whiten makes w of u = L·w, in place, and returns its length squared: the squared distance of u from zero.
func (s *solver) whiten(u []float64) float64 {
	total := 0.0
	for i := range u {
		a := s.row(i)
		sum := u[i]
		for k := range i {
			sum -= a[k] * u[k]
		}
		u[i] = sum / a[i]
		total += u[i] * u[i]
	}
	return total
}

// back makes g of w = L′·g, in place: with u = L·w it is u divided by the matrix.
func (s *solver) back(w []float64) {
	for i := len(w) - 1; i >= 0; i-- {
		w[i] /= s.row(i)[i]
		for k := range i {
			w[k] -= s.row(i)[k] * w[i]
		}
	}
}

// precision returns the i-th element of the diagonal of the inverse: one by the variance of i where all others are known.
func (s *solver) precision(i int, scratch []float64) float64 {
	e := scratch[:s.n]
	clear(e)
	e[i] = 1
	return s.whiten(e)
}

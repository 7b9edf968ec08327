package cohort

import "slices"

// median returns the median of values, of an even number the mean of the two in the middle, and 0 of none. It reorders them. It selects
// in place, in time by their number, and sorts where that would take long.
func median(values []float64) float64 {
	n := len(values)
	if n == 0 {
		return 0
	}
	k := n / 2
	selectAt(values, k)
	if n%2 == 1 {
		return values[k]
	}
	return values[k]/2 + slices.Max(values[:k])/2
}

const (
	// few values are sorted by insertion.
	few = 12
	// patience is how many rounds a selection may take before it sorts: one that goes well takes two for each doubling.
	patience = 64
)

// selectAt puts the k-th smallest value at k, and no greater ones before it (Hoare, Algorithm 65: Find, CACM 4, 1961).
func selectAt(v []float64, k int) {
	low, high := 0, len(v)-1
	for round := 0; high-low >= few; round++ {
		if round > patience {
			slices.Sort(v[low : high+1])
			return
		}
		pivot := middle(v[low], v[low+(high-low)/2], v[high])
		i, j := low, high
		for i <= j {
			for v[i] < pivot {
				i++
			}
			for v[j] > pivot {
				j--
			}
			if i <= j {
				v[i], v[j] = v[j], v[i]
				i++
				j--
			}
		}
		switch {
		case k <= j:
			high = j
		case k >= i:
			low = i
		default:
			return
		}
	}
	for i := low + 1; i <= high; i++ {
		x, j := v[i], i
		for ; j > low && v[j-1] > x; j-- {
			v[j] = v[j-1]
		}
		v[j] = x
	}
}

// middle returns the median of three.
func middle(a, b, c float64) float64 { return max(min(a, b), min(max(a, b), c)) }

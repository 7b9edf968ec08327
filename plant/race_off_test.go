//go:build !race

package plant

// seedShare divides the number of seeds that a claim is tested on.
const seedShare = 1

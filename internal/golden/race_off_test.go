//go:build !race

package golden

const thinByDefault = false

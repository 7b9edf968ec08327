package jsonmetrics

import (
	"math"

	"github.com/homeostat/homeostat/schemas/codec/decimal"
)

// parseNumber reads a number, also of the forms that JSON does not have, and tells infinities and NaN from what is no number.
func parseNumber(s []byte) (float64, loss) {
	switch v, n := decimal.Parse(s); {
	case n == 0 || n != len(s):
		return 0, notNumeric
	case math.IsInf(v, 0) || math.IsNaN(v):
		return 0, notFinite
	default:
		return v, kept
	}
}

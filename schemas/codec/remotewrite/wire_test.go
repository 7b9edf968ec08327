package remotewrite_test

import (
	"encoding/binary"
	"math"
	"slices"
)

// The wire by hand, for what prompb does not write.

func tag(number, wire int) []byte { return binary.AppendUvarint(nil, uint64(number<<3|wire)) }

// msg is a field of wire type bytes with the parts as content.
func msg(number int, parts ...[]byte) []byte {
	content := slices.Concat(parts...)
	return slices.Concat(tag(number, 2), binary.AppendUvarint(nil, uint64(len(content))), content)
}

func str(number int, s string) []byte   { return msg(number, []byte(s)) }
func num(number int, v uint64) []byte   { return binary.AppendUvarint(tag(number, 0), v) }
func fixed(number int, v uint64) []byte { return binary.LittleEndian.AppendUint64(tag(number, 1), v) }
func double(number int, v float64) []byte {
	return fixed(number, math.Float64bits(v))
}

// packed is a packed field of varints.
func packed(number int, values ...uint64) []byte {
	var b []byte
	for _, v := range values {
		b = binary.AppendUvarint(b, v)
	}
	return msg(number, b)
}

// label is one of version 1.0.
func label(name, value string) []byte { return msg(1, str(1, name), str(2, value)) }

// sample is one of either version.
func sample(value float64, ms int64) []byte { return msg(2, double(1, value), num(2, uint64(ms))) }

// one is a request of version 1.0 with one series.
func one(parts ...[]byte) []byte { return msg(1, parts...) }

// about is metadata of version 1.0.
func about(kind uint64, family, unit string) []byte {
	return msg(3, num(1, kind), str(2, family), str(4, "helpful"), str(5, unit))
}

// symbols are those of a request of version 2.0, the empty one first.
func symbols(texts ...string) []byte {
	b := str(4, "")
	for _, s := range texts {
		b = append(b, str(4, s)...)
	}
	return b
}

// two is a request of version 2.0 with one series called m and with a label a="1"; u is a unit.
func two(parts ...[]byte) []byte {
	return slices.Concat(symbols("__name__", "m", "a", "1", "u"), msg(5, slices.Concat(packed(1, 1, 2, 3, 4)), slices.Concat(parts...)))
}

package wire_test

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/homeostat/homeostat/schemas/codec/wire"
)

// walk returns what a cursor finds, in words, and its fault.
func walk(b []byte, groups bool) (fields []wire.Field, fault string) {
	c := wire.Cursor{B: b, End: len(b), Groups: groups}
	var f wire.Field
	for c.Next(&f) {
		fields = append(fields, f)
		f = wire.Field{}
	}
	return fields, c.Fault
}

// consult tells whether the library can read a message to its end.
func consult(b []byte) bool {
	for len(b) > 0 {
		number, _, n := protowire.ConsumeField(b)
		if n < 0 || number <= 0 {
			return false
		}
		b = b[n:]
	}
	return true
}

func TestFields(t *testing.T) {
	for _, v := range []uint64{0, 1, 127, 128, 16383, 16384, 1<<21 - 1, 1 << 21, 1<<28 - 1, 1 << 35, 1<<49 - 1, 1<<56 - 1, 1 << 56, 1 << 63, math.MaxUint64} {
		for _, rest := range [][]byte{nil, bytes.Repeat([]byte{0x80}, 9)} { // close to the end, and far from it
			b := slices.Concat(protowire.AppendVarint(protowire.AppendTag(nil, 1000, protowire.VarintType), v), protowire.AppendFixed64(protowire.AppendTag(nil, 2, protowire.Fixed64Type), v),
				protowire.AppendFixed32(protowire.AppendTag(nil, 3, protowire.Fixed32Type), uint32(v)), protowire.AppendBytes(protowire.AppendTag(nil, 4, protowire.BytesType), rest))
			got, fault := walk(b, false)
			if fault != "" || len(got) != 4 || got[0].Number != 1000 || got[0].Value != v || got[1].Value != v || got[2].Value != uint64(uint32(v)) || !bytes.Equal(b[got[3].From:got[3].To], rest) || got[3].To != len(b) {
				t.Errorf("%d: %+v, %s", v, got, fault)
			}
		}
	}
}

func TestGroups(t *testing.T) {
	one := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 7)
	group := slices.Concat(protowire.AppendTag(nil, 2, protowire.StartGroupType), one, protowire.AppendTag(nil, 3, protowire.StartGroupType), one, protowire.AppendTag(nil, 3, protowire.EndGroupType),
		protowire.AppendTag(nil, 2, protowire.EndGroupType))
	if got, fault := walk(slices.Concat(group, one, group), true); len(got) != 3 || got[0].Wire != wire.Group || got[0].To != len(group) || got[1].Value != 7 || fault != "" {
		t.Errorf("%+v, %s", got, fault)
	}
	if got, fault := walk(slices.Concat(one, group), false); len(got) != 1 || fault == "" {
		t.Errorf("%+v, %s", got, fault)
	}
	deep := bytes.Repeat(protowire.AppendTag(nil, 2, protowire.StartGroupType), 1000)
	for _, b := range [][]byte{deep, group[:len(group)-1], group[:3], slices.Concat(group[:len(group)-1], protowire.AppendTag(nil, 9, protowire.EndGroupType)), protowire.AppendTag(nil, 2, protowire.EndGroupType)} {
		if got, fault := walk(b, true); len(got) != 0 || fault == "" {
			t.Errorf("%x: %+v, %s", b, got, fault)
		}
	}
}

// FuzzCursor reads what the library reads, and ends there.
func FuzzCursor(f *testing.F) {
	f.Add([]byte{8, 1, 0x12, 2, 'a', 'b', 0x19, 1, 2, 3, 4, 5, 6, 7, 8, 0x25, 1, 2, 3, 4})
	f.Add([]byte{0x0b, 8, 1, 0x0c, 8, 2})
	f.Add([]byte{8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		fields, fault := walk(b, true)
		deep := 0
		for _, ch := range b {
			if ch&7 == 3 {
				deep++
			}
		}
		if fault != "" && consult(b) && deep < 30 {
			t.Fatalf("the library reads it: %s", fault)
		}
		at := 0
		for _, f := range fields {
			if f.At < at || f.To <= f.At || f.To > len(b) {
				t.Fatalf("%+v", fields)
			}
			at = f.To
		}
	})
}

package templates

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/operators/templates/miner"
	"github.com/homeostat/homeostat/pipeline"
)

// The tables of a snapshot. Templates are named by their ids as in the label template.
var (
	laneTable = state.Table{Name: "lane", Version: 1, Fields: []state.Field{
		{Name: "lines", Type: state.Uint64}, {Name: "numbers", Type: state.Uint64}, {Name: "forgotten", Type: state.Uint64},
	}}
	templateTable = state.Table{Name: "templates", Version: 1, Fields: []state.Field{
		{Name: "template", Type: state.Text}, {Name: "text", Type: state.Text}, {Name: "lines", Type: state.Uint64}, {Name: "last_line", Type: state.Uint64},
		{Name: "first", Type: state.Text}, {Name: "number", Type: state.Uint64}, {Name: "form", Type: state.Bytes},
	}}
	// placeTable is there if the operator looks at parameters. A contender is 8 bytes of hash, 4 of count, 4 of what of it may be of others, and
	// a byte of the size of its text, which follows.
	placeTable = state.Table{Name: "places", Version: 1, Fields: []state.Field{
		{Name: "series", Type: state.Uint32, Role: state.Ordinal}, {Name: "start", Type: state.Int64}, {Name: "place", Type: state.Uint16},
		{Name: "records", Type: state.Uint32}, {Name: "registers", Type: state.Bytes}, {Name: "contenders", Type: state.Bytes},
	}}
	stretchTable = state.Table{Name: "stretches", Version: 1, Fields: []state.Field{{Name: "size", Type: state.Int64}, {Name: "closed", Type: state.Int64}}}
	mergeTable   = state.Table{Name: "merges", Version: 1, Fields: []state.Field{{Name: "from", Type: state.Text}, {Name: "into", Type: state.Text}}}
)

func idText(id uint64) string { return fmt.Sprintf("%016x", id) }

// Snapshot implements pipeline.Snapshotter.
func (t *Templates) Snapshot() (pipeline.Frozen, error) {
	f := t.miner.Freeze()
	var places []place
	stretch, closed := int64(0), int64(0)
	if t.values != nil {
		places, stretch, closed = slices.Clone(t.values.places), t.values.size, t.values.closed
	}
	return state.Frozen(name, func(w *state.Writer) {
		w.Table(laneTable).Uint64(f.Lines).Uint64(f.Numbers).Uint64(f.Forgotten)
		rows := w.Table(templateTable)
		f.Templates(func(s miner.Saved) {
			rows.Text(idText(s.ID)).Text(s.Text).Uint64(s.Count).Uint64(s.Seen).Text(s.First).Uint64(s.Number).Bytes(s.Form)
		})
		rows = w.Table(mergeTable)
		for _, m := range f.Merges {
			rows.Text(idText(m.From)).Text(idText(m.Into))
		}
		if stretch == 0 {
			return
		}
		w.Table(stretchTable).Int64(stretch).Int64(closed)
		rows = w.Table(placeTable)
		for i := range places {
			p := &places[i]
			rows.Uint32(p.series).Int64(p.start).Uint16(p.at).Uint32(p.rows).Bytes(p.registers[:]).Bytes(p.top.encode())
		}
	}), nil
}

// Restore implements pipeline.Snapshotter.
func (t *Templates) Restore(r io.Reader) error {
	s := state.NewReader(r, name)
	id := func(text string) uint64 {
		n, err := strconv.ParseUint(text, 16, 64)
		if err != nil {
			s.Fail("has a template without an id")
		}
		return n
	}
	var f miner.Frozen
	for rows := s.Table(laneTable); rows.Next(); {
		f.Lines, f.Numbers, f.Forgotten = rows.Uint64("lines"), rows.Uint64("numbers"), rows.Uint64("forgotten")
	}
	var saved []miner.Saved
	for rows := s.Table(templateTable); rows.Next(); {
		saved = append(saved, miner.Saved{ID: id(rows.Text("template")), Count: rows.Uint64("lines"), Seen: rows.Uint64("last_line"),
			First: rows.Text("first"), Number: rows.Uint64("number"), Form: append([]byte(nil), rows.Bytes("form")...)})
	}
	for rows := s.Table(mergeTable); rows.Next(); {
		f.Merges = append(f.Merges, miner.Merge{From: id(rows.Text("from")), Into: id(rows.Text("into"))})
	}
	t.restorePlaces(s)
	m, err := miner.Restore(t.limits, &f, saved)
	if err != nil {
		s.Fail(err.Error())
		return s.Close()
	}
	t.miner = m
	return s.Close()
}

// restorePlaces reads what was counted of places, unless it was counted in stretches of another size.
func (t *Templates) restorePlaces(s *state.Reader) {
	same := false
	for rows := s.Table(stretchTable); rows.Next(); {
		if same = t.values != nil && t.values.size == rows.Int64("size"); same {
			t.values.closed = rows.Int64("closed")
		}
	}
	for rows := s.Table(placeTable); rows.Next(); {
		p := place{spot: spot{rows.Int64("start"), rows.Uint32("series"), rows.Uint16("place")}}
		p.rows = rows.Uint32("records")
		if copy(p.registers[:], rows.Bytes("registers")) < registers || p.rows == 0 || !p.top.decode(rows.Bytes("contenders")) {
			s.Fail("has a place whose values can't be read")
			return
		}
		if same {
			t.values.index[p.spot] = len(t.values.places)
			t.values.places = append(t.values.places, p)
		}
	}
}

// encode returns the values that there are.
func (r *ranking) encode() (to []byte) {
	for i, n := range r.counts {
		if n > 0 {
			to = binary.LittleEndian.AppendUint64(to, r.hashes[i])
			to = binary.LittleEndian.AppendUint32(to, n)
			to = binary.LittleEndian.AppendUint32(to, r.over[i])
			to = append(append(to, r.sizes[i]), r.texts[i][:r.sizes[i]]...)
		}
	}
	return to
}

// decode reads what encode wrote. false: it did not.
func (r *ranking) decode(from []byte) bool {
	const head = 17
	for i := 0; len(from) > 0; i++ {
		if i == contenders || len(from) < head || int(from[head-1]) > maxValue || len(from) < head+int(from[head-1]) {
			return false
		}
		r.hashes[i], r.counts[i], r.over[i], r.sizes[i] = binary.LittleEndian.Uint64(from), binary.LittleEndian.Uint32(from[8:]), binary.LittleEndian.Uint32(from[12:]), from[head-1]
		if r.counts[i] == 0 || r.counts[i] < r.over[i] {
			return false
		}
		copy(r.texts[i][:], from[head:head+int(r.sizes[i])])
		from = from[head+int(r.sizes[i]):]
	}
	return true
}

package group

import (
	"io"
	"math"
	"slices"

	"github.com/homeostat/homeostat/operators/detect/ewma"
	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/pipeline"
)

// The tables of a snapshot, besides those of packages alarm and members. What is kept of an entity goes with its first series, a product
// with both of its series.
var (
	laneTable   = state.Table{Name: "lane", Version: version, Fields: []state.Field{{Name: "start", Type: state.Int64}, {Name: "end", Type: state.Int64}}}
	seriesTable = state.Table{Name: "series", Version: version, BySeries: true, Fields: append([]state.Field{
		{Name: "drift", Type: state.Float64}, {Name: "paired", Type: state.Uint32}}, ewma.Fields()...)}
	entityTable = state.Table{Name: "entities", Version: version, Fields: slices.Concat([]state.Field{
		{Name: "series", Type: state.Uint32, Role: state.Ordinal}, {Name: "lead", Type: state.Int64, Role: state.Ordinal}, {Name: "level", Type: state.Float64},
		{Name: "seen", Type: state.Int64}, {Name: "turned_away", Type: state.Uint32}}, distanceFields("spread"), distanceFields("drift"))}
	productTable = state.Table{Name: "products", Version: version, Fields: []state.Field{
		{Name: "series", Type: state.Uint32, Role: state.Ordinal}, {Name: "with", Type: state.Uint32, Role: state.Ordinal}, {Name: "product", Type: state.Float64},
	}}
)

// distanceFields are the columns of what is usual of a distance.
func distanceFields(name string) []state.Field {
	return []state.Field{{Name: name + "_mean", Type: state.Float64}, {Name: name + "_absolute", Type: state.Float64}, {Name: name + "_deviation", Type: state.Float64}, {Name: name + "_learned", Type: state.Uint32}}
}

func writeDistance(t *state.TableWriter, a *ewma.Average) {
	t.Float64(a.Mean).Float64(a.Dev).Float64(a.Deviation).Uint32(a.N)
}

func readDistance(t *state.TableReader, name string) ewma.Average {
	return ewma.Average{Mean: t.Float64(name + "_mean"), Dev: t.Float64(name + "_absolute"), Deviation: t.Float64(name + "_deviation"), N: t.Uint32(name + "_learned")}
}

// Snapshot implements pipeline.Snapshotter.
func (d *Detector) Snapshot() (pipeline.Frozen, error) {
	now, places, parts := d.Now, slices.Clip(d.places), slices.Clone(d.parts)
	series, products, entities := d.series.Freeze(), d.products.Freeze(), d.entities.Freeze()
	rows, alarms := d.Members.Freeze(), d.Alarm.Freeze()
	return state.Frozen(name, func(w *state.Writer) {
		w.Table(laneTable).Int64(now.Start).Int64(now.End)
		t := w.Table(seriesTable)
		for i := range uint32(series.Len()) {
			s := series.At(i)
			t.Float64(s.drift).Uint32(s.paired)
			s.Write(t)
		}
		t = w.Table(entityTable)
		for id := range uint32(entities.Len()) {
			e := entities.At(id)
			t.Uint32(parts[id][0]).Int64(e.lead).Float64(e.level).Int64(e.seen).Uint32(e.rejected)
			writeDistance(t, &e.spread)
			writeDistance(t, &e.drift)
		}
		t = w.Table(productTable)
		for s, p := range places[:series.Len()] {
			if !p.in {
				continue
			}
			for i, other := range parts[p.entity][:p.index+1] {
				if v := products.At(p.base + uint32(i)); v != 0 {
					t.Uint32(uint32(s)).Uint32(other).Float64(v)
				}
			}
		}
		rows.Write(w)
		alarms.Write(w)
	}, series.Release, products.Release, entities.Release, alarms.Release), nil
}

// Restore implements pipeline.Snapshotter.
func (d *Detector) Restore(r io.Reader) error {
	s := state.NewReader(r, name)
	for t := s.Table(laneTable); t.Next(); {
		d.Now.Start, d.Now.End = t.Int64("start"), t.Int64("end")
	}
	for t := s.Table(seriesTable); t.Next(); {
		d.series.Append(learned{ewma.Read(t), t.Float64("drift"), t.Uint32("paired")})
	}
	if d.series.Len() > d.Members.Grow() {
		s.Fail("has more series than there are")
		return s.Close()
	}
	d.settle(d.series.Len())
	for t := s.Table(entityTable); t.Next(); {
		series, lead := t.Uint32("series"), t.Int64("lead")
		if p := d.placeOf(series); !p.in || p.index != 0 || lead < none || lead >= int64(d.series.Len()) {
			s.Fail("has an entity that can't be")
			break
		}
		*d.entities.Edit(d.places[series].entity) = entity{
			level: t.Float64("level"), seen: t.Int64("seen"), lead: lead, rejected: t.Uint32("turned_away"),
			spread: readDistance(t, "spread"), drift: readDistance(t, "drift"),
		}
	}
	for t := s.Table(productTable); t.Next(); {
		p, q := d.placeOf(t.Uint32("series")), d.placeOf(t.Uint32("with"))
		if !p.in || !q.in || p.entity != q.entity || q.index > p.index {
			s.Fail("has a product that can't be")
			break
		}
		*d.products.Edit(p.base + q.index) = t.Float64("product")
	}
	d.Members.Load(s)
	if n := d.Alarm.Load(s); n != d.series.Len() {
		s.Fail("has columns of different length")
	} else if !d.told() {
		s.Fail("has an open finding of no entity")
	}
	return s.Close()
}

// told says whether the entities with open findings are those that have a series to tell of.
func (d *Detector) told() bool {
	open, leads := 0, 0
	d.Alarm.Hold(func(series uint32) {
		if p := d.places[series]; p.in && p.index == 0 && d.entities.At(p.entity).lead != none {
			open++
		} else {
			open = math.MinInt
		}
	})
	for id := range uint32(d.entities.Len()) {
		if d.entities.At(id).lead != none {
			leads++
		}
	}
	return open == leads
}

// placeOf returns the place of a series, that of none for one that does not exist.
func (d *Detector) placeOf(series uint32) place {
	if int64(series) >= int64(len(d.places)) {
		return place{}
	}
	return d.places[series]
}

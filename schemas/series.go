package schemas

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/homeostat/homeostat/pipeline"
)

// A series in bytes: its type, then metric, unit, entity, system and domain, the number of labels, and their names and
// values; texts with their length before them, numbers as unsigned varints. It names a series on the columns topic
// (as the dictionary of a message) and in snapshots.

// AppendSeries appends the bytes of a series.
func AppendSeries(b []byte, s *pipeline.Series) []byte {
	text := func(t string) {
		b = binary.AppendUvarint(b, uint64(len(t)))
		b = append(b, t...)
	}
	b = append(b, byte(s.Type))
	for _, t := range [...]string{s.Metric, s.Unit, s.Entity, s.System, s.Domain} {
		text(t)
	}
	b = binary.AppendUvarint(b, uint64(len(s.Labels)))
	for _, l := range s.Labels {
		text(l.Name)
		text(l.Value)
	}
	return b
}

var errSeries = errors.New("the bytes are no series")

// InternSeries reads the bytes of one series and interns it. The bytes are borrowed. Its labels have to be canonical.
func InternSeries(b []byte, t *pipeline.SeriesTable) (uint32, error) {
	// One string for all texts: a series costs two allocations and not one for each text.
	r := seriesReader{rest: string(b)}
	if len(b) == 0 || pipeline.SeriesType(b[0]) > pipeline.Stream {
		return 0, errSeries
	}
	typ := pipeline.SeriesType(b[0])
	r.rest = r.rest[1:]
	metric, unit := r.text(), r.text()
	scope := pipeline.Scope{Entity: r.text(), System: r.text(), Domain: r.text()}
	n := r.number()
	if n > uint64(len(r.rest))/2 {
		return 0, errSeries
	}
	labels := make([]pipeline.Label, n)
	for i := range labels {
		labels[i] = pipeline.Label{Name: r.text(), Value: r.text()}
		if i > 0 && labels[i].Name <= labels[i-1].Name {
			return 0, errSeries
		}
	}
	if r.bad || r.rest != "" {
		return 0, errSeries
	}
	return t.InternScoped(metric, unit, typ, labels, scope)
}

type seriesReader struct {
	rest string
	bad  bool
}

func (r *seriesReader) number() uint64 {
	v, n := uint64(0), 0
	for shift := 0; n < len(r.rest) && shift < 64; shift += 7 {
		c := r.rest[n]
		n++
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			r.rest = r.rest[n:]
			return v
		}
	}
	r.bad, r.rest = true, ""
	return 0
}

func (r *seriesReader) text() string {
	n := r.number()
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, ""
		return ""
	}
	t := r.rest[:n]
	r.rest = r.rest[n:]
	return t
}

// WriteSeries writes series, each behind its length.
func WriteSeries(w io.Writer, all pipeline.SeriesList) error {
	var page, one []byte
	for s := range all.Values() {
		one = AppendSeries(one[:0], s)
		page = binary.AppendUvarint(page, uint64(len(one)))
		page = append(page, one...)
		if len(page) > 64<<10 {
			if _, err := w.Write(page); err != nil {
				return err
			}
			page = page[:0]
		}
	}
	_, err := w.Write(page)
	return err
}

// ReadSeriesInto interns what WriteSeries wrote into an empty table, so that each series has the ordinal that it had.
func ReadSeriesInto(b []byte, t *pipeline.SeriesTable) error {
	for i := uint32(0); len(b) > 0; i++ {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)-size) {
			return errSeries
		}
		ord, err := InternSeries(b[size:size+int(n)], t)
		if err != nil {
			return err
		}
		if ord != i {
			return errors.New("a series is there twice")
		}
		b = b[size+int(n):]
	}
	return nil
}

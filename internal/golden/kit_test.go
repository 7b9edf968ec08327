package golden

import (
	"fmt"
	"io"

	"github.com/homeostat/homeostat/operators/correlate"
	"github.com/homeostat/homeostat/operators/decide"
	"github.com/homeostat/homeostat/operators/detect/burnrate"
	"github.com/homeostat/homeostat/operators/detect/errorlogs"
	"github.com/homeostat/homeostat/operators/detect/presence"
	"github.com/homeostat/homeostat/operators/detect/robustz"
	"github.com/homeostat/homeostat/operators/judge"
	"github.com/homeostat/homeostat/operators/publish"
	"github.com/homeostat/homeostat/operators/sli"
	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/operators/templates"
	"github.com/homeostat/homeostat/operators/window"
	"github.com/homeostat/homeostat/pipeline"
)

// newKit is a registry with the real operators, the codec of the scripts, and two detectors that are simple enough to know what they
// find: above, and tally in the given version.
func newKit(tallyVersion int) *pipeline.Registry {
	r := pipeline.NewRegistry()
	for _, register := range []func(*pipeline.Registry){
		window.Register, sli.Register, burnrate.Register, robustz.Register, errorlogs.Register, presence.Register, templates.Register, publish.Register,
		correlate.Register, decide.Register, judge.Register,
	} {
		register(r)
	}
	r.AddCodec(pipeline.Spec{Name: "lines"}, func(pipeline.Settings) (pipeline.Codec, error) { return lines{}, nil })
	r.AddDetector(pipeline.Spec{Name: "above", Settings: []pipeline.Setting{{Name: "limit", Type: pipeline.Float, Default: 10.0}}},
		func(s pipeline.Settings) (pipeline.Detector, error) { return &above{limit: s.Float("limit")}, nil })
	r.AddDetector(pipeline.Spec{Name: "tally", Version: tallyVersion},
		func(pipeline.Settings) (pipeline.Detector, error) { return &tally{version: tallyVersion}, nil })
	return r
}

// above finds each window whose value is over a limit, and says when it is over.
type above struct {
	limit float64
	onset map[uint32]int64
}

// Open implements pipeline.Detector.
func (d *above) Open(*pipeline.Env) error { d.onset = map[uint32]int64{}; return nil }

// Detect implements pipeline.Detector.
func (d *above) Detect(w *pipeline.Window, found []pipeline.Finding) ([]pipeline.Finding, error) {
	for i, s := range w.Series {
		v := w.Value(i)
		onset, open := d.onset[s]
		f := pipeline.Finding{Series: s, Onset: onset, Start: w.Start, End: w.End, Score: v / d.limit, Value: v, High: d.limit, Direction: "up", Open: v > d.limit}
		switch {
		case f.Open && !open:
			f.Onset, d.onset[s] = w.Start, w.Start
		case !f.Open && open:
			f.Revision = 1
			delete(d.onset, s)
		default:
			continue
		}
		found = append(found, f)
	}
	return found, nil
}

var aboveTable = state.Table{Name: "open", Version: 1, Fields: []state.Field{{Name: "series", Type: state.Uint32}, {Name: "onset", Type: state.Int64}}}

// Snapshot implements pipeline.Snapshotter.
func (d *above) Snapshot() (pipeline.Frozen, error) {
	return state.Encoded("above", func(w *state.Writer) {
		t := w.Table(aboveTable)
		for s := range highest(d.onset) {
			if onset, ok := d.onset[s]; ok {
				t.Uint32(s).Int64(onset)
			}
		}
	})
}

// Restore implements pipeline.Snapshotter.
func (d *above) Restore(r io.Reader) error {
	s := state.NewReader(r, "above")
	for t := s.Table(aboveTable); t.Next(); {
		d.onset[t.Uint32("series")] = t.Int64("onset")
	}
	return s.Close()
}

// highest is one more than the highest ordinal of a map.
func highest[V any](of map[uint32]V) (n uint32) {
	for s := range of {
		n = max(n, s+1)
	}
	return n
}

// tally counts the windows of each series and says so at each. Its second version knows the highest value as well, and takes the
// count over from the first.
type tally struct {
	version int
	counts  map[uint32]tallied
}

type tallied struct {
	windows int64
	best    float64
}

// Open implements pipeline.Detector.
func (d *tally) Open(*pipeline.Env) error { d.counts = map[uint32]tallied{}; return nil }

// Detect implements pipeline.Detector.
func (d *tally) Detect(w *pipeline.Window, found []pipeline.Finding) ([]pipeline.Finding, error) {
	for i, s := range w.Series {
		c := d.counts[s]
		c.windows++
		if d.version > 1 {
			c.best = max(c.best, w.Value(i))
		}
		d.counts[s] = c
		found = append(found, pipeline.Finding{Series: s, Onset: w.Start, Start: w.Start, End: w.End, Score: c.best, Value: float64(c.windows), Open: true})
	}
	return found, nil
}

func (d *tally) table() state.Table {
	t := state.Table{Name: "tallies", Version: 1, Fields: []state.Field{{Name: "series", Type: state.Uint32}, {Name: "windows", Type: state.Int64}}}
	if d.version > 1 {
		t.Version, t.Fields = 2, append(t.Fields, state.Field{Name: "best", Type: state.Float64, Default: -1.0})
	}
	return t
}

// Snapshot implements pipeline.Snapshotter.
func (d *tally) Snapshot() (pipeline.Frozen, error) {
	return state.Encoded("tally", func(w *state.Writer) {
		t := w.Table(d.table())
		for s := range highest(d.counts) {
			c, ok := d.counts[s]
			if !ok {
				continue
			}
			if t.Uint32(s).Int64(c.windows); d.version > 1 {
				t.Float64(c.best)
			}
		}
	})
}

// Restore implements pipeline.Snapshotter.
func (d *tally) Restore(r io.Reader) error {
	s := state.NewReader(r, "tally")
	for t := s.Table(d.table()); t.Next(); {
		c := tallied{windows: t.Int64("windows")}
		if d.version > 1 {
			c.best = t.Float64("best")
		}
		d.counts[t.Uint32("series")] = c
	}
	if err := s.Close(); err != nil {
		return fmt.Errorf("tally, version %d: %w", d.version, err)
	}
	return nil
}

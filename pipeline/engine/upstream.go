package engine

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// upstream is what a lane knows of the lanes before it: which there are, and how far each has come. All of it comes from
// the lane's own log.
type upstream struct {
	// marks has the watermark of each lane that has reported, unknownTime of one without rows.
	marks map[string]int64
	// lanes are the partitions of each source whose time is waited for.
	lanes    map[string]int
	expected []string
	text     string // in which lanes were said last
}

func newUpstream(lanes map[string]int) upstream {
	u := upstream{marks: map[string]int64{}, lanes: map[string]int{}}
	u.expect(lanes)
	return u
}

// expect notes which lanes there are. A source that is not named any more is not waited for; partitions never get fewer.
func (u *upstream) expect(lanes map[string]int) {
	lanes = maps.Clone(lanes)
	for source, n := range lanes {
		lanes[source] = max(n, u.lanes[source])
	}
	if u.expected != nil && maps.Equal(lanes, u.lanes) {
		return
	}
	u.lanes, u.expected = lanes, []string{}
	for _, source := range slices.Sorted(maps.Keys(lanes)) {
		for p := range lanes[source] {
			u.expected = append(u.expected, laneName(source, int32(p)))
		}
	}
}

// hear notes what a time record says. A lane that has no row is not waited for: it may be a new one in place of one that had.
func (u *upstream) hear(lane string, rec *pipeline.Record) error {
	text, _ := rec.Header(schemas.HeaderWatermark)
	mark := int64(unknownTime)
	if len(text) > 0 {
		var err error
		if mark, err = strconv.ParseInt(string(text), 10, 64); err != nil {
			return pipeline.Errorf("event.watermark", "watermark %q of lane %s is no number: only the pipeline may write time records", text, lane)
		}
	}
	if text, ok := rec.Header(schemas.HeaderLanes); ok && string(text) != u.text {
		lanes, err := readLanes(string(text))
		if err != nil {
			return err
		}
		u.expect(lanes)
		u.text = string(text)
	}
	if have, known := u.marks[lane]; !known || mark > have || mark == unknownTime {
		u.marks[lane] = mark
	}
	return nil
}

// least returns the least watermark of the lanes that have had rows; ok is false while a lane has not reported at all,
// or none has had rows.
func (u *upstream) least() (mark int64, ok bool) {
	mark = math.MaxInt64
	for _, name := range u.expected {
		m, reported := u.marks[name]
		if !reported {
			return 0, false
		}
		if m != unknownTime && m < mark {
			mark = m
		}
	}
	return mark, mark != math.MaxInt64
}

// silent says whether all lanes have reported that they have had no row.
func (u *upstream) silent() bool {
	for _, name := range u.expected {
		if m, reported := u.marks[name]; !reported || m != unknownTime {
			return false
		}
	}
	return len(u.expected) > 0
}

// behind names the lanes that have not reported, and the one that is furthest back.
func (u *upstream) behind() []string {
	var out []string
	last, at := "", int64(math.MaxInt64)
	for _, name := range u.expected {
		m, reported := u.marks[name]
		switch {
		case !reported:
			out = append(out, name)
		case m != unknownTime && m < at:
			last, at = name, m
		}
	}
	if last != "" {
		out = append(out, last)
	}
	return out
}

// most returns the highest watermark of all, unknownTime without any.
func (u *upstream) most() int64 {
	end := int64(unknownTime)
	for _, m := range u.marks {
		end = max(end, m)
	}
	return end
}

// lanesText writes lanes as time records bear them.
func lanesText(lanes map[string]int) string {
	var parts []string
	for _, source := range slices.Sorted(maps.Keys(lanes)) {
		parts = append(parts, fmt.Sprintf("%s=%d", source, lanes[source]))
	}
	return strings.Join(parts, ",")
}

// mostPartitions bounds what a time record may claim.
const mostPartitions = 100_000

func readLanes(text string) (map[string]int, error) {
	lanes := map[string]int{}
	for part := range strings.SplitSeq(text, ",") {
		source, n, ok := strings.Cut(part, "=")
		count, err := strconv.Atoi(n)
		if !ok || err != nil || count < 0 || count > mostPartitions {
			return nil, pipeline.Errorf("event.lanes", "%q does not say which lanes there are: only the pipeline may write time records", text)
		}
		lanes[source] = count
	}
	return lanes, nil
}

// timeHeaders are those of a record that passes time on. The lanes that there are stand in it, so that who waits for
// them knows them from the log alone.
func timeHeaders(lane, mark string, lanes map[string]int) []pipeline.Header {
	hs := []pipeline.Header{{Key: schemas.HeaderLane, Value: []byte(lane)}, {Key: schemas.HeaderWatermark, Value: []byte(mark)}}
	if len(lanes) > 0 {
		hs = append(hs, pipeline.Header{Key: schemas.HeaderLanes, Value: []byte(lanesText(lanes))})
	}
	return hs
}

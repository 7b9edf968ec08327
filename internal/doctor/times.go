package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/homeostat/homeostat/pipeline/config"
)

// units are by how much a time is wrong whose unit was mistaken, and how that is said.
var units = []struct {
	factor int64
	name   string
}{
	{1_000_000_000, "seconds that are taken for nanoseconds"}, {1_000_000, "milliseconds that are taken for nanoseconds"},
	{1_000, "milliseconds that are taken for microseconds, or seconds for milliseconds"},
}

// eventTimes compares the times of rows with those of their records.
func eventTimes(ctx context.Context, e *examination) {
	for _, i := range e.there() {
		s := e.sampled(ctx, i)
		subject := "source " + s.source.Name
		if s.err != nil || len(s.times) == 0 {
			continue
		}
		var c timeCounts
		c.count(s)
		n := len(s.times)
		codec := "the codec's settings for time"
		if s.source.Codec != nil {
			codec = "what codec " + s.source.Codec.Name + " is told of the time"
		}
		switch who, _ := most(c.producers); {
		case c.wrongUnit*2 > n:
			e.fault(subject, "correct "+codec+", or what the producers write", "the times of %s of the rows are wrong by a factor: %s, mostly of %s", percent(c.wrongUnit, n), c.unit, who)
		case c.future > 0:
			e.warn(subject, "set the clock of "+who+", or raise max_future_skew", "%s of the rows are more than %s (max_future_skew) ahead of their record, up to %s, mostly of %s: they become dead letters", percent(c.future, n), config.FormatDuration(s.source.MaxFutureSkew), config.FormatDuration(c.ahead.Round(time.Second)), who)
		case c.past*2 > n:
			e.warn(subject, "that is as it should be where history is loaded; otherwise correct "+codec, "%s of the rows are more than a day older than their record, up to %s", percent(c.past, n), config.FormatDuration(c.behind.Round(time.Hour)))
		case c.spread > 0 && c.spread > s.source.Disorder*5/4:
			e.warn(subject, "raise disorder to "+config.FormatDuration(c.spread.Round(time.Second)+time.Second)+", or expect late rows", "rows of one partition come up to %s behind a newer one in the sample, and disorder is %s", config.FormatDuration(c.spread.Round(time.Millisecond)), config.FormatDuration(s.source.Disorder))
		default:
			e.ok(subject, "its rows are %s", c.words())
		}
	}
}

// timeCounts is what the times of a sample come to.
type timeCounts struct {
	wrongUnit, future, past int
	unit                    string
	producers               map[string]int // whose rows are not as they should be
	ahead, behind           time.Duration
	// spread is how far rows come behind newer ones of their partition.
	spread time.Duration
}

func (c *timeCounts) count(s *sample) {
	c.producers = map[string]int{}
	skew := s.source.MaxFutureSkew
	newest := map[int32]int64{}
	for _, t := range s.times {
		diff := time.Duration(t.row - t.record)
		switch unit := wrongUnit(t); {
		case unit != "":
			c.wrongUnit++
			c.unit = unit
			c.producers[t.producer]++
			continue
		case skew > 0 && diff > skew:
			c.future++
			c.ahead = max(c.ahead, diff)
			c.producers[t.producer]++
			continue
		case -diff > day:
			c.past++
			c.producers[t.producer]++
		}
		c.ahead, c.behind = max(c.ahead, diff), max(c.behind, -diff)
		p := t.partition
		if last, ok := newest[p]; ok && last-t.row > int64(c.spread) {
			c.spread = time.Duration(last - t.row)
		}
		if last, ok := newest[p]; !ok || t.row > last {
			newest[p] = t.row
		}
	}
}

// wrongUnit says how a time was mistaken, if it would be within a day of its record's in another unit.
func wrongUnit(t stamp) string {
	within := func(row int64) bool {
		d := time.Duration(row - t.record)
		return d < day && -d < day
	}
	if within(t.row) || t.row <= 0 {
		return ""
	}
	for _, u := range units {
		if t.row <= t.record/u.factor*2 && within(t.row*u.factor) {
			return u.name
		}
		if within(t.row / u.factor) {
			return "the reverse of " + u.name
		}
	}
	return ""
}

func (c *timeCounts) words() string {
	return fmt.Sprintf("up to %s older than their record and %s ahead of it", config.FormatDuration(c.behind.Round(time.Millisecond)), config.FormatDuration(max(c.ahead, 0).Round(time.Millisecond)))
}

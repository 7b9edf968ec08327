package doctor

import (
	"context"
	"math"
	"time"

	"github.com/homeostat/homeostat/pipeline/config"
)

// How far clocks may differ, and how long a topic may be silent.
const (
	skewTolerated = 2 * time.Second
	skewLarge     = time.Minute
	silentFor     = 15 * time.Minute
)

// clocks compares this machine's clock with the times that the brokers and the producers gave to the newest records. A record can't be
// newer than now; that this machine's clock runs ahead can't be told from records, which may just be old.
func clocks(ctx context.Context, e *examination) {
	newest, where := int64(math.MinInt64), ""
	for _, t := range e.plan.OwnTopics() {
		if have, ok := e.view.Topics[t.Name]; !ok || have.Err != nil || e.settings[t.Name]["message.timestamp.type"] != "LogAppendTime" {
			continue
		}
		recs, err := e.client.Newest(ctx, t.Name, 8)
		if err != nil {
			continue // what may not be read is told elsewhere
		}
		for i := range recs {
			if at := recs[i].Timestamp * int64(time.Millisecond); at > newest {
				newest, where = at, t.Name
			}
		}
	}
	switch ahead := time.Duration(newest - time.Now().UnixNano()); {
	case where == "":
		e.skip("brokers", "no topic of the pipeline's own has a record yet, whose time a broker would have set")
	case ahead > skewTolerated:
		e.fault("brokers", "set both clocks by NTP", "the newest record of %s was appended %s from now by its broker's clock: this machine's clock is behind, or the broker's ahead", where, config.FormatDuration(ahead.Round(time.Millisecond)))
	default:
		e.ok("brokers", "the newest record of %s was appended %s ago by its broker's clock", where, config.FormatDuration((-ahead).Round(time.Second)))
	}
	for _, i := range e.there() {
		e.producersClock(e.sampled(ctx, i))
	}
}

// producersClock looks at the times of the records of a source.
func (e *examination) producersClock(s *sample) {
	if s.err != nil || len(s.records) == 0 {
		return
	}
	subject := "source " + s.source.Name
	who := "its producers' clocks"
	if e.settings[s.source.Topic]["message.timestamp.type"] == "LogAppendTime" {
		who = "the brokers' clock"
	}
	switch ahead := time.Duration(s.newest() - time.Now().UnixNano()); {
	case ahead > skewLarge:
		e.fault(subject, "set the clocks by NTP; max_future_skew compares with this time, so it does not help", "its newest record is %s from now by %s", config.FormatDuration(ahead.Round(time.Second)), who)
	case ahead > skewTolerated:
		e.warn(subject, "set the clocks by NTP", "its newest record is %s from now by %s", config.FormatDuration(ahead.Round(time.Millisecond)), who)
	case -ahead > silentFor:
		e.warn(subject, "see that its producers run", "its newest record is %s old by %s: nobody has written since, or a clock is wrong", config.FormatDuration((-ahead).Round(time.Second)), who)
	default:
		e.ok(subject, "its newest record is %s old by %s", config.FormatDuration(max(-ahead, 0).Round(time.Second)), who)
	}
}

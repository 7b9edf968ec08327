package doctor

import (
	"context"
	"strconv"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline/config"
)

// sizes compares what the topics take with what is written to them, and with what the pipeline takes from them.
func sizes(_ context.Context, e *examination) {
	good := 0
	for _, i := range e.there() {
		s := &e.plan.Sources[i]
		most, err := strconv.ParseInt(e.settings[s.Topic]["max.message.bytes"], 10, 64)
		switch {
		case err != nil: // it may not be read
		case most > e.plan.Limits.Record:
			e.warn("topic "+s.Topic, "raise limits.record to "+config.FormatSize(most), "producers may write batches of %s, and a record of more than %s (limits.record) becomes a dead letter", config.FormatSize(most), config.FormatSize(e.plan.Limits.Record))
		default:
			good++
		}
	}
	for _, t := range e.plan.OwnTopics() {
		most, err := strconv.ParseInt(e.settings[t.Name]["max.message.bytes"], 10, 64)
		switch {
		case err != nil:
		case most < broker.DefaultBatchBytes:
			e.fault("topic "+t.Name, "set max.message.bytes="+strconv.Itoa(broker.DefaultBatchBytes)+" on it, or message.max.bytes on the brokers", "it takes batches of %s only, and the pipeline writes some of up to %s", config.FormatSize(most), config.FormatSize(broker.DefaultBatchBytes))
		default:
			good++
		}
	}
	if good > 0 {
		e.ok("", "%s batches as large as they are written", counted(good, "topic", "takes", "take"))
	}
}

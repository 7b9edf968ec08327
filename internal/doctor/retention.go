package doctor

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/homeostat/homeostat/pipeline/config"
)

// retention looks whether the producers' topics keep records for as long as the pipeline may be away, and for a replay.
func retention(_ context.Context, e *examination) {
	for _, i := range e.there() {
		s := &e.plan.Sources[i]
		have, known := e.settings[s.Topic]
		subject := "topic " + s.Topic
		if !known {
			e.skip(subject, "its settings can't be read without the right DescribeConfigs on it, which a pipeline does not need")
			continue
		}
		ms, err := strconv.ParseInt(have["retention.ms"], 10, 64)
		kept := time.Duration(ms) * time.Millisecond
		switch {
		case strings.Contains(have["cleanup.policy"], "compact"):
			e.warn(subject, "set cleanup.policy=delete on it, or write to another topic", "it is compacted: of records with one key only the last is kept for certain, so events may be missing in a replay")
		case err != nil || ms < 0:
			e.ok(subject, "it keeps its records for good")
		case kept < 10*e.plan.State.Interval+s.Disorder:
			e.fault(subject, "raise retention.ms to a day or more", "it keeps its records for %s, which is too short for a restart to replay what came since a snapshot (state.interval %s)", config.FormatDuration(kept), config.FormatDuration(e.plan.State.Interval))
		case kept < day:
			e.warn(subject, "raise retention.ms to a day or more, for as long as somebody may need to mend things", "it keeps its records for %s: of a stop that takes longer rows are lost", config.FormatDuration(kept))
		default:
			e.ok(subject, "it keeps its records for %s", config.FormatDuration(kept))
		}
	}
}

const day = 24 * time.Hour

package doctor

import (
	"context"
	"strconv"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline/config"
)

// brokerLimits looks at settings of the brokers that a pipeline depends on.
func brokerLimits(ctx context.Context, e *examination) {
	if len(e.view.Brokers) == 0 {
		return
	}
	id := e.view.Brokers[0].ID
	have, err := e.client.BrokerSettings(ctx, id)
	if err != nil {
		e.skip("", "the brokers' settings can't be read: it takes the right DescribeConfigs on the cluster, which a pipeline does not need")
		return
	}
	number := func(name string, unit time.Duration) (time.Duration, bool) {
		n, err := strconv.ParseInt(have[name], 10, 64)
		return time.Duration(n) * unit, err == nil
	}
	bad := len(e.findings)
	if most, ok := number("transaction.max.timeout.ms", time.Millisecond); ok && e.plan.Transactions && most < broker.LongestTransaction {
		e.fault("setting transaction.max.timeout.ms", "raise it to "+config.FormatDuration(broker.LongestTransaction)+" or more on the brokers, or write kafka: {transactions: false}", "brokers allow transactions of %s, the pipeline's may take %s", config.FormatDuration(most), config.FormatDuration(broker.LongestTransaction))
	}
	least, ok1 := number("group.min.session.timeout.ms", time.Millisecond)
	most, ok2 := number("group.max.session.timeout.ms", time.Millisecond)
	if ok1 && ok2 && (e.plan.Session < least || e.plan.Session > most) {
		e.fault("setting group.min.session.timeout.ms", "set kafka.session within that", "brokers take sessions from %s to %s, kafka.session is %s", config.FormatDuration(least), config.FormatDuration(most), config.FormatDuration(e.plan.Session))
	}
	if kept, ok := number("offsets.retention.minutes", time.Minute); ok && kept < day {
		e.warn("setting offsets.retention.minutes", "raise it to a week (10080)", "brokers forget the positions of a group that was away for %s; the pipeline then goes on at its last snapshots", config.FormatDuration(kept))
	}
	if len(e.findings) == bad {
		e.ok("", "transactions, sessions and the keeping of positions are as the pipeline needs them (broker %d)", id)
	}
}

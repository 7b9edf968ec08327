package doctor

import "context"

// openFiles compares how many files a process may open with what it needs: connections to each broker, snapshots and sinks.
func openFiles(_ context.Context, e *examination) {
	limit, ok := fileLimit()
	if !ok {
		e.skip("", "this system does not tell")
		return
	}
	brokers := len(e.plan.Bootstrap)
	if e.view != nil {
		brokers = max(brokers, len(e.view.Brokers))
	}
	need := uint64(128 + 16*brokers)
	if limit < need {
		e.fault("", "raise it (ulimit -n, LimitNOFILE= of the service) to 1024 or more", "a process may open %d files, %d may be needed", limit, need)
		return
	}
	e.ok("", "a process may open %d files, %d may be needed", limit, need)
}

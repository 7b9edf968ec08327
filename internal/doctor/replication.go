package doctor

import (
	"context"
	"slices"
	"strconv"
)

// replication looks whether the topics survive the loss of a broker, and are whole now.
func replication(_ context.Context, e *examination) {
	var single, strict, loose []string
	good := 0
	for _, name := range e.topicNames() {
		t, ok := e.view.Topics[name]
		if !ok || t.Err != nil || len(t.Partitions) == 0 {
			continue
		}
		replicas, behind, leaderless := t.Partitions[0].Replicas, 0, 0
		for _, p := range t.Partitions {
			replicas = min(replicas, p.Replicas)
			if p.InSync < p.Replicas {
				behind++
			}
			if p.Leader < 0 {
				leaderless++
			}
		}
		least, _ := strconv.Atoi(e.settings[name]["min.insync.replicas"])
		switch {
		case leaderless > 0:
			e.fault("topic "+name, "start the brokers that have them, or see their logs", "%s no leader: nothing can be read from or written to them", counted(leaderless, "partition", "of it has", "of it have"))
		case behind > 0:
			e.warn("topic "+name, "see that all brokers run and keep up", "%s not in sync: a broker is down or behind", counted(behind, "partition", "of it is", "of it are"))
		case replicas == 1:
			single = append(single, name)
		case least >= replicas:
			strict = append(strict, name)
		case least == 1:
			loose = append(loose, name)
		default:
			good++
		}
	}
	slices.Sort(single)
	switch {
	case len(single) > 0 && len(e.view.Brokers) == 1:
		e.warn("", "for production use three brokers, default.replication.factor=3 and min.insync.replicas=2", "the cluster is one broker: what its disk loses is lost")
	case len(single) > 0:
		e.warn("", "raise it with kafka-reassign-partitions.sh, and set default.replication.factor=3 of the brokers", "%s there once only: what that broker loses is lost", list(single, "is", "are"))
	}
	if len(strict) > 0 {
		e.warn("", "set min.insync.replicas to one less than the replicas", "all replicas of %s to be there for each write (min.insync.replicas): one broker that is down stops the pipeline", list(strict, "have", "have"))
	}
	if len(loose) > 0 {
		e.warn("", "set min.insync.replicas=2", "a single replica of %s for a write (min.insync.replicas=1): what it has not passed on is lost with it", list(loose, "is enough", "is enough"))
	}
	if good > 0 {
		e.ok("", "%s replicated, and all replicas are in sync", counted(good, "topic", "is", "are"))
	}
}

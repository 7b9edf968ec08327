// Package simulated is a Kafka cluster in memory that keeps broker.Cluster's contract with Apache Kafka's ways and all that
// can go wrong with them, in an order that a seed decides.
//
// Every request of a process is parked. While all goroutines wait (testing/synctest tells), a driver calls Step, which picks
// one thing that can happen now, by chance: a request is carried out or answered or lost, a marker is written, a late
// request arrives, a heartbeat tells a member that its generation is over. If nothing can happen, the driver lets time
// move. So one seed is one schedule, whatever the Go scheduler does.
//
// What is like Apache Kafka: EndTxn decides and markers follow, so positions and records appear later and one by one;
// positions are read stable (Unstable turns that off); commits are fenced by generation (Unfenced turns that off), but
// EndTxn is not; transactions time out; rebalances are eager; a member whose session ends loses its partitions and learns of
// it later. Writers keep broker.Transactor's contract in the same steps, each a request that can be lost, late or unheard.
// What waits is ordered by what it asks, not by when it came: goroutines of one moment come in any order, since Go takes a
// goroutine off its processor after ten milliseconds of real time, which on a busy machine is soon.
//
// Compacted topics are compacted now and then, and Damage flips a bit in a record.
// What is not there: leaders that move, quotas, retention by itself, and the wire.
//
// That a simulation finds anything is itself tested: the engine's runs with Unfenced, with Unstable, and with writers that
// drop or repeat a commit in doubt, and each has to be found (TestSimulationFindsMutations).
package simulated

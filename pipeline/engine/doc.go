// Package engine runs a plan: it feeds lanes from sources, moves time, and commits what they finish.
//
// A lane is one partition, one goroutine, direct calls. Its operators form a chain: columns flow down it, depth
// first, so that the order of outputs does not depend on how the input was cut; events circulate, so that the
// judge's verdict reaches the decider that stands before it.
//
// Time moves in ticks, the size of the windows: a detect lane's watermark is always at one, at the record that brought it
// there; it tells all partitions of the events topic, and operate moves at the least of what it was told. So what a lane
// writes depends on its log alone.
//
// The same lanes run in two ways: Local drives them in one goroutine over logs in memory (lockstep with a plant,
// backtests, tests); Run drives them over Kafka, with a consumer group a stage and one transaction a commit. What a
// commit has taken from lanes is kept until its outcome is known, and nothing later goes before it. State is
// not stored: a lane keeps it while its partition stays, and begins anew where it moves or the process starts again.
package engine

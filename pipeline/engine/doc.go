// Package engine runs a plan: it feeds lanes from sources, moves time, and commits what they finish.
//
// A lane is one partition, one goroutine, direct calls. Its operators form a chain: columns flow down it, depth
// first, so that the order of outputs does not depend on how the input was cut; events circulate, so that the
// judge's verdict reaches the decider that stands before it.
//
// The same lanes run in two ways: Local drives them in one goroutine over logs in memory (lockstep with a plant,
// backtests, tests); Run drives them over Kafka, with a consumer group a stage and one transaction a commit.
package engine

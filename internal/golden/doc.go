// Package golden tests pipelines by small texts, the scripts in testdata: what comes in, what goes wrong, what time does, and
// what must come out. Each script is run straight and in many other ways, and has to come to the same in each:
// with crashes after each statement and in the middle of loads, with two and four instances, with records fetched one by one and all
// at once, as a backlog, and, where it says so, with producers that don't key, so that its rows are shared out anew. Besides what the
// script expects, all runs have to write the same bytes, time must not go back, and nothing may come that nobody expected.
//
//	go test -tags assert ./internal/golden                    all scripts in all variants
//	go test -tags assert ./internal/golden -script late       those whose name contains that
//	go test -tags assert ./internal/golden -update            write what the straight run finds into the scripts; read the diff
//
// The scripts run on the simulated cluster without faults of its own (internal/broker/simulated), in a bubble with a virtual
// clock. A run depends on its seed alone. The operators are the real ones.
//
// # The language
//
// A statement is a line; a # begins a comment; indented lines below a statement are its block. Times are Go's durations and count
// from 0s, the epoch of all scripts. A series is NAME{label="value",…}: a name that ends with _total is a counter, with _count
// increments, the name log is a log stream (its value is the severity, the label line its text), all others are gauges. A label value ~N is N times x.
//
// About the script:
//
//	also repartitioned                   run it with unkeyed producers and several partitions as well
//	same expectations as FILE            its expect statements are those of another script, word for word
//	without WORD: reason                 leave out the variants whose name begins with the word
//
// The pipeline and its world:
//
//	pipeline [with tally N]              the configuration, in the block; version, name, kafka, state and scope have defaults (entity
//	                                     is the label host, system is shop). Later it is that of instances that start later. Detectors
//	                                     are the real ones, above {limit} and tally, the latter in two versions
//	topic NAME partitions N              a topic of producers
//	grow NAME N                          partitions are added to it
//	start [N], rescale N                 so many instances run; each more than that of its variant
//	stop                                 all that came is processed, and all instances stop in order
//	rebalance                            an instance comes and goes
//	crash [N]                            all instances die and come back, so many times
//	pause for TIME                       an instance stands still; a zombie by then if that is longer than its session
//	snapshot                             time passes until the states of all lanes are saved; no event time does
//	damage LANE                          the newest snapshot of a lane (SOURCE/PARTITION) is damaged
//
// What comes in, and time:
//
//	load TOPIC/P [by time] [written T]   rows, each a record, in the order of the block or by time. A line is
//	                                     SERIES AT [every STEP]: VALUE…, where VxN is V N times and _ is none; or !TEXT, which nobody
//	                                     can decode. A record's own time is that of its row, or T
//	corrupt TOPIC/P                      the same as one batch that the disk has damaged
//	gap TOPIC/P                          all that the partition holds is deleted
//	idle [TOPIC/P] for TIME              a partition, or all, are polled and empty for that long and less than 3 s more: the only way
//	                                     in which the clock makes event time. Leave that much room to the next tick
//
// What is expected, each time since the last:
//
//	watermark SOURCE/P TIME              the time that a lane told last: none if it said that it has no row, unheard if it said nothing
//	expect events                        windows, findings and what came through the inbox, in order for each subject
//	expect incidents                     incidents, hypotheses and commands, in order for each system
//	expect dead letters                  reason, code and record
//	expect ledger                        the accounts of all lanes by source: in, on, and lost by reason
//
// What no expect statement saw is reported at the end. An expectation that is missing, too much, there twice or in the wrong order is
// reported with file and line.
package golden

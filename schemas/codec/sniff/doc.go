// Package sniff tells by which codec, with which settings, the records of a topic are to be read. It does not look at magic numbers
// alone: each candidate decodes the sample, and what comes of it is counted.
//
// A record is understood by a candidate if it is decoded, makes rows, and looks like what its producers write: some codecs take almost
// anything (text every line, syslog any text, json_logs any object), so that to be decoded says little. Candidates are
// ordered by how special their format is; of those that understand the sample the most special one is the answer. text, which
// understands all that can be printed, is last, and is never the answer for records that are JSON.
//
// The answer is one of: found, with the share of records that the codec understands; empty; mixed, if several producers with
// different formats write to the topic; ambiguous, if two equally special codecs understand the records; registry, for
// records with Confluent's framing, which name a schema that only a registry has; own, for events of Homeostat itself; and unknown. Nothing
// but found is ever to be acted on without a person. The same sample gives the same answer.
//
// The package knows the codecs by their words in the configuration and takes them from the registry, so that a program without some of
// them does not propose those.
package sniff

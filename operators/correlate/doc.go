// Package correlate gathers findings that belong together into incidents with ranked suspects.
//
// An incident opens when an SLO burns, or (by setting) when enough entities are abnormal without it; after a
// short delay of event time, so that evidence gathers; what is of severity info opens none. Findings belong together when their onsets are near each other
// and their entities are connected in the call graph: onset, not the time of alarm, which depends on the detector
// (MetricSifter: Hashimoto et al., MetricSifter: Feature Reduction of Multivariate Time Series Data for Efficient
// Fault Localization in Cloud Applications, IEEE Access 2024).
//
// Suspects are ranked in three steps.
//
//  1. Evidence: per entity its metrics' greatest scores, each on a log scale and capped, so that a series without spread
//     in its history (a MAD of 0) does not outweigh the rest; the second metric counts half of the first, the third a
//     quarter. Ranking by the greatest robust deviation since the onset follows BARO (Pham et al., FSE 2024).
//  2. Time: an entity that became abnormal later weighs less.
//  3. Topology: an entity is discounted by its worst anomalous callee, since faults travel from callee to caller.
//     A callee whose traffic alone is abnormal explains nothing.
//
// The entity whose SLO burns is a symptom. Equal scores are emitted as such, in order of name.
//
// The signature class:role of the first suspect is coarse on purpose: experience is keyed by it, so it must recur.
//
// Findings, SLIs and incidents are kept by system. Decisions fall on window borders only, and only events up to
// the border count, so that outputs don't depend on how the input is cut or on which watermarks are told.
package correlate

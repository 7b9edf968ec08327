// Package presence finds kinds of log lines that are new, and kinds that stay away. It reads the windows of log.templates, the counts
// that operator templates makes: a series for each stream and template.
//
// # New
//
// A template is new when no series of its system had it before. How remarkable that is depends on how often it happens: with
// λ new templates a window so far (exponentially forgotten over history windows), k of them in one window come by chance with
// the probability that a Poisson variable of mean λ is at least k,
//
//	score = −log₁₀ P(N ≥ k) / rare
//
// So a system that writes something new every minute is not told of for each, but is when there is much at once. λ is taken as
// half a template more than there were. In the first warmup windows of a system everything is new and nothing is counted, in as many
// again it is only learned how often something is. What comes from a stream that is younger than warmup is not counted either: a pod
// that was started on this lane brings templates which another lane knows. (With the setting labels of operator templates the pods of a
// service are one stream, and what a new version writes is new.) The finding is on the series
// of the new template, or, if there are more than most, of those with the most records.
//
// # Vanished
//
// A series that was there in a share q of its windows, and now is not for k of them, is absent by chance with probability (1−q)^k if
// windows are independent. Lines come in bursts, so it must also be absent for twice as long as it ever was:
//
//	score = min(−k·log₁₀(1−q) / sure, k / (2·longest gap))
//
// It counts only while its stream is there by other templates: a pod that ended says nothing. After gone windows the series is forgotten;
// the finding closes then, or when the lines are back.
//
// A window is judged when it is complete, since its rows may come in several batches: as soon as time has reached its end
// (pipeline.Concluder). What the engine evicts of series that were
// silent for long is forgotten here too, and is new when it comes again.
//
// Literature: the chance of something new is what Good (The population frequencies of species and the estimation of
// population parameters, Biometrika 40, 1953) takes from how often there was something new.
package presence

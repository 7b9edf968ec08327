// Package group finds entities whose series are abnormal together, though none may be so by itself: several metrics that are all a little
// higher than usual, or metrics that do not go with each other any more, such as a CPU that is busy without requests.
//
// Of each series its deviation z from a moving average, in moving scales (package ewma), is looked at, cut off at four: what a
// single series shows is for detectors of one. How the series of an entity go together is learned as averages of products of their
// deviations. From these, in units of what each usually deviates, follow the correlations R, shrunk towards none
//
//	(1 − λ)·R + λ·I        λ = 0.3·n / (n + windows)
//
// of n series by the order of what chance does to them (Ledoit and Wolf, A well-conditioned estimator for large-dimensional
// covariance matrices, Journal of Multivariate Analysis 88, 2004). The squared distance of u from what is usual is u′·R⁻¹·u / n
// (Mahalanobis), and two of them are looked at:
//
//	spread   the average over the last windows of the squared distances of each
//	drift    the squared distance of the average of the last windows' deviations
//
// Drift is a multivariate EWMA chart (Lowry, Woodall, Champ and Rigdon, Technometrics 34, 1992) and sees series that have moved a little,
// spread sees series that do not go together. The cubic root of each is about normal (Wilson and Hilferty 1931), but
// values are neither normal nor independent in time, so each is compared with its own past:
//
//	score = how many of its usual deviations a root is above its usual value / threshold
//
// the greater of both. In the worst case of all distributions one beyond x deviations above is seen with probability 1/(1+x²) at most
// (Cantelli); the finding's probability is one minus that. Scores of each window, where they are asked for, are told of the entity's first
// series, with the root of spread as what is expected.
//
// The finding is on the series that contributes most when it opens, so that it has the entity's place and a metric that says what kind of
// trouble it is. Its value stands beside what the other series make one expect of it: the conditional mean and three conditional deviations.
// The evidence names the series that contribute most to the distance, u·(R⁻¹·u), with their deviations.
//
// An entity is judged by its first 32 series; those without a value in a window are left out of it. A series counts when a third of warmup has
// been learned of its values, and another of its products; the last third is for distances. What is far off is learned as if it were less, and nothing
// abnormal is learned while a finding is open; after adapt such windows the entity is learned anew.
//
// Series have to keep to something: random walks, and what only grows, are always on their way to where they have never been.
//
// Of the ways to put deviations together that were tried, the sum of squares with a scale learned per entity, and higher criticism (Donoho
// and Jin 2004), did not see series that cease to go together at all, and joint shifts less: correlation makes their sums restless.
//
// Like other detectors of several series it judges a window when that is complete.
package group

// Package novelty finds what a series has not done before: a level, a step, a spike, a spread, a roughness or a shape of its curve
// that is unlike all that it showed lately, over a short time or a longer one. It needs no model of the series, no season and no training,
// and costs some 1.8 µs a value and 20 KB a series: it is for series that matter.
//
// # How it judges
//
// A value is scaled by the quantiles of the series' memory, some 5,000 values: 0 is the median, and low to high, outside of which one
// value in a hundred was, is one unit. At each value the last 12, 24, 36 and 60 are looked at, each of these windows as a point in the space
// of seven features: mean, standard deviation, least, greatest, mean step from one value to the next, last minus first, and second half
// minus first half. Each window size keeps the places where it has been, as patterns: a window farther than vigilance from all of them
// becomes a new one. The novelty of a value is the sum, over the four sizes, of the distances from the nearest pattern. Patterns that were
// not met again in a memory's length are forgotten.
//
// This is leader clustering (Hartigan, Clustering Algorithms, 1975) with the vigilance and the growth on demand of adaptive resonance (Carpenter,
// Grossberg, Rosen: Fuzzy ART, Neural Networks 4, 1991), on several scales at once.
//
// # What it reports
//
// A value is told when its novelty is above the bar, and above all novelty of the rest: a twentieth of the time that the series is known for,
// at most a tenth of the memory. So what goes on is told once. Each report raises the bar by a twentieth, and it comes down again at such a pace
// that some three reports in a memory's length keep it where it is: a restless series has to do more to be heard than a quiet one. (This
// is an integral controller on the rate of alarms, as in Gibbs and Candès, Adaptive Conformal Inference under Distribution Shift, NeurIPS 2021.)
// The bar never falls below the threshold.
//
// The score is novelty / bar where a value is told, and 0 where it is not above the rest. A finding stays open until clear windows passed
// without a score of 1, and is updated when another has twice the score.
//
// A finding's onset is the most likely point of change in the window that is farthest from its patterns, by the standardised difference of
// means (Hinkley, Inference about the change-point in a sequence of random variables, Biometrika 57, 1970). The probability is the
// share of labelled anomalies among reports of that score in the half of the benchmark by which the detector was made (docs/quality.md).
// Expected is the median; the band is low to high.
//
// # What it does not do
//
// Nothing looks ahead, at no value: scales, patterns and bar are those of what came before. It judges from the sixtieth value on, and tells
// from the warmup'th. Windows of a series count one after the other, however long nothing came between. Log streams and the
// indicators of objectives are left to the detectors made for them.
package novelty

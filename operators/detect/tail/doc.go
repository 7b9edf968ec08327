// Package tail learns how far the values of a series go by chance, so that a detector can promise how often it is wrong. It is a library for
// detectors, not one of them.
//
// Values beyond a bar that is passed by two of a hundred are peaks over a threshold; their excesses have, nearly whatever the values are, a
// generalised Pareto distribution (Pickands 1975; Balkema and de Haan 1974):
//
//	P(a cluster begins whose peak is beyond x) = rate · (1 + shape·(x − bar)/scale)^(−1/shape)
//
// Unlike SPOT (Siffer, Fouque, Termier, Largouet, Anomaly Detection in Streams with Extreme Value Theory, KDD 2017), which has this idea:
//
//   - the bar is not fixed after a first batch but moves to where two of a hundred values pass it (Robbins and Monro 1951);
//   - values of the tail that are near one another are one cluster and count once, with their peak (runs declustering: Ferro and Segers, Inference for
//     clusters of extreme values, Journal of the Royal Statistical Society B 65, 2003): what is promised is how often something begins;
//   - shape and scale are fitted by probability-weighted moments (Hosking and Wallis, Technometrics 29, 1987) to the last 128 peaks, which costs a sort
//     every fourth peak and never fails;
//   - since the tail is asked for what is a thousand times rarer than all peaks, an error of the shape counts more than anything else: it is drawn to a
//     prior of 0.2 that is worth 20 peaks, kept in [−0.2, 0.8], and taken one standard error larger. So a promise errs on the side of silence
//     for light tails, is about right for heavy ones of a hundred peaks, and too low for these before they are known (table in package extremes).
//
// A tail knows one side: the other is that of −x. Values are expected in units in which their deviation is about 1; the middle is 0.
package tail

// Package mixture finds log streams whose lines are of other kinds than usual. It reads the windows of log.templates, the counts
// that operator templates makes, and takes those of one stream together.
//
// The counts Oᵢ of a window's N records are compared with the shares rᵢ that the templates had so far (exponentially forgotten over memory
// windows), by the likelihood ratio
//
//	G = 2·Σ Oᵢ·ln(Oᵢ / N·rᵢ) / q        q = 1 + (k+1)/(6N), Williams' correction
//
// of k kinds; templates of which fewer than five records are expected are one kind, what is new among them. Were records independent, G would have
// about the χ² distribution of k−1 degrees of freedom, of which x = √(2G) − √(2k−3) is about normal (Fisher) whatever k is. But lines
// come in bursts and by requests of several kinds, so x is compared with its own past, the median of the last history windows in units of
// their scale, but of no less than one (package baseline):
//
//	score = (x − median) / scale / threshold
//
// So one threshold fits streams of few kinds and of many. Traffic does not matter: shares are compared. Windows with fewer than min_records
// records say nothing.
//
// The finding is on the stream, or, if operator templates has left out labels, on the first series of templates that is like it. Its evidence
// names the templates that most of G comes from, with how many records there are more than expected. While it is open, shares are not
// learned; after adapt windows they are the new normal.
//
// A window is judged when it is complete, since its rows may come in several batches: as soon as time has reached its end
// (pipeline.Concluder).
//
// Literature: Woolf, The log likelihood ratio test (the G-test), Annals of Human Genetics 21, 1957; Williams, Improved likelihood ratio
// tests for complete contingency tables, Biometrika 63, 1976.
package mixture

// Package judge says whether a remediation worked, and whether it was us.
//
// Recovery and attribution are kept apart. Recovered means that the objective holds again: over the end of the time
// after the action every SLO of the incident burns below 1. It says nothing about why. Attribution compares the
// effect, the difference of the metric's means before and after the action, with what the same difference
// was at other moments at which nothing was done (placebos): in a series that wanders by itself a difference is no
// proof, however significant a test for independent samples finds it. The windows, the smallest effect, the level and
// the horizon were fixed in the hypothesis before anything was done, and an action is judged at its horizon only.
//
// Sources: the design is an interrupted time series (Box and Tiao, Intervention Analysis with Applications to Economic
// and Environmental Problems, JASA 70, 1975) whose inference is by in-time placebos (Abadie, Diamond and Hainmueller,
// Synthetic Control Methods for Comparative Case Studies, JASA 105, 2010; Heckman and Hotz, JASA 84, 1989): the p-value
// is (1 + placebos at least as large) / (1 + placebos).
//
// Which placebos:
//
//   - Trigger-matched: the moments in earlier, untreated incidents of the signature that are as long after their opening as
//     the action was after its own, and about as bad. They answer the rival "it heals by itself", and are used alone when there
//     are enough of them (19 at a level of 5 %).
//   - In time: all earlier moments whose windows lie before the action and hold no other action or change. Neighbouring
//     moments share most of their windows, so that a short past holds few independent ones. While it holds fewer than
//     the hypothesis demands, the p-value is at least that of a t-test of the effect against the placebos' mean and
//     spread with as many degrees of freedom as there are disjoint windows. The few matched ones that there are can
//     still veto: if most of them did as well with nothing done, the effect is not ours.
//
// Verdicts:
//
//   - supported: the metric moved as predicted, by the predicted minimum at least, and placebos seldom do;
//   - refuted: it did not move enough and nothing recovered, or most of enough placebos did as well: that chance may do
//     as much now and then refutes nothing;
//   - harmful: it moved the other way beyond what placebos do, or a metric that must not get worse did;
//   - inconclusive: too little is known, of the objective or of a metric that must not get worse, too;
//   - void: it was not carried out, or nobody knows whether it was, or something else was changed in the windows, or data are missing.
//
// Waiting has no counterfactual: it is supported as soon as recovery has held without an action, and refuted when it has not
// by the horizon.
package judge

// Package decide chooses what to do about an incident, waiting included, and registers the prediction that will show
// whether it was right before anything is done.
//
// A runbook names candidate actions for signatures. A candidate's score is
//
//	success × benefit − cost − risk
//
// where success is the mean of a Beta distribution: the runbook's number is the prior, worth its weight in
// observations, and each verdict of the judge is one observation (Beta-Bernoulli; Gelman et al., Bayesian Data Analysis,
// CRC Press 2013, section 2.4). Supported counts for, refuted and harmful against; void and inconclusive teach
// nothing. benefit grows with severity and burn rate. The best score is taken, without exploring: at a few
// incidents per signature a good prior taken greedily beats a bandit.
//
// That the incident heals by itself is always a candidate: its action is to wait, with a success rate of its own.
// An unknown signature is waited for, and a person is told. Who waited in vain does not wait again in that incident.
//
// What may not be chosen is listed with the reason: an action beyond its authority level, one that ran in this incident
// already, one whose lock domain is taken or cooling down, one that would grow what is not the bottleneck, one whose
// prediction could not come true. One hypothesis is open per incident and per lock domain.
//
// The prediction (hypothesis.opened) is emitted before the command: remediation.requested in mode live,
// remediation.proposed below it. The mode of a command is the lower of the run's mode and the action's level;
// what can't be undone is never more than proposed, nor is what promises to undo or revert itself (undo: auto,
// effect_ttl), as nobody does that yet. After max_attempts actions, when nothing is left to try,
// or when nobody knows what became of an action, a person is called by a proposed notify and nothing more is tried. Commands carry epoch 0: no control event that raises it is read yet.
package decide

// Package cohort finds the one instance that is unlike its peers: the replica that is slow while the others are not, the shard that
// gets all the traffic, the host whose errors nobody else has. Its own past and its absolute values may be nothing special, and its
// health check passes: a grey failure, which is seen from beside and not from within (Huang et al., Gray Failure: The Achilles' Heel of
// Cloud-Scale Systems, HotOS 2017).
//
// A cohort is the series of one system, metric and type whose labels are equal but for those that name instances (across), or whose
// labels named in by are. What all of them do together — load, a deploy, the night — is no finding; what one does alone is. In each window, with
// the values v of a cohort,
//
//	m = median(v)        S = max(|m|, median|v − m|, 1/8 of what |v| usually is)        x = (v − m) / S
//
// x is the place of a member among its peers, the same whatever the load. Each member has its own usual place o, since a larger
// machine is no fault. What is left is the residual r = x − o. This is Tukey's median polish (Exploratory Data Analysis, 1977) with a
// column a window and a row a member, whose row effects are remembered; as there, medians are taken anew after effects: m of v − o·S,
// and the median of all residuals is taken from each, since m shifts when members come and go. Of whole numbers S is what is usual, up to
// 16, since the median of few counts leaps. Where S is only what is usual, as in
// an outage of all, nobody knows how much of o holds, and residuals count as far as they are beyond that.
//
// A grey failure is small and lasts, so residuals are averaged: d by the weights of an average of so many windows, of which one window moves
// it by 0.6 of the threshold at most. Then
//
//	z = d·S / scale        score = |z| / threshold
//
// The score is that of the last window alone where the average is beyond the threshold and the window is by more. The scale is the greatest of:
// 1.4826 times the median |d|·S of this window, so that what makes all of them restless makes none
// stand out; the member's own usual deviation; the median of all members' usual deviations, which a new member has from its peers; and floors:
// a share of what is expected, an absolute one, and for whole numbers what chance does to averages of counts (Poisson), the square root of what is
// expected plus one, times that of weight/(2 − weight). In the worst case of all distributions a value beyond z is seen with
// probability 1/(1+z²) at most (Cantelli); the finding's probability is one minus that. Low and high are what the average is
// expected between, not a single value.
//
// Usual places and deviations are learned slowly and robustly (package ewma): beyond three scales an average is learned as if it were
// there, nothing abnormal is learned while a finding of the member is open, and after adapt such windows its place is the new usual one. What goes up
// and down by itself, as memory that is collected, has to be seen to do so within the warmup.
//
// Medians stand as long as less than half of a cohort is abnormal. When half of its members or more are, as in a deploy of one half, nobody can
// tell which half is ill: then nothing is said of single members, and findings that are open stay as they are. That
// something happened to all is for the detectors of single series and of objectives to say. A cohort says nothing either of a
// member with fewer than peers others.
//
// It needs peers that do the same thing: in cohorts of shards, leaders or caches with lives of their own the deviations that are
// learned are wide, and little is found. The members of a cohort have to come to one lane: with a columns topic they do, since a
// pipeline with this detector shares rows out by system.
//
// Like other detectors of several series it judges a window when that is complete.
package cohort

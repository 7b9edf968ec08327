// Package plant simulates a web system, the system under control: a seeded discrete-event simulation
// in virtual time, with one thread of control, no wall clock and no randomness but the seed's. The same
// configuration, scenario, seed and commands at the same moments give the same observations, byte for
// byte (on one architecture: the compiler may round differently on another).
//
// # The system
//
//	users ──► web ──► lb ──► app-1 … app-n ──► db-main
//
// Users arrive in a Poisson process, whose rate follows a daily curve with slow random movement and
// small bursts. Each has one request. A client waits Timeout for the answer; if it gets none, or an
// error or a refusal, it pauses and tries again, up to Attempts times. The system does not see that a
// client went away: it finishes the work for nobody.
//
// The balancer (lb) takes the running instances in turn. It has an admission limit on the requests in
// flight behind it; what comes on top is refused at once.
//
// A request takes a thread of its instance, or waits in a bounded queue for one; computes; takes a
// connection of the instance's pool, or waits for one while it holds the thread; queries; computes
// again; and is answered. Threads share the cores, and queries share the database, equally (processor
// sharing, Kleinrock 1967).
//
// What users ask for comes from its own random stream: twins with the same seed have the same users
// with the same work at the same moments, whatever is done to one of them. Only their retries differ.
//
// # Units
//
// Times are time.Duration since the start; rates are per second; shares are 0..1. Counts in an
// [Observation] are of its interval. A request in [Web] is an attempt, so retries count, and a refused
// one is bad.
//
// # Theory
//
// Little's law (Little 1961): the mean number in a system is the rate through it times the mean time
// in it, N = X·W. So a bound on the number in flight bounds the time, and a queue that is longer than
// X·Timeout holds only work that nobody will wait for.
//
// The universal scalability law (Gunther, "Guerrilla Capacity Planning", 2007): with n queries at work
// the database does X(n) = n / (1 + σ(n−1) + κn(n−1)) / Demand a second. σ is what must be done one
// after the other; κ is the price of pairs keeping each other's data consistent. Past the knee at
// √((1−σ)/κ) more queries at work mean fewer done. Below the knee the database takes its load with few
// connections; if something pushes it beyond, all pools fill, and it does X(all pools) from then on. With
// a load between X(all pools) and X(knee) both states are stable.
//
// That is a metastable failure (Bronson, Aghayev, Charapko and Zhu, "Metastable Failures in Distributed
// Systems", HotOS 2021): a trigger, here a burst, starts it, and a feedback keeps it going after the
// trigger is gone: the database slower for being busier, clients that ask again for what they no longer
// wait for. The processors of the instances have room all the while. More instances bring more
// connections, hence a lower X. What ends it is fewer queries at work: an admission limit near the knee.
package plant

// Package actuator is the SDK for those who carry out remediations. It takes the records of the remediations topic,
// refuses what must not be done, calls the user's function for what may, and returns the results, which the caller
// writes to the inbox. It owns no Kafka client and no clock.
//
// # What it promises
//
// A function is called at most once for an idempotency key, unless its verb is declared re-drivable: the key is claimed
// durably before the call, and a claim that a crash left open is answered with execution unknown, never repeated.
// A function is never called after the command's start deadline, nor for a command that is not live, whose plan
// or key does not hash to what its headers say, whose blast radius is too large, whose epoch is stale, whose guards
// fail, or while the kill switch inhibits. Commands of one lock domain are carried out one after the other.
//
// # Order of the checks
//
// A record that is not a live remediation.requested for this actuator is ignored. Then: is it well-formed (badschema); was
// it answered before (duplicate, unknown); limits (overlimit); deadline (expired); notbefore (precondition); epoch
// (staleepoch); authority (noapproval); kill switch (inhibited); guards (precondition); the claim; and once more, since
// claims and guards take time, deadline and kill switch. What was answered is looked up first so that a command which
// was carried out before a crash is never reported as refused after it. An answer is final: a refused command that
// comes again is refused again, whatever has changed.
//
// # Clocks
//
// The deadline is compared with Config.Clock. A clock that is behind by d lets a command start up to d too late, one that
// is ahead by d refuses it up to d too early; neither makes it run twice. Keep clocks within a fraction of the shortest
// deadline, or leave the clock out of it by rising epochs. Maximum durations are measured by the process's own timer.
package actuator

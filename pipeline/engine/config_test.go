package engine

// small has windows of 10 s, two sources, and both stages.
const small = `
version: 1
name: small
instance: a
kafka: {commit_interval: 50ms}
scope: {entity: ["{{metric}}"], system: shop}
sources:
  - {name: left, topic: left, codec: lines, keyed: true, disorder: 5s, late: dead_letter, max_future_skew: 1m}
  - {name: right, topic: right, codec: lines, keyed: true, disorder: 0s, late: drop, max_future_skew: 0s}
detect: [bucket, high, echo, breaker]
operate: [incident, answer]
sinks: [memory]
`

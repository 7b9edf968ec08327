// Package pipeline holds the contracts that operators, sources, sinks and codecs implement and that the engine
// drives: Batch, Operator, Detector, Source, Sink, Codec, Env, Spec and Registry. It imports no other package
// of this project, so that a plugin needs only this one, schemas and the conformance kits.
//
// Times are Unix nanoseconds of event time (int64) unless a name says otherwise.
package pipeline

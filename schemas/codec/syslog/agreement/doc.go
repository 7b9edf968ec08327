// Package agreement holds the codec against an independent parser of syslog messages. It is apart from the codec's own tests because that
// parser's state machines take minutes to compile when they are instrumented for fuzzing.
package agreement

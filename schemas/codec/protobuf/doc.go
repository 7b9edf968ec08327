// Package protobuf turns metrics in protocol buffers (protobuf.dev, proto2, proto3 and editions) into points, by a mapping of fields.
//
// With the setting registry, records have Confluent's framing (docs.confluent.io, "Wire format"): a zero, the id of their schema in four
// bytes, the path to the message in the schema, and the message. The path is numbers in zigzag and base 128, first how many there are: at
// the top and in each message inside, the message's place among those that stand in the schema's text (entries of maps do not); a zero
// alone is the first message. Schemas come from a schema registry (package registry), each once and for all, with those that they import.
// With the setting schema, records are plain and all of one message.
//
// The settings name fields as package avro describes; so do their defaults. Fields have the names of the schema's text.
//
//   - A message is an event. A message whose only field is a repeated message is a batch: each of these is an event.
//   - A field that has no presence and is not there has its default: a value of 0 is a value. One with presence (optional, in a message
//     of its own) is null then, and one of a oneof absent. Of a field that comes twice the last one counts, of equal keys of a map too.
//   - Timestamp is a time, Duration a number of seconds. Wrappers (DoubleValue and others), Value and Struct are what is in them; so is
//     Confluent's Decimal. Enums are texts, the names of their numbers.
//   - Messages and maps have members, for the settings values and labels_object and for paths. Keys of maps may be numbers.
//   - Bytes, groups, Any and what is repeated say nothing here.
//
// Schemas are compiled by bufbuild/protocompile. Data is read by this package, by a plan that is made of a schema and the settings once: what
// no setting names is passed over, and nothing is allocated for a row.
//
// Rows that can't be used are counted in Columns.Lost, by the reasons in package fields; an event that names no value
// counts as one. A record that is broken or beyond a limit is an error as a whole.
package protobuf

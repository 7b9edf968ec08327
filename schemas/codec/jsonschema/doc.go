// Package jsonschema turns metrics in JSON with Confluent's framing (docs.confluent.io, "Wire format") into points: a zero, the id of
// their JSON Schema in four bytes, and JSON. It reads the JSON as package jsonmetrics does, by its settings and its defaults. Schemas
// come from a schema registry (package registry), each once and for all, with those that they refer to.
//
// A schema adds to that:
//
//   - The kinds of values (type, const and enum; also of those that $ref, allOf, anyOf and oneOf lead to, of properties and of
//     additionalProperties): a record in which one of the members that are read is of another kind is a dead letter. Objects and arrays count as one kind, numbers are not held
//     against integer, nor anything against other rules: who writes records checks them, or should.
//   - The time, where no setting says it and no property has one of the usual names: the one property of format date-time, or of Connect's
//     type Timestamp or Date.
//   - The metric's name, where neither a setting nor the record says it: the schema's title, without what is before the last dot.
//
// Schemas are compiled by santhosh-tekuri/jsonschema, drafts 4 to 2020-12. Patterns are not compiled, and nothing is fetched but from the registry.
package jsonschema

// Package avro turns metrics in Avro (avro.apache.org/docs, specification 1.12, binary encoding) into points, by a mapping of fields.
//
// With the setting registry, records have Confluent's framing (docs.confluent.io, "Wire format"): a zero, the id of their schema in four
// bytes, and the datum. Schemas come from a schema registry, each once and for all (those they refer to included). With the
// setting schema, records are plain and all of that schema. A schema is of a record, or an array of records, each an event.
//
// While the registry can't be reached, refuses this process or answers as no registry does, nobody knows what a record is: Decode fails
// with a pipeline.Unavailable, and the lane waits (homeostat_decode_wait_seconds_total counts). Only what the registry itself says makes a
// dead letter of a record: that it has no such schema, or that the schema is no Avro. It is asked again after the time in
// registry.forget. A record that is decoded anew, after a restart, may find a schema that was not there before.
//
// Settings name fields: as such, or as the path through records and maps with dots between the names. They are those of the codec for JSON:
//
//   - time: the first field in the order of the setting that can be read. Timestamps and dates of Avro's logical types; other
//     numbers are Unix times in the unit of time_unit, by default as the size says (package moment); texts are RFC 3339 and its
//     variants. An event whose time fields are absent, null, empty or 0 has its record's time; one whose time can't be read is lost.
//   - name: the first field that is there and not empty is the metric's name; else metric, else the record's name in the schema without
//     its namespace.
//   - value: the first field that is a number, or a text that is one, makes a point.
//   - values: of a field that is a record or map each member that is a number makes a point called NAME_MEMBER; a field that is a number
//     itself makes one called NAME_FIELD. A member that is null is lost as no_recorded_value.
//   - unit: the first field that is there.
//   - labels: fields that become labels under the name in the setting: texts, enums, numbers and booleans. "*" stands for all texts and
//     enums of the event itself that no other setting names. labels_object: records and maps whose members become labels. Of equal names
//     labels named one by one count before the event's own texts, and these before members; empty labels are absent; what is not UTF-8 is replaced by U+FFFD.
//
// Whole numbers become float64, exact up to 2^53, decimals the nearest one. Bytes and fixed of no logical type say nothing here, and
// items of arrays inside of an event are not reached.
//
// Schemas are parsed by twmb/avro. Data is read by this package, by a plan that is made of a schema and the settings once: what no
// setting names is passed over, and nothing is allocated for a row.
//
// Rows that can't be used are counted in Columns.Lost, by the reasons in package fields; an event that names no value
// counts as one. A record that is broken or beyond a limit is an error as a whole.
package avro

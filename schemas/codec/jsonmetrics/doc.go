// Package jsonmetrics turns metrics in JSON into points, by a mapping of fields.
//
// A record holds one object, several separated by white space (newline-delimited JSON), or an array of objects; {"metrics":[…]} with
// nothing beside it, Telegraf's batch format, is the array in it. A byte order mark before the first one is skipped. Settings name
// fields: as the name of a member, or as the path to a nested one with dots between the names; dots in names themselves are
// allowed: mem.used is found in {"mem.used":…} and in {"mem":{"used":…}}. Of a name that comes twice the last one counts.
//
//   - time: the first field in the order of the setting that can be read. Texts: RFC 3339 and its variants. Numbers, also in
//     texts: Unix time in the unit of time_unit, by default as the size says (package moment). An object whose time fields
//     are absent, null, empty or 0 has its record's time; one whose time can't be read is lost.
//   - name: the first field that is there and not empty is the metric's name; else metric.
//   - value: the first field that is a number, or a text that is one, makes a point.
//   - values: of a field that is an object each member that is a number, true (1) or false (0) makes a point called NAME_MEMBER;
//     members that are texts are no metrics and are not counted as lost, as in line protocol, since Telegraf writes them all the time
//     (a version, a state in words). A field that is a number itself makes a point called NAME_FIELD. Without name and metric it is the
//     member or field alone.
//   - unit, type_field: the first field that is there. type_field holds gauge, delta, cumulative or counter; any other word leaves
//     the type as type says.
//   - labels: fields that become labels under the name in the setting: texts, numbers and booleans. "*" stands for all texts
//     of the object itself that no other setting names. labels_object: objects whose members become labels. Of equal names
//     labels named one by one count before others; empty labels are absent; what is not UTF-8 is replaced by U+FFFD.
//   - batch: an object that has but one member, called so, and this is an array, stands for the objects in it. An object that begins
//     so and has other members is broken.
//
// The setting preset fills in these fields as a producer writes them: generic takes the usual names; telegraf is Telegraf's
// data format json (one metric a record, or {"metrics":[…]} with use_batch_format, https://docs.influxdata.com/telegraf/v1/data_formats/output/json); prometheus_adapter is
// that of the Prometheus Kafka adapter. What is set besides takes the place of the preset's.
//
// Rows that can't be used are counted in Columns.Lost, by the reasons in this package's Lost constants; an object that names no
// value counts as one. A record that is broken or beyond a limit is an error as a whole. The reader is lenient about escapes, control
// characters and number syntax (package jsontext).
//
// # Layouts and pieces
//
// The messages of a producer look alike: the same names in the same order, without escapes, and other numbers and texts between
// them. The codec keeps the bytes between the values (a layout), of a few kinds of messages. Where a message has these bytes, and
// between them texts without quotes and backslashes, and numbers, a reader could find nothing else in it, so the values are
// taken as they stand; the series is found by the raw bytes of all that names it.
//
// Everything else is read member by member. What stands between two values (a piece) is kept, too, with what it means, and which one followed it the
// last two times, so that a name that is foretold is compared and not looked up; others are found by a hash of their bytes. An object of a known
// series is not taken apart further than to find its times and values: the stretches of it that name the series are the key. Only of a series that
// is new all goes into an event.
//
// The results are the same (layout_test.go, and FuzzDecode, which decodes by layouts, without, and by a new codec, and compares what is read
// of an object with what a parser finds in it).
package jsonmetrics

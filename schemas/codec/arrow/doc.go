// Package arrow turns Arrow IPC streams (arrow.apache.org/docs/format/Columnar.html, "IPC Streaming Format") into points, one whole stream a
// record: schema, dictionaries and any number of record batches, with or without the mark of its end.
//
// Each row and column of values makes a point. The settings time, name, values and labels say which columns are what; of those listed for
// time and name the first one that the stream has in a type that fits counts. Where values or labels names nothing, all other columns of
// numbers are values, and all other columns of texts are labels.
//
//   - time: a timestamp column of any unit, or a column of 64-bit numbers that are Unix times in time_unit (auto: as their size says: from 10^9 seconds,
//     from 10^11 milliseconds, from 10^14 microseconds, from 10^17 nanoseconds; less is no time). Where it is null, or there is none, the record's own time counts.
//   - name: a column of texts, the metric's name of the row. With several columns of values the column's name follows it behind a dot.
//     Without such a column the name of the column of values is the metric's.
//   - values: columns of whole numbers or floats (half ones are not read); whole numbers become float64, exact up to 2^53.
//   - labels: columns of texts (utf8, large_utf8, binary, large_binary) or of dictionaries of such. Null and empty texts are absent labels. What is
//     not UTF-8 is replaced by U+FFFD.
//
// All series are of the type that the setting type says. Columns of other types are passed over, nested ones too.
//
// Bytes are read where they lie: nothing is allocated for what a length claims, and everything is checked before it is read. Compressed batches,
// big-endian streams, views and the file format are refused.
//
// Rows that can't be used are counted in Columns.Lost, by the reasons in this package's Lost constants; a null value is one that was not
// recorded. A stream that is broken or beyond a limit is an error as a whole.
package arrow

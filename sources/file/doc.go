// Package file reads finished files: a source for backtests and for feeding topics. It does not follow files that grow. A file is points in
// CSV (Source), or holds records for a codec (Records). Either may be packed with gzip or zstd, which is told by how the file begins; a name that
// ends in .gz or .zst must be right.
//
// # Records
//
// With format: lines, the default where no column of time is named, each line is a record, as a producer would have written it to a topic. Lines
// end with LF or CRLF, the last one with or without; blank ones are none; a byte order mark at the head is left out. With starts, a regular
// expression, a record begins at each line that it fits and has the lines behind it that it does not fit, whatever they are, with LF between. With
// format: whole each file is one record, bytes as they are; an empty one is none.
//
// A record bears the line that it begins at as its offset, its file's path below the root as header "file", and as its time what the setting
// written says, else none. The same files give the same records; nothing is taken from the file system but names and bytes.
//
// Each file is a partition, read in order of its lines. A line, record or whole beyond max_line is counted as lost, reason "line", and the first
// of each file are logged with file and line. A file that can't be read to its end is an error behind what was read of it.
//
// Folders are read to their depth if a path names one without a wildcard.
//
// # Forms of CSV
//
// A wide file has a column of time and a series in each other column:
//
//	Time,CpuUsage(m),MemoryUsage(Mi)
//	1661140279,2.84,33.4
//
// A long file has a point a row: time, name of the metric (unless it is fixed), value, and columns of labels.
//
// The first row names the columns. Fields may be quoted as RFC 4180 says; a quoted field must end on its line. A byte
// order mark and CRLF are understood. An empty cell is no value and no loss.
//
// # Names and labels
//
// In wide files a column's metric is what metrics says, else the fixed metric, else the column's name. With metrics and
// without include only the columns in metrics are read. column_labels is a regular expression over the column's name
// whose named groups become labels; with it, columns that do not fit are left out. file_labels is one over the file's
// path below the root; every file must fit. labels are fixed, label_columns come from cells.
//
// # Order of CSV
//
// Paths are globs below the root ("*" does not cross "/"); all files are read side by side and merged: points come in
// order of time, then of the file's path, then of the row and its columns. The same files give the same batches.
// A file whose rows are not sorted needs reorder: so much time rows are held back for. A row that is earlier than
// what was given out of its file already is lost.
//
// # Losses of CSV
//
// What can't be used is counted in the loss ledger by reason, and the first of each file are logged with file and line:
//
//	fields      the row has not as many fields as the header, or a quote is not closed; one for the row
//	line        the row is longer than max_line; one for the row
//	time        its time can't be read; one for the row
//	metric      the name of its metric is empty; one for the row
//	disorder    it comes too late; one for each of its values
//	value       a cell is no number
//	not_finite  a cell is NaN or infinite
//	series      the lane's limit of series is reached
//
// A file that can't be read on, or whose header does not fit, is an error that ends the source.
package file

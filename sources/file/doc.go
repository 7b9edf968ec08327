// Package file reads points from CSV files, plain or gzipped (by the name's end, .gz): a source for backtests and for
// feeding topics.
//
// # Forms
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
// # Order
//
// Paths are globs below the root ("*" does not cross "/"); all files are read side by side and merged: points come in
// order of time, then of the file's path, then of the row and its columns. The same files give the same batches.
// A file whose rows are not sorted needs reorder: so much time rows are held back for. A row that is earlier than
// what was given out of its file already is lost.
//
// # Losses
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

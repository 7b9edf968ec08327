// Package state keeps the state of operators so that it can be snapshotted while the lane goes on. It is a library for
// operators, not one of them. It has two halves.
//
// # In memory
//
// What is kept of each series lives in paged columns by ordinal: Column for a number or a small struct, Matrix for a row of
// numbers. To freeze one is to copy its pointers to pages. The first write to a page after that copies the page, as long
// as the freeze is not released; so the lane pays for what it changes, in small pieces, and a freeze of a million series takes
// a millisecond. What is small, or not by series, is simply written into memory (Encoded).
//
// # At rest
//
// A snapshot is tables, each declared with name, version and columns. Bytes, lengths as little-endian 32 bits:
//
//	"hstate1\n"
//	for each table:
//	    length, JSON header: component, table, version, columns with their types
//	    length, Arrow IPC message: the schema, the same in its metadata
//	    length, Arrow IPC message: a record batch, uncompressed; any number of them
//	    length, the end of an Arrow IPC stream (8 bytes)
//	length 0
//
// The messages of a table, one after the other, are an Arrow IPC stream. The reader takes the schema from the header
// and never parses the one in Arrow's form, since a hostile one can nest without end. Nothing is compressed or
// checksummed here: who keeps the snapshot does that for all of it, and so a length that the input does not back
// is found before anything is allocated for it. Reading is safe on any bytes and allocates no more than a small multiple of them.
//
// A table of an older version is read by the names of its columns; those it does not have read as their declared default.
// Inspect reads any snapshot without the code of its component.
package state

package broker

// Compression names how the records of a batch are compressed.
type Compression int8

// The values are those of the record batch format, but for Default.
const (
	DefaultCompression Compression = iota - 1
	None
	Gzip
	Snappy
	LZ4
	Zstd
)

package pipeline

// Header is one header of a Record.
type Header struct {
	Key   string
	Value []byte
}

// Record is one message of a log, as bytes: what codecs decode and actuators are handed.
// Whoever hands out a Record owns its bytes and says how long they stay valid.
type Record struct {
	Topic     string
	Partition int32
	Offset    int64
	// Timestamp is the record's own time in Unix milliseconds (create or append time, as its topic is set).
	Timestamp int64
	// Producer is one more than the id that the brokers gave to the idempotent client that wrote the record; 0 if it is unknown.
	Producer int64
	Key      []byte
	// Value is nil for a tombstone.
	Value   []byte
	Headers []Header
}

// Header returns the value of the first header with that key, and whether there is one.
func (r *Record) Header(key string) (value []byte, ok bool) {
	for i := range r.Headers {
		if r.Headers[i].Key == key {
			return r.Headers[i].Value, true
		}
	}
	return nil, false
}

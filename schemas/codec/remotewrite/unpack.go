package remotewrite

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/klauspost/compress/snappy"

	"github.com/homeostat/homeostat/pipeline"
)

// compression says how a record's request is compressed.
type compression uint8

const (
	byContent compression = iota
	uncompressed
	snappyBlock
	zstdFrames
)

var zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}

// open puts the request of a record into c.b, and reads its first level; version is what the record is said to be, 0 if nothing is said. It
// returns the request's version.
func (c *codec) open(value []byte, how compression, version int) (int, error) {
	if how == byContent {
		return c.recognise(value, version)
	}
	if err := c.unpack(value, how); err != nil {
		return 0, err
	}
	return c.survey(version)
}

// recognise opens a record by its content.
func (c *codec) recognise(value []byte, version int) (int, error) {
	if bytes.HasPrefix(value, zstdMagic) {
		return c.open(value, zstdFrames, version)
	}
	var asItIs error
	if tag := value[0]; tag == tagSeries1 || tag == tagMetadata || tag == tagSymbols || tag == tagSeries2 {
		c.b = value
		v, err := c.survey(version)
		if err == nil {
			return v, nil
		}
		asItIs = err
	}
	err := c.unpack(value, snappyBlock)
	switch {
	case err == nil:
		return c.survey(version)
	case asItIs != nil:
		return 0, asItIs
	case pipeline.Code(err) == "remote_write.snappy":
		return 0, pipeline.Errorf("remote_write.unrecognised", "remote write record of %d bytes is neither a write request in protobuf nor one in zstd, and as a snappy block it is broken: check what writes to the topic and how it compresses", len(value))
	}
	return 0, err
}

// mostSnappy is what a snappy block of n bytes can hold: three bytes stand for 64 at most.
func mostSnappy(n int) uint64 { return uint64(n)*64/3 + 64 }

// unpack decompresses a record into c.b.
func (c *codec) unpack(value []byte, how compression) (err error) {
	switch how {
	case uncompressed:
		c.b = value
		return nil
	case snappyBlock:
		err = c.unpackSnappy(value)
	case zstdFrames:
		err = c.unpackZstd(value)
	}
	c.b = c.unpacked
	return err
}

// unpackSnappy reads a snappy block (github.com/google/snappy, format_description.txt).
func (c *codec) unpackSnappy(value []byte) error {
	n, at := binary.Uvarint(value)
	if at <= 0 || n > mostSnappy(len(value)) {
		return brokenSnappy(len(value), errors.New("its first bytes are no length that it could have"))
	}
	if n > uint64(c.limits.bytes) {
		return c.tooLarge(n, "of")
	}
	if cap(c.unpacked) < int(n) {
		c.unpacked = make([]byte, 0, n)
	}
	unpacked, err := snappy.Decode(c.unpacked[:cap(c.unpacked)], value)
	if err != nil {
		return brokenSnappy(len(value), err)
	}
	c.unpacked = unpacked
	return nil
}

func brokenSnappy(n int, why error) error {
	return pipeline.Errorf("remote_write.snappy", "remote write record of %d bytes is a broken snappy block: %w; check what writes to the topic and how it compresses", n, why)
}

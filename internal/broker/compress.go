package broker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Compression says how the records of a batch are compressed.
type Compression int8

// LZ4 is the zero value: cheap for writers and readers. Zstd makes batches about half as large.
const (
	LZ4 Compression = iota
	Zstd
	Snappy
	Gzip
	None
)

// codec is the number of a compression in a batch's attributes.
type codec uint8

const (
	noCodec    codec = 0
	gzipCodec  codec = 1
	snappyCode codec = 2
	lz4Codec   codec = 3
	zstdCodec  codec = 4
)

func (c Compression) codec() codec {
	return [...]codec{LZ4: lz4Codec, Zstd: zstdCodec, Snappy: snappyCode, Gzip: gzipCodec, None: noCodec}[c]
}

var (
	errTooLarge = errors.New("its records decompress to more than the limit")
	errSnappy   = errors.New("its snappy data is cut off")
	errLZ4      = errors.New("its lz4 frame is wrong")
	errCodec    = errors.New("its compression is not one of gzip, snappy, lz4 and zstd")
)

// decompressor decompresses batches that may be hostile: it never writes more than limit bytes. One goroutine at a time.
type decompressor struct {
	limit int
	// usual is the size that batches lately had, so that buffers rarely grow.
	usual int
	gzip  *gzip.Reader
	zstd  *zstd.Decoder
	src   bytes.Reader
}

// decompress returns the records in a buffer from the pool.
func (d *decompressor) decompress(c codec, src []byte) (*buffer, error) {
	dst := buffers.get(min(max(d.usual, 3*len(src)), d.limit))
	dst, err := d.into(dst, c, src)
	if err == nil && len(dst.bytes) > d.limit {
		err = errTooLarge
	}
	if err != nil {
		buffers.put(dst)
		return nil, err
	}
	d.usual = max(len(dst.bytes), d.usual-d.usual/16)
	return dst, nil
}

func (d *decompressor) into(dst *buffer, c codec, src []byte) (*buffer, error) {
	switch c {
	case gzipCodec:
		return d.gunzip(dst, src)
	case snappyCode:
		return d.unsnappy(dst, src)
	case lz4Codec:
		return d.unlz4(dst, src)
	case zstdCodec:
		return d.unzstd(dst, src)
	}
	return dst, errCodec
}

func (d *decompressor) gunzip(dst *buffer, src []byte) (*buffer, error) {
	d.src.Reset(src)
	var err error
	if d.gzip == nil {
		d.gzip, err = gzip.NewReader(&d.src)
	} else {
		err = d.gzip.Reset(&d.src)
	}
	if err != nil {
		return dst, err
	}
	for {
		dst = buffers.grow(dst, 512)
		n, err := d.gzip.Read(dst.bytes[len(dst.bytes):cap(dst.bytes)])
		dst.bytes = dst.bytes[:len(dst.bytes)+n]
		if err == io.EOF {
			return dst, nil
		}
		if err != nil {
			return dst, err
		}
		if len(dst.bytes) > d.limit {
			return dst, errTooLarge
		}
	}
}

// unzstd leaves the limit to the decoder, which also refuses a frame that only claims to be larger.
func (d *decompressor) unzstd(dst *buffer, src []byte) (*buffer, error) {
	if d.zstd == nil {
		// One decoder without goroutines: the limit of a decoder cannot be changed later.
		dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(d.limit)))
		if err != nil {
			return dst, err
		}
		d.zstd = dec
	}
	out, err := d.zstd.DecodeAll(src, dst.bytes)
	if err != nil {
		return dst, err
	}
	dst.bytes = out
	return dst, nil
}

// xerial is how Java's snappy library begins its streams: magic, then two version numbers that do not matter, then
// blocks with their lengths. Other clients send one bare block.
var xerial = [8]byte{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0}

func (d *decompressor) unsnappy(dst *buffer, src []byte) (*buffer, error) {
	if len(src) < 16 || !bytes.Equal(src[:8], xerial[:]) {
		return d.snappyBlock(dst, src)
	}
	src = src[16:]
	for len(src) > 0 {
		if len(src) < 4 {
			return dst, errSnappy
		}
		n := int(binary.BigEndian.Uint32(src))
		src = src[4:]
		if n > len(src) {
			return dst, errSnappy
		}
		var err error
		if dst, err = d.snappyBlock(dst, src[:n]); err != nil {
			return dst, err
		}
		src = src[n:]
	}
	return dst, nil
}

func (d *decompressor) snappyBlock(dst *buffer, block []byte) (*buffer, error) {
	n, err := snappy.DecodedLen(block)
	if err != nil {
		return dst, err
	}
	at := len(dst.bytes)
	// A block of snappy expands by less than 64/3 times; what claims more would only cost memory.
	if n > d.limit-at || n > 22*len(block)+64 {
		return dst, errTooLarge
	}
	dst = buffers.grow(dst, n)
	dst.bytes = dst.bytes[:at+n]
	if _, err := snappy.Decode(dst.bytes[at:], block); err != nil {
		return dst, err
	}
	return dst, nil
}

// unlz4 reads an LZ4 frame (LZ4 Frame Format 1.6): lz4's own reader starts goroutines and allocates for each. The
// frame's checksums are passed over, since the batch has one.
func (d *decompressor) unlz4(dst *buffer, src []byte) (*buffer, error) {
	const (
		magic       = 0x184D2204
		independent = 1 << 5
		blockSum    = 1 << 4
		contentSize = 1 << 3
		dictionary  = 1
		stored      = 1 << 31
	)
	if len(src) < 7 || binary.LittleEndian.Uint32(src) != magic || src[4]>>6 != 1 || src[4]&dictionary != 0 {
		return dst, errLZ4
	}
	flags, blockMax := src[4], 1<<(8+2*(src[5]>>4&7))
	head := 7
	if flags&contentSize != 0 {
		head += 8
	}
	if len(src) < head || blockMax < 1<<16 {
		return dst, errLZ4
	}
	src = src[head:]
	for {
		if len(src) < 4 {
			return dst, errLZ4
		}
		word := binary.LittleEndian.Uint32(src)
		src = src[4:]
		if word == 0 {
			return dst, nil
		}
		size := int(word &^ stored)
		if size > len(src) || size > blockMax {
			return dst, errLZ4
		}
		block := src[:size]
		src = src[size:]
		if flags&blockSum != 0 {
			if len(src) < 4 {
				return dst, errLZ4
			}
			src = src[4:]
		}
		if word&stored != 0 {
			dst = buffers.grow(dst, size)
			dst.bytes = append(dst.bytes, block...)
		} else {
			history := 0
			if flags&independent == 0 {
				history = min(len(dst.bytes), 1<<16)
			}
			var err error
			if dst, err = unlz4Block(dst, block, min(blockMax, 255*size+64), history); err != nil { // it expands by less than 255 times
				return dst, err
			}
		}
		if len(dst.bytes) > d.limit {
			return dst, errTooLarge
		}
	}
}

// unlz4Block appends a block that holds most bytes at most and may refer to as many bytes before it as history says. A block does not
// tell its size, so it is tried in twice the room until it fits: room for all that it might hold would be a hundred times
// what it does, and count as memory in use.
func unlz4Block(dst *buffer, block []byte, most, history int) (*buffer, error) {
	at := len(dst.bytes)
	for room := max(cap(dst.bytes)-at, 3*len(block), 64); ; room *= 2 {
		room = min(room, most)
		dst = buffers.grow(dst, room)
		n, err := lz4.UncompressBlockWithDict(block, dst.bytes[at:at+room], dst.bytes[at-history:at])
		if err == nil {
			dst.bytes = dst.bytes[:at+n]
			return dst, nil
		}
		if room == most {
			return dst, err
		}
	}
}

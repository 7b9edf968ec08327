package remotewrite

import (
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/homeostat/homeostat/pipeline"
)

const (
	// leastWindow is what every decoder of zstd should allow for (RFC 8878, 3.1.1.1.2).
	leastWindow = 8 << 20
	// largestBlock is what a block holds at most (RFC 8878, 3.1.1.2.4).
	largestBlock = 128 << 10
	// roomBehind is room that the decoder likes to have behind what it writes.
	roomBehind = 32
)

// unpackZstd reads zstd frames (RFC 8878).
func (c *codec) unpackZstd(value []byte) error {
	least, most, err := zstdSize(value)
	switch {
	case err != nil:
		return brokenZstd(len(value), err)
	case least > c.limits.bytes:
		return c.tooLarge(uint64(least), "of at least")
	}
	if c.zstd == nil {
		// The decoder takes no window larger than its memory.
		memory := uint64(max(c.limits.bytes, leastWindow))
		c.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(memory), zstd.WithDecoderMaxWindow(memory))
		if err != nil {
			return pipeline.Errorf("remote_write.zstd_decoder", "BUG: no decoder of zstd: %w", err)
		}
	}
	// With room for the block that is too much it need not grow what it has before it says so.
	if room := min(most, c.limits.bytes+largestBlock) + roomBehind; cap(c.unpacked) < room {
		c.unpacked = make([]byte, 0, room)
	}
	unpacked, err := c.zstd.DecodeAll(value, c.unpacked[:0])
	switch {
	case errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, zstd.ErrWindowSizeExceeded), err == nil && len(unpacked) > c.limits.bytes:
		return c.tooLarge(uint64(c.limits.bytes), "of more than")
	case err != nil:
		return brokenZstd(len(value), err)
	}
	c.unpacked = unpacked
	return nil
}

// zstdSize returns between which bounds lies what frames hold, by the headers of their blocks: a block of compressed bytes doesn't tell
// its size, any other does.
func zstdSize(value []byte) (least, most int, err error) {
	for rest := value; len(rest) > 0; {
		var head zstd.Header
		if rest, err = head.DecodeAndStrip(rest); err != nil {
			return 0, 0, err
		}
		if head.Skippable {
			if uint64(head.SkippableSize) > uint64(len(rest)) {
				return 0, 0, io.ErrUnexpectedEOF
			}
			rest = rest[head.SkippableSize:]
			continue
		}
		frameLeast, frameMost := 0, 0
		for last := false; !last; {
			if len(rest) < 3 {
				return 0, 0, io.ErrUnexpectedEOF
			}
			header := int(rest[0]) | int(rest[1])<<8 | int(rest[2])<<16
			last = header&1 != 0
			size, length := header>>3, header>>3
			switch header >> 1 & 3 {
			case 0:
				frameLeast += size
				frameMost += size
			case 1:
				frameLeast += size
				frameMost += size
				length = 1
			default:
				frameMost += largestBlock
			}
			if length > len(rest)-3 {
				return 0, 0, io.ErrUnexpectedEOF
			}
			rest = rest[3+length:]
		}
		if head.HasFCS {
			if head.FrameContentSize < uint64(frameLeast) || head.FrameContentSize > uint64(frameMost) {
				return 0, 0, errors.New("a frame can't hold what it says")
			}
			frameLeast, frameMost = int(head.FrameContentSize), int(head.FrameContentSize)
		}
		if head.HasCheckSum {
			if len(rest) < 4 {
				return 0, 0, io.ErrUnexpectedEOF
			}
			rest = rest[4:]
		}
		least, most = least+frameLeast, most+frameMost
	}
	return least, most, nil
}

func brokenZstd(n int, why error) error {
	return pipeline.Errorf("remote_write.zstd", "remote write record of %d bytes is broken zstd: %w; check what writes to the topic and how it compresses", n, why)
}

package remotewrite

import (
	"bytes"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
)

// announced reads what a record's headers say of it, the settings where they say nothing.
func (c *codec) announced(headers []pipeline.Header) (how compression, version int, err error) {
	how, version = c.compression, c.version
	named := false
	for i := range headers {
		h := &headers[i]
		ok := true
		switch value := bytes.TrimSpace(h.Value); {
		case strings.EqualFold(h.Key, "content-encoding"):
			how, ok = encoding(value, how)
		case strings.EqualFold(h.Key, "content-type"):
			if message := parameter(value, "proto"); message != nil {
				named = true
				version, ok = messageVersion(message)
			}
		case strings.EqualFold(h.Key, "x-prometheus-remote-write-version"):
			if !named { // else the message's name has said it
				version, ok = protocolVersion(value, version)
			}
		}
		if !ok {
			return 0, 0, pipeline.Errorf("remote_write.header", "remote write record has the header %s: %.80q, which is not known here: send snappy, zstd or identity, and requests of version 1.0 or 2.0", h.Key, h.Value)
		}
	}
	return how, version, nil
}

func encoding(value []byte, otherwise compression) (compression, bool) {
	switch {
	case len(value) == 0:
		return otherwise, true
	case bytes.EqualFold(value, []byte("snappy")):
		return snappyBlock, true
	case bytes.EqualFold(value, []byte("zstd")):
		return zstdFrames, true
	case bytes.EqualFold(value, []byte("identity")):
		return uncompressed, true
	}
	return 0, false
}

func messageVersion(name []byte) (int, bool) {
	switch {
	case bytes.EqualFold(name, []byte("prometheus.WriteRequest")):
		return 1, true
	case bytes.EqualFold(name, []byte("io.prometheus.write.v2.Request")):
		return 2, true
	}
	return 0, false
}

// protocolVersion reads 0.1.0, as version 1.0 calls itself, and 2.0.0 with or without what comes behind it.
func protocolVersion(value []byte, otherwise int) (int, bool) {
	switch {
	case len(value) == 0:
		return otherwise, true
	case bytes.HasPrefix(value, []byte("0.1.")), bytes.HasPrefix(value, []byte("1.")):
		return 1, true
	case bytes.HasPrefix(value, []byte("2.")):
		return 2, true
	}
	return 0, false
}

// parameter returns a parameter of a media type such as "application/x-protobuf; proto=prometheus.WriteRequest", nil if it has none.
func parameter(media []byte, name string) []byte {
	for {
		_, rest, more := bytes.Cut(media, []byte(";"))
		if !more {
			return nil
		}
		media = rest
		part, _, _ := bytes.Cut(rest, []byte(";"))
		if key, value, found := bytes.Cut(part, []byte("=")); found && bytes.EqualFold(bytes.TrimSpace(key), []byte(name)) {
			return bytes.Trim(bytes.TrimSpace(value), `"`)
		}
	}
}

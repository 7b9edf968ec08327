package broker

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync"
)

// fault is what happens to a request on its way.
type fault int

const (
	dropRequest   fault = iota // it never arrives
	swallowAnswer              // it is carried out, and the answer is lost
)

// wires makes connections that break at requests of one kind.
type wires struct {
	mu    sync.Mutex
	fault fault
	key   int16
	times int
}

func (w *wires) fail(f fault, key int16, times int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault, w.key, w.times = f, key, times
}

func (w *wires) left() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.times
}

func (w *wires) take(key int16) (fault, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.times == 0 || key != w.key {
		return 0, false
	}
	w.times--
	return w.fault, true
}

func (w *wires) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &wire{Conn: c, wires: w}, nil
}

// wire is one connection: kafka-go sends one request at a time, and each begins with its size and key.
type wire struct {
	net.Conn
	wires   *wires
	rest    int // bytes of the request that are still to come
	broken  bool
	swallow bool
}

func (w *wire) Write(b []byte) (int, error) {
	if w.rest == 0 {
		w.rest = 4 + int(binary.BigEndian.Uint32(b))
		if f, ok := w.wires.take(int16(binary.BigEndian.Uint16(b[4:]))); ok {
			w.broken, w.swallow = true, f == swallowAnswer
		}
	}
	w.rest -= len(b)
	if w.broken && !w.swallow {
		return len(b), nil
	}
	return w.Conn.Write(b)
}

func (w *wire) Read(b []byte) (int, error) {
	if w.broken && w.swallow {
		w.swallow = false // one answer, whatever is read afterwards
		var size [4]byte
		if _, err := io.ReadFull(w.Conn, size[:]); err == nil {
			_, _ = io.CopyN(io.Discard, w.Conn, int64(binary.BigEndian.Uint32(size[:])))
		}
	}
	if w.broken {
		return 0, io.EOF
	}
	return w.Conn.Read(b)
}

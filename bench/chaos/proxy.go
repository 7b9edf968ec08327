package main

import (
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// proxy passes TCP connections on to a target, byte by byte as they are, and can make the way bad. Its methods may be
// called by any goroutine.
type proxy struct {
	listener net.Listener

	mu     sync.Mutex
	heal   *sync.Cond // told when a link may go on, or is over
	target string
	rand   *rand.Rand // chooses the links that a fault hits
	links  map[*link]struct{}
	order  []*link       // the open links in order of their coming, so that a choice among them can be repeated
	base   time.Duration // delay of every chunk, always
	delay  time.Duration // more of it, as a fault
	rate   int           // bytes a second and direction of each link; 0 bounds nothing
	closed bool
}

// link is one connection through the proxy.
type link struct {
	near, far net.Conn // engine, broker
	stalled   bool     // half-open: nothing passes, and nobody is told
	over      bool
	open      int // directions that still run
}

// listen opens a proxy on a free port of 127.0.0.1. Nothing passes before it has a target.
func listen(seed uint64) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{listener: l, rand: rand.New(rand.NewPCG(seed, 1)), links: map[*link]struct{}{}}
	p.heal = sync.NewCond(&p.mu)
	go p.accept()
	return p, nil
}

// addr is the address to connect to, port its port.
func (p *proxy) addr() string { return p.listener.Addr().String() }
func (p *proxy) port() int    { return p.listener.Addr().(*net.TCPAddr).Port }

// distance says how long each chunk is on its way while nothing is wrong. With some of it a commit takes long enough for a
// good part of the faults to hit one, at any of its steps.
func (p *proxy) distance(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.base = d
}

// connectTo says where new connections go.
func (p *proxy) connectTo(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

func (p *proxy) accept() {
	for {
		near, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			go p.serve(near)
		}
	}
}

// serve connects to the target and passes bytes in both directions. Where there is no target, the connection is reset.
func (p *proxy) serve(near net.Conn) {
	p.mu.Lock()
	target := p.target
	p.mu.Unlock()
	far, err := net.DialTimeout("tcp", target, 5*time.Second)
	if err != nil {
		reset(near)
		return
	}
	l := &link{near: near, far: far, open: 2}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		reset(near)
		reset(far)
		return
	}
	p.links[l] = struct{}{}
	p.order = append(p.order, l)
	p.mu.Unlock()
	go p.pass(l, near, far)
	p.pass(l, far, near)
}

// reset closes a connection so that its peer sees an error rather than an end.
func reset(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0) // it is closed next
	}
	_ = c.Close() // there is nobody left to tell
}

// pass copies one direction until one side ends. An end is passed on as one; a fault of either side resets both.
func (p *proxy) pass(l *link, from, to net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if !p.permit(l, n) {
			break
		}
		if n > 0 {
			if _, failed := to.Write(buf[:n]); failed != nil {
				p.cut(l)
				break
			}
		}
		if err != nil {
			if t, ok := to.(*net.TCPConn); ok {
				_ = t.CloseWrite() // the other direction ends by itself, or has
			}
			break
		}
	}
	p.leave(l)
}

// permit waits until a chunk may pass, and says whether it may at all.
func (p *proxy) permit(l *link, n int) bool {
	p.mu.Lock()
	for l.stalled && !l.over {
		p.heal.Wait()
	}
	wait := p.base + p.delay
	if p.rate > 0 {
		wait += time.Duration(n) * time.Second / time.Duration(p.rate)
	}
	over := l.over
	p.mu.Unlock()
	if over {
		return false
	}
	if wait > 0 {
		time.Sleep(wait)
	}
	return true
}

// leave ends a direction, and the link with the second.
func (p *proxy) leave(l *link) {
	p.mu.Lock()
	l.open--
	last := l.open == 0
	if last {
		p.forget(l)
	}
	p.mu.Unlock()
	if last {
		_ = l.near.Close() // both directions have ended
		_ = l.far.Close()
	}
}

func (p *proxy) forget(l *link) {
	if _, ok := p.links[l]; !ok {
		return
	}
	delete(p.links, l)
	for i := range p.order {
		if p.order[i] == l {
			p.order = append(p.order[:i], p.order[i+1:]...)
			break
		}
	}
}

// cut resets both sides of a link.
func (p *proxy) cut(l *link) {
	p.mu.Lock()
	l.over, l.stalled = true, false
	p.forget(l)
	p.heal.Broadcast()
	p.mu.Unlock()
	reset(l.near)
	reset(l.far)
}

// choose picks a share (0 to 1) of the open links, at least one if there is any.
func (p *proxy) choose(share float64) []*link {
	p.mu.Lock()
	defer p.mu.Unlock()
	var chosen []*link
	for _, l := range p.order {
		if p.rand.Float64() < share {
			chosen = append(chosen, l)
		}
	}
	if len(chosen) == 0 && len(p.order) > 0 {
		chosen = append(chosen, p.order[p.rand.IntN(len(p.order))])
	}
	return chosen
}

// resetSome resets a share of the connections and returns their number.
func (p *proxy) resetSome(share float64) int {
	links := p.choose(share)
	for _, l := range links {
		p.cut(l)
	}
	return len(links)
}

// stallSome makes a share of the connections half-open, and returns what ends that: with late, what was held back still
// arrives, though its sender may long have given up; otherwise the connections are reset.
func (p *proxy) stallSome(share float64) (n int, end func(late bool)) {
	links := p.choose(share)
	p.mu.Lock()
	for _, l := range links {
		l.stalled = true
	}
	p.mu.Unlock()
	return len(links), func(late bool) {
		for _, l := range links {
			if !late {
				p.cut(l)
			}
		}
		p.mu.Lock()
		for _, l := range links {
			l.stalled = false
		}
		p.heal.Broadcast()
		p.mu.Unlock()
	}
}

// slow delays every chunk, and bounds the bytes a second of each direction of each connection, besides the distance. Zeros end it.
func (p *proxy) slow(delay time.Duration, rate int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay, p.rate = delay, rate
}

// close ends the proxy and all connections.
func (p *proxy) close() {
	_ = p.listener.Close() // the second of two calls fails, which is all right
	p.mu.Lock()
	p.closed = true
	links := append([]*link(nil), p.order...)
	p.mu.Unlock()
	for _, l := range links {
		p.cut(l)
	}
}

package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo starts a server that gives back what it gets, and a proxy to it.
func echo(t *testing.T) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c) // the other side of the test sees what is wrong
				_ = c.Close()
			}()
		}
	}()
	p, err := listen(1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	p.connectTo(l.Addr().String())
	return p
}

func dial(t *testing.T, p *proxy) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", p.addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

// say sends a text and reads it back.
func say(c net.Conn, text string) error {
	if _, err := io.WriteString(c, text); err != nil {
		return err
	}
	return hear(c, text)
}

func hear(c net.Conn, text string) error {
	got := make([]byte, len(text))
	if _, err := io.ReadFull(c, got); err != nil {
		return err
	}
	if string(got) != text {
		return errors.New("got " + string(got))
	}
	return nil
}

func TestPassesBytesAsTheyAre(t *testing.T) {
	c := dial(t, echo(t))
	sent := bytes.Repeat([]byte("0123456789abcdef\x00\xff"), 20_000)
	go func() {
		_, _ = c.Write(sent) // what is missing shows below
		_ = c.(*net.TCPConn).CloseWrite()
	}()
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d bytes came of %d, error %v", len(got), len(sent), err)
	}
}

func TestResetEndsConnections(t *testing.T) {
	p := echo(t)
	a, b := dial(t, p), dial(t, p)
	for _, c := range []net.Conn{a, b} {
		if err := say(c, "x"); err != nil {
			t.Fatal(err)
		}
	}
	if n := p.resetSome(1); n != 2 {
		t.Errorf("%d connections were reset", n)
	}
	for _, c := range []net.Conn{a, b} {
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("after the reset: %v", err)
		}
	}
	if err := say(dial(t, p), "new"); err != nil {
		t.Errorf("a new connection: %v", err)
	}
}

func TestAShareIsAtLeastOne(t *testing.T) {
	p := echo(t)
	if n := p.resetSome(0); n != 0 {
		t.Errorf("%d of no connections were reset", n)
	}
	for range 5 {
		if err := say(dial(t, p), "x"); err != nil {
			t.Fatal(err)
		}
	}
	if n := p.resetSome(0); n != 1 {
		t.Errorf("%d connections were reset", n)
	}
}

// silent says that nothing comes for a moment.
func silent(t *testing.T, c net.Conn) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	var timeout net.Error
	if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("%d bytes came, error %v", n, err)
	}
	if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
}

func TestHalfOpen(t *testing.T) {
	for _, late := range []bool{true, false} {
		p := echo(t)
		c := dial(t, p)
		if err := say(c, "before"); err != nil {
			t.Fatal(err)
		}
		n, end := p.stallSome(1)
		if n != 1 {
			t.Fatalf("%d connections were stalled", n)
		}
		if _, err := io.WriteString(c, "held"); err != nil {
			t.Errorf("the sender was told: %v", err)
		}
		silent(t, c)
		if err := say(dial(t, p), "new"); err != nil {
			t.Errorf("a new connection: %v", err)
		}
		end(late)
		err := hear(c, "held")
		if late && err != nil {
			t.Errorf("what was held back: %v", err)
		}
		if !late && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("without what was held back: %v", err)
		}
	}
}

func TestSlow(t *testing.T) {
	p := echo(t)
	c := dial(t, p)
	round := func() time.Duration {
		start := time.Now()
		if err := say(c, "0123456789"); err != nil {
			t.Fatal(err)
		}
		return time.Since(start)
	}
	p.slow(50*time.Millisecond, 0)
	if d := round(); d < 100*time.Millisecond {
		t.Errorf("there and back took %s with 50 ms each way", d)
	}
	p.slow(0, 100)
	if d := round(); d < 200*time.Millisecond {
		t.Errorf("ten bytes there and back took %s at 100 bytes a second", d)
	}
	p.slow(0, 0)
	p.distance(30 * time.Millisecond)
	if d := round(); d < 60*time.Millisecond {
		t.Errorf("there and back took %s over a distance of 30 ms", d)
	}
	p.distance(0)
	if err := say(c, "fast again"); err != nil {
		t.Error(err)
	}
}

func TestNoTarget(t *testing.T) {
	p, err := listen(1)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.connectTo(l.Addr().String())
	_ = l.Close() // now nobody is there
	c, err := net.Dial("tcp", p.addr())
	if err != nil {
		return // it was reset that soon
	}
	defer c.Close()
	if err := say(c, "x"); err == nil {
		t.Error("a connection to nobody answers")
	}
}

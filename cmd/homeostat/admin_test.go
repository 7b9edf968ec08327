package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// switched is a health that the test switches.
type switched struct{ live, ready atomic.Bool }

func (s *switched) Live() error {
	if s.live.Load() {
		return nil
	}
	return errors.New("lane metrics/0 is stuck (engine.lane.stalled)")
}

func (s *switched) Ready() error {
	if s.ready.Load() {
		return nil
	}
	return errors.New("stage detect waits (engine.stage.joining)")
}

func TestAdminListener(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var h switched
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	if err := serveAdmin(ctx, address, newMetrics(), &h, log); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	get := func(path string) (int, string) {
		res, err := client.Get("http://" + address + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(body)
	}
	want := func(path string, status int, text string) {
		t.Helper()
		if got, body := get(path); got != status || !strings.Contains(body, text) {
			t.Errorf("GET %s is %d %q, want %d with %q", path, got, body, status, text)
		}
	}
	want("/livez", 503, "engine.lane.stalled")
	want("/readyz", 503, "engine.stage.joining")
	h.live.Store(true)
	h.ready.Store(true)
	want("/livez", 200, "ok")
	want("/readyz", 200, "ok")
	want("/metrics", 200, "go_goroutines")
	want("/else", 404, "")
	if err := serveAdmin(ctx, address, newMetrics(), &h, log); err == nil || !strings.Contains(err.Error(), "(admin.listen)") {
		t.Errorf("a second listener on the same address: %v", err)
	}
}

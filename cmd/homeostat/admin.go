package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/engine"
)

// health is what the admin listener asks. An error says what is wrong.
type health interface {
	// Live fails when the process should be restarted: a lane is stuck.
	Live() error
	// Ready fails until all stages have joined their groups.
	Ready() error
}

// newMetrics makes the process's registry.
func newMetrics() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return reg
}

// serveAdmin serves /metrics, /livez, /readyz and, where h knows them, /producers on address until ctx ends. An empty address serves nothing.
func serveAdmin(ctx context.Context, address string, metrics *prometheus.Registry, h health, log *slog.Logger) error {
	if address == "" {
		return nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return pipeline.Errorf("admin.listen", "the admin listener can't use %s: %w: set admin.listen to a free address, or to off", address, err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{Registry: metrics}))
	mux.HandleFunc("GET /livez", probe(h.Live))
	mux.HandleFunc("GET /readyz", probe(h.Ready))
	if p, ok := h.(interface{ Producers() []engine.ProducerCount }); ok {
		mux.HandleFunc("GET /producers", serveProducers(p.Producers))
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { server.Close() })
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the admin listener ended", "error", err)
		}
	}()
	log.Info("admin listener", "address", listener.Addr().String())
	return nil
}

func probe(check func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if err := check(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	}
}

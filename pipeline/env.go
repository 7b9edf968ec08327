package pipeline

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"path"

	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/prometheus/client_golang/prometheus"
)

// Allocator is where Arrow memory comes from.
type Allocator = memory.Allocator

// Env is all that a component may reach for. One Env belongs to one component on one lane.
type Env struct {
	// Pipeline is the pipeline's name, Component the component's name in it, Lane its lane's name.
	Pipeline, Component, Lane string
	Allocator                 Allocator
	// Series resolves the ordinals of the lane's series, also right after a Restore.
	Series  *SeriesTable
	Logger  *slog.Logger
	Metrics *Metrics
	// Now returns event time: the lane's watermark. It is constant during a call.
	Now func() int64
	// Rand is seeded by pipeline and component, the same on every run.
	Rand *rand.Rand
	// Lose tells the loss ledger that rows ended here.
	Lose func(reason string, rows int)
	// SLOs, Topology and Window are what the configuration says of the system.
	SLOs     []SLO
	Topology *Topology
	// Window is the size of the detect stage's windows in nanoseconds.
	Window int64
	// Reopen is for how long after its end a window of this lane may be opened again for late rows, in nanoseconds; 0 is never.
	Reopen int64
	// Scope is the configuration's rule for entity, system and lock domain.
	Scope func(metric string, labels Labels) Scope
}

// ID returns the id of something this component makes: a hash of pipeline, component and parts. Parts name the
// entity or series, window or onset, ordinal and revision; never offsets, lanes or the clock.
func (e *Env) ID(parts ...string) string {
	return ID(append([]string{e.Pipeline, e.Component}, parts...)...)
}

// ID hashes its parts to 32 hex digits; each part is delimited, so that ("a","bc") and ("ab","c") differ.
func ID(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		var n [4]byte
		n[0], n[1], n[2], n[3] = byte(len(p)>>24), byte(len(p)>>16), byte(len(p)>>8), byte(len(p))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Metrics registers the metrics of components with one registry. Lanes of one process share a metric of one name; their
// counts add up.
type Metrics struct{ Registerer prometheus.Registerer }

// Counter returns the counter vector of that name, registering it at first use.
func (m *Metrics) Counter(name, help string, labels ...string) *prometheus.CounterVec {
	return register(m, prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "homeostat", Name: name, Help: help}, labels))
}

// Gauge returns the gauge vector of that name, registering it at first use.
func (m *Metrics) Gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	return register(m, prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "homeostat", Name: name, Help: help}, labels))
}

// GaugeFunc registers a gauge that is asked for its value when it is read; f may be called by any goroutine.
func (m *Metrics) GaugeFunc(name, help string, f func() float64) {
	register(m, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "homeostat", Name: name, Help: help}, f))
}

// Histogram returns the histogram vector of that name (seconds), registering it at first use.
func (m *Metrics) Histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return register(m, prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "homeostat", Name: name, Help: help, Buckets: buckets}, labels))
}

func register[C prometheus.Collector](m *Metrics, c C) C {
	if m == nil || m.Registerer == nil {
		return c
	}
	err := m.Registerer.Register(c)
	if have, ok := err.(prometheus.AlreadyRegisteredError); ok {
		return have.ExistingCollector.(C)
	}
	if err != nil {
		panic("BUG: metric does not fit its earlier registration: " + err.Error())
	}
	return c
}

// Selector chooses series by metric name and labels. Patterns are those of path.Match ('*' matches any run of
// characters but '/').
type Selector struct {
	Metric string
	Labels map[string]string
}

// Empty tells whether the selector is unused: it names nothing.
func (s Selector) Empty() bool { return s.Metric == "" && len(s.Labels) == 0 }

// Match tells whether the series is chosen.
func (s Selector) Match(series *Series) bool {
	if !glob(s.Metric, series.Metric) {
		return false
	}
	for name, pattern := range s.Labels {
		if !glob(pattern, series.Labels.Get(name)) {
			return false
		}
	}
	return true
}

func glob(pattern, s string) bool {
	if pattern == s {
		return true
	}
	ok, err := path.Match(pattern, s)
	return ok && err == nil
}

// Topology is who calls whom, by entity name.
type Topology struct{ Edges []Edge }

// Edge says that From calls To.
type Edge struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// CanonicalJSON returns the JSON form whose bytes are equal for equal values: object keys sorted, no space.
// It is what ids and plan hashes are computed over.
func CanonicalJSON(v any) ([]byte, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	// Numbers stay as they are written: through float64 large whole numbers that differ would become equal.
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var tree any
	if err := dec.Decode(&tree); err != nil {
		return nil, err
	}
	return json.Marshal(tree)
}

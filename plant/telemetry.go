package plant

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/otlp"
)

// Telemetry turns observations into the records that a real system's collectors would write to Kafka: one message
// of OTLP metrics an observation, and one JSON object a log line. Its labels are those of OpenTelemetry's
// resource conventions: service.name, service.namespace, service.instance.id (instances only).
//
// Metrics are deltas or gauges; those of one kind have one name on all instances:
//
//	web          http.requests{outcome}, http.latency.{p50,p95,p99} (s), http.waiting
//	lb           lb.requests{outcome}, lb.inflight, lb.limit
//	app-n        app.requests{outcome}, app.errors, app.residence (s), app.threads.busy, app.queue, app.connections,
//	             app.connections.waiting, app.cpu (0..1), app.restarts
//	db-main      db.queries, db.errors, db.connections, db.query.time (s), db.contention, db.utilization (0..1)
type Telemetry struct {
	metrics, logs string
	encoder       *otlp.Encoder
}

// namespace is the service.namespace of all entities.
const namespace = "shop"

// NewTelemetry makes records for the two topics.
func NewTelemetry(metricsTopic, logsTopic string) *Telemetry {
	return &Telemetry{metrics: metricsTopic, logs: logsTopic, encoder: otlp.NewEncoder(nil)}
}

// Records returns the observation's records, the metrics first. The caller owns them; their timestamps are the
// observation's time.
func (t *Telemetry) Records(o *Observation) ([]pipeline.Record, error) {
	records := []pipeline.Record{{Topic: t.metrics, Key: []byte(namespace), Value: t.encode(o), Timestamp: o.Time.UnixMilli()}}
	for i := range o.Logs {
		value, err := encodeLine(&o.Logs[i])
		if err != nil {
			return nil, err
		}
		records = append(records, pipeline.Record{Topic: t.logs, Key: []byte(namespace), Value: value, Timestamp: o.Time.UnixMilli()})
	}
	return records, nil
}

// gauges and sums of one entity go through it.
type entityPoints struct {
	encoder     *otlp.Encoder
	start, time int64
}

func (p entityPoints) gauge(name, unit string, value float64) {
	p.encoder.Gauge(name, unit, nil, p.time, value)
}

func (p entityPoints) count(name, outcome string, n int64) {
	p.encoder.Sum(name, "1", []pipeline.Label{{Name: "outcome", Value: outcome}}, p.start, p.time, float64(n), true)
}

func (t *Telemetry) encode(o *Observation) []byte {
	t.encoder.Reset()
	p := entityPoints{t.encoder, o.Time.Add(o.From - o.To).UnixNano(), o.Time.UnixNano()}
	t.encoder.Resource(resource(o.Web.Entity))
	p.web(&o.Web)
	t.encoder.Resource(resource(o.Balancer.Entity))
	p.balancer(&o.Balancer)
	for i := range o.Instances {
		t.encoder.Resource(resource(o.Instances[i].Entity))
		p.instance(&o.Instances[i])
	}
	t.encoder.Resource(resource(o.Database.Entity))
	p.database(&o.Database)
	return t.encoder.AppendTo(nil)
}

// resource names an entity as OpenTelemetry does.
func resource(entity string) []pipeline.Label {
	labels := []pipeline.Label{{Name: "service.namespace", Value: namespace}, {Name: "service.name", Value: service(entity)}}
	if service(entity) != entity {
		labels = append(labels, pipeline.Label{Name: "service.instance.id", Value: entity})
	}
	return labels
}

// service is the service that an entity is an instance of.
func service(entity string) string {
	if len(entity) > len(entityApp) && entity[:len(entityApp)+1] == entityApp+"-" {
		return entityApp
	}
	return entity
}

func (p entityPoints) web(w *Web) {
	p.count("http.requests", "ok", w.OK)
	p.count("http.requests", "refused", w.Refused)
	p.count("http.requests", "timeout", w.Timeout)
	p.count("http.requests", "error", w.Error)
	p.gauge("http.waiting", "1", float64(w.Waiting))
	if w.Latency.Count > 0 {
		p.gauge("http.latency.p50", "s", w.Latency.P50.Seconds())
		p.gauge("http.latency.p95", "s", w.Latency.P95.Seconds())
		p.gauge("http.latency.p99", "s", w.Latency.P99.Seconds())
	}
}

func (p entityPoints) balancer(b *Balancer) {
	p.count("lb.requests", "admitted", b.Admitted)
	p.count("lb.requests", "refused", b.Refused)
	p.count("lb.requests", "unroutable", b.Unroutable)
	p.gauge("lb.inflight", "1", b.MeanInFlight)
	p.gauge("lb.limit", "1", float64(b.Limit))
}

func (p entityPoints) instance(in *Instance) {
	p.count("app.requests", "arrived", in.Arrived)
	p.count("app.requests", "finished", in.Finished)
	p.count("app.requests", "rejected", in.Rejected)
	p.count("app.requests", "lost", in.Lost)
	p.encoder.Sum("app.errors", "1", nil, p.start, p.time, float64(in.Failed), true)
	if in.Finished > 0 {
		p.gauge("app.residence", "s", in.MeanResidence().Seconds())
	}
	p.gauge("app.threads.busy", "1", in.ThreadsBusy)
	p.gauge("app.queue", "1", in.Queue)
	p.gauge("app.connections", "1", in.Connections)
	p.gauge("app.connections.waiting", "1", in.ConnectionWaiters)
	p.gauge("app.cpu", "1", in.CPU)
	p.gauge("app.restarts", "1", float64(in.Restarts))
}

func (p entityPoints) database(d *Database) {
	p.encoder.Sum("db.queries", "1", nil, p.start, p.time, float64(d.Done), true)
	p.encoder.Sum("db.errors", "1", nil, p.start, p.time, float64(d.Failed), true)
	p.gauge("db.connections", "1", d.Connections)
	if d.Done > 0 {
		p.gauge("db.query.time", "s", d.MeanQueryTime().Seconds())
	}
	p.gauge("db.contention", "1", d.Contention)
	p.gauge("db.utilization", "1", d.Utilization)
}

// encodeLine writes a log line as one JSON object, its keys sorted.
func encodeLine(l *Line) ([]byte, error) {
	doc := map[string]any{
		"time": l.Time.UTC().Format(time.RFC3339Nano), "level": string(l.Severity), "message": l.Message,
		"service.name": service(l.Entity), "service.namespace": namespace,
	}
	if service(l.Entity) != l.Entity {
		doc["service.instance.id"] = l.Entity
	}
	for _, f := range l.Fields {
		if f.Text != "" {
			doc[f.Key] = f.Text
		} else {
			doc[f.Key] = json.Number(strconv.FormatFloat(f.Number, 'g', -1, 64))
		}
	}
	raw, err := json.Marshal(doc)
	if err != nil {
		return nil, pipeline.Errorf("plant.log.encode", "log line %q of %s can't be written as JSON: %w", l.Message, l.Entity, err)
	}
	return raw, nil
}

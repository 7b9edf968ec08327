package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

// collector is the OpenTelemetry Collector with its Kafka exporter.
var collector = producer{name: "otelcol", get: getCollector, write: writeCollector}

const (
	collectorBuilder = "go.opentelemetry.io/collector/cmd/builder@v0.155.0"
	collectorVersion = "0.155.0"
)

func getCollector(ctx context.Context, w *workshop) (tools, error) {
	parts, err := config("otelcol-builder.yaml", map[string]string{"Dir": "src"})
	if err != nil {
		return tools{}, err
	}
	dir, err := w.keep(ctx, "otelcol", []string{collectorBuilder, parts}, func(ctx context.Context, dir string) error {
		builder := filepath.Join(dir, "builder.yaml")
		if err := os.WriteFile(builder, []byte(parts), 0o644); err != nil {
			return err
		}
		if _, err := command(ctx, dir, goBuild, "go", "run", collectorBuilder, "--config", builder); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(dir, "src", "otelcol"), filepath.Join(dir, "otelcol")); err != nil {
			return err
		}
		return os.RemoveAll(filepath.Join(dir, "src"))
	})
	return tools{version: collectorVersion, program: filepath.Join(dir, "otelcol")}, err
}

// collectorOutput is one of its Kafka exporters, as its configuration has it.
type collectorOutput struct {
	Topic, From, Signal, Encoding, Compression string
	Spread                                     string // the setting that gives records keys
}

// fileLines is how many lines the file has that its filelog receiver reads.
const fileLines = 250

// spread is how a signal's records get keys by resource.
func spread(signal string) string { return "partition_" + signal + byResource }

const byResource = "_by_resource_attributes"

// openAll makes the topics of all exporters. Each is read for what the Collector was pushed, or has of a file.
func (s *site) openAll(ctx context.Context, push *push, file *account) (outputs []collectorOutput, err error) {
	for _, o := range []struct {
		codec string
		given *account
		collectorOutput
	}{
		{"otlp_metrics", push.metrics, collectorOutput{From: "otlp", Signal: "metrics", Encoding: "otlp_proto", Compression: "none"}},
		{"otlp_metrics", push.metrics, collectorOutput{From: "otlp", Signal: "metrics", Encoding: "otlp_proto", Compression: "zstd", Spread: spread("metrics")}},
		{"otlp_metrics", push.metrics, collectorOutput{From: "otlp", Signal: "metrics", Encoding: "otlp_json", Compression: "gzip"}},
		{"otlp_metrics", push.metrics, collectorOutput{From: "otlp", Signal: "metrics", Encoding: "otlp_json", Compression: "lz4", Spread: spread("metrics")}},
		{"otlp_metrics", nil, collectorOutput{From: "hostmetrics", Signal: "metrics", Encoding: "otlp_proto", Compression: "snappy"}},
		{"otlp_logs", push.logs, collectorOutput{From: "otlp", Signal: "logs", Encoding: "otlp_proto", Compression: "snappy"}},
		{"otlp_logs", push.logs, collectorOutput{From: "otlp", Signal: "logs", Encoding: "otlp_json", Compression: "zstd", Spread: spread("logs")}},
		{"json_logs", push.bodies, collectorOutput{From: "otlp", Signal: "logs", Encoding: "raw", Compression: "gzip"}},
		{"otlp_logs", file, collectorOutput{From: "filelog", Signal: "logs", Encoding: "otlp_proto", Compression: "lz4"}},
		{"json_logs", file, collectorOutput{From: "filelog", Signal: "logs", Encoding: "raw", Compression: "none"}},
		{"otlp_traces", push.spans, collectorOutput{From: "otlp", Signal: "traces", Encoding: "otlp_proto", Compression: "gzip"}},
		{"otlp_traces", push.spans, collectorOutput{From: "otlp", Signal: "traces", Encoding: "otlp_json", Compression: "zstd", Spread: "partition_traces_by_id"}},
	} {
		output := o.collectorOutput
		e := &encoding{name: fmt.Sprintf("%s %s %s", output.From, output.Signal, output.Encoding), codec: o.codec, compression: output.Compression, given: o.given}
		if e.given == nil {
			e.by, e.oracle = "pdata", pdataMetrics
		}
		switch {
		case strings.HasSuffix(output.Spread, byResource):
			e.name, e.partitions = e.name+" by resource", 3
		case output.Spread != "":
			e.name, e.partitions, e.unkeyed = e.name+" by trace", 3, true
		}
		if output.Topic, err = s.open(ctx, e); err != nil {
			return nil, err
		}
		outputs = append(outputs, output)
	}
	return outputs, nil
}

func writeCollector(ctx context.Context, s *site) error {
	file, lines := newAccount(), strings.Builder{}
	for i := range fileLines {
		body := fmt.Sprintf("GET /cart/%d took %d ms", i, i%300)
		file.line(0, body)
		lines.WriteString(body + "\n")
	}
	input, err := s.file("app.log", lines.String())
	if err != nil {
		return err
	}
	push := newPush()
	outputs, err := s.openAll(ctx, push, file)
	if err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	conf, err := s.configure("otelcol.yaml", map[string]any{"Port": port, "File": input, "Broker": s.cluster.Addr(), "Outputs": outputs})
	if err != nil {
		return err
	}
	p, err := s.start("otelcol", "--config", conf)
	if err != nil {
		return err
	}
	defer p.kill()
	if err := p.listens(ctx, "tcp", local(port)); err != nil {
		return err
	}
	if err := push.send(ctx, "http://"+local(port)); err != nil {
		return err
	}
	for _, o := range outputs {
		// What it was given it has, and sends before it ends; the rest has to come.
		atLeast := 1
		switch {
		case o.From == "filelog" && o.Encoding == "raw":
			atLeast = fileLines
		case o.From == "hostmetrics":
			atLeast = 5
		}
		if err := s.await(ctx, o.Topic, atLeast); err != nil {
			return err
		}
	}
	return p.stop()
}

// post sends an OTLP message and wants it accepted.
func post(ctx context.Context, url string, message []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(message))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	said, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", url, res.Status, said)
	}
	return err
}

// pdataMetrics reads OTLP in protocol buffers by the Collector's own library.
func pdataMetrics(records []*kgo.Record) (*account, error) {
	a := newAccount()
	for _, r := range records {
		if err := addOTLP(a, r.Value); err != nil {
			return nil, err
		}
	}
	return a, nil
}

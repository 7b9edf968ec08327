package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// telegraf writes by its output kafka what it reads from a file, and what it measures.
var telegraf = producer{name: "telegraf", get: getTelegraf, write: writeTelegraf}

const telegrafModule = "github.com/influxdata/telegraf/cmd/telegraf@v1.37.2"

// telegrafTags leave out all plugins but these.
const telegrafTags = "custom,inputs.file,inputs.mem,inputs.system,outputs.file,outputs.kafka,parsers.influx," +
	"serializers.influx,serializers.json,serializers.graphite,serializers.prometheusremotewrite"

func getTelegraf(ctx context.Context, w *workshop) (tools, error) {
	dir, err := w.keep(ctx, "telegraf", []string{telegrafModule, telegrafTags}, func(ctx context.Context, dir string) error {
		_, err := command(ctx, dir, append(goBuild, "GOBIN="+dir), "go", "install", "-ldflags", "-s -w", "-tags", telegrafTags, telegrafModule)
		return err
	})
	_, version, _ := strings.Cut(telegrafModule, "@v")
	return tools{version: version, program: filepath.Join(dir, "telegraf")}, err
}

// telegrafMetrics is how many metrics it is given.
const telegrafMetrics = 250

// telegrafInput makes metrics of three fields that are numbers, one that is true or false, which counts 1 or 0, and one that is a
// text, which is no metric.
func telegrafInput(now time.Time) (lines string, given *account) {
	given = newAccount()
	var b strings.Builder
	for i := range telegrafMetrics {
		latency, orders, open := float64(i)/8, int64(i)*1_000_003, uint64(i%13)
		up := i%3 != 0
		fmt.Fprintf(&b, "shop,host=host-%d,region=eu\\ west latency=%g,orders=%di,open=%du,up=%t,state=\"version %d, all \\\"well\\\"\" %d\n",
			i%5, latency, orders, open, up, i%2, now.Add(time.Duration(i-telegrafMetrics)*time.Second).UnixNano())
		given.add(gauge, latency, float64(orders), float64(open))
		if up {
			given.add(gauge, 1)
		} else {
			given.add(gauge, 0)
		}
	}
	return b.String(), given
}

// telegrafOutput is one of its Kafka outputs, as its configuration has it.
type telegrafOutput struct {
	Topic, Format, Template, Units string
	TagSupport                     bool
	Compression                    int
}

// openOutputs makes the topics of the outputs that write what it is given.
func (s *site) openOutputs(ctx context.Context, given *account) (outputs []telegrafOutput, err error) {
	for _, o := range []struct {
		name, codec, compression string
		telegrafOutput
	}{
		{"influx", "influx", "none", telegrafOutput{Format: "influx"}},
		{"json", "json_metrics", "gzip", telegrafOutput{Format: "json", Compression: 1}},
		{"json, ns", "json_metrics", "snappy", telegrafOutput{Format: "json", Compression: 2, Units: "1ns"}},
		{"prometheusremotewrite", "remote_write", "lz4", telegrafOutput{Format: "prometheusremotewrite", Compression: 3}},
		{"graphite", "graphite", "zstd", telegrafOutput{Format: "graphite", Compression: 4, Template: "tags.measurement.field"}},
		{"graphite, tags", "graphite", "zstd", telegrafOutput{Format: "graphite", Compression: 4, TagSupport: true}},
	} {
		output := o.telegrafOutput
		if output.Topic, err = s.open(ctx, &encoding{name: o.name, codec: o.codec, compression: o.compression, partitions: 3, given: given}); err != nil {
			return nil, err
		}
		outputs = append(outputs, output)
	}
	return outputs, nil
}

func writeTelegraf(ctx context.Context, s *site) error {
	// Whole seconds, since not all forms have more.
	lines, given := telegrafInput(time.Now().Truncate(time.Second))
	input, err := s.file("input.lp", lines)
	if err != nil {
		return err
	}
	outputs, err := s.openOutputs(ctx, given)
	if err != nil {
		return err
	}
	measured, err := s.open(ctx, &encoding{name: "influx, what it measures", codec: "influx", compression: "none", by: "line-protocol", oracle: lineProtocol})
	if err != nil {
		return err
	}
	batches := filepath.Join(s.dir, "batches.json")
	conf, err := s.configure("telegraf.conf", map[string]any{"Input": input, "Given": outputs, "Measured": measured, "Batches": batches, "Broker": s.cluster.Addr()})
	if err != nil {
		return err
	}
	p, err := s.start("telegraf", "--config", conf, "--once")
	if err != nil {
		return err
	}
	if err := p.wait(ctx); err != nil {
		return err
	}
	if _, ok := s.had["kcat"]; !ok {
		return nil
	}
	text, err := os.ReadFile(batches)
	if err != nil {
		return err
	}
	return s.kcat(ctx, &encoding{name: "json in batches, by kcat", codec: "json_metrics", compression: "zstd", given: given}, string(text), "-z", "zstd")
}

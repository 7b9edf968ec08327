package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/otlp"
)

// The job's series: hosts × names × statuses.
const (
	hosts, services = 1250, 50
	populationSize  = hosts * 8
	disorder        = 2_000_000_000 // ns, what the pipeline allows
)

var (
	names    = [2]string{"http.server.duration", "http.client.duration"}
	statuses = [4]string{"200", "304", "404", "500"}
)

// population is the job's series and their records, one point each.
type population struct {
	key       [populationSize][]byte
	record    [populationSize][]byte
	time      int // where the time and the value stand in each record
	value     int
	partition [populationSize]int32
	index     map[string]int
	calm      int64 // before that time no window is raised, so that all series learn what is normal
}

// marks that stand where a record's time and value go.
const timeMark, valueMark = int64(0x7a7b7c7d7e7f0102), 1.2345678901234567e-5

func newPopulation(partitions int) *population {
	p := &population{index: map[string]int{}}
	enc := otlp.NewEncoder(nil)
	var timeBytes, valueBytes [8]byte
	binary.LittleEndian.PutUint64(timeBytes[:], uint64(timeMark))
	binary.LittleEndian.PutUint64(valueBytes[:], math.Float64bits(valueMark))
	for i := range p.record {
		host, service := fmt.Sprintf("host-%04d", i/8), fmt.Sprintf("svc-%03d", i/8%services)
		name, status := names[i/4%2], statuses[i%4]
		enc.Reset()
		enc.Resource([]pipeline.Label{
			{Name: "service.name", Value: service}, {Name: "host.name", Value: host}, {Name: "cloud.region", Value: "eu-1"},
			{Name: "deployment.environment", Value: "production"}, {Name: "service.version", Value: "1.42.0"},
		})
		enc.Gauge(name, "ms", []pipeline.Label{{Name: "status", Value: status}}, timeMark, valueMark)
		p.record[i] = enc.AppendTo(nil)
		p.time, p.value = bytes.Index(p.record[i], timeBytes[:]), bytes.Index(p.record[i], valueBytes[:])
		p.key[i] = []byte(host)
		p.partition[i] = broker.PartitionOf(p.key[i], partitions)
		p.index[seriesName(name, host, status)] = i
	}
	return p
}

func seriesName(metric, host, status string) string { return metric + "|" + host + "|" + status }

// appendRecord appends the record of a series at a time, in Unix nanoseconds. All records have the same layout: their texts
// are equally long.
func (p *population) appendRecord(b []byte, series int, at int64, value float64) []byte {
	from := len(b)
	b = append(b, p.record[series]...)
	binary.LittleEndian.PutUint64(b[from+p.time:], uint64(at))
	binary.LittleEndian.PutUint64(b[from+p.value:], math.Float64bits(value))
	return b
}

// seriesOf is the series of the event of that number: each once in a round.
func seriesOf(event int64) int { return int((event%populationSize*7919 + 13) % populationSize) }

// valueOf is the value of an event: near the base of its series, and twelve times that in a raised window.
func (p *population) valueOf(series int, event, at, window int64) float64 {
	v := (50 + 100*unit(mix(uint64(series)))) * (0.8 + 0.4*unit(mix(uint64(event)^0x5bd1)))
	if at >= p.calm && raised(series, at/window) {
		v *= 12
	}
	return v
}

// raised tells whether a series is raised in a window: one in a hundred is.
func raised(series int, window int64) bool {
	return mix(uint64(series)<<40^uint64(window))%100 == 0
}

// mix spreads bits (the finalizer of SplitMix64, which is in the public domain).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func unit(x uint64) float64 { return float64(x>>11) / (1 << 53) }

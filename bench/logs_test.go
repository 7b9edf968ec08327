package bench

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/homeostat/homeostat/internal/broker"
	"github.com/homeostat/homeostat/operators/operatortest"
	"github.com/homeostat/homeostat/operators/templates"
	"github.com/homeostat/homeostat/schemas/codec/text"
)

const logJob = `
version: 1
name: bench
sources:
  - {name: logs, topic: metrics, codec: text, disorder: 1s, late: drop, max_future_skew: 0s}
detect:
  - templates
  - window: {size: 10s}
`

// BenchmarkLogs takes lines of LogHub, behind a time and a level as programs write them, 1,000 a record, from record batches to closed
// windows of their templates: decoding, mining, counting. Each round all digits of the lines are others. An operation is a line.
func BenchmarkLogs(b *testing.B) {
	sets := operatortest.LogHub(b, "../../shared/data/loghub")
	if len(sets) == 0 {
		b.Skip("there are no log lines below ../shared/data/loghub")
	}
	for _, set := range sets {
		b.Run(set.Name, func(b *testing.B) { benchmarkLogs(b, set.Lines) })
	}
}

func benchmarkLogs(b *testing.B, lines [][]byte) {
	const perRecord, perBatch = 1000, 20_000
	var count closed
	l := localOf(b, logJob, &count, text.Register, templates.Register)
	defer l.Close()
	at, round := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 0
	next := func() *broker.Stored {
		var list []broker.Message
		for n := 0; n < perBatch; round++ {
			var value []byte
			for range perRecord {
				at = at.Add(time.Millisecond)
				value = fmt.Appendf(value, "%s INFO %s\n", at.Format("2006-01-02T15:04:05.000Z"), turned(lines[n%len(lines)], round))
				n++
			}
			list = append(list, broker.Message{Topic: "metrics", Value: value, Time: at})
		}
		s, err := broker.Store(broker.TopicPartition{Topic: "metrics"}, list, broker.LZ4)
		if err != nil {
			b.Fatal(err)
		}
		return s
	}
	feed(b, l, next())
	b.ResetTimer()
	done, cpu := 0, time.Duration(0)
	for ; done < b.N; done += perBatch {
		b.StopTimer()
		s := next()
		before := processorTime(b)
		b.StartTimer()
		feed(b, l, s)
		cpu += processorTime(b) - before
	}
	b.StopTimer()
	if count.rows == 0 {
		b.Fatal("no window closed")
	}
	b.ReportMetric(float64(cpu.Nanoseconds())/float64(done), "CPU-ns/line")
}

// turned changes each digit but zero of a line, so that no line is that of another round.
func turned(line []byte, by int) []byte {
	return bytes.Map(func(r rune) rune {
		if r >= '1' && r <= '9' {
			return '1' + (r-'1'+rune(by))%9
		}
		return r
	}, line)
}

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/influxdata/line-protocol/v2/lineprotocol"
	"github.com/twmb/franz-go/pkg/kgo"
)

// lost reasons that oracles tell.
const (
	noValue   = "no_recorded_value"
	notFinite = "not_finite"
)

// lineProtocol reads lines of InfluxDB's protocol by InfluxData's own parser.
func lineProtocol(records []*kgo.Record) (*account, error) {
	a := newAccount()
	for _, r := range records {
		d := lineprotocol.NewDecoderWithBytes(r.Value)
		for d.Next() {
			if _, err := d.Measurement(); err != nil {
				return nil, err
			}
			for {
				key, v, err := d.NextField()
				if err != nil {
					return nil, err
				}
				if key == nil {
					break
				}
				switch v.Kind() {
				case lineprotocol.Float:
					a.add(gauge, v.FloatV())
				case lineprotocol.Int:
					a.add(gauge, float64(v.IntV()))
				case lineprotocol.Uint:
					a.add(gauge, float64(v.UintV()))
				case lineprotocol.Bool:
					if v.BoolV() {
						a.add(gauge, 1)
					} else {
						a.add(gauge, 0)
					}
				}
			}
		}
	}
	return a, nil
}

// collectdJSON reads arrays of value lists. It makes rates of counters itself, and null is a rate that it doesn't know yet.
func collectdJSON(records []*kgo.Record) (*account, error) {
	a := newAccount()
	for _, r := range records {
		var lists []struct{ Values []*float64 }
		if err := json.Unmarshal(r.Value, &lists); err != nil {
			return nil, fmt.Errorf("%q: %w", r.Value, err)
		}
		for _, l := range lists {
			for _, v := range l.Values {
				if v == nil {
					a.lost[noValue]++
					continue
				}
				a.add(gauge, *v)
			}
		}
	}
	return a, allGiven(a)
}

// allGiven tells whether collectd wrote each value that it was given once.
func allGiven(a *account) error {
	n := 0
	for _, v := range a.values[gauge] {
		if v <= collectdValue(0) {
			n++
		}
	}
	if n != collectdGiven {
		return fmt.Errorf("it was given %d values and wrote %d of them", collectdGiven, n)
	}
	return nil
}

// graphiteLines reads PATH VALUE TIME.
func graphiteLines(records []*kgo.Record) (*account, error) {
	a := newAccount()
	for _, r := range records {
		for line := range strings.Lines(string(r.Value)) {
			fields := strings.Fields(line)
			if len(fields) != 3 {
				return nil, fmt.Errorf("%q has %d fields", line, len(fields))
			}
			v, err := strconv.ParseFloat(fields[1], 64)
			switch {
			case err != nil:
				return nil, err
			case math.IsNaN(v) || math.IsInf(v, 0):
				a.lost[notFinite]++
			default:
				a.add(gauge, v)
			}
		}
	}
	return a, allGiven(a)
}

// collectdCounters are the types of the plugins in its configuration that are counters.
var collectdCounters = map[string]bool{"if_octets": true, "if_packets": true, "if_errors": true, "if_dropped": true}

// collectdCommands reads PUTVAL HOST/PLUGIN/TYPE[-INSTANCE] interval=N TIME:VALUE[:VALUE].
func collectdCommands(records []*kgo.Record) (*account, error) {
	a := newAccount()
	for _, r := range records {
		for line := range bytes.Lines(r.Value) {
			fields := strings.Fields(string(line))
			if len(fields) != 4 || fields[0] != "PUTVAL" {
				return nil, fmt.Errorf("%q is no command", line)
			}
			kind, _, _ := strings.Cut(fields[1][strings.LastIndexByte(fields[1], '/')+1:], "-")
			series := gauge
			if collectdCounters[kind] {
				series = cumulative
			}
			for _, text := range strings.Split(fields[3], ":")[1:] {
				if text == "U" {
					a.lost[noValue]++
					continue
				}
				v, err := strconv.ParseFloat(text, 64)
				if err != nil {
					return nil, err
				}
				a.add(series, v)
			}
		}
	}
	return a, allGiven(a)
}

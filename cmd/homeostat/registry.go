package main

import (
	"github.com/homeostat/homeostat/operators/budget"
	"github.com/homeostat/homeostat/operators/correlate"
	"github.com/homeostat/homeostat/operators/decide"
	"github.com/homeostat/homeostat/operators/detect/absence"
	"github.com/homeostat/homeostat/operators/detect/burnrate"
	"github.com/homeostat/homeostat/operators/detect/change"
	"github.com/homeostat/homeostat/operators/detect/cohort"
	"github.com/homeostat/homeostat/operators/detect/cusum"
	"github.com/homeostat/homeostat/operators/detect/errorlogs"
	"github.com/homeostat/homeostat/operators/detect/ewma"
	"github.com/homeostat/homeostat/operators/detect/exhaustion"
	"github.com/homeostat/homeostat/operators/detect/extremes"
	"github.com/homeostat/homeostat/operators/detect/flatline"
	"github.com/homeostat/homeostat/operators/detect/forecast"
	"github.com/homeostat/homeostat/operators/detect/group"
	"github.com/homeostat/homeostat/operators/detect/mixture"
	"github.com/homeostat/homeostat/operators/detect/novelty"
	"github.com/homeostat/homeostat/operators/detect/presence"
	"github.com/homeostat/homeostat/operators/detect/robustz"
	"github.com/homeostat/homeostat/operators/detect/threshold"
	"github.com/homeostat/homeostat/operators/export"
	"github.com/homeostat/homeostat/operators/expr"
	"github.com/homeostat/homeostat/operators/judge"
	"github.com/homeostat/homeostat/operators/publish"
	"github.com/homeostat/homeostat/operators/quantile"
	"github.com/homeostat/homeostat/operators/sli"
	"github.com/homeostat/homeostat/operators/templates"
	"github.com/homeostat/homeostat/operators/window"
	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/alertmanager"
	"github.com/homeostat/homeostat/schemas/codec/arrow"
	"github.com/homeostat/homeostat/schemas/codec/avro"
	"github.com/homeostat/homeostat/schemas/codec/collectd"
	"github.com/homeostat/homeostat/schemas/codec/graphite"
	"github.com/homeostat/homeostat/schemas/codec/influx"
	"github.com/homeostat/homeostat/schemas/codec/jsonlog"
	"github.com/homeostat/homeostat/schemas/codec/jsonmetrics"
	"github.com/homeostat/homeostat/schemas/codec/jsonschema"
	"github.com/homeostat/homeostat/schemas/codec/otlp"
	"github.com/homeostat/homeostat/schemas/codec/protobuf"
	"github.com/homeostat/homeostat/schemas/codec/remotewrite"
	"github.com/homeostat/homeostat/schemas/codec/sniff"
	"github.com/homeostat/homeostat/schemas/codec/syslog"
	"github.com/homeostat/homeostat/schemas/codec/text"
	filesink "github.com/homeostat/homeostat/sinks/file"
	filesource "github.com/homeostat/homeostat/sources/file"
)

// newRegistry holds every component that a configuration may name.
func newRegistry() *pipeline.Registry {
	r := pipeline.NewRegistry()
	for _, register := range []func(*pipeline.Registry){
		otlp.Register, otlp.RegisterLogs, otlp.RegisterTraces, remotewrite.Register, alertmanager.Register, arrow.Register,
		jsonlog.Register, syslog.Register, text.Register,
		jsonmetrics.Register, influx.Register, graphite.Register, collectd.Register, avro.Register, protobuf.Register, jsonschema.Register, sniff.Register,
		filesource.Register,
		window.Register, templates.Register, quantile.Register, expr.Register, sli.Register, budget.Register, burnrate.Register, robustz.Register, novelty.Register, errorlogs.Register, ewma.Kind.Register, cusum.Kind.Register, change.Kind.Register, extremes.Kind.Register, flatline.Kind.Register, absence.Register, threshold.Register, forecast.Register, exhaustion.Register, presence.Register, mixture.Register, cohort.Register, group.Register, publish.Register, export.Register,
		correlate.Register, decide.Register, judge.Register,
		filesink.Register,
	} {
		register(r)
	}
	return r
}

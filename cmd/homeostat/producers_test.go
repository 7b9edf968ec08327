package main

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/homeostat/homeostat/pipeline/engine"
)

func TestProducersAreServed(t *testing.T) {
	serve := serveProducers(func() []engine.ProducerCount {
		return []engine.ProducerCount{
			{Source: "metrics", By: "key", Producer: "web-3", Entity: "web", Records: 120, Undecodable: map[string]int64{"otlp.wire": 80}, Lost: map[string]int64{"not_finite": 4}},
			{Source: "metrics", By: "client", Producer: "17", Records: 130},
			{Source: "metrics", Producer: "other"},
		}
	})
	page := httptest.NewRecorder()
	serve(page, httptest.NewRequest("GET", "/producers", nil))
	want := `source   producer  known by  entity  records  unusable  why
metrics  web-3     key       web     120      84        80 records otlp.wire, 4 rows not_finite
metrics  17        client    -       130      0         -
`
	if got := page.Body.String(); got != want {
		t.Errorf("\n%s\nwant\n%s", got, want)
	}
	page = httptest.NewRecorder()
	serve(page, httptest.NewRequest("GET", "/producers?format=json", nil))
	if got := page.Body.String(); !strings.Contains(got, `"producer":"web-3","entity":"web","records":120,"undecodable":{"otlp.wire":80}`) {
		t.Error(got)
	}
}

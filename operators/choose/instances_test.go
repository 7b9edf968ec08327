package choose

import (
	"testing"

	"github.com/homeostat/homeostat/pipeline"
)

func TestAlike(t *testing.T) {
	table := pipeline.NewSeriesTable(nil, 0)
	key := func(metric string, typ pipeline.SeriesType, labels ...pipeline.Label) string {
		s, err := table.Intern(metric, "", typ, pipeline.NewLabels(labels))
		if err != nil {
			t.Fatal(err)
		}
		k, instance := Alike(nil, table.At(s), ReadAcross(pipeline.Settings{}))
		if !instance {
			return ""
		}
		return string(k)
	}
	label := func(name, value string) pipeline.Label { return pipeline.Label{Name: name, Value: value} }
	a := key("cpu", pipeline.Gauge, label("pod", "a"), label("service", "cart"))
	if a == "" || a != key("cpu", pipeline.Gauge, label("pod", "b"), label("service", "cart")) {
		t.Error("two pods are not alike")
	}
	for fact, other := range map[string]string{
		"another metric":           key("mem", pipeline.Gauge, label("pod", "a"), label("service", "cart")),
		"another type":             key("cpu", pipeline.Delta, label("pod", "a"), label("service", "cart")),
		"another service":          key("cpu", pipeline.Gauge, label("pod", "a"), label("service", "web")),
		"texts that run into next": key("cpu", pipeline.Gauge, label("pod", "a"), label("servicec", "art")),
		"no instance":              key("cpu", pipeline.Gauge, label("service", "cart")),
	} {
		if other == a {
			t.Errorf("%s is alike", fact)
		}
	}
	if key("cpu", pipeline.Gauge, label("service", "cart")) != "" {
		t.Error("what is no instance has its like")
	}
}

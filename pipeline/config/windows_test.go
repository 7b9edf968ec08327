package config

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/homeostat/homeostat/pipeline"
)

// paced makes windows of a rhythm.
type paced struct {
	operator
	rhythm pipeline.Rhythm
}

func (p paced) Rhythm() pipeline.Rhythm { return p.rhythm }

func TestWindowsThatOthersCannotTake(t *testing.T) {
	reg := registry()
	points, windows := []pipeline.Kind{pipeline.Points}, []pipeline.Kind{pipeline.Windows}
	for name, rhythm := range map[string]pipeline.Rhythm{
		"plain": {Size: 10 * time.Second, Every: 10 * time.Second}, "hopping": {Size: 10 * time.Second, Every: 5 * time.Second}, "session": {},
	} {
		reg.AddOperator(pipeline.Spec{Name: name, Stage: pipeline.Detect, Consumes: points, Emits: windows},
			func(pipeline.Settings) (pipeline.Operator, error) { return paced{rhythm: rhythm}, nil })
	}
	for name, accepts := range map[string]pipeline.Accepts{"anything": {Overlapping: true, Irregular: true}, "smooth": {Overlapping: true}} {
		reg.AddOperator(pipeline.Spec{Name: name, Stage: pipeline.Detect, Consumes: windows, Accepts: accepts}, newOperator)
	}
	reg.AddOperator(pipeline.Spec{Name: "trial", Stage: pipeline.Operate, Consumes: []pipeline.Kind{pipeline.Windows, pipeline.Events}}, newOperator)
	const (
		sli     = "%s would count a row more than once, since the windows of detect[0] overlap: remove every there, or remove this (config.window.overlap)"
		regular = "%s needs windows of one length, and those of detect[0] are as long as their rows say: give that one a size alone, or remove this (config.window.irregular)"
		late    = "4:52: sources[0].late: only windows of a size alone can be opened again, and those of detect[0] are others: choose dead_letter or drop (config.late.reopen)"
	)
	for _, c := range []struct {
		detect string
		want   []string
		rhythm pipeline.Rhythm
	}{
		{"plain, anything, smooth, burnrate", nil, pipeline.Rhythm{Size: 10 * time.Second, Every: 10 * time.Second}},
		{"hopping, anything, smooth, burnrate", []string{late,
			"5:37: detect[3]: " + strings.Replace(sli, "%s", "burnrate", 1), "6:11: operate[0]: " + strings.Replace(sli, "%s", "trial", 1)}, pipeline.Rhythm{}},
		{"session, anything, smooth", []string{late,
			"5:29: detect[2]: " + strings.Replace(regular, "%s", "smooth", 1), "6:11: operate[0]: " + strings.Replace(regular, "%s", "trial", 1)}, pipeline.Rhythm{}},
	} {
		text := head + "sources:\n  - {name: a, topic: t, codec: otlp_metrics, late: reopen}\ndetect: [" + c.detect + "]\noperate: [trial]\n"
		cfg, err := Parse("conf/shop.yaml", []byte(text), reg, environment, nil)
		var faults Faults
		if errors.As(err, &faults) {
			var got []string
			for _, f := range faults {
				got = append(got, strings.TrimPrefix(f.String(), "conf/shop.yaml:"))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%s:\n got %s\nwant %s", c.detect, strings.Join(got, "\n     "), strings.Join(c.want, "\n     "))
			}
			continue
		}
		if err != nil || c.want != nil {
			t.Errorf("%s: got %v, want %v", c.detect, err, c.want)
			continue
		}
		if got := cfg.Rhythm(reg); got != c.rhythm {
			t.Errorf("%s: rhythm %v, want %v", c.detect, got, c.rhythm)
		}
		if cfg.Sources[0].ReopenFor != 5*time.Minute {
			t.Errorf("windows open again for %s by default", cfg.Sources[0].ReopenFor)
		}
	}
}

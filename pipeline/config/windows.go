package config

import (
	"slices"
	"time"

	"github.com/homeostat/homeostat/pipeline"
)

// Window returns the size of the detect stage's windows, 0 if none of its operators makes windows of a fixed size.
func (c *Config) Window(registry *pipeline.Registry) time.Duration { return c.Rhythm(registry).Size }

// Rhythm returns when the windows of the detect stage end; it is zero if there are none, or none of a fixed size.
func (c *Config) Rhythm(registry *pipeline.Registry) pipeline.Rhythm {
	rhythm, _ := c.rhythm(registry)
	return rhythm
}

// rhythm also returns the place of the operator that makes the windows, -1 if there is none.
func (c *Config) rhythm(registry *pipeline.Registry) (pipeline.Rhythm, int) {
	for i, o := range c.Detect {
		e, _ := registry.Operator(o.Type)
		if !slices.Contains(e.Spec.Emits, pipeline.Windows) || slices.Contains(e.Spec.Consumes, pipeline.Windows) {
			continue
		}
		if e.New != nil {
			if op, err := e.New(o.Settings); err == nil {
				if r, ok := op.(pipeline.Rhythmic); ok {
					return r.Rhythm(), i
				}
			}
		}
		size, _ := o.Settings["size"].(time.Duration)
		return pipeline.Rhythm{Size: size, Every: size}, i
	}
	return pipeline.Rhythm{}, -1
}

// windows refuses operators that can't deal with the windows that detect makes, and a late policy that these don't allow.
func (r *reader) windows(root *node, c *Config) {
	rhythm, maker := c.rhythm(r.registry)
	if maker < 0 {
		return
	}
	regular, overlap := rhythm.Size > 0, rhythm.Every < rhythm.Size
	if regular && !overlap {
		return
	}
	for section, chain := range map[string][]Component{"detect": c.Detect, "operate": c.Operate} {
		for i, o := range chain {
			e, _ := r.registry.Operator(o.Type)
			if !slices.Contains(e.Spec.Consumes, pipeline.Windows) {
				continue
			}
			path := index(section, i)
			switch {
			case !regular && !e.Spec.Accepts.Irregular:
				r.at(root, path, "config.window.irregular", "%s needs windows of one length, and those of detect[%d] are as long as their rows say: give that one a size alone, or remove this", o.Name, maker)
			case overlap && !e.Spec.Accepts.Overlapping:
				r.at(root, path, "config.window.overlap", "%s would count a row more than once, since the windows of detect[%d] overlap: remove every there, or remove this", o.Name, maker)
			}
		}
	}
	for i, s := range c.Sources {
		if s.Late == LateReopen {
			r.at(root, join(index("sources", i), "late"), "config.late.reopen", "only windows of a size alone can be opened again, and those of detect[%d] are others: choose dead_letter or drop", maker)
		}
	}
}

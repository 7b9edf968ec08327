package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/homeostat/homeostat/pipeline"
)

// fingerprint hashes the canonical form of what outputs depend on.
func (r *reader) fingerprint(c *Config) string {
	type component struct {
		Type, Name string
		Version    int
		Settings   any
	}
	type source struct {
		Name, Topic, Late string
		Origin, Codec     component
		Keyed             bool
		Disorder, Skew    time.Duration
		Reopen            time.Duration `json:",omitempty"`
	}
	operators := func(list []Component) []component {
		var out []component
		for _, o := range list {
			e, _ := r.registry.Operator(o.Type)
			out = append(out, component{o.Type, o.Name, e.Spec.Version, visible(o.Settings, e.Spec.Settings)})
		}
		return out
	}
	var sources []source
	for _, s := range c.Sources {
		out := source{Name: s.Name, Topic: s.Topic, Late: s.Late, Keyed: s.Keyed, Disorder: s.Disorder, Skew: s.MaxFutureSkew, Reopen: s.ReopenFor}
		if e, ok := r.registry.Source(s.Type); ok {
			out.Origin = component{s.Type, "", e.Spec.Version, visible(s.Settings, e.Spec.Settings)}
		}
		if s.Codec != nil {
			e, _ := r.registry.Codec(s.Codec.Type)
			out.Codec = component{s.Codec.Type, "", e.Spec.Version, visible(s.Codec.Settings, e.Spec.Settings)}
		}
		sources = append(sources, out)
	}
	templates := func(ts []Template) []string {
		var out []string
		for _, t := range ts {
			out = append(out, t.String())
		}
		return out
	}
	canonical, err := json.Marshal([]any{
		Version, c.Name, templates(c.Scope.Entity), templates(c.Scope.System), templates(c.Scope.LockDomain), sources, c.SLOs,
		operators(c.Detect), operators(c.Operate), c.Declare, c.Topology, c.Limits.Series, c.Limits.Idle, c.Limits.Record, c.Columns,
	})
	if err != nil {
		panic("BUG: configuration has no JSON form: " + err.Error())
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:])
}

// visible returns settings without the secret ones.
func visible(s pipeline.Settings, fields []pipeline.Setting) map[string]any {
	out := map[string]any{}
	for i := range fields {
		f := &fields[i]
		if v, ok := s[f.Name]; ok && !f.Secret {
			out[f.Name] = visibleValue(v, f)
		}
	}
	return out
}

func visibleValue(v any, f *pipeline.Setting) any {
	switch v := v.(type) {
	case pipeline.Settings:
		return visible(v, f.Fields)
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			if element(f).Secret {
				e = nil
			}
			out[i] = visibleValue(e, element(f))
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			if element(f).Secret {
				e = nil
			}
			out[k] = visibleValue(e, element(f))
		}
		return out
	}
	return v
}

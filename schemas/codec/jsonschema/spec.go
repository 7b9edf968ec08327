package jsonschema

import (
	"maps"
	"slices"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/jsonmetrics"
	"github.com/homeostat/homeostat/schemas/codec/registry"
)

// Name is the codec's word in the configuration.
const Name = "json_schema"

// Spec describes the codec.
func Spec() pipeline.Spec {
	where := registry.Setting()
	where.Required = true
	settings := slices.DeleteFunc(jsonmetrics.Spec().Settings, func(s pipeline.Setting) bool { return s.Name == "preset" })
	return pipeline.Spec{
		Name: Name,
		Doc: "Metrics in JSON with Confluent's framing, whose JSON Schemas come from a schema registry, by a mapping of fields; settings are those of json_metrics, defaults those of its preset generic. " +
			"Values of another type than the schema has make a dead letter of the record. While the registry cannot be reached, lanes wait for it.",
		Emits:    []pipeline.Kind{pipeline.Points},
		Version:  1,
		Settings: append([]pipeline.Setting{where}, settings...),
	}
}

// Register adds the codec to a registry of components.
func Register(r *pipeline.Registry) { r.AddCodec(Spec(), New) }

// New makes a codec for one lane. Settings that are absent have the defaults of Spec. It asks no registry.
func New(given pipeline.Settings) (pipeline.Codec, error) {
	s := maps.Clone(given)
	delete(s, "registry")
	if _, err := jsonmetrics.NewTyped(s, nil); err != nil {
		return nil, err
	}
	if !given.Has("registry") {
		return nil, pipeline.Errorf("json_schema.registry", "nothing says where schemas come from: write registry:, or use the codec json_metrics for JSON without Confluent's framing")
	}
	client, err := registry.New(given.Object("registry"))
	c := &codec{memo: int(s.Int("memo"))}
	if !s.Has("memo") {
		c.memo = 128 << 20
	}
	c.kinds = registry.NewCache(client, registry.JSONSchema, func(schema *registry.Schema) (*jsonmetrics.Typed, error) {
		t, err := learned(schema, s)
		if err == nil {
			c.known = append(c.known, t)
		}
		return t, err
	})
	return c, err
}

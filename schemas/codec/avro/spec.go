package avro

import (
	"errors"
	"maps"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/fields"
	"github.com/homeostat/homeostat/schemas/codec/registry"
)

// Name is the codec's word in the configuration.
const Name = "avro"

// Spec describes the codec.
func Spec() pipeline.Spec {
	return pipeline.Spec{
		Name: Name,
		Doc: "Metrics in Avro by a mapping of fields: records with Confluent's framing, whose schemas come from a schema registry, or plain ones of one schema. " +
			"While the registry cannot be reached, lanes wait for it. Fields are named as such or as paths with dots. A record beyond a limit is a dead letter.",
		Emits:   []pipeline.Kind{pipeline.Points},
		Version: 1,
		Settings: append([]pipeline.Setting{
			registry.Setting(),
			{Name: "schema", Type: pipeline.String, Doc: "The schema of plain records, those without framing: its JSON, or the path of a file with it, from the working directory of the process.", Example: "metrics.avsc"},
		}, fields.Settings("record", "records, arrays, maps and unions")...),
	}
}

// Register adds the codec to a registry of components.
func Register(r *pipeline.Registry) { r.AddCodec(Spec(), New) }

// New makes a codec for one lane. Settings that are absent have the defaults of Spec. It reads the file of a schema, and
// asks no registry.
func New(given pipeline.Settings) (pipeline.Codec, error) {
	s := pipeline.Settings{}
	for _, setting := range Spec().Settings {
		s[setting.Name] = setting.Default
	}
	maps.Copy(s, given)
	rows, err := fields.NewRows(s)
	c := &codec{rows: rows, bytesLimit: int(s.Int("max_bytes")), nesting: int(s.Int("max_nesting"))}
	var fault error
	switch {
	case s.Has("registry") == (s.Text("schema") != ""):
		fault = pipeline.Errorf("avro.schema.origin", "nothing says where schemas come from, or two things do: write registry: for records with Confluent's framing, or schema: for plain ones")
	case s.Has("registry"):
		var client *registry.Client
		client, fault = registry.New(s.Object("registry"))
		c.plans = registry.NewCache(client, registry.Avro, func(s *registry.Schema) (*plan, error) { return learned(s, &rows.Mapping) })
	default:
		if c.plan, fault = plainSchema(s.Text("schema"), &rows.Mapping); fault != nil {
			fault = &pipeline.SettingFault{Path: "schema", Err: fault}
		}
	}
	return c, errors.Join(err, fault)
}

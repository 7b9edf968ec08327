package protobuf

import (
	"errors"
	"maps"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/fields"
	"github.com/homeostat/homeostat/schemas/codec/registry"
)

// Name is the codec's word in the configuration.
const Name = "protobuf"

// Spec describes the codec.
func Spec() pipeline.Spec {
	return pipeline.Spec{
		Name: Name,
		Doc: "Metrics in Protobuf by a mapping of fields: records with Confluent's framing, whose schemas come from a schema registry, or plain ones of one message. " +
			"While the registry cannot be reached, lanes wait for it. Fields are named as in the schema or as paths with dots. A record beyond a limit is a dead letter.",
		Emits:   []pipeline.Kind{pipeline.Points},
		Version: 1,
		Settings: append([]pipeline.Setting{
			registry.Setting(),
			{Name: "schema", Type: pipeline.String, Doc: "The schema of plain records, those without framing: the text of a .proto file, or its path, from the working directory of the process; what it imports is beside it.", Example: "metrics.proto"},
			{Name: "message", Type: pipeline.String, Doc: "The message of plain records in schema; by default the first.", Example: "shop.Stats"},
		}, fields.Settings("message", "messages and maps")...),
	}
}

// Register adds the codec to a registry of components.
func Register(r *pipeline.Registry) { r.AddCodec(Spec(), New) }

// New makes a codec for one lane. Settings that are absent have the defaults of Spec. It reads the files of a schema, and
// asks no registry.
func New(given pipeline.Settings) (pipeline.Codec, error) {
	s := pipeline.Settings{}
	for _, setting := range Spec().Settings {
		s[setting.Name] = setting.Default
	}
	maps.Copy(s, given)
	rows, err := fields.NewRows(s)
	c := &codec{rows: rows, bytesLimit: int(s.Int("max_bytes")), nesting: int(s.Int("max_nesting")), parts: int(s.Int("max_points"))}
	var fault error
	switch {
	case s.Has("registry") == (s.Text("schema") != ""):
		fault = pipeline.Errorf("protobuf.schema.origin", "nothing says where schemas come from, or two things do: write registry: for records with Confluent's framing, or schema: for plain ones")
	case s.Has("registry"):
		if s.Text("message") != "" {
			err = errors.Join(err, &pipeline.SettingFault{Path: "message", Err: pipeline.Errorf("protobuf.message", "records with Confluent's framing say which message they are: write message: beside schema: only")})
		}
		var client *registry.Client
		client, fault = registry.New(s.Object("registry"))
		c.files = registry.NewCache(client, registry.Protobuf, func(s *registry.Schema) (*file, error) { return learned(s, &rows.Mapping) })
	default:
		if c.plain, fault = plainSchema(s.Text("schema"), s.Text("message"), &rows.Mapping); fault != nil {
			fault = &pipeline.SettingFault{Path: "schema", Err: fault}
		}
	}
	return c, errors.Join(err, fault)
}

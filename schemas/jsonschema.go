package schemas

import (
	"embed"
	"encoding/json"
	"slices"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
)

//go:embed json/*.json
var jsonSchemas embed.FS

// LineSchemaID is the URI of the JSON Schema of a whole event as AppendJSON writes it.
const LineSchemaID = "https://homeostat.dev/schemas/event.v1.json"

// JSONSchema returns the JSON Schema (2020-12) of the data of an event type; its id is DataSchema. It needs no other
// document. There is none for window.v1, whose data is Arrow. The caller owns the bytes.
//
// Unknown properties are allowed, so that a later version may add some; what is not listed is not promised.
func JSONSchema(typ string) ([]byte, bool) {
	if typ == TypeWindow || !slices.Contains(Types(), typ) {
		return nil, false
	}
	raw, err := jsonSchemas.ReadFile("json/" + strings.TrimPrefix(typ, TypePrefix) + ".json")
	return raw, err == nil
}

// LineSchema returns the JSON Schema of a whole event as AppendJSON writes it, attributes and data, as one document: the
// schemas of the data are embedded, so that a validator needs no network and no other file.
func LineSchema() ([]byte, error) {
	fault := func(name string, err error) ([]byte, error) {
		return nil, pipeline.Errorf("schema.embedded", "BUG: embedded schema %s can't be read: %w", name, err)
	}
	raw, err := jsonSchemas.ReadFile("json/event.v1.json")
	if err != nil {
		return fault("event.v1", err)
	}
	var line, defs map[string]json.RawMessage
	if err = json.Unmarshal(raw, &line); err == nil {
		err = json.Unmarshal(line["$defs"], &defs)
	}
	if err != nil {
		return fault("event.v1", err)
	}
	for _, typ := range Types() {
		if schema, ok := JSONSchema(typ); ok {
			defs[strings.TrimPrefix(typ, TypePrefix)] = schema
		}
	}
	if line["$defs"], err = json.Marshal(defs); err != nil {
		return fault("event.v1", err)
	}
	return json.MarshalIndent(line, "", "  ")
}

package jsonschema

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	compiler "github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/jsonmetrics"
	"github.com/homeostat/homeostat/schemas/codec/registry"
)

// rootURL is where a schema stands that does not say it itself; references are looked for beside it.
const rootURL = "registry:///schema"

// imports are the schemas that one refers to, by their names.
type imports map[string]*registry.Schema

// Load implements the compiler's loader: of names that are addresses these count, of others the end of the address.
func (m imports) Load(url string) (any, error) {
	s := m[url]
	for name, other := range m {
		if s == nil && strings.HasSuffix(url, "/"+strings.TrimPrefix(name, "/")) {
			s = other
		}
	}
	if s == nil {
		return nil, errors.New("the registry has no reference to it under that name")
	}
	return read(s)
}

// read reads a schema's JSON.
func read(s *registry.Schema) (any, error) {
	doc, err := compiler.UnmarshalJSON(strings.NewReader(s.Text))
	if err == nil && deeper(doc, mostLevels) {
		return nil, fmt.Errorf("it nests deeper than %d levels", mostLevels)
	}
	return doc, err
}

// unchecked is a pattern that nothing is held against.
type unchecked string

func (unchecked) MatchString(string) bool { return true }
func (u unchecked) String() string        { return string(u) }

// compile compiles a schema.
func compile(s *registry.Schema) (*compiler.Schema, error) {
	doc, err := read(s)
	if err != nil {
		return nil, err
	}
	known := imports{}
	for _, ref := range s.References {
		known[ref.Name] = ref
	}
	c := compiler.NewCompiler()
	c.DefaultDraft(compiler.Draft7) // as Confluent's serializers write
	c.AssertFormat()
	c.UseLoader(known)
	c.UseRegexpEngine(func(s string) (compiler.Regexp, error) { return unchecked(s), nil })
	if err := c.AddResource(rootURL, doc); err != nil {
		return nil, err
	}
	return c.Compile(rootURL)
}

// mostLevels bounds how deep a schema's JSON nests: what compiling takes grows with its cube.
const mostLevels = 128

// deeper tells whether a value nests deeper than some levels.
func deeper(v any, levels int) bool {
	var inner []any
	switch v := v.(type) {
	case map[string]any:
		inner = slices.Collect(maps.Values(v))
	case []any:
		inner = v
	default:
		return false
	}
	return levels == 0 || slices.ContainsFunc(inner, func(v any) bool { return deeper(v, levels-1) })
}

// learned makes the codec for records of a schema, by the settings given.
func learned(s *registry.Schema, given pipeline.Settings) (*jsonmetrics.Typed, error) {
	root, err := compile(s)
	if err != nil {
		return nil, pipeline.Errorf("json_schema.schema.syntax", "schema %s is no JSON Schema: %w: correct it where it is kept, and register what it refers to as its references", s.Which, err)
	}
	root = element(root)
	v := viewer{left: mostTypes}
	t := v.of(root, deepest)
	if t.Kinds&jsonmetrics.Nested == 0 {
		return nil, pipeline.Errorf("json_schema.schema.object", "schema %s is of no object, so it has no fields: check which schema the topic's records have", s.Which)
	}
	settings := maps.Clone(given)
	if settings == nil {
		settings = pipeline.Settings{}
	}
	if !given.Has("time") {
		settings["time"] = timeFields(root)
	}
	if title := root.Title[strings.LastIndexByte(root.Title, '.')+1:]; title != "" && !given.Has("name") && given.Text("metric") == "" {
		settings["name"], settings["metric"] = jsonmetrics.Usual("name"), title
	}
	return jsonmetrics.NewTyped(settings, t)
}

// element returns the schema of an array's items, for records that are arrays of events; else the schema itself.
func element(s *compiler.Schema) *compiler.Schema {
	if s.Types == nil || !slices.Equal(s.Types.ToStrings(), []string{"array"}) {
		return s
	}
	if items, ok := s.Items.(*compiler.Schema); ok {
		return items
	}
	if s.Items2020 != nil {
		return s.Items2020
	}
	return s
}

// timeFields returns the fields with the time: those with the usual names, unless the schema has none of these and one that can be nothing else.
func timeFields(root *compiler.Schema) []any {
	usual := jsonmetrics.Usual("time")
	props := map[string]*compiler.Schema{}
	properties(root, props, deepest)
	for _, name := range usual {
		if props[name.(string)] != nil {
			return usual
		}
	}
	var found []any
	for _, name := range slices.Sorted(maps.Keys(props)) {
		if isTime(props[name], deepest) {
			found = append(found, name)
		}
	}
	if len(found) == 1 {
		return found
	}
	return usual
}

// properties finds the properties of an object.
func properties(s *compiler.Schema, into map[string]*compiler.Schema, depth int) {
	if s == nil || depth == 0 {
		return
	}
	for name, p := range s.Properties {
		into[name] = p
	}
	for _, inner := range within(s) {
		properties(inner, into, depth-1)
	}
}

// within returns the schemas that say more of the same value.
func within(s *compiler.Schema) []*compiler.Schema {
	all := slices.Concat(s.AllOf, s.AnyOf, s.OneOf)
	if s.Ref != nil {
		all = append(all, s.Ref)
	}
	return all
}

// isTime tells whether a value is a time by its format, or by Kafka Connect's type.
func isTime(s *compiler.Schema, depth int) bool {
	if s == nil || depth == 0 {
		return false
	}
	if s.Format != nil && s.Format.Name == "date-time" || s.Title == "org.apache.kafka.connect.data.Timestamp" {
		return true
	}
	return slices.ContainsFunc(within(s), func(inner *compiler.Schema) bool { return isTime(inner, depth-1) })
}

// deepest and mostTypes bound what is looked at of a schema; schemas may hold themselves.
const deepest, mostTypes = 12, 20_000

// viewer makes types of schemas.
type viewer struct{ left int }

// of returns what a schema says of a value. It errs on the side of saying nothing.
func (v *viewer) of(s *compiler.Schema, depth int) *jsonmetrics.Type {
	t := &jsonmetrics.Type{Kinds: jsonmetrics.AnyKind}
	if v.left--; s == nil || s.Bool != nil || depth == 0 || v.left < 0 {
		return t
	}
	t.Kinds = declared(s)
	if len(s.Properties) > 0 {
		t.Members = map[string]*jsonmetrics.Type{}
	}
	for name, p := range s.Properties {
		t.Members[name] = v.of(p, depth-1)
	}
	if p, ok := s.AdditionalProperties.(*compiler.Schema); ok && len(s.PatternProperties) == 0 {
		t.Others = v.of(p, depth-1)
	}
	if s.Ref != nil {
		both(t, v.of(s.Ref, depth-1))
	}
	for _, inner := range s.AllOf {
		both(t, v.of(inner, depth-1))
	}
	for _, choice := range [][]*compiler.Schema{s.AnyOf, s.OneOf} {
		if len(choice) == 0 {
			continue
		}
		either := v.of(choice[0], depth-1)
		for _, inner := range choice[1:] {
			either = one(either, v.of(inner, depth-1))
		}
		both(t, either)
	}
	return t
}

// declared returns the kinds that a schema names.
func declared(s *compiler.Schema) jsonmetrics.Kinds {
	kinds := jsonmetrics.AnyKind
	if s.Types != nil {
		kinds = 0
		for _, word := range s.Types.ToStrings() {
			kinds |= map[string]jsonmetrics.Kinds{"null": jsonmetrics.Null, "string": jsonmetrics.Text, "number": jsonmetrics.Number, "integer": jsonmetrics.Number, "boolean": jsonmetrics.Boolean}[word]
			if word == "object" || word == "array" {
				kinds |= jsonmetrics.Nested
			}
		}
	}
	var values []any
	if s.Const != nil {
		values = append(values, *s.Const)
	}
	if s.Enum != nil {
		values = append(values, s.Enum.Values...)
	}
	if len(values) > 0 {
		var listed jsonmetrics.Kinds
		for _, value := range values {
			switch value.(type) {
			case nil:
				listed |= jsonmetrics.Null
			case string:
				listed |= jsonmetrics.Text
			case bool:
				listed |= jsonmetrics.Boolean
			case []any, map[string]any:
				listed |= jsonmetrics.Nested
			default:
				listed |= jsonmetrics.Number
			}
		}
		kinds &= listed
	}
	return kinds
}

// both narrows a type by another one that holds too.
func both(t, other *jsonmetrics.Type) {
	t.Kinds &= other.Kinds
	if t.Others == nil {
		t.Others = other.Others
	}
	for name, member := range other.Members {
		if t.Members == nil {
			t.Members = map[string]*jsonmetrics.Type{}
		}
		if mine := t.Members[name]; mine != nil {
			both(mine, member)
		} else {
			t.Members[name] = member
		}
	}
}

// one returns what holds of a value of either of two types. What only one says of an object holds if the other one is of no object.
func one(a, b *jsonmetrics.Type) *jsonmetrics.Type {
	if a == nil || b == nil {
		return nil
	}
	t := &jsonmetrics.Type{Kinds: a.Kinds | b.Kinds}
	switch {
	case a.Kinds&jsonmetrics.Nested == 0:
		t.Members, t.Others = b.Members, b.Others
	case b.Kinds&jsonmetrics.Nested == 0:
		t.Members, t.Others = a.Members, a.Others
	default:
		t.Others = one(a.Others, b.Others)
		t.Members = map[string]*jsonmetrics.Type{}
		for name, member := range a.Members {
			if other := b.Members[name]; other != nil {
				t.Members[name] = one(member, other)
			}
		}
	}
	return t
}

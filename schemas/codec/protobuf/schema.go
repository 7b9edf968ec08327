package protobuf

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/fields"
	"github.com/homeostat/homeostat/schemas/codec/registry"
)

// file is a schema, and the plans of its messages.
type file struct {
	which       string
	descriptors protoreflect.FileDescriptor
	mapping     *fields.Mapping
	plans       map[string]*plan // by the bytes of the path to the message
}

// mostPlans bounds the plans of a schema: the same path can be written in many ways.
const mostPlans = 1000

// Files that schemas of a registry import without a reference: the serializers leave them out. Those of Google are the compiler's.
var ownImports = map[string]string{
	"confluent/meta.proto": `syntax = "proto3";
package confluent;
import "google/protobuf/descriptor.proto";
message Meta {
  string doc = 1;
  map<string, string> params = 2;
  repeated string tags = 3;
}
extend google.protobuf.FileOptions { Meta file_meta = 1088; }
extend google.protobuf.MessageOptions { Meta message_meta = 1088; }
extend google.protobuf.FieldOptions { Meta field_meta = 1088; }
extend google.protobuf.EnumOptions { Meta enum_meta = 1088; }
extend google.protobuf.EnumValueOptions { Meta enum_value_meta = 1088; }
`,
	"confluent/type/decimal.proto": `syntax = "proto3";
package confluent.type;
message Decimal {
  bytes value = 1;
  uint32 precision = 2;
  int32 scale = 3;
}
`,
}

// rootName is what errors of the compiler call a schema.
const rootName = "schema"

// compile makes the descriptors of a schema, whose imports are found by a function.
func compile(text string, find func(path string) (string, error)) (protoreflect.FileDescriptor, error) {
	open := func(path string) (protocompile.SearchResult, error) {
		if path == rootName {
			return protocompile.SearchResult{Source: strings.NewReader(text)}, nil
		}
		imported, err := find(path)
		if own, ok := ownImports[path]; err != nil && ok {
			imported, err = own, nil
		}
		if err != nil {
			return protocompile.SearchResult{}, err
		}
		return protocompile.SearchResult{Source: strings.NewReader(imported)}, nil
	}
	c := protocompile.Compiler{Resolver: protocompile.WithStandardImports(protocompile.ResolverFunc(open)), MaxParallelism: 1}
	files, err := c.Compile(context.Background(), rootName)
	if err != nil {
		return nil, err
	}
	return files[0], nil
}

// learned makes a file of a schema of a registry.
func learned(s *registry.Schema, m *fields.Mapping) (*file, error) {
	imports := map[string]string{}
	for _, ref := range s.References {
		imports[ref.Name] = ref.Text
	}
	d, err := compile(s.Text, func(path string) (string, error) {
		if text, ok := imports[path]; ok {
			return text, nil
		}
		return "", errors.New("the registry has no reference to it under that name")
	})
	if err != nil {
		return nil, syntaxFault(s.Which, err)
	}
	return &file{s.Which, d, m, map[string]*plan{}}, nil
}

// plainSchema reads the setting schema, which is a .proto file's text or path, and makes the plan of the message of that name: by
// default the first. Imports are looked for beside the file.
func plainSchema(text, message string, m *fields.Mapping) (*plan, error) {
	folder := "."
	if !strings.ContainsAny(text, "{;") {
		b, err := os.ReadFile(text)
		if err != nil {
			return nil, pipeline.Errorf("protobuf.schema.file", "the schema's file can't be read: %w: write the path of a .proto file, or its text", err)
		}
		folder, text = filepath.Dir(text), string(b)
	}
	d, err := compile(text, func(path string) (string, error) {
		b, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(path)))
		return string(b), err
	})
	if err != nil {
		return nil, syntaxFault("of the configuration", err)
	}
	if message == "" && d.Messages().Len() > 0 {
		return newPlan(d.Messages().Get(0), m), nil
	}
	if found := messageNamed(d.Messages(), message); found != nil {
		return newPlan(found, m), nil
	}
	return nil, pipeline.Errorf("protobuf.schema.message", "the schema %s has no message %q: write the name of one with its package, or none for the first", "of the configuration", message)
}

// messageNamed finds a message by its full name, or its name.
func messageNamed(messages protoreflect.MessageDescriptors, name string) protoreflect.MessageDescriptor {
	for i := range messages.Len() {
		m := messages.Get(i)
		if string(m.FullName()) == name || string(m.Name()) == name {
			return m
		}
		if inner := messageNamed(m.Messages(), name); inner != nil {
			return inner
		}
	}
	return nil
}

func syntaxFault(which string, err error) error {
	return pipeline.Errorf("protobuf.schema.syntax", "schema %s is no Protobuf schema: %w: correct it where it is kept, and register what it imports as its references", which, err)
}

// plan returns the plan of the message at a path, given as the bytes that a record has for it.
func (f *file) plan(raw []byte, path []int) (*plan, error) {
	if p := f.plans[string(raw)]; p != nil {
		return p, nil
	}
	var m protoreflect.MessageDescriptor
	messages := f.descriptors.Messages()
	for _, i := range path {
		if m = nth(messages, i); m == nil {
			return nil, pipeline.Errorf("protobuf.schema.index", "schema %s has no message at %s: check that the record was written by the schema that it names", f.which, fmt.Sprint(path))
		}
		messages = m.Messages()
	}
	if len(f.plans) >= mostPlans {
		clear(f.plans)
	}
	p := newPlan(m, f.mapping)
	f.plans[string(raw)] = p
	return p, nil
}

// nth returns a message by its place among those that stand in the schema's text: the entries of maps, which are messages too, do not.
func nth(messages protoreflect.MessageDescriptors, n int) protoreflect.MessageDescriptor {
	for i := range messages.Len() {
		m := messages.Get(i)
		if m.IsMapEntry() {
			continue
		}
		if n == 0 {
			return m
		}
		n--
	}
	return nil
}

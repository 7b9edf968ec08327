package pipeline

import "time"

// Spec describes a component: validation, docs, JSON Schema and completion come from it.
type Spec struct {
	// Name is the word in the configuration.
	Name string
	// Doc is one sentence, or a few.
	Doc      string
	Settings []Setting
	// Consumes and Emits are the kinds that an operator takes and gives.
	Consumes, Emits []Kind
	// Stage is where an operator may stand.
	Stage Stage
	// Topic is the setting of an operator that names a topic of its own, to which what it exports goes (schemas.TypeExport); "" if it has none.
	Topic string
	// Accepts says which windows an operator or detector takes beside those that are of one length, one after the other.
	Accepts Accepts
	// Across says that it looks at several entities of a system at once: the rows of a system have to come to one lane.
	Across bool
	// Version rises when the layout of its snapshots changes.
	Version int
}

// Accepts says what kinds of windows an operator can deal with. All take windows of one length that follow one another.
type Accepts struct {
	// Overlapping windows hold a row more than once.
	Overlapping bool
	// Irregular windows are of one series each, and of any length.
	Irregular bool
	// Revised windows come again after their time (Batch.Revision) and take the place of what was said before.
	Revised bool
}

// Stage is a consumer group with its chain of operators and the topics it writes.
type Stage string

const (
	Ingest  Stage = "ingest"
	Detect  Stage = "detect"
	Operate Stage = "operate"
	Act     Stage = "act"
)

// SettingType is the type of a setting's value.
type SettingType uint8

const (
	String   SettingType = iota // string
	Bool                        // bool
	Int                         // int64
	Float                       // float64
	Duration                    // time.Duration, written 10s, 5m, 2h, 30d
	Size                        // int64 bytes, written 512KiB, 64MiB, 1GB
	Object                      // Settings, with Fields
	List                        // []any of what Fields[0] (unnamed) describes: its Type, Fields, limits
	Map                         // map[string]any of what Fields[0] describes, keys free
)

// String returns the type as messages name it.
func (t SettingType) String() string {
	return [...]string{"text", "true or false", "whole number", "number", "duration", "size", "mapping", "list", "mapping"}[t]
}

// Setting describes one setting of a component.
type Setting struct {
	Name string
	Type SettingType
	// Default is a value of the type's Go form, nil for none.
	Default  any
	Required bool
	// Secret values are taken from references only, ${ENV} or file:PATH, and never printed.
	Secret bool
	Doc    string
	// Example is how it is written in YAML.
	Example string
	// Enum lists the allowed values of a String.
	Enum []string
	// Min and Max bound numbers, durations (nanoseconds) and sizes; nil bounds nothing.
	Min, Max *float64
	// Fields describes the members of an Object, or the elements of a List or Map.
	Fields []Setting
	// File allows a List or Object to be given as the path of a YAML file, relative to the configuration's own.
	File bool
}

// Bound makes a limit for Setting.Min and Max.
func Bound(v float64) *float64 { return &v }

// Whole returns an Int setting with its default and bounds.
func Whole(name string, v, least, most int, doc string) Setting {
	return Setting{Name: name, Type: Int, Default: int64(v), Min: Bound(float64(least)), Max: Bound(float64(most)), Doc: doc}
}

// Settings are the checked values of a component, defaults filled in: by name, in the Go form of each type.
// The getters return the zero value for what is absent; a name the Spec does not have is a BUG and panics.
type Settings map[string]any

// Has tells whether a value or default is there.
func (s Settings) Has(name string) bool { v, ok := s[name]; return ok && v != nil }

func get[T any](s Settings, name string) T {
	var zero T
	v, ok := s[name]
	if !ok || v == nil {
		return zero
	}
	t, ok := v.(T)
	if !ok {
		panic("BUG: setting " + name + " has another type than its Spec says")
	}
	return t
}

// Text returns a String setting.
func (s Settings) Text(name string) string { return get[string](s, name) }

// Bool returns a Bool setting.
func (s Settings) Bool(name string) bool { return get[bool](s, name) }

// Int returns an Int or Size setting.
func (s Settings) Int(name string) int64 { return get[int64](s, name) }

// Float returns a Float setting.
func (s Settings) Float(name string) float64 { return get[float64](s, name) }

// Duration returns a Duration setting.
func (s Settings) Duration(name string) time.Duration { return get[time.Duration](s, name) }

// Object returns an Object setting.
func (s Settings) Object(name string) Settings { return get[Settings](s, name) }

// List returns a List setting.
func (s Settings) List(name string) []any { return get[[]any](s, name) }

// Map returns a Map setting.
func (s Settings) Map(name string) map[string]any { return get[map[string]any](s, name) }

// Objects returns a List of Objects.
func (s Settings) Objects(name string) []Settings {
	list := s.List(name)
	out := make([]Settings, len(list))
	for i, v := range list {
		out[i] = v.(Settings)
	}
	return out
}

// Texts returns a List of Strings.
func (s Settings) Texts(name string) []string {
	list := s.List(name)
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = v.(string)
	}
	return out
}

// TextMap returns a Map of Strings.
func (s Settings) TextMap(name string) map[string]string {
	m := s.Map(name)
	out := make(map[string]string, len(m))
	for k, v := range m {
		out[k] = v.(string)
	}
	return out
}

// SettingFault is what a component's constructor returns when values that are fine one by one don't fit together; the
// configuration adds the place. Several are joined with errors.Join.
type SettingFault struct {
	// Path is the setting's path in the component: "catalogue[2].verb".
	Path string
	Err  error
}

// Error returns path and text.
func (f *SettingFault) Error() string { return f.Path + ": " + f.Err.Error() }

// Unwrap returns the fault itself.
func (f *SettingFault) Unwrap() error { return f.Err }

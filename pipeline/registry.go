package pipeline

import "sort"

// Registry holds the components that configurations may name. It is a value that the program fills at start; after
// that it is only read, by any goroutine.
type Registry struct {
	operators map[string]OperatorEntry
	sources   map[string]SourceEntry
	sinks     map[string]SinkEntry
	codecs    map[string]CodecEntry
}

// OperatorEntry makes operators; exactly one of New and NewDetector is set.
type OperatorEntry struct {
	Spec        Spec
	New         func(Settings) (Operator, error)
	NewDetector func(Settings) (Detector, error)
}

// SourceEntry makes sources.
type SourceEntry struct {
	Spec Spec
	New  func(Settings) (Source, error)
}

// SinkEntry makes sinks.
type SinkEntry struct {
	Spec Spec
	New  func(Settings) (Sink, error)
}

// CodecEntry makes codecs, one for each lane. Limits come with the settings.
type CodecEntry struct {
	Spec Spec
	New  func(Settings) (Codec, error)
}

// NewRegistry makes an empty registry.
func NewRegistry() *Registry {
	return &Registry{map[string]OperatorEntry{}, map[string]SourceEntry{}, map[string]SinkEntry{}, map[string]CodecEntry{}}
}

// AddOperator registers an operator. A name that is taken is a BUG and panics, as in the other Add methods.
func (r *Registry) AddOperator(spec Spec, make func(Settings) (Operator, error)) {
	add(r.operators, spec.Name, OperatorEntry{Spec: spec, New: make})
}

// AddDetector registers a detector; the engine wraps it into an operator that consumes windows and emits findings,
// and windows of scores if it is a Scorer.
func (r *Registry) AddDetector(spec Spec, make func(Settings) (Detector, error)) {
	spec.Stage, spec.Consumes, spec.Emits = Detect, []Kind{Windows}, []Kind{Events, Windows}
	add(r.operators, spec.Name, OperatorEntry{Spec: spec, NewDetector: make})
}

// AddSource registers a source.
func (r *Registry) AddSource(spec Spec, make func(Settings) (Source, error)) {
	add(r.sources, spec.Name, SourceEntry{spec, make})
}

// AddSink registers a sink.
func (r *Registry) AddSink(spec Spec, make func(Settings) (Sink, error)) {
	add(r.sinks, spec.Name, SinkEntry{spec, make})
}

// AddCodec registers a codec.
func (r *Registry) AddCodec(spec Spec, make func(Settings) (Codec, error)) {
	add(r.codecs, spec.Name, CodecEntry{spec, make})
}

func add[E any](m map[string]E, name string, e E) {
	if _, taken := m[name]; taken || name == "" {
		panic("BUG: component name " + name + " is registered twice or empty")
	}
	m[name] = e
}

// Operator looks an operator up.
func (r *Registry) Operator(name string) (OperatorEntry, bool) {
	e, ok := r.operators[name]
	return e, ok
}

// Source looks a source up.
func (r *Registry) Source(name string) (SourceEntry, bool) { e, ok := r.sources[name]; return e, ok }

// Sink looks a sink up.
func (r *Registry) Sink(name string) (SinkEntry, bool) { e, ok := r.sinks[name]; return e, ok }

// Codec looks a codec up.
func (r *Registry) Codec(name string) (CodecEntry, bool) { e, ok := r.codecs[name]; return e, ok }

// Operators lists the names of the operators of a stage, sorted.
func (r *Registry) Operators(stage Stage) []string {
	var out []string
	for name, e := range r.operators {
		if e.Spec.Stage == stage {
			out = append(out, name)
		}
	}
	sort.Strings(out)
	return out
}

// Sources lists the names of the sources, sorted.
func (r *Registry) Sources() []string { return names(r.sources) }

// Sinks lists the names of the sinks, sorted.
func (r *Registry) Sinks() []string { return names(r.sinks) }

// Codecs lists the names of the codecs, sorted.
func (r *Registry) Codecs() []string { return names(r.codecs) }

func names[E any](m map[string]E) []string {
	out := make([]string, 0, len(m))
	for name := range m {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}

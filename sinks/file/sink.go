// Package file is the sink that writes events to files as JSON lines, one file for each event type.
package file

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
)

// Other is the file of events whose type this version does not know, so that a foreign type names no file.
const Other = "other.jsonl"

// spillAt is how many bytes of lines are held in memory before they go to the files.
const spillAt = 1 << 20

// Config says where and what to write.
type Config struct {
	// Dir is made if it is not there. Nobody else may write into its files meanwhile.
	Dir string
	// Types are patterns (path.Match) of the types to write, without their prefix: "incident.*". None means all.
	Types []string
	// Truncate removes the files of the chosen types at Open; otherwise lines are appended to what is there.
	Truncate bool
}

// Sink writes events as CloudEvents JSON (schemas.AppendJSON), a line each, in the order in which they come: finding.v1 to
// finding.v1.jsonl and so on. A file appears with its first event. Lines depend on the events alone, so equal input
// makes equal files. A repeated event is written again: the guarantee is AtLeastOnce.
type Sink struct {
	cfg    Config
	files  map[string]*lines
	order  []*lines // by first event, for spilling in a fixed order
	held   int
	opened bool
}

// NewSink makes a sink; patterns that can't be read are an error.
func NewSink(cfg Config) (*Sink, error) {
	if cfg.Dir == "" {
		return nil, pipeline.Errorf("file.dir.missing", "file sink has no directory: set dir")
	}
	for _, pattern := range cfg.Types {
		if _, err := path.Match(pattern, ""); err != nil {
			return nil, pipeline.Errorf("file.types.pattern", "file sink has pattern %q among its types, which can't be read: %w", pattern, err)
		}
	}
	return &Sink{cfg: cfg, files: map[string]*lines{}}, nil
}

// Spec describes the sink's settings.
func Spec() pipeline.Spec {
	return pipeline.Spec{
		Name: "file",
		Doc:  "Writes events as JSON lines (CloudEvents, structured mode), one file for each event type.",
		Settings: []pipeline.Setting{
			{Name: "dir", Type: pipeline.String, Required: true, Doc: "Directory of the files; made if it is not there.", Example: "dir: out"},
			{Name: "types", Type: pipeline.List, Fields: []pipeline.Setting{{Type: pipeline.String}},
				Doc: "Patterns of the event types to write, without io.homeostat.; all if none is given.", Example: "types: [incident.*, hypothesis.*]"},
			{Name: "mode", Type: pipeline.String, Enum: []string{"append", "truncate"}, Default: "append",
				Doc: "append adds to files that are there; truncate begins them anew at every start.", Example: "mode: truncate"},
		},
		Consumes: []pipeline.Kind{pipeline.Events},
		Stage:    pipeline.Act,
	}
}

// Register adds the sink to the registry.
func Register(r *pipeline.Registry) { r.AddSink(Spec(), New) }

// New makes a sink from settings as Spec describes them.
func New(s pipeline.Settings) (pipeline.Sink, error) {
	sink, err := NewSink(Config{Dir: s.Text("dir"), Types: s.Texts("types"), Truncate: s.Text("mode") == "truncate"})
	if err != nil {
		return nil, err
	}
	return sink, nil
}

// Open implements pipeline.Sink.
func (s *Sink) Open(context.Context, *pipeline.Env) error {
	if err := os.MkdirAll(s.cfg.Dir, 0o755); err != nil {
		return pipeline.Errorf("file.dir.make", "directory of the file sink can't be made: %w", err)
	}
	if s.cfg.Truncate {
		for _, typ := range append(schemas.Types(), "") {
			if name := fileName(typ); s.chosen(typ) || name == Other {
				if err := os.Remove(filepath.Join(s.cfg.Dir, name)); err != nil && !os.IsNotExist(err) {
					return pipeline.Errorf("file.truncate", "file of an earlier run can't be removed: %w", err)
				}
			}
		}
	}
	s.opened = true
	return nil
}

// Guarantee implements pipeline.Sink.
func (s *Sink) Guarantee() pipeline.Guarantee { return pipeline.AtLeastOnce }

// Write implements pipeline.Sink.
func (s *Sink) Write(ctx context.Context, b pipeline.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !s.opened {
		return pipeline.Errorf("file.closed", "BUG: file sink is written to while it is not open")
	}
	// Earlier lines are spilled before, not after: what can fail happens while nothing of this batch is there.
	if s.held >= spillAt {
		if err := s.spill(); err != nil {
			return err
		}
	}
	return schemas.EachEvent(b, func(e schemas.Event) error {
		if !s.chosen(e.Type) {
			return nil
		}
		f := s.file(fileName(e.Type))
		before := len(f.held)
		f.held = append(schemas.AppendJSON(f.held, e), '\n')
		s.held += len(f.held) - before
		return nil
	})
}

// Flush implements pipeline.Sink: the lines and the files' names are on disk when it returns.
func (s *Sink) Flush(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.spill(); err != nil {
		return err
	}
	created := false
	for _, f := range s.order {
		if err := f.sync(); err != nil {
			return err
		}
		created = created || !f.named
		f.named = true
	}
	if created {
		return syncDir(s.cfg.Dir)
	}
	return nil
}

// Close implements pipeline.Sink; it writes what is held, without waiting for the disk.
func (s *Sink) Close() error {
	err := s.spill()
	for _, f := range s.order {
		if cerr := f.close(); err == nil {
			err = cerr
		}
	}
	s.files, s.order, s.held, s.opened = map[string]*lines{}, nil, 0, false
	return err
}

func (s *Sink) spill() error {
	for _, f := range s.order {
		n := len(f.held)
		if err := f.spill(); err != nil {
			return err
		}
		s.held -= n
	}
	return nil
}

func (s *Sink) file(name string) *lines {
	f := s.files[name]
	if f == nil {
		f = &lines{path: filepath.Join(s.cfg.Dir, name)}
		s.files[name] = f
		s.order = append(s.order, f)
	}
	return f
}

func (s *Sink) chosen(typ string) bool {
	if len(s.cfg.Types) == 0 {
		return true
	}
	short := strings.TrimPrefix(typ, schemas.TypePrefix)
	return slices.ContainsFunc(s.cfg.Types, func(pattern string) bool {
		ok, err := path.Match(pattern, short)
		return ok && err == nil
	})
}

func fileName(typ string) string {
	if !slices.Contains(schemas.Types(), typ) {
		return Other
	}
	return strings.TrimPrefix(typ, schemas.TypePrefix) + ".jsonl"
}

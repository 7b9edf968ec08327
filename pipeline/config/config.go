package config

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"regexp"
	"time"

	"github.com/homeostat/homeostat/pipeline"
)

// Version is the only version of the configuration's layout.
const Version = 1

// Config is a checked configuration, defaults filled in. It is not changed after it was read.
type Config struct {
	// Name prefixes topics, groups and transactional ids, so that several pipelines share a cluster.
	Name string
	// Instance is the stable, unique name of this process among those of the pipeline.
	Instance string
	Kafka    Kafka
	Scope    Scope
	Sources  []Source
	SLOs     []pipeline.SLO
	// Detect and Operate are the operators of the two stages, in order.
	Detect, Operate []Component
	// Declare selects the series whose closed windows go on to operate.
	Declare  []pipeline.Selector
	Topology pipeline.Topology
	Sinks    []Component
	Limits   Limits
	State    State
	Columns  Columns
	Admin    Admin
	Log      Log

	fingerprint string
}

// Component is one use of a registered component.
type Component struct {
	// Type is the name in the registry, Name the one of this use: the type, or what `as` says.
	Type, Name string
	// Settings are checked, defaults filled in.
	Settings pipeline.Settings
}

// Kafka says how the pipeline uses Kafka.
type Kafka struct {
	// Bootstrap lists the brokers to ask first; none means the embedded broker.
	Bootstrap []string
	// CommitInterval is the shortest time between two commits of outputs by the process.
	CommitInterval time.Duration
	// Transactions commits outputs and positions together: exactly once. Without them it is at least once.
	Transactions bool
	// TLS and SASL say how connections are secured; nil means that they are not.
	TLS  *TLS
	SASL *SASL
	// Session is how long a process may be silent before its partitions are given to others.
	Session time.Duration
}

// Limits bound what the pipeline may take.
type Limits struct {
	// Series is the number of series of one lane.
	Series int
	// Idle is for how long in event time a series has to be silent before it makes room for new ones in a full lane; 0 is never.
	Idle time.Duration
	// Memory is the number of bytes in flight in the process.
	Memory int64
	// Record is the number of decompressed bytes of one record.
	Record int64
}

// State says where the states of lanes are kept.
type State struct {
	// Directory keeps them in files; "" keeps them in a topic of the pipeline's own.
	Directory string
	// Interval is how old a lane's snapshot may become. A restart replays what came after it.
	Interval time.Duration
}

// What rows can be shared out by on the columns topic.
const (
	ByDefault = ""
	ByEntity  = "entity"
	BySystem  = "system"
)

// Columns says how rows of sources that are not fused are shared out over detect.
type Columns struct {
	// By is what has to meet in one lane: ByEntity, BySystem, or ByDefault for what the chain needs.
	By string
	// Partitions is the number of lanes.
	Partitions int
	// Always says that no source is fused.
	Always bool
}

// Admin is the listener for metrics and health.
type Admin struct {
	// Listen is the address; "" means none.
	Listen string
}

// Log says how the process logs.
type Log struct {
	// Level is debug, info, warn or error.
	Level string
	// Format is text or json.
	Format string
}

// Fingerprint returns a hash of all that the pipeline's outputs depend on. What differs between processes of one
// pipeline or does not change results is left out: instance, kafka, sinks, state, admin, log, limits.memory and secrets.
func (c *Config) Fingerprint() string { return c.fingerprint }

// maxOpen bounds every file that a configuration names.
const maxOpen = 16 << 20

// Load reads the configuration at path. The error is of type Faults and lists all that is wrong.
func Load(path string, registry *pipeline.Registry, getenv func(string) (string, bool)) (*Config, error) {
	data, err := readBounded(path)
	if err != nil {
		code, message := "config.file.unreadable", "cannot read it: "+err.Error()+": make it readable"
		if errors.Is(err, fs.ErrNotExist) {
			code, message = "config.file.missing", "there is no such file: correct the path"
		}
		return nil, Faults{{File: path, Message: message, Code: code}}
	}
	return Parse(path, data, registry, getenv, readBounded)
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, plain(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxOpen+1))
	if err == nil && len(data) > maxOpen {
		err = errors.New("it has more than " + FormatSize(maxOpen))
	}
	return data, plain(err)
}

// plain takes the path off an error that says it.
func plain(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// Parse reads a configuration from memory. name is its path, for messages and to find the files it names, which
// readFile reads; it fails with fs.ErrNotExist for those that are missing. Components are made once, to hear what
// their constructors say, and not opened. The error is of type Faults and lists all that is wrong.
func Parse(name string, data []byte, registry *pipeline.Registry, getenv func(string) (string, bool), readFile func(path string) ([]byte, error)) (*Config, error) {
	r := &reader{name: name, registry: registry, getenv: getenv, readFile: readFile, texts: map[string][]string{}}
	c := &Config{}
	if root := r.tree(name, "", data); root != nil {
		r.config(root, c)
	}
	if len(r.faults) > 0 {
		return nil, r.faults.sorted(name)
	}
	c.fingerprint = r.fingerprint(c)
	return c, nil
}

// config reads the file's sections.
func (r *reader) config(root *node, c *Config) {
	if kafka := root.member("kafka"); kafka != nil {
		listed(kafka.member("bootstrap"), ",")
		switched(kafka.member("tls"))
	}
	s := r.settings(root, "", []pipeline.Setting{
		{Name: "version", Type: pipeline.Int, Required: true, Example: "1"},
		{Name: "name", Type: pipeline.String, Required: true, Example: "shop"},
		{Name: "instance", Type: pipeline.String},
		{Name: "kafka", Type: pipeline.Object, Fields: kafkaSettings()},
		{Name: "limits", Type: pipeline.Object, Fields: limitSettings()},
		{Name: "state", Type: pipeline.Object, Fields: stateSettings()},
		{Name: "columns", Type: pipeline.Object, Fields: columnsSettings()},
		{Name: "admin", Type: pipeline.Object, Fields: adminSettings()},
		{Name: "log", Type: pipeline.Object, Fields: logSettings()},
	}, "scope", "sources", "slos", "detect", "operate", "declare", "topology", "sinks")
	if root.shape != mapping {
		return
	}
	r.identity(root, s, c)
	r.process(root, s, c)
	c.Scope = r.scope(root)
	c.Sources = r.sources(root)
	c.SLOs = r.slos(root)
	r.operators(root, c)
	c.Declare = r.declare(root)
	c.Topology = r.topology(root)
	c.Sinks = r.sinks(root)
	r.sumsMeet(root, c)
	r.burnFitsWindow(root, c)
	r.windows(root, c)
}

// identity reads who this pipeline and this process are.
func (r *reader) identity(root *node, s pipeline.Settings, c *Config) {
	if s.Has("version") && s.Int("version") != Version {
		r.at(root, "version", "config.version.unknown", "this program reads version %d only: write version: %d, or use the program that goes with the file", Version, Version)
	}
	c.Name, c.Instance = s.Text("name"), s.Text("instance")
	if s.Has("name") && !regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`).MatchString(c.Name) {
		r.at(root, "name", "config.name.invalid", "%s is no name of a pipeline: use up to 64 of a-z, 0-9 and -, a letter or digit first", find(root, "name").shown())
	}
	if c.Instance == "" {
		host, err := os.Hostname()
		if err != nil || host == "" {
			r.at(root, "instance", "config.instance.unknown", "this host has no name: write instance: and a name that no other process of the pipeline has")
			return
		}
		c.Instance = host
	}
	if !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`).MatchString(c.Instance) {
		r.at(root, "instance", "config.instance.invalid", "the instance's name may have up to 128 of a-z, A-Z, 0-9, '.', '_' and '-', a letter or digit first: choose another")
	}
}

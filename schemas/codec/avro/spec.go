package avro

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas/codec/memo"
	"github.com/homeostat/homeostat/schemas/codec/moment"
)

// Name is the codec's word in the configuration.
const Name = "avro"

// Reasons in Columns.Lost.
const (
	// LostNoValue: the event names no value, or it is null or empty.
	LostNoValue = "no_recorded_value"
	// LostNotNumeric: the value is neither a number nor a text that is one.
	LostNotNumeric = "not_numeric"
	// LostNotFinite: NaN, an infinity, or more than float64 holds.
	LostNotFinite = "not_finite"
	// LostNoTime: neither the event nor the record has a time.
	LostNoTime = "no_time"
	// LostTimeRange: the event's time is not after 1970, beyond 2261, or in no form that is known.
	LostTimeRange = "time_out_of_range"
	// LostSeriesLimit: a new series, and the lane's table is full.
	LostSeriesLimit = "series_limit"
)

type loss int

const (
	kept loss = iota
	noValue
	notNumeric
	notFinite
	noTime
	timeRange
	seriesLimit
	losses
)

var lossReasons = [losses]string{"", LostNoValue, LostNotNumeric, LostNotFinite, LostNoTime, LostTimeRange, LostSeriesLimit}

// everyText stands in the setting labels for all texts of an event that no other setting names.
const everyText = "*"

// Spec describes the codec.
func Spec() pipeline.Spec {
	return pipeline.Spec{
		Name: Name,
		Doc: "Metrics in Avro by a mapping of fields: records with Confluent's framing, whose schemas come from a schema registry, or plain ones of one schema. " +
			"While the registry cannot be reached, lanes wait for it. Fields are named as such or as paths with dots. A record beyond a limit is a dead letter.",
		Emits:   []pipeline.Kind{pipeline.Points},
		Version: 1,
		Settings: []pipeline.Setting{
			registrySetting(),
			{Name: "schema", Type: pipeline.String, Doc: "The schema of plain records, those without framing: its JSON, or the path of a file with it, from the working directory of the process.", Example: "metrics.avsc"},
			names("time", "Fields with the time: RFC 3339 or Unix time. Without one the record's own time counts.", "[ts]"),
			{Name: "time_unit", Type: pipeline.String, Default: "auto", Enum: []string{"auto", "s", "ms", "us", "ns"},
				Doc: "Unit of times that are numbers and of no logical type; auto goes by their size.", Example: "ms"},
			names("name", "Fields with the metric's name; the first that is there counts.", "[metric]"),
			{Name: "metric", Type: pipeline.String, Default: "", Doc: "The metric's name where no field has it; by default the record's name in the schema. Without name beside it, no field is looked at.", Example: "http.requests"},
			names("value", "Fields with the value; the first that is a number, or a text that is one, counts.", "[value]"),
			names("values", "Fields with several values: records or maps, whose numbers become metrics called NAME_MEMBER, or numbers, called NAME_FIELD.", "[cpu.user, cpu.idle]"),
			names("unit", "Fields with the unit.", "[unit]"),
			{Name: "type", Type: pipeline.String, Default: pipeline.Gauge.String(), Enum: []string{pipeline.Gauge.String(), pipeline.Delta.String(), pipeline.Cumulative.String()},
				Doc: "How values are to be read: gauge stands for itself, delta is what was added, cumulative grows and may begin anew.", Example: "cumulative"},
			names("labels", "Fields that become labels; \"*\" stands for all texts that no other setting names.", "[service, host]"),
			names("labels_object", "Records and maps whose members become labels.", "[tags]"),
			size("max_bytes", 16<<20, 1<<30, "Size of a record.", "16MiB"),
			{Name: "max_points", Type: pipeline.Int, Default: int64(100_000), Min: pipeline.Bound(1),
				Doc: "Rows a record may make, those that can't be used included.", Example: "100000"},
			{Name: "max_attributes", Type: pipeline.Int, Default: int64(128), Min: pipeline.Bound(1), Doc: "Labels of a point.", Example: "128"},
			size("max_label_bytes", 16<<10, 1<<20, "Text of a series: metric name, names and values of all labels.", "16KiB"),
			{Name: "max_nesting", Type: pipeline.Int, Default: int64(32), Min: pipeline.Bound(1), Max: pipeline.Bound(300),
				Doc: "Depth of records, arrays, maps and unions in a record, the record itself included.", Example: "32"},
			{Name: "memo", Type: pipeline.Size, Default: int64(128 << 20), Min: pipeline.Bound(1 << 20), Max: pipeline.Bound(2 << 30),
				Doc: "Memory of a lane for recognising series by their raw bytes. Beyond it the memo starts anew, which costs time only.", Example: "128MiB"},
		},
	}
}

func registrySetting() pipeline.Setting {
	return pipeline.Setting{Name: "registry", Type: pipeline.Object, Example: `{url: "https://registry.example.org:8081"}`,
		Doc: "The schema registry, of Confluent's interface.",
		Fields: []pipeline.Setting{
			{Name: "url", Type: pipeline.String, Required: true, Example: "https://registry.example.org:8081", Doc: "Where it is, without user and password."},
			{Name: "user", Type: pipeline.String, Secret: true, Example: "${REGISTRY_USER}", Doc: "The user, for registries that ask for one: ${ENV} or file:PATH."},
			{Name: "password", Type: pipeline.String, Secret: true, Example: "${REGISTRY_PASSWORD}", Doc: "The password: ${ENV} or file:PATH."},
			{Name: "tls", Type: pipeline.Object, Doc: "How an https connection is made; by default with the system's certificates. Paths are from the working directory of the process; the files are opened when the registry is asked.", Fields: []pipeline.Setting{
				{Name: "ca", Type: pipeline.String, Example: "ca.pem", Doc: "A PEM file of the certificates that the registry's must come from; none means the system's."},
				{Name: "cert", Type: pipeline.String, Example: "client.pem", Doc: "A PEM file of this client's certificate, for registries that ask for one."},
				{Name: "key", Type: pipeline.String, Example: "client.key", Doc: "A PEM file of the certificate's key, without a password."},
				{Name: "server_name", Type: pipeline.String, Example: "registry.example.org", Doc: "The name in the registry's certificate; none means the host of url."},
			}},
			{Name: "timeout", Type: pipeline.Duration, Default: 2 * time.Second, Min: pipeline.Bound(float64(10 * time.Millisecond)), Max: pipeline.Bound(float64(5 * time.Second)),
				Doc: "How long one question may take. A lane stands still for as long and asks again.", Example: "2s"},
			{Name: "forget", Type: pipeline.Duration, Default: time.Minute, Min: pipeline.Bound(0), Max: pipeline.Bound(float64(24 * time.Hour)),
				Doc: "After what time the registry is asked again for a schema that it did not have, or that is of no use. Others are kept.", Example: "1m"},
		}}
}

// usual are the fields of the settings that are not there.
var usual = map[string][]any{
	"time": {"timestamp", "time", "ts", "datetime", "date"}, "name": {"name", "metric", "metric_name"}, "value": {"value", "val"}, "values": {"fields", "values"},
	"unit": {"unit"}, "labels": {everyText}, "labels_object": {"labels", "tags", "attributes", "dimensions"},
}

// names describes a list of fields. Its default is no value of the setting's: whether it is given counts.
func names(name, doc, example string) pipeline.Setting {
	words := fmt.Sprint(usual[name]...)
	if len(usual[name]) > 1 {
		words = strings.Trim(strings.ReplaceAll(fmt.Sprint(usual[name]), " ", ", "), "[]")
	}
	return pipeline.Setting{Name: name, Type: pipeline.List, Doc: doc + " By default " + words + ".", Example: example,
		Fields: []pipeline.Setting{{Type: pipeline.String, Doc: "Name or path of a field."}}}
}

func size(name string, def int64, most float64, doc, example string) pipeline.Setting {
	return pipeline.Setting{Name: name, Type: pipeline.Size, Default: def, Min: pipeline.Bound(1), Max: pipeline.Bound(most), Doc: doc, Example: example}
}

// Register adds the codec to a registry of components.
func Register(r *pipeline.Registry) { r.AddCodec(Spec(), New) }

type limits struct{ bytes, points, attributes, labelBytes, nesting, memo int }

// New makes a codec for one lane. Settings that are absent have the defaults of Spec. It reads the file of a schema, and
// asks no registry.
func New(given pipeline.Settings) (pipeline.Codec, error) {
	s := pipeline.Settings{}
	for _, setting := range Spec().Settings {
		s[setting.Name] = setting.Default
	}
	maps.Copy(s, given)
	for _, setting := range roleSettings {
		if !s.Has(setting) && !(setting == "name" && s.Text("metric") != "") {
			s[setting] = usual[setting]
		}
	}
	m, err := newMapping(s)
	c := &codec{
		mapping: m, timeUnit: moment.UnitOf(s.Text("time_unit")), metric: []byte(s.Text("metric")), memo: memo.New(),
		typ: map[string]pipeline.SeriesType{"delta": pipeline.Delta, "cumulative": pipeline.Cumulative}[s.Text("type")],
		limits: limits{
			bytes:      int(s.Int("max_bytes")),
			points:     int(s.Int("max_points")),
			attributes: int(s.Int("max_attributes")),
			labelBytes: int(s.Int("max_label_bytes")),
			nesting:    int(s.Int("max_nesting")),
			memo:       int(s.Int("memo")),
		},
	}
	c.event.slots = make([]scalar, len(m.slots))
	switch {
	case s.Has("registry") == (s.Text("schema") != ""):
		err = errors.Join(err, pipeline.Errorf("avro.schema.origin", "nothing says where schemas come from, or two things do: write registry: for records with Confluent's framing, or schema: for plain ones"))
	case s.Has("registry"):
		var fault error
		c.registry, fault = newRegistry(s.Object("registry"))
		err = errors.Join(err, fault)
	default:
		var fault error
		if c.plan, fault = plainSchema(s.Text("schema"), &m); fault != nil {
			err = errors.Join(err, &pipeline.SettingFault{Path: "schema", Err: fault})
		}
	}
	return c, err
}

// slot is a field that a setting names and that has one value.
type slot struct {
	role int
	name []byte
}

// The roles of fields, in the order in which an event's slots stand.
const (
	timeRole = iota
	nameRole
	valueRole
	unitRole
	labelRole
	valuesRole // no slots: these have members
	labelsRole
	roles
)

var roleSettings = [roles]string{"time", "name", "value", "unit", "labels", "values", "labels_object"}

// want is a path that a setting names; rest is what of it is still to be followed.
type want struct {
	rest string
	role int
	slot int    // of roles that have slots
	name string // the whole path
}

// mapping is what the settings say of fields.
type mapping struct {
	slots    []slot
	from     [roles + 1]int // where a role's slots begin
	wants    []want
	everyone bool // texts that nobody names are labels
}

func newMapping(s pipeline.Settings) (mapping, error) {
	var m mapping
	var faults []error
	for role, setting := range roleSettings {
		m.from[role] = len(m.slots)
		for i, path := range s.Texts(setting) {
			if role == labelRole && path == everyText {
				m.everyone = true
				continue
			}
			if path == "" || strings.HasPrefix(path, ".") || strings.HasSuffix(path, ".") || strings.Contains(path, "..") || strings.Count(path, ".") >= maxParts {
				faults = append(faults, &pipeline.SettingFault{Path: fmt.Sprintf("%s[%d]", setting, i),
					Err: pipeline.Errorf("avro.field.path", "field path %q has an empty part, or more than %d parts", path, maxParts)})
				continue
			}
			m.wants = append(m.wants, want{rest: path, role: role, slot: len(m.slots), name: path})
			if role < valuesRole {
				m.slots = append(m.slots, slot{role, []byte(path)})
			}
		}
	}
	m.from[roles] = len(m.slots)
	return m, errors.Join(faults...)
}

// maxParts bounds the parts of a field's path.
const maxParts = 8

// of returns the slots of a role.
func (m *mapping) of(role int) (from, to int) { return m.from[role], m.from[role+1] }

package config

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
)

func topologySettings() []pipeline.Setting {
	return []pipeline.Setting{
		{Name: "edges", Type: pipeline.List, Example: "[{from: web, to: lb}]", Doc: "Who calls whom.", Fields: []pipeline.Setting{{
			Type: pipeline.Object, Example: "{from: web, to: lb}", Fields: []pipeline.Setting{
				{Name: "from", Type: pipeline.String, Required: true, Example: "web", Doc: "The entity that calls."},
				{Name: "to", Type: pipeline.String, Required: true, Example: "lb", Doc: "The entity that is called."},
			}}}},
		{Name: "file", Type: pipeline.String, Example: "dependency.csv", Doc: "A CSV file with a header line and an edge in each line."},
		{Name: "columns", Type: pipeline.Object, Example: "{from: Source, to: Target}", Doc: "The names of the file's columns.", Fields: []pipeline.Setting{
			{Name: "from", Type: pipeline.String, Default: "Source", Doc: "The column of the entity that calls."},
			{Name: "to", Type: pipeline.String, Default: "Target", Doc: "The column of the entity that is called."},
		}},
		{Name: "drop", Type: pipeline.String, Example: `'^[0-9.]+$'`, Doc: "A regular expression; lines of the file with an entity that it matches are left out."},
	}
}

// topology reads the section topology: edges of the file itself first, then those of the CSV file, each once.
func (r *reader) topology(root *node) pipeline.Topology {
	n := root.member("topology")
	if absent(n) {
		return pipeline.Topology{}
	}
	s := r.settings(n, "topology", topologySettings())
	var t pipeline.Topology
	seen := map[pipeline.Edge]bool{}
	add := func(e pipeline.Edge) {
		if !seen[e] {
			seen[e] = true
			t.Edges = append(t.Edges, e)
		}
	}
	for _, e := range s.Objects("edges") {
		add(pipeline.Edge{From: e.Text("from"), To: e.Text("to")})
	}
	if !s.Has("file") {
		if !absent(n.member("drop")) || !absent(n.member("columns")) {
			r.fault(n, "topology", "config.topology.file", "columns and drop concern a file, and none is named: write file: or remove them")
		}
		return t
	}
	var drop *regexp.Regexp
	if s.Has("drop") {
		var err error
		if drop, err = regexp.Compile(s.Text("drop")); err != nil {
			r.fault(n.member("drop"), "topology.drop", "config.topology.drop", "not a regular expression: %v: correct it", err)
			return t
		}
	}
	for _, e := range r.edges(n.member("file"), s.Object("columns")) {
		if drop == nil || !drop.MatchString(e.From) && !drop.MatchString(e.To) {
			add(e)
		}
	}
	return t
}

// edges reads the CSV file that n names.
func (r *reader) edges(n *node, columns pipeline.Settings) []pipeline.Edge {
	const path = "topology.file"
	file, data := r.open(n, path)
	if data == nil || columns == nil {
		return nil
	}
	r.texts[file] = strings.Split(string(data), "\n")
	rows := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))))
	header, err := rows.Read()
	if err != nil {
		r.fault(&node{file: file, line: 1, column: 1}, path, "config.topology.file", "the file has no header line: name the columns in its first line")
		return nil
	}
	from, to := slices.Index(header, columns.Text("from")), slices.Index(header, columns.Text("to"))
	if from < 0 || to < 0 {
		r.fault(&node{file: file, line: 1, column: 1}, path, "config.topology.columns", "the header line %q lacks %q or %q: name the columns with topology.columns",
			clip(strings.Join(header, ",")), columns.Text("from"), columns.Text("to"))
		return nil
	}
	var out []pipeline.Edge
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return out
		}
		var pe *csv.ParseError
		if errors.As(err, &pe) {
			r.fault(&node{file: file, line: pe.Line, column: pe.Column}, path, "config.topology.file", "not a line of CSV: %v: correct it", pe.Err)
			return out
		}
		line, _ := rows.FieldPos(0)
		if row[from] == "" || row[to] == "" {
			r.fault(&node{file: file, line: line, column: 1}, path, "config.topology.file", "an entity is empty: fill it in or remove the line")
			continue
		}
		out = append(out, pipeline.Edge{From: row[from], To: row[to]})
	}
}

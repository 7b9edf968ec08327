// Package loghub runs the operator templates over the log lines of LogHub, or any others of the same layout,
// NAME/*_structured.csv with the columns LineId and Content, and writes each line's template in the form that the scorer wants.
//
// What the files say of templates is taken away before anything else looks at them. The operator has its defaults, the same for all
// files. A line's template is decided when the line comes; its text is the one that the template has at the end of the
// file, which is in the operator's state.
package loghub

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/homeostat/homeostat/operators/state"
	"github.com/homeostat/homeostat/operators/templates"
	"github.com/homeostat/homeostat/pipeline"
)

// line is what the operator may see of a row, and the number by which the scorer finds it.
type line struct{ id, content string }

// Run finds the templates of each NAME below data and writes out/NAME.csv: LineId, EventId, EventTemplate.
func Run(data, out string) error {
	files, err := filepath.Glob(filepath.Join(data, "*", "*_structured.csv"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("there is no file %s", filepath.Join(data, "NAME", "*_structured.csv"))
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	lines, start := 0, time.Now()
	for _, f := range files {
		rows, err := strip(f)
		if err != nil {
			return fmt.Errorf("%s: %w", f, err)
		}
		named, err := mine(rows)
		if err != nil {
			return fmt.Errorf("%s: %w", f, err)
		}
		if err := save(filepath.Join(out, filepath.Base(filepath.Dir(f))+".csv"), rows, named); err != nil {
			return err
		}
		lines += len(rows)
	}
	fmt.Printf("loghub: %d lines of %d sets by operator templates in %s\n", lines, len(files), time.Since(start).Round(time.Millisecond))
	return nil
}

// strip reads the lines of a file, and nothing else of it.
func strip(path string) ([]line, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.LazyQuotes, r.FieldsPerRecord = true, -1
	head, err := r.Read()
	if err != nil {
		return nil, err
	}
	id, content := slices.Index(head, "LineId"), slices.Index(head, "Content")
	if id < 0 || content < 0 {
		return nil, fmt.Errorf("has no columns LineId and Content, but %q", head)
	}
	var lines []line
	for {
		row, err := r.Read()
		if err == io.EOF {
			return lines, nil
		}
		if err != nil {
			return nil, err
		}
		if len(row) <= max(id, content) {
			return nil, fmt.Errorf("row %d has %d columns", len(lines)+1, len(row))
		}
		lines = append(lines, line{strings.Clone(row[id]), strings.Clone(row[content])})
	}
}

// named is a template's id when its line came, and what its text was in the end.
type named struct{ id, text string }

// mine feeds lines to the operator, one by one, and returns the template of each.
func mine(lines []line) ([]named, error) {
	op, err := newOperator()
	if err != nil {
		return nil, err
	}
	defer op.Close()
	table := pipeline.NewSeriesTable(nil, 0)
	env := &pipeline.Env{Allocator: memory.DefaultAllocator, Series: table, Metrics: &pipeline.Metrics{}, Lose: func(string, int) {}}
	if err := op.Open(env); err != nil {
		return nil, err
	}
	stream, err := table.Intern("", "", pipeline.Stream, nil)
	if err != nil {
		return nil, err
	}
	got := &points{}
	cols := pipeline.NewColumns(table)
	for i, l := range lines {
		cols.Log(stream, int64(i), 0, []byte(l.content))
		for _, b := range cols.Batches(pipeline.Position{}) {
			err := op.Process(b, got)
			b.Release()
			if err != nil {
				return nil, err
			}
		}
	}
	if len(got.ids) != len(lines) {
		return nil, fmt.Errorf("the operator counted %d of %d lines", len(got.ids), len(lines))
	}
	return name(op, got.ids)
}

func newOperator() (pipeline.Operator, error) {
	r := pipeline.NewRegistry()
	templates.Register(r)
	entry, _ := r.Operator(templates.Spec().Name)
	settings := pipeline.Settings{}
	for _, s := range entry.Spec.Settings {
		if s.Default != nil {
			settings[s.Name] = s.Default
		}
	}
	return entry.New(settings)
}

// points takes what the operator emits.
type points struct{ ids []string }

// Emit implements pipeline.Emitter.
func (p *points) Emit(b pipeline.Batch) error {
	for _, s := range b.Record.Column(pipeline.PointSeries).(*array.Uint32).Uint32Values() {
		p.ids = append(p.ids, b.Series.At(s).Labels.Get("template"))
	}
	b.Release()
	return nil
}

// name finds what became of templates in the operator's state.
func name(op pipeline.Operator, ids []string) ([]named, error) {
	frozen, err := op.(pipeline.Snapshotter).Snapshot()
	if err != nil {
		return nil, err
	}
	defer frozen.Release()
	var b bytes.Buffer
	if err := frozen.Write(&b); err != nil {
		return nil, err
	}
	texts, into := map[string]string{}, map[string]string{}
	if _, err := state.Inspect(&b, func(t state.TableInfo, r state.Row) error {
		switch t.Table {
		case "templates":
			texts[r.Value(0).(string)] = strings.Clone(r.Value(1).(string))
		case "merges":
			into[r.Value(0).(string)] = strings.Clone(r.Value(1).(string))
		}
		return nil
	}); err != nil {
		return nil, err
	}
	all := make([]named, len(ids))
	for i, id := range ids {
		now, text, ok := id, "", false
		for text, ok = texts[now]; !ok; text, ok = texts[now] {
			if now = into[now]; now == "" {
				return nil, fmt.Errorf("line %d: template %s was forgotten", i+1, id)
			}
		}
		all[i] = named{now, text}
	}
	return all, nil
}

func save(path string, lines []line, of []named) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := csv.NewWriter(f)
	_ = w.Write([]string{"LineId", "EventId", "EventTemplate"})
	for i, l := range lines {
		_ = w.Write([]string{l.id, of[i].id, of[i].text})
	}
	w.Flush()
	if err := w.Error(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

package file

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/google/go-cmp/cmp"
	"github.com/homeostat/homeostat/pipeline"
)

// settings returns the defaults with changes.
func settings(root string, changes pipeline.Settings) pipeline.Settings {
	s := pipeline.Settings{"root": root, "paths": []any{"*.csv"}, "time": pipeline.Settings{"column": "t", "format": "auto", "timezone": "UTC"}}
	for _, d := range Spec().Settings {
		if d.Default != nil {
			s[d.Name] = d.Default
		}
	}
	for k, v := range changes {
		s[k] = v
	}
	return s
}

type result struct {
	rows    []string // time in seconds, series, value
	lost    map[string]int
	batches []int
	log     string
}

func read(t testing.TB, s pipeline.Settings) (result, error) {
	t.Helper()
	src, err := New(s)
	if err != nil {
		return result{}, err
	}
	out := result{lost: map[string]int{}}
	var log bytes.Buffer
	env := &pipeline.Env{Allocator: memory.NewGoAllocator(), Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Lose: func(reason string, n int) { out.lost[reason] += n }}
	table := pipeline.NewSeriesTable(nil, 1000)
	if err := src.Open(context.Background(), env, table); err != nil {
		return out, err
	}
	defer src.Close()
	for last := int64(0); ; {
		in, err := src.Next(context.Background())
		if err == io.EOF {
			out.log = log.String()
			return out, nil
		}
		if err != nil {
			return out, err
		}
		rec := in.Batch.Record
		if in.Next != last+rec.NumRows() || in.Batch.Position.First != last {
			t.Errorf("position %+v after %d rows", in.Batch.Position, last)
		}
		last = in.Next
		out.batches = append(out.batches, in.Batch.Rows())
		for i := range in.Batch.Rows() {
			out.rows = append(out.rows, fmt.Sprintf("%v %s %v", float64(rec.Column(pipeline.PointTime).(*array.Int64).Value(i))/1e9,
				table.At(rec.Column(pipeline.PointSeries).(*array.Uint32).Value(i)).Key(), rec.Column(pipeline.PointValue).(*array.Float64).Value(i)))
		}
		in.Batch.Release()
		in.Release()
	}
}

func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		data := []byte(text)
		if strings.HasSuffix(name, ".gz") {
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			z.Write(data)
			z.Close()
			data = b.Bytes()
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func list1(items ...string) []any {
	out := make([]any, len(items))
	for i, s := range items {
		out[i] = s
	}
	return out
}

func TestSource(t *testing.T) {
	for _, c := range []struct {
		fact     string
		files    map[string]string
		settings pipeline.Settings
		want     string
		lost     map[string]int
	}{{
		fact:  "wide: a series a column",
		files: map[string]string{"a.csv": "t,cpu,mem\n10,1,2\n20,3,4\n"},
		want:  "10 cpu{} 1; 10 mem{} 2; 20 cpu{} 3; 20 mem{} 4",
	}, {
		fact:  "an empty cell is no value and no loss",
		files: map[string]string{"a.csv": "t,cpu,mem\n10,,2\n20,3,\n30,,\n"},
		want:  "10 mem{} 2; 20 cpu{} 3",
	}, {
		fact:  "files are merged by time, then path, then column",
		files: map[string]string{"b.csv": "t,y,x\n10,1,2\n30,3,4\n", "a.csv": "t,z\n10,5\n20,6\n40,7\n"},
		want:  "10 z{} 5; 10 y{} 1; 10 x{} 2; 20 z{} 6; 30 y{} 3; 30 x{} 4; 40 z{} 7",
	}, {
		fact:     "gzip by the name's end, and globs over folders",
		files:    map[string]string{"m/a.csv.gz": "t,z\n10,5\n", "m/b.csv.gz": "t,z\n11,6\n", "n/c.csv.gz": "t,z\n12,7\n", "n/c.csv": "nothing"},
		settings: pipeline.Settings{"paths": list1("*/*.gz", "m/a*")},
		want:     "10 z{} 5; 11 z{} 6; 12 z{} 7",
	}, {
		fact:     "metrics names and chooses columns",
		files:    map[string]string{"a.csv": "t,Cpu(m),Mem,Name\n10,1,2,x\n"},
		settings: pipeline.Settings{"metrics": map[string]any{"Cpu(m)": "cpu.usage"}},
		want:     "10 cpu.usage{} 1",
	}, {
		fact:     "include beside metrics takes others under their own name",
		files:    map[string]string{"a.csv": "t,Cpu(m),Mem,Name\n10,1,2,x\n"},
		settings: pipeline.Settings{"metrics": map[string]any{"Cpu(m)": "cpu.usage"}, "include": list1("*"), "exclude": list1("N*")},
		want:     "10 cpu.usage{} 1; 10 Mem{} 2",
	}, {
		fact:     "labels: fixed, from the path, from cells",
		files:    map[string]string{"pods/cart-1_metric.csv": "t,zone,cpu\n10,a,1\n20,b,2\n30,,3\n"},
		settings: pipeline.Settings{"paths": list1("*/*"), "labels": map[string]any{"env": "prod"}, "label_columns": map[string]any{"az": "zone"}, "file_labels": `/(?P<pod>(?P<service>[a-z]+)-[0-9]+)_metric`},
		want:     `10 cpu{az="a",env="prod",pod="cart-1",service="cart"} 1; 20 cpu{az="b",env="prod",pod="cart-1",service="cart"} 2; 30 cpu{env="prod",pod="cart-1",service="cart"} 3`,
	}, {
		fact:     "columns that are call edges",
		files:    map[string]string{"e.csv": "time,t,front_cart,cart_db\nx,10,1,2\n"},
		settings: pipeline.Settings{"metric": "latency", "column_labels": `^(?P<caller>[a-z]+)_(?P<callee>[a-z]+)$`},
		want:     `10 latency{callee="cart",caller="front"} 1; 10 latency{callee="db",caller="cart"} 2`,
	}, {
		fact:     "long: a point a row",
		files:    map[string]string{"a.csv": "t,name,host,value\n10,cpu,a,1\n10,mem,a,2\n20,cpu,b,3\n20,skip,b,3\n"},
		settings: pipeline.Settings{"format": "long", "metric_column": "name", "label_columns": map[string]any{"host": "host"}, "exclude": list1("skip"), "metrics": map[string]any{"mem": "memory"}, "include": list1("*")},
		want:     `10 cpu{host="a"} 1; 10 memory{host="a"} 2; 20 cpu{host="b"} 3`,
	}, {
		fact:     "long with one metric, as a counter",
		files:    map[string]string{"a.csv": "t,v\n10,1\n20,2\n"},
		settings: pipeline.Settings{"format": "long", "metric": "requests", "value_column": "v", "type": "cumulative"},
		want:     "10 requests:cumulative{} 1; 20 requests:cumulative{} 2",
	}, {
		fact:  "quotes, a byte order mark, CRLF, spaces, no last line end",
		files: map[string]string{"a.csv": "\xef\xbb\xbf\"t\",\"c \"\"x\"\", y\"\r\n 10 ,\" 1 \"\r\n\r\n20, 2"},
		want:  `10 c \"x\"\, y{} 1; 20 c \"x\"\, y{} 2`,
	}, {
		fact:     "another delimiter",
		files:    map[string]string{"a.csv": "t;c\n10;1\n"},
		settings: pipeline.Settings{"delimiter": ";"},
		want:     "10 c{} 1",
	}, {
		fact:  "what can't be used is lost by reason, and the rest goes on",
		files: map[string]string{"a.csv": "t,c,d\n10,1\n11,1,2,3\nnever,1,2\n12,x,2\n13,NaN,+Inf\n14,\"1,2\n15,\"1\"2,3\n16,1,2\n"},
		want:  "12 d{} 2; 16 c{} 1; 16 d{} 2",
		lost:  map[string]int{"fields": 4, "time": 1, "value": 1, "not_finite": 2},
	}, {
		fact:     "an empty metric name",
		files:    map[string]string{"a.csv": "t,name,value\n10,,1\n"},
		settings: pipeline.Settings{"format": "long", "metric_column": "name"},
		lost:     map[string]int{"metric": 1},
	}, {
		fact:     "a line that is too long",
		files:    map[string]string{"a.csv": "t,c\n10," + strings.Repeat("1", 200_000) + "\n20,2\n"},
		settings: pipeline.Settings{"max_line": int64(100_000)},
		want:     "20 c{} 2",
		lost:     map[string]int{"line": 1},
	}, {
		fact:  "a row that goes back in time",
		files: map[string]string{"a.csv": "t,c,d\n10,1,1\n20,2,2\n15,3,3\n20,4,\n30,5,5\n"},
		want:  "10 c{} 1; 10 d{} 1; 20 c{} 2; 20 d{} 2; 20 c{} 4; 30 c{} 5; 30 d{} 5",
		lost:  map[string]int{"disorder": 2},
	}, {
		fact:     "unless it may be reordered",
		files:    map[string]string{"a.csv": "t,c\n10,1\n20,2\n15,3\n40,4\n12,9\n"},
		settings: pipeline.Settings{"reorder": 10 * time.Second},
		want:     "10 c{} 1; 15 c{} 3; 20 c{} 2; 40 c{} 4",
		lost:     map[string]int{"disorder": 1},
	}} {
		t.Run(c.fact, func(t *testing.T) {
			got, err := read(t, settings(folder(t, c.files), c.settings))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, strings.Join(got.rows, "; ")); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
			if c.lost == nil {
				c.lost = map[string]int{}
			}
			if diff := cmp.Diff(c.lost, got.lost); diff != "" {
				t.Errorf("lost (-want +got):\n%s", diff)
			}
			if (len(c.lost) > 0) != strings.Contains(got.log, "a.csv:") {
				t.Errorf("log: %q", got.log)
			}
		})
	}
}

func TestFaults(t *testing.T) {
	one := map[string]string{"a.csv": "t,c\n10,1\n"}
	for _, c := range []struct {
		code, text string
		files      map[string]string
		settings   pipeline.Settings
	}{
		{code: "file.paths.nothing", files: one, settings: pipeline.Settings{"paths": list1("*.tsv")}},
		{code: "file.header.missing", files: map[string]string{"a.csv": ""}, text: "a.csv"},
		{code: "file.header.unreadable", files: map[string]string{"a.csv": "t,\"c\n"}, text: "a.csv:1"},
		{code: "file.header.column", files: map[string]string{"a.csv": "time,c\n"}, text: "a.csv:1"},
		{code: "file.header.column", files: map[string]string{"a.csv": "\x1b[2J\xff,c\n"}, text: `the columns are "\x1b[2J\xff", c`},
		{code: "file.header.column", files: map[string]string{"a.csv": strings.Repeat("x", 1000) + ",c\n"}, text: `xxx"…, c`},
		{code: "file.header.duplicate", files: map[string]string{"a.csv": "t,c,t\n"}},
		{code: "file.header.ambiguous", files: map[string]string{"a.csv": "t,c,d\n"}, settings: pipeline.Settings{"metric": "m"}},
		{code: "file.header.values", files: map[string]string{"a.csv": "t,c\n"}, settings: pipeline.Settings{"exclude": list1("c")}},
		{code: "file.metrics.unknown", files: one, settings: pipeline.Settings{"metrics": map[string]any{"c": "c", "x": "y"}}},
		{code: "file.labels.mismatch", files: one, settings: pipeline.Settings{"file_labels": "(?P<x>zzz)"}, text: "a.csv"},
		{code: "file.size", files: map[string]string{"a.csv.gz": "t,c\n" + strings.Repeat("10,1\n", 1_000_000)}, settings: pipeline.Settings{"paths": list1("*.gz"), "max_file": int64(1 << 20)}, text: "a.csv.gz:2097"},
		{code: "file.delimiter", files: one, settings: pipeline.Settings{"delimiter": ",,"}},
		{code: "file.pattern", files: one, settings: pipeline.Settings{"include": list1("a[")}},
		{code: "file.expression", files: one, settings: pipeline.Settings{"file_labels": "("}},
		{code: "file.expression.groups", files: one, settings: pipeline.Settings{"file_labels": "(a)"}},
		{code: "file.long.metric", files: one, settings: pipeline.Settings{"format": "long"}},
		{code: "file.wide.metric", files: one, settings: pipeline.Settings{"metric_column": "x"}},
		{code: "file.time.format", files: one, settings: pipeline.Settings{"time": pipeline.Settings{"column": "t", "format": "yyyy-mm-dd"}}},
		{code: "file.time.zone", files: one, settings: pipeline.Settings{"time": pipeline.Settings{"column": "t", "timezone": "Nowhere"}}},
	} {
		t.Run(c.code, func(t *testing.T) {
			_, err := read(t, settings(folder(t, c.files), c.settings))
			if pipeline.Code(err) != c.code || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestBrokenGzip: what was packed badly or cut short is an error with its place, never an early end.
func TestBrokenGzip(t *testing.T) {
	dir := folder(t, map[string]string{"a.csv.gz": "t,c\n" + strings.Repeat("10,1\n20,2\n30,3\n", 10_000), "b.csv": ""})
	path := filepath.Join(dir, "a.csv.gz")
	whole, _ := os.ReadFile(path)
	s := settings(dir, pipeline.Settings{"paths": list1("a*"), "reorder": time.Minute})
	for name, data := range map[string][]byte{"file.read": whole[:len(whole)/2], "file.gzip": []byte("t,c\n10,1\n")} {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := read(t, s); pipeline.Code(err) != name || !strings.Contains(err.Error(), "a.csv.gz") {
			t.Errorf("want %s, got %v", name, err)
		}
	}
}

func TestBatchesAreFullAndRowsAreNotTorn(t *testing.T) {
	var b strings.Builder
	b.WriteString("t,a,b,c\n")
	for i := range 10_000 {
		fmt.Fprintf(&b, "%d,%d,%d,%d\n", i, i, i, i)
	}
	got, err := read(t, settings(folder(t, map[string]string{"a.csv": b.String()}), nil))
	if err != nil || len(got.rows) != 30_000 {
		t.Fatalf("%d rows, %v", len(got.rows), err)
	}
	if diff := cmp.Diff([]int{8192, 8192, 8192, 5424}, got.batches); diff != "" {
		t.Error(diff)
	}
	for i, row := range got.rows {
		if want := fmt.Sprintf("%d %c{} %d", i/3, 'a'+i%3, i/3); row != want {
			t.Fatalf("row %d is %q, want %q", i, row, want)
		}
	}
}

func TestSeriesLimit(t *testing.T) {
	var b strings.Builder
	b.WriteString("t,name,value\n")
	for i := range 1500 {
		fmt.Fprintf(&b, "%d,m%d,1\n", i, i)
	}
	got, err := read(t, settings(folder(t, map[string]string{"a.csv": b.String()}), pipeline.Settings{"format": "long", "metric_column": "name"}))
	if err != nil || len(got.rows) != 1000 || got.lost["series"] != 500 {
		t.Errorf("%d rows, lost %v, %v", len(got.rows), got.lost, err)
	}
}

func TestCloseEarlyAndTwice(t *testing.T) {
	src, err := New(settings(folder(t, map[string]string{"a.csv": "t,c\n10,1\n"}), nil))
	if err != nil {
		t.Fatal(err)
	}
	env := &pipeline.Env{Logger: slog.New(slog.DiscardHandler), Lose: func(string, int) {}}
	for range 2 {
		if err := src.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := src.Open(context.Background(), env, pipeline.NewSeriesTable(nil, 0)); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := src.Close(); err != nil {
			t.Error(err)
		}
	}
}

package file

import (
	"context"
	"io"
	"log/slog"
	"os"
	"testing"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/homeostat/homeostat/pipeline"
)

// drain reads a source to its end and returns its rows, series and losses. Rows must come in order of time.
func drain(t testing.TB, s pipeline.Settings) (rows, series int, lost map[string]int) {
	t.Helper()
	src, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	lost = map[string]int{}
	env := &pipeline.Env{Logger: slog.New(slog.DiscardHandler), Lose: func(reason string, n int) { lost[reason] += n }}
	table := pipeline.NewSeriesTable(nil, 0)
	if err := src.Open(context.Background(), env, table); err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	for last := int64(0); ; {
		in, err := src.Next(context.Background())
		if err == io.EOF {
			return rows, table.Len(), lost
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range in.Batch.Record.Column(pipeline.PointTime).(*array.Int64).Int64Values() {
			if at < last {
				t.Fatalf("time goes back from %d to %d", last, at)
			}
			last = at
		}
		rows += in.Batch.Rows()
		in.Batch.Release()
	}
}

const data = "../../../shared/data/"

func needs(t *testing.T, path string) string {
	t.Helper()
	if _, err := os.Stat(data + path); err != nil {
		t.Skipf("the evaluation data %s is not here", path)
	}
	return data + path
}

func TestNAB(t *testing.T) {
	rows, series, lost := drain(t, settings(needs(t, "nab/data"), pipeline.Settings{
		"paths": list1("*/*.csv"), "file_labels": `(?P<entity>[^/]+)\.csv$`,
		"time": pipeline.Settings{"column": "timestamp", "format": "2006-01-02 15:04:05"},
	}))
	t.Logf("%d rows of %d series, lost %v", rows, series, lost)
	if series != 28 || rows+lost["disorder"] != 192_119 {
		t.Errorf("%d rows of %d series, lost %v", rows, series, lost)
	}
}

func TestNezha(t *testing.T) {
	root := needs(t, "nezha/onlineboutique-2022-08-22")
	at := pipeline.Settings{"column": "TimeStamp", "format": "unix"}
	for name, c := range map[string]struct {
		settings     pipeline.Settings
		series, rows int
	}{
		"pods": {pipeline.Settings{"paths": list1("metric/*_metric.csv.gz"), "time": at, "exclude": list1("Time", "PodName"),
			"file_labels": `(?P<pod>(?P<service>[a-z]+)-[0-9a-z]+-[0-9a-z]+)_metric`}, 9 * 19, 9 * 423 * 19},
		"front": {pipeline.Settings{"paths": list1("metric/front_service.csv.gz"), "time": at, "metrics": map[string]any{"SuccessRate(%)": "success", "LatencyP95(s)": "latency"},
			"label_columns": map[string]any{"service": "ServiceName"}}, 2, 2 * 423},
		"edges": {pipeline.Settings{"paths": list1("metric/source_50.csv.gz"), "time": pipeline.Settings{"column": "timestamp"}, "metric": "edge.latency",
			"column_labels": `^(?P<caller>[a-z]+)_(?P<callee>[a-z]+)$`}, 14, 14 * 423},
	} {
		t.Run(name, func(t *testing.T) {
			rows, series, lost := drain(t, settings(root, c.settings))
			t.Logf("%d rows of %d series, lost %v", rows, series, lost)
			if series != c.series || rows+lost["not_finite"] > c.rows || rows < c.rows*9/10 || len(lost) > 1 {
				t.Errorf("%d rows of %d series, lost %v", rows, series, lost)
			}
		})
	}
}

// Package nab runs a pipeline over the series of the Numenta Anomaly Benchmark, or any others of the same layout,
// data/CATEGORY/NAME.csv with the columns timestamp and value, and writes how each row was judged, in the form that the
// benchmark's scorers want.
//
// The judgements are those that the pipeline itself gives out: its operator export writes the series anomaly.score to a topic, or in a
// backtest to a file. A window is known when its last row is, so its score is that row's; rows without a score have 0.
package nab

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
	"github.com/homeostat/homeostat/sinks/file"
)

// Bench is a pipeline to be measured.
type Bench struct {
	Program string // the homeostat binary
	Config  string // the pipeline's file
}

// Layout is how the benchmark writes times.
const Layout = "2006-01-02 15:04:05"

// name is a file without its folder and its end, as the pipeline's labels say.
type name struct{ Category, Series string }

// judged is the score of one window, times in Unix milliseconds.
type judged struct {
	start, end int64
	score      float64
}

// Run judges each file below data/data and writes out/CATEGORY/NAME.csv for each, with a line for each of its rows.
func (b Bench) Run(ctx context.Context, data, out string) error {
	files, err := filepath.Glob(filepath.Join(data, "data", "*", "*.csv"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("there is no file %s", filepath.Join(data, "data", "CATEGORY", "NAME.csv"))
	}
	work, err := os.MkdirTemp("", "quality-nab-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	start := time.Now()
	run := exec.CommandContext(ctx, b.Program, "backtest", "-c", b.Config, "--input", filepath.Join(data, "data"), "--out", work)
	if said, err := run.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", b.Config, err, said)
	}
	scores, err := read(filepath.Join(work, file.Other))
	if err != nil {
		return err
	}
	rows := 0
	for _, f := range files {
		of := name{filepath.Base(filepath.Dir(f)), filepath.Base(f[:len(f)-len(".csv")])}
		n, err := write(f, filepath.Join(out, of.Category, of.Series+".csv"), scores[of])
		if err != nil {
			return err
		}
		rows += n
	}
	fmt.Printf("nab: %d rows of %d series by %s in %s\n", rows, len(files), b.Config, time.Since(start).Round(time.Millisecond))
	return nil
}

// read returns the windows' scores of each series, in order of time; of several detectors the highest.
func read(path string) (map[name][]judged, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the pipeline gave no scores: give a detector scores: true, and an export of %s after it: %w", pipeline.ScoreMetric, err)
	}
	defer f.Close()
	scores := map[name][]judged{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e struct {
			Type string
			Data struct {
				Name   string
				Labels name
				Start  int64   `json:"window_start"`
				End    int64   `json:"window_end"`
				Score  float64 `json:"last"`
			}
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if e.Type == schemas.TypeExport && e.Data.Name == pipeline.ScoreMetric {
			scores[e.Data.Labels] = append(scores[e.Data.Labels], judged{e.Data.Start, e.Data.End, e.Data.Score})
		}
	}
	for of, list := range scores {
		slices.SortStableFunc(list, func(a, b judged) int { return int(a.start - b.start) })
		kept := list[:0]
		for _, j := range list {
			if n := len(kept); n > 0 && kept[n-1].start == j.start {
				kept[n-1].score = max(kept[n-1].score, j.score)
			} else {
				kept = append(kept, j)
			}
		}
		scores[of] = kept
	}
	return scores, lines.Err()
}

// write copies a file with the scores of its rows, and returns their number.
func write(from, to string, windows []judged) (int, error) {
	f, err := os.Open(from)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil || len(rows) == 0 || len(rows[0]) < 2 {
		return 0, fmt.Errorf("%s is no CSV file with a header of timestamp and value: %v", from, err)
	}
	rows = rows[1:]
	scores := make([]float64, len(rows))
	last := map[int]int{} // row by window
	for i, r := range rows {
		t, err := time.Parse(Layout, r[0])
		if err != nil {
			return 0, fmt.Errorf("%s, row %d: %w", from, i+1, err)
		}
		if k := at(windows, t.UnixMilli()); k >= 0 {
			last[k] = i
		}
	}
	for k, i := range last {
		scores[i] = windows[k].score
	}
	return len(rows), save(to, rows, scores)
}

// at returns the window that a time lies in, -1 if there is none. One of a single instant has an end that is its start.
func at(windows []judged, t int64) int {
	k, found := slices.BinarySearchFunc(windows, t, func(j judged, t int64) int { return int(j.start - t) })
	if !found {
		k--
	}
	if k < 0 || !found && t >= windows[k].end {
		return -1
	}
	return k
}

func save(path string, rows [][]string, scores []float64) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	_, _ = io.WriteString(w, "timestamp,value,anomaly_score\n")
	for i, r := range rows {
		_, _ = fmt.Fprintf(w, "%s,%s,%s\n", r[0], r[1], strconv.FormatFloat(scores[i], 'g', -1, 64))
	}
	if err = w.Flush(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/homeostat/homeostat/pipeline"
)

// ReadLabels reads what is known to have been abnormal. The file is either JSON lines with start and end in Unix seconds, and whatever else
// is worth to be read as their text; or one JSON object of file names with lists of two times, as the Numenta Anomaly Benchmark has them, of
// which the entry counts whose name ends like input.
func ReadLabels(path, input string) ([]Label, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, pipeline.Errorf("report.labels", "labels can't be read: %w: name a file with --labels, or leave it out", err)
	}
	var byFile map[string][][2]string
	if json.Unmarshal(data, &byFile) == nil {
		return windows(path, byFile, input)
	}
	var out []Label
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		l, err := incident(lines.Bytes())
		if err != nil {
			return nil, pipeline.Errorf("report.labels", "line %d of %s is no label: %w: write {\"start\": 1661140434, \"end\": 1661140614} with times in Unix seconds", n, path, err)
		}
		out = append(out, l)
	}
	return out, lines.Err()
}

func incident(line []byte) (Label, error) {
	var l struct{ Start, End float64 }
	if err := json.Unmarshal(line, &l); err != nil {
		return Label{}, err
	}
	if l.Start <= 0 || l.End < l.Start {
		return Label{}, fmt.Errorf("it goes from %v to %v", l.Start, l.End)
	}
	return Label{int64(l.Start * 1e9), int64(l.End * 1e9), string(line)}, nil
}

func windows(path string, byFile map[string][][2]string, input string) ([]Label, error) {
	var names []string
	for name := range byFile {
		if strings.HasSuffix(input, name) || strings.HasSuffix(name, "/"+input) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if len(names) == 0 {
		return nil, pipeline.Errorf("report.labels", "%s has no labels of %s: give the one file that they are of with --input", path, input)
	}
	var out []Label
	for _, w := range byFile[names[0]] {
		l := Label{Text: names[0]}
		for i, to := range []*int64{&l.From, &l.To} {
			t, err := time.Parse("2006-01-02 15:04:05", w[i])
			if err != nil {
				return nil, pipeline.Errorf("report.labels", "%s, %s: %w: write times as 2014-04-10 07:15:00.000000", path, names[0], err)
			}
			*to = t.UnixNano()
		}
		out = append(out, l)
	}
	return out, nil
}

package nab

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/homeostat/homeostat/schemas"
)

// findings is the file of a backtest that holds findings.
const findings = "finding.v1.jsonl"

// Find runs a pipeline of several detectors over each file below data/data and leaves its findings in out.
func (b Bench) Find(ctx context.Context, data, out string) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	run := exec.CommandContext(ctx, b.Program, "backtest", "-c", b.Config, "--input", filepath.Join(data, "data"), "--out", out)
	if said, err := run.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", b.Config, err, said)
	}
	return nil
}

// stretch is a label: something is abnormal between from and to, and the label stands at.
type stretch struct{ from, to, at time.Time }

// truth is what is labelled of a file, and the time it spans, of which quiet is not labelled.
type truth struct {
	labels []stretch
	quiet  time.Duration
}

// record is how a detector did. A finding counts when it is more than info for the first time: what is info opens no incident.
type record struct {
	detector     string
	false, found int // findings outside of labels, and labels in which there was one
	habits       int // findings outside of labels that began as info
	delays       []time.Duration
	known        map[string]bool  // findings that count
	hit          map[stretch]bool // labels that were found
}

func (d *record) take(f *schemas.Finding, end time.Time, labels []stretch) {
	i := slices.IndexFunc(labels, func(s stretch) bool { return !end.Before(s.from) && !end.After(s.to) })
	switch {
	case d.known[f.Finding]:
	case f.Severity == "info":
		if i < 0 && f.Revision == 0 {
			d.habits++
		}
	default:
		d.known[f.Finding] = true
		if i < 0 {
			d.false++
		} else if !d.hit[labels[i]] {
			d.hit[labels[i]] = true
			d.found, d.delays = d.found+1, append(d.delays, end.Sub(labels[i].at))
		}
	}
}

// bare is a step of a pipeline without settings, which is what detectors at their defaults are.
var bare = regexp.MustCompile(`(?m)^  - (\w+)$`)

// detectors returns the names of the detectors in the pipeline.
func (b Bench) detectors() ([]string, error) {
	text, err := os.ReadFile(b.Config)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, found := range bare.FindAllSubmatch(text, -1) {
		names = append(names, string(found[1]))
	}
	return names, nil
}

// Compare prints of each detector how many findings it had outside of the labels, in how many labels it had one, and how long after
// the labelled time the first of these was known.
func (b Bench) Compare(_ context.Context, _, data, out string) error {
	known, err := readTruth(data)
	if err != nil {
		return err
	}
	names, err := b.detectors()
	if err != nil {
		return err
	}
	records, err := readRecords(filepath.Join(out, findings), names, known)
	if err != nil {
		return err
	}
	var quiet time.Duration
	labels := 0
	for _, t := range known {
		quiet, labels = quiet+t.quiet, labels+len(t.labels)
	}
	days := quiet.Hours() / 24
	fmt.Printf("\nDetectors at their defaults: %d files, %.0f quiet days, %d windows\n%-12s %16s %18s %10s %16s %10s\n", len(known), days, labels,
		"detector", "false findings", "a series and day", "found", "median delay", "habits")
	for _, r := range records {
		delay := "–"
		if n := len(r.delays); n > 0 {
			slices.Sort(r.delays)
			delay = r.delays[n/2].String()
		}
		fmt.Printf("%-12s %16d %18.3f %10d %16s %10d\n", r.detector, r.false, float64(r.false)/days, r.found, delay, r.habits)
	}
	return nil
}

// readTruth reads the labels of the files below data/data.
func readTruth(data string) (map[name]truth, error) {
	var windows map[string][][2]string
	var points map[string][]string
	for file, into := range map[string]any{"combined_windows.json": &windows, "combined_labels.json": &points} {
		text, err := os.ReadFile(filepath.Join(data, "labels", file))
		if err != nil {
			return nil, fmt.Errorf("the files have no labels to be compared with: %w", err)
		}
		if err := json.Unmarshal(text, into); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	known := map[name]truth{}
	files, err := filepath.Glob(filepath.Join(data, "data", "*", "*.csv"))
	for _, path := range files {
		of := name{filepath.Base(filepath.Dir(path)), filepath.Base(path[:len(path)-len(".csv")])}
		key := of.Category + "/" + of.Series + ".csv"
		t := truth{}
		if t.quiet, err = span(path); err != nil {
			return nil, err
		}
		for _, w := range windows[key] {
			s, err := readStretch(w, points[key])
			if err != nil {
				return nil, fmt.Errorf("labels of %s: %w", key, err)
			}
			t.labels, t.quiet = append(t.labels, s), t.quiet-s.to.Sub(s.from)
		}
		known[of] = t
	}
	return known, err
}

// readStretch reads a window and the label inside it.
func readStretch(window [2]string, points []string) (s stretch, err error) {
	var ends [2]time.Time
	for i, text := range window {
		if ends[i], err = time.Parse(Layout, text); err != nil {
			return s, err
		}
	}
	s = stretch{ends[0], ends[1], ends[0]}
	for _, p := range points {
		at, err := time.Parse(Layout, p)
		if err != nil {
			return s, err
		}
		if !at.Before(s.from) && !at.After(s.to) {
			s.at = at
			break
		}
	}
	return s, nil
}

// span returns the time between the first and the last row of a file.
func span(path string) (time.Duration, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil || len(rows) < 2 {
		return 0, fmt.Errorf("%s is no CSV file of rows: %v", path, err)
	}
	first, err := time.Parse(Layout, rows[1][0])
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	last, err := time.Parse(Layout, rows[len(rows)-1][0])
	return last.Sub(first), err
}

// readRecords compares the findings of detectors in a file with the labels.
func readRecords(path string, detectors []string, known map[name]truth) ([]*record, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	by := map[string]*record{}
	for _, detector := range detectors {
		by[detector] = &record{detector: detector, known: map[string]bool{}, hit: map[stretch]bool{}}
	}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e struct{ Data schemas.Finding }
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		end, err := time.Parse(time.RFC3339Nano, e.Data.End)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		d := by[e.Data.Detector]
		if d == nil {
			return nil, fmt.Errorf("%s: findings of %s, which is not in the pipeline", path, e.Data.Detector)
		}
		of := e.Data.Series.Labels
		d.take(&e.Data, end, known[name{of["category"], of["series"]}].labels)
	}
	var out []*record
	for _, detector := range slices.Sorted(maps.Keys(by)) {
		out = append(out, by[detector])
	}
	return out, lines.Err()
}

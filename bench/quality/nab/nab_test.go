package nab

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func lay(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestEachRowHasALine: the last row of a window has its score, also where timestamps repeat, and the others have none.
func TestEachRowHasALine(t *testing.T) {
	dir := t.TempDir()
	event := func(data string) string { return `{"type":"io.homeostat.export.v1","data":` + data + "}\n" }
	scores, err := read(lay(t, filepath.Join(dir, "other.jsonl"), event(`{"name":"anomaly.score","labels":{"series":"a","category":"c"},"window_start":600000,"window_end":900000,"last":0.5}`)+
		event(`{"name":"anomaly.score","labels":{"series":"a","category":"c"},"window_start":0,"window_end":0,"last":2}`)+
		event(`{"name":"anomaly.score","labels":{"series":"a","category":"c"},"window_start":0,"window_end":0,"last":1}`)+
		event(`{"name":"anomaly.score","labels":{"series":"a","category":"d"},"window_start":0,"window_end":300000,"last":9}`)+
		event(`{"name":"anomaly.expected","labels":{"series":"a","category":"c"},"window_start":300000,"window_end":600000,"last":7}`)+
		`{"type":"io.homeostat.finding.v1","data":{}}`+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	in := lay(t, filepath.Join(dir, "c", "a.csv"), "timestamp,value\n1970-01-01 00:00:00,1.50\n1970-01-01 00:05:00,2\n1970-01-01 00:00:00,3\n1970-01-01 00:10:00,4\n1970-01-01 00:14:59,5\n1970-01-01 00:15:00,6\n")
	out := filepath.Join(dir, "out", "c", "a.csv")
	n, err := write(in, out, scores[name{"c", "a"}])
	if err != nil || n != 6 {
		t.Fatal(n, err)
	}
	got, err := os.ReadFile(out)
	want := "timestamp,value,anomaly_score\n1970-01-01 00:00:00,1.50,0\n1970-01-01 00:05:00,2,0\n1970-01-01 00:00:00,3,2\n1970-01-01 00:10:00,4,0\n1970-01-01 00:14:59,5,0.5\n1970-01-01 00:15:00,6,0\n"
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s", err, got)
	}
	if n, err := write(in, out, nil); n != 6 || err != nil {
		t.Errorf("a series without scores: %d rows, %v", n, err)
	}
}

func TestWhatIsMissingIsSaid(t *testing.T) {
	dir := t.TempDir()
	if err := (Bench{}).Run(t.Context(), dir, dir); err == nil || !strings.Contains(err.Error(), "CATEGORY") {
		t.Error(err)
	}
	if _, err := read(filepath.Join(dir, "other.jsonl")); err == nil || !strings.Contains(err.Error(), "scores: true") {
		t.Error(err)
	}
	if err := Score(t.Context(), dir, dir, dir); err == nil || !strings.Contains(err.Error(), "there is no") {
		t.Error(err)
	}
	if _, err := write(lay(t, filepath.Join(dir, "x.csv"), "timestamp,value\nnoon,1\n"), filepath.Join(dir, "y.csv"), nil); err == nil {
		t.Error("a time that is none was taken")
	}
}

// TestRecords: what pages counts once, at the revision that does, inside a label or outside; what is info is counted apart.
func TestRecords(t *testing.T) {
	dir := t.TempDir()
	lay(t, filepath.Join(dir, "data", "c", "a.csv"), "timestamp,value\n1970-01-01 00:00:00,1\n1970-01-03 00:00:00,6\n")
	lay(t, filepath.Join(dir, "labels", "combined_windows.json"), `{"c/a.csv": [["1970-01-01 06:00:00.000000", "1970-01-01 18:00:00.000000"]]}`)
	lay(t, filepath.Join(dir, "labels", "combined_labels.json"), `{"c/a.csv": ["1970-01-01 12:00:00"]}`)
	known, err := readTruth(dir)
	if of := known[name{"c", "a"}]; err != nil || of.quiet != 36*time.Hour || len(of.labels) != 1 || of.labels[0].at.Hour() != 12 {
		t.Fatal(known, err)
	}
	finding := func(id string, revision int, at, severity string) string {
		return fmt.Sprintf(`{"data":{"finding":%q,"revision":%d,"detector":"d","severity":%q,"end":"1970-01-%sZ","series":{"labels":{"category":"c","series":"a"}}}}`+"\n", id, revision, severity, at)
	}
	records, err := readRecords(lay(t, filepath.Join(dir, findings), finding("1", 0, "01T01:00:00", "warning")+finding("1", 1, "01T13:00:00", "warning")+
		finding("2", 0, "01T13:00:00", "info")+finding("2", 1, "01T14:00:00", "warning")+finding("3", 0, "01T15:00:00", "warning")+finding("4", 0, "02T15:00:00", "info")), []string{"d", "quiet"}, known)
	if err != nil || len(records) != 2 || records[1].detector != "quiet" || records[1].false != 0 {
		t.Fatal(records, err)
	}
	if r := records[0]; r.detector != "d" || r.false != 1 || r.found != 1 || r.habits != 1 || len(r.delays) != 1 || r.delays[0] != 2*time.Hour {
		t.Errorf("%+v", r)
	}
}

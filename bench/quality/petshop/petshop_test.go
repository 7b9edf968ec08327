package petshop

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLay(t *testing.T) {
	data, out := t.TempDir(), t.TempDir()
	write := func(text string) {
		t.Helper()
		dir := filepath.Join(data, "low", "noissue")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "metrics.csv"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := Lay(data, out); err == nil || !strings.Contains(err.Error(), "SCENARIO") {
		t.Error(err)
	}
	write("microservice,a/b,c,d\nmetric,latency,requests,latency\nstatistic,p99,Sum,p50\nunix_timestamp,,,\n1692608400.0,0.5,,\n1692608700.0,0.25,7,\n1692609000.0,,8,\n")
	if err := Lay(data, out); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"data/low/001-a_b-latency-p99.csv": "timestamp,value\n2023-08-21 09:00:00,0.5\n2023-08-21 09:05:00,0.25\n",
		"data/low/002-c-requests-Sum.csv":  "timestamp,value\n2023-08-21 09:05:00,7\n2023-08-21 09:10:00,8\n",
		"labels/combined_windows.json":     "{}\n",
		"labels/combined_labels.json":      "{}\n",
	} {
		if got, err := os.ReadFile(filepath.Join(out, filepath.FromSlash(name))); err != nil || string(got) != want {
			t.Errorf("%s: %v\n%s", name, err, got)
		}
	}
	if files, _ := filepath.Glob(filepath.Join(out, "data", "low", "*")); len(files) != 2 {
		t.Errorf("a column without values has a file: %v", files)
	}
	for _, text := range []string{"", "a,b\nc,d\ne,f\ng,\n", "a,b\nc,d\ne,f\ng,\nnoon,1\n", "a,b\nc,d\ne,f\ng,\nNaN,1\n", "a,b\nc,d\n1,2,3\n"} {
		write(text)
		if err := Lay(data, out); err == nil {
			t.Errorf("taken: %q", text)
		}
	}
}

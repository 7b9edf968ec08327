package loghub

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func lay(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestEachLineHasItsTemplate: with the text that it has in the end, whatever the file says of templates.
func TestEachLineHasItsTemplate(t *testing.T) {
	dir := t.TempDir()
	lay(t, filepath.Join(dir, "in", "App", "App_2k.log_structured.csv"), "LineId,Level,Content,EventId,EventTemplate\n"+
		"1,INFO,login of user bob failed,E7,no such thing\n"+
		"2,INFO,\"took 3 ms, \"\"fast\"\"\",E8,no such thing\n"+
		"3,INFO,login of user u1234 failed,E9,no such thing either\n")
	out := filepath.Join(dir, "out")
	if err := Run(filepath.Join(dir, "in"), out); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(out, "App.csv"))
	rows := strings.Split(strings.TrimSpace(string(got)), "\n")
	if err != nil || len(rows) != 4 || rows[0] != "LineId,EventId,EventTemplate" {
		t.Fatalf("%v\n%s", err, got)
	}
	for i, want := range []string{"login of user <*> failed", `"took <*> ms, ""fast"""`, "login of user <*> failed"} {
		if !strings.HasSuffix(rows[i+1], ","+want) {
			t.Errorf("%s does not say %s", rows[i+1], want)
		}
	}
	if rows[1][2:] != rows[3][2:] {
		t.Errorf("%s and %s have different ids", rows[1], rows[3])
	}
}

func TestWhatIsMissingIsSaid(t *testing.T) {
	dir := t.TempDir()
	if err := Run(dir, dir); err == nil || !strings.Contains(err.Error(), "_structured.csv") {
		t.Error(err)
	}
	lay(t, filepath.Join(dir, "App", "App_2k.log_structured.csv"), "LineId,Text\n1,x\n")
	if err := Run(dir, dir); err == nil || !strings.Contains(err.Error(), "Content") {
		t.Error(err)
	}
	if err := Score(t.Context(), dir, dir, dir); err == nil || !strings.Contains(err.Error(), "SCORE") {
		t.Error(err)
	}
}

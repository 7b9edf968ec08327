package operatortest

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// LogSet is log lines of one program, without their heads.
type LogSet struct {
	Name  string
	Lines [][]byte
}

// LogHub reads the sets below a folder in LogHub's layout, NAME/*_2k.log_structured.csv with a column Content, in the order of their names. It
// returns none where there are none.
func LogHub(t testing.TB, folder string) (sets []LogSet) {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(folder, "*", "*_2k.log_structured.csv"))
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(f).ReadAll()
		f.Close()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		set, at := LogSet{Name: filepath.Base(filepath.Dir(name))}, slices.Index(rows[0], "Content")
		for _, r := range rows[1:] {
			set.Lines = append(set.Lines, []byte(r[at]))
		}
		sets = append(sets, set)
	}
	return sets
}

package config

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzParse feeds texts as configuration and as the file that it names: no panic, and each fault has a code, says
// something, and points into its file.
func FuzzParse(f *testing.F) {
	f.Add(full, fullFiles["conf/runbooks.yaml"], fullFiles["conf/calls.csv"])
	f.Add(small+"operate: [decide: {catalogue: runbooks.yaml}]\ntopology: {file: calls.csv}\n", "- a: [\n", "Source,Target\n\"")
	f.Add("a: &a [*a]\n<<: *a\n? {b: c}\n", "", "")
	f.Add("version: 1\nname: [x\n", "", "")
	f.Add("\ufeffversion: 1\r\nname: é\r\n---\n", "", "")
	f.Fuzz(func(t *testing.T, text, catalogue, calls string) {
		named := files{"conf/runbooks.yaml": catalogue, "conf/calls.csv": calls}
		texts := files{"conf/shop.yaml": text, "conf/runbooks.yaml": catalogue, "conf/calls.csv": calls}
		c, err := read(text, named)
		if err == nil {
			if c.Fingerprint() == "" || c.Name == "" || len(c.Sources) == 0 {
				t.Errorf("no faults, and yet the configuration is not whole: %+v", c)
			}
			return
		}
		var faults Faults
		if !errors.As(err, &faults) || len(faults) == 0 {
			t.Fatalf("error is %v, not faults", err)
		}
		for _, fault := range faults {
			lines := strings.Split(texts[fault.File], "\n")
			if fault.Line < 1 || fault.Line > len(lines) || fault.Column < 1 || fault.Column > utf8.RuneCountInString(lines[fault.Line-1])+1 {
				t.Errorf("fault points outside of its file: %s", fault)
			}
			if fault.Code == "" || fault.Message == "" || strings.Contains(fault.String(), "\n") {
				t.Errorf("fault has no code, no message or several lines: %q", fault)
			}
		}
	})
}

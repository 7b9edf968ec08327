package file_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/schemas"
	"github.com/homeostat/homeostat/sinks/file"
	"github.com/homeostat/homeostat/sinks/sinktest"
)

func TestConformance(t *testing.T) {
	sinktest.Run(t, func(t testing.TB) sinktest.Target {
		dir := filepath.Join(t.TempDir(), "out")
		return sinktest.Target{
			New: func() pipeline.Sink {
				s, err := file.NewSink(file.Config{Dir: dir})
				if err != nil {
					t.Fatal(err)
				}
				return s
			},
			Read: func() (events []schemas.Event) {
				entries, _ := os.ReadDir(dir)
				for _, entry := range entries {
					raw, err := os.ReadFile(filepath.Join(dir, entry.Name()))
					if err != nil {
						t.Fatal(err)
					}
					for _, line := range strings.SplitAfter(string(raw), "\n") {
						if !strings.HasSuffix(line, "\n") {
							continue
						}
						e, err := schemas.ReadJSON([]byte(line))
						if err != nil {
							t.Fatal(err)
						}
						events = append(events, e)
					}
				}
				return events
			},
			Break: func(s pipeline.Sink) { s.Close() },
		}
	})
}

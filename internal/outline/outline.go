// Package outline lays the files of a new component: a small one that works, with its tests, to be changed into what is wanted.
package outline

import (
	_ "embed" // the files
	"go/token"
	"regexp"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
)

//go:embed detector.go.txt
var detector string

//go:embed detector_test.go.txt
var detectorTest string

// File is a file to be written, its path from the top of the repository.
type File struct{ Path, Content string }

var names = regexp.MustCompile(`^[a-z][a-z0-9]*$`)

// Detector returns the files of a detector of one series with that name.
func Detector(name string) ([]File, error) {
	if !names.MatchString(name) || token.IsKeyword(name) || strings.HasSuffix(name, "test") {
		return nil, pipeline.Errorf("new.name", "%q is no name of a detector: use small letters and digits, as for a Go package, such as drift", name)
	}
	folder := "operators/detect/" + name + "/"
	fill := strings.NewReplacer("NAME", name)
	return []File{{folder + name + ".go", fill.Replace(detector)}, {folder + name + "_test.go", fill.Replace(detectorTest)}}, nil
}

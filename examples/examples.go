// Package examples holds pipelines that tests run, and the one that `homeostat demo` runs.
package examples

import "embed"

// Files are the pipelines and what they name.
//
//go:embed *.yaml
var Files embed.FS

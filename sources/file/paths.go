package file

import (
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"github.com/homeostat/homeostat/pipeline"
)

// base moves the part of a glob that leaves the root into the root.
func base(root, pattern string) (dir, rest string) {
	pattern = path.Clean(filepath.ToSlash(pattern))
	if root == "" {
		root = "."
	}
	if strings.HasPrefix(pattern, "/") {
		return "/", strings.TrimLeft(pattern, "/")
	}
	for {
		switch {
		case strings.HasPrefix(pattern, "./"):
			pattern = pattern[2:]
		case strings.HasPrefix(pattern, "../"):
			root, pattern = filepath.Join(root, ".."), pattern[3:]
		default:
			return root, pattern
		}
	}
}

// fitting returns the files that fit a glob, in order. Folders that fit are left out, but the one that is named without any
// wildcard stands for all files below it.
func fitting(fsys fs.FS, pattern string) ([]string, error) {
	found, err := fs.Glob(fsys, pattern)
	if err != nil {
		return nil, pipeline.Errorf("file.paths.glob", "files that fit %s can't be listed: %w", pattern, err)
	}
	var paths []string
	for _, path := range found {
		info, err := fs.Stat(fsys, path)
		switch {
		case err != nil || !info.IsDir():
			paths = append(paths, path) // what is wrong with it is said when it is opened
		case !strings.ContainsAny(pattern, `*?[\`):
			below, err := all(fsys, path)
			if err != nil {
				return nil, err
			}
			paths = append(paths, below...)
		}
	}
	return paths, nil
}

// all returns the files below a folder, in order.
func all(fsys fs.FS, folder string) (paths []string, err error) {
	err = fs.WalkDir(fsys, folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && (entry.Type().IsRegular() || entry.Type()&fs.ModeSymlink != 0) {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		return nil, pipeline.Errorf("file.paths.folder", "the files below %s can't be listed: %w", folder, err)
	}
	return paths, nil
}

func nothing(dir, pattern string) error {
	return pipeline.Errorf("file.paths.nothing", "no file fits %s in %s: check paths, and the folder that is read from", pattern, dir)
}

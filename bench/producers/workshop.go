package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// workshop is where producers are made, and where they stay for the next time.
type workshop struct {
	cache string
}

func openWorkshop() (*workshop, error) {
	user, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("no folder to keep the producers in: %w: set XDG_CACHE_HOME or HOME", err)
	}
	return &workshop{cache: filepath.Join(user, "homeostat", "producers")}, nil
}

// keep returns the folder that make fills, from the cache if it was made from the same things before.
func (w *workshop) keep(ctx context.Context, name string, from []string, make func(ctx context.Context, dir string) error) (string, error) {
	sum := sha256.Sum256([]byte(strings.Join(append(from, runtime.GOARCH), "\x00")))
	dir := filepath.Join(w.cache, name+"-"+hex.EncodeToString(sum[:6]))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(w.cache, 0o755); err != nil {
		return "", err
	}
	// What is unfinished has a name that nobody looks for.
	tmp, err := os.MkdirTemp(w.cache, name+"-unfinished-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	fmt.Printf("%s is made once and kept in %s\n", name, w.cache)
	ctx, cancel := context.WithTimeout(ctx, 30*time.Minute)
	defer cancel()
	if err := make(ctx, tmp); err != nil {
		return "", err
	}
	if err := os.Rename(tmp, dir); err != nil && !errors.Is(err, os.ErrExist) {
		if _, there := os.Stat(dir); there != nil {
			return "", err
		}
	}
	return dir, nil
}

// command runs a command in a folder to its end and returns what it printed. It is killed when ctx ends.
func command(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	// Without it what a killed command started would be waited for.
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return "", fmt.Errorf("%s: %w", name, context.Cause(ctx))
	}
	if err != nil {
		said := bytes.TrimSpace(out)
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, said[max(0, len(said)-2000):])
	}
	return string(out), nil
}

// goBuild is what Go is run with: static programs, whatever the work tree says.
var goBuild = []string{"CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-buildvcs=false -trimpath"}

// versionOf is what a program says of its version: the first group of the pattern in what it prints.
func (t *tools) versionOf(ctx context.Context, pattern string, args ...string) error {
	cmd := exec.CommandContext(ctx, t.program, args...)
	cmd.Env = append(os.Environ(), t.env...)
	out, err := cmd.CombinedOutput()
	if m := regexp.MustCompile(pattern).FindSubmatch(out); m != nil {
		t.version = string(m[1])
		return nil
	}
	return fmt.Errorf("%s does not tell its version (%v): %s", t.program, err, bytes.TrimSpace(out))
}

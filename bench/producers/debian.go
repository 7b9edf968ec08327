package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// debianPackages are the packages of a producer; what they depend on apt knows. Some exclude one another, so they are unpacked and not
// installed. What collectd's plugin for Kafka needs is only suggested there.
var debianPackages = map[string][]string{
	"rsyslog":   {"rsyslog", "rsyslog-kafka"},
	"syslog-ng": {"syslog-ng-core", "syslog-ng-mod-rdkafka"},
	"collectd":  {"collectd-core", "librdkafka1", "libyajl2"},
	"kcat":      {"kcat"},
}

// debian unpacks a producer's packages, and returns the folder with their files and the environment that their programs need.
func (w *workshop) debian(ctx context.Context, name string) (root string, env []string, err error) {
	for _, tool := range []string{"apt-get", "dpkg"} {
		if _, err := exec.LookPath(tool); err != nil {
			return "", nil, fmt.Errorf("it comes from Debian's packages, and there is no %s here: run this on Debian, or leave it out with -only", tool)
		}
	}
	release, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "", nil, err
	}
	packages := debianPackages[name]
	dir, err := w.keep(ctx, name, append([]string{string(release)}, packages...), func(ctx context.Context, dir string) error {
		return unpack(ctx, dir, packages)
	})
	if err != nil {
		return "", nil, err
	}
	var libraries []string
	for _, pattern := range []string{"usr/lib/*-linux-gnu*", "lib/*-linux-gnu*", "usr/lib/syslog-ng"} {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return "", nil, err
		}
		libraries = append(libraries, found...)
	}
	return dir, []string{"LD_LIBRARY_PATH=" + strings.Join(libraries, ":")}, nil
}

// unpack downloads packages, and those that they depend on and that this machine has not, and unpacks them into a folder.
func unpack(ctx context.Context, dir string, packages []string) error {
	download, err := os.MkdirTemp("", "homeostat-packages-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(download)
	told, err := command(ctx, download, nil, "apt-get", append([]string{"-qq", "--print-uris", "--no-install-recommends", "install"}, packages...)...)
	if err != nil {
		return fmt.Errorf("%w: run apt-get update if a package is not found", err)
	}
	all := slices.Clone(packages)
	for line := range strings.Lines(told) {
		// 'ADDRESS' NAME_VERSION_ARCHITECTURE.deb SIZE HASH
		if fields := strings.Fields(line); len(fields) > 1 && strings.HasSuffix(fields[1], ".deb") {
			if name, _, ok := strings.Cut(fields[1], "_"); ok && !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	if _, err := command(ctx, download, nil, "apt-get", append([]string{"-qq", "download"}, all...)...); err != nil {
		return fmt.Errorf("%w: run apt-get update if it is not found", err)
	}
	files, err := filepath.Glob(filepath.Join(download, "*.deb"))
	if err != nil {
		return err
	}
	for _, f := range files {
		if _, err := command(ctx, download, nil, "dpkg", "-x", f, dir); err != nil {
			return err
		}
	}
	return nil
}

// one finds the single file of a pattern below a folder.
func one(root, pattern string) (string, error) {
	found, err := filepath.Glob(filepath.Join(root, pattern))
	if err != nil {
		return "", err
	}
	if len(found) == 0 {
		return "", fmt.Errorf("the packages have no %s", pattern)
	}
	return found[0], nil
}

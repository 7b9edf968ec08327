package nab

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// frozen is the threshold of the committed configuration: a detector's score is 1 where a finding begins.
const frozen = "1"

// table is what the scorer says, by profile.
type table struct {
	Files    int
	Windows  int
	Profiles map[string]struct {
		Score     float64
		Threshold float64
		Detected  int `json:"windows_detected"`
		False     int `json:"rows_fp"`
	}
}

// Score prints the scorer's table of results in out, with the committed threshold and with the one that would have been best for
// these files.
func Score(ctx context.Context, scorers, data, out string) error {
	labels := filepath.Join(data, "labels", "combined_windows.json")
	script := filepath.Join(scorers, "nab_score.py")
	for path, hint := range map[string]string{script: "name its folder with SCORE", labels: "the files have no labels to be scored by"} {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("there is no %s: %s", path, hint)
		}
	}
	fixed, err := score(ctx, script, out, labels, "--threshold", frozen)
	if err != nil {
		return err
	}
	best, err := score(ctx, script, out, labels)
	if err != nil {
		return err
	}
	fmt.Printf("\nNAB: %d files, %d windows\n%-22s %18s %18s %14s %10s %10s\n", fixed.Files, fixed.Windows, "profile", "threshold "+frozen, "best threshold", "which is", "found", "false rows")
	for _, p := range []string{"standard", "reward_low_FP_rate", "reward_low_FN_rate"} {
		f, b := fixed.Profiles[p], best.Profiles[p]
		fmt.Printf("%-22s %18.2f %18.2f %14.4g %10d %10d\n", p, f.Score, b.Score, b.Threshold, f.Detected, f.False)
	}
	return nil
}

func score(ctx context.Context, script string, args ...string) (t table, err error) {
	cmd := exec.CommandContext(ctx, "python3", append([]string{script, "--json"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return t, fmt.Errorf("python3 %s: %w", script, err)
	}
	// The best threshold may be one that nothing reaches, for which JSON has no number.
	return t, json.Unmarshal(bytes.ReplaceAll(out, []byte("Infinity"), []byte("1e308")), &t)
}

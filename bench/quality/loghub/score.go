package loghub

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Score prints the scorer's table of results in out.
func Score(ctx context.Context, scorers, data, out string) error {
	script := filepath.Join(scorers, "logparse_score.py")
	if _, err := os.Stat(script); err != nil {
		return fmt.Errorf("there is no %s: name its folder with SCORE", script)
	}
	fmt.Println("\nLogHub: corrected templates")
	cmd := exec.CommandContext(ctx, "python3", script, data, out)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("python3 %s: %w", script, err)
	}
	return nil
}

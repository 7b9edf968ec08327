package main

import (
	"bufio"
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// machine says what the figures were measured on.
func machine() string {
	model := runtime.GOARCH
	if f, err := os.Open("/proc/cpuinfo"); err == nil {
		defer f.Close()
		for s := bufio.NewScanner(f); s.Scan(); {
			if name, value, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d CPUs, %s %s, one Apache Kafka node on the same machine, %s", model, runtime.NumCPU(), runtime.GOOS, runtime.Version(), time.Now().UTC().Format(time.DateOnly))
}

// load is the load average of the last minute; "" where there is none to be had.
func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	first, _, _ := strings.Cut(string(b), " ")
	return first
}

// usage is what a process has used.
type usage struct {
	cpu    time.Duration
	system time.Duration // of cpu, in the kernel
	rss    int64         // bytes
}

// clockTick is the unit of CPU times in /proc, which is the same on all Linux systems that Go runs on.
const clockTick = 10 * time.Millisecond

// usageOf reads what a process has used from /proc.
func usageOf(pid int) (usage, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return usage{}, fmt.Errorf("only Linux tells what another process uses: %w", err)
	}
	text := string(b)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 22 {
		return usage{}, fmt.Errorf("/proc says nothing of process %d", pid)
	}
	number := func(i int) int64 {
		n, _ := strconv.ParseInt(fields[i], 10, 64) // the kernel writes numbers
		return n
	}
	return usage{
		cpu: time.Duration(number(11)+number(12)) * clockTick, system: time.Duration(number(12)) * clockTick,
		rss: number(21) * int64(os.Getpagesize()),
	}, nil
}

// perf records what a process does into a file, with stacks of program and kernel, until end is called.
func perf(ctx context.Context, pid int, file string) (end func() error, err error) {
	cmd := exec.CommandContext(ctx, "perf", "record", "-q", "-F", "499", "-g", "-p", strconv.Itoa(pid), "-o", file)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("linux perf is needed for a profile: %w", err)
	}
	return func() error {
		// It writes the file when it is interrupted, and ends by that signal.
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil && !strings.Contains(err.Error(), "interrupt") {
			return fmt.Errorf("perf record: %w", err)
		}
		return nil
	}, nil
}

// spread is a set of durations.
type spread []time.Duration

// at returns a quantile: the least value that at least that share of all does not exceed.
func (s spread) at(q float64) time.Duration {
	if len(s) == 0 {
		return 0
	}
	slices.Sort(s)
	return s[max(0, int(math.Ceil(q*float64(len(s))))-1)]
}

func (s spread) String() string {
	return fmt.Sprintf("p50 %s, p99 %s, max %s (n = %d)", ms(s.at(.5)), ms(s.at(.99)), ms(s.at(1)), len(s))
}

// ms writes milliseconds with three digits that count.
func ms(d time.Duration) string {
	f := float64(d) / float64(time.Millisecond)
	return strconv.FormatFloat(f, 'f', max(0, 2-int(math.Floor(math.Log10(max(math.Abs(f), 1))))), 64) + " ms"
}

// each is a cost per piece, in microseconds.
func each(d time.Duration, n int64) string {
	return fmt.Sprintf("%.2f µs", float64(d)/float64(time.Microsecond)/float64(max(n, 1)))
}

package doctor

import (
	"bufio"
	"context"
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/homeostat/homeostat/pipeline/config"
)

// runtimeBytes is what a process needs besides records in flight and series.
const runtimeBytes = 128 << 20

// memory compares what this machine allows a process with what the configuration asks for and the series that were seen.
func memory(_ context.Context, e *examination) {
	limit, what := memoryLimit()
	if limit == 0 {
		e.skip("", "neither GOMEMLIMIT nor a container's limit is set, and this system does not tell what memory it has")
		return
	}
	series := 0
	for _, s := range e.samples {
		all, _ := s.estimate()
		series += min(all, e.plan.Limits.Series)
	}
	need := e.plan.Limits.Memory + int64(series)*bytesPerSeries + runtimeBytes
	text := "records in flight may take " + config.FormatSize(e.plan.Limits.Memory) + " (limits.memory)"
	if series > 0 {
		text += fmt.Sprintf(", %d series about %s", series, config.FormatSize(max(int64(series)*bytesPerSeries>>20, 1)<<20))
	}
	text += "; " + what + " is " + config.FormatSize(limit>>20<<20)
	switch {
	case need > limit:
		e.fault("", "raise the limit to "+config.FormatSize(need>>20<<20+1<<20)+" or lower limits.memory", "%s: the process would stop fetching, or be ended from outside", text)
	case need > limit/10*8:
		e.warn("", "raise the limit or lower limits.memory", "%s: there is little room", text)
	default:
		e.ok("", "%s", text)
	}
}

// memoryLimit returns what limits the memory of a process here, and its name; 0 if that is not known.
func memoryLimit() (bytes int64, what string) {
	if limit := debug.SetMemoryLimit(-1); limit != math.MaxInt64 {
		return limit, "GOMEMLIMIT"
	}
	if limit, err := memlimit.FromCgroup(); err == nil && limit > 0 && limit < math.MaxInt64 {
		return int64(limit / 10 * 9), "the container's memory, less a tenth,"
	}
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if words := strings.Fields(lines.Text()); len(words) == 3 && words[0] == "MemTotal:" {
			kib, _ := strconv.ParseInt(words[1], 10, 64)
			return kib << 10, "this machine's memory"
		}
	}
	return 0, ""
}

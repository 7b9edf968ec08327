package doctor

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/homeostat/homeostat/pipeline"
	"github.com/homeostat/homeostat/pipeline/config"
	"github.com/homeostat/homeostat/pipeline/engine/snapshot"
)

// stateStore looks at the snapshots of lanes: whether they can be written, and how old they are.
func stateStore(ctx context.Context, e *examination) {
	var found map[string][]snapshot.Stored
	var err error
	where := "topic " + e.plan.Topics.State.Name
	switch dir := e.plan.State.Directory; {
	case dir != "":
		where = dir
		if !e.directory(dir) {
			return
		}
		found, err = (&snapshot.Directory{Path: dir}).Manifests(ctx)
	case e.view == nil:
		e.skip("", "it is in a topic, and no broker answers")
		return
	case e.view.Topics[e.plan.Topics.State.Name].Err != nil:
		e.ok(where, "there is none yet: the first start begins without state")
		return
	default:
		n := len(e.view.Topics[e.plan.Topics.State.Name].Partitions)
		found, err = (&snapshot.Topic{Cluster: e.client.Cluster(), Name: e.plan.Topics.State.Name, Partitions: n}).Manifests(ctx)
	}
	if err != nil {
		e.failed(where, err, "make it readable for this user")
		return
	}
	e.snapshots(where, found)
}

func (e *examination) snapshots(where string, found map[string][]snapshot.Stored) {
	if len(found) == 0 {
		e.ok(where, "it holds no snapshot yet")
		return
	}
	bytes, oldest, lane := int64(0), time.Time{}, ""
	for _, name := range slices.Sorted(maps.Keys(found)) {
		for i, s := range found[name] {
			if s.Err != nil {
				e.add(Finding{Status: Warning, Subject: where, Text: s.Err.Error(), Code: pipeline.Code(s.Err), Remedy: "nothing as long as the lane has another one; homeostat state shows both"})
				continue
			}
			if i == 0 {
				bytes += s.Manifest.Bytes
				if oldest.IsZero() || s.Manifest.Written.Before(oldest) {
					oldest, lane = s.Manifest.Written, name
				}
			}
		}
	}
	if lane == "" {
		return
	}
	age := e.now.Sub(oldest)
	text := "the snapshots of " + plural(len(found), "lane") + " take " + config.FormatSize(bytes>>10<<10) + "; the oldest, of lane " + lane + ", was written " + config.FormatDuration(max(age, 0).Round(time.Second)) + " ago"
	if age < -skewTolerated {
		e.warn(where, "set the clocks by NTP", "the snapshot of lane %s was written %s from now: the clock of the machine that wrote it is ahead, or this one's behind", lane, config.FormatDuration((-age).Round(time.Second)))
		return
	}
	e.ok(where, "%s", text)
}

// directory looks whether a folder can be written to and has room.
func (e *examination) directory(dir string) bool {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		above := filepath.Dir(dir)
		if err := writable(above); err != nil {
			e.failed(dir, pipeline.Errorf("doctor.state.directory", "the folder is not there, and %s is not writable for this user: %w", above, err), "make the folder and give it to this user, or correct state.directory")
			return false
		}
		e.ok(dir, "it is not there yet; the first snapshot makes it")
		return true
	}
	if err == nil && !info.IsDir() {
		err = errors.New("it is no folder")
	}
	if err == nil {
		err = writable(dir)
	}
	if err != nil {
		e.failed(dir, pipeline.Errorf("doctor.state.directory", "snapshots can't be written there: %w", err), "make it a folder that this user may write to, or correct state.directory")
		return false
	}
	free, ok := freeBytes(dir)
	switch {
	case !ok:
	case free < 256<<20:
		e.fault(dir, "make room", "%s are free there: a snapshot that does not fit is not written, and a restart replays more", config.FormatSize(free>>20<<20))
	case free < 2<<30:
		e.warn(dir, "make room", "only %s are free there; a lane with a million series takes a gigabyte or more, twice", config.FormatSize(free>>20<<20))
	default:
		e.ok(dir, "it is writable and has %s free", config.FormatSize(free>>30<<30))
	}
	return true
}
